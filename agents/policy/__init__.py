"""Policies: what the stages work by, fitted from what people decided."""
