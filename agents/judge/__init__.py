"""Judging: a sample and its annotation in, a verdict out."""
