"""Judgement: records and numbers in, records and numbers out. No broker, store or clock here."""
