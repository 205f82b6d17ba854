"""How tidegauge's programs end: sysexits' numbers, the same for workers, parts and commands."""

FAILED = 1
"""It did not work out; a supervisor starts a worker again."""

GAVE_UP = 65
"""What comes in cannot be worked: a person must see why, so starting again is of no use."""

UNAVAILABLE = 69
"""Something needed does not answer."""

STALLED = 75
"""Nothing moved for too long and nothing known was in the way; a new process may do better."""

CONFIGURATION = 78
"""A setting or a file is wrong: a person must mend it first."""

INTERRUPTED = 130
"""Ctrl-C."""
