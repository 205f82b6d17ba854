"""Delivery: moving records so that none is lost and repeats are known."""
