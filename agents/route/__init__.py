"""Routing: which samples people see, with which recorded probability."""
