"""Stages: one module each, a function from one record to the records it puts out."""
