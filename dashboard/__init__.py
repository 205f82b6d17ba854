"""Sight: the Streamlit dashboard over the store."""
