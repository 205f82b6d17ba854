"""The real parts `tidegauge up` starts on loopback: broker, store, models, and their supervisor."""
