"""Annotating: one sample in, its labels out."""
