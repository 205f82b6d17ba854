"""The review desk: its queue, its service, its API and those who use it."""
