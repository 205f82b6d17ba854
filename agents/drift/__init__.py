"""Drift detection: has a stream of readings moved away from its frozen baseline, and since when?"""
