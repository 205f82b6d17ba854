"""The `tidegauge` command: one module per group of commands, no judgement of its own."""
