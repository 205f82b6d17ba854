"""A stage looking after its own process: what it counts and tells, when it hangs, how it ends."""
