"""Which key does what at the desk: the same on the page and in the terminal."""

AMBIGUOUS = "a"
SKIP = "s"
ESCALATE = "e"
UNDO = "u"
REASON = "n"

# C and R belong to the page's own shortcuts, Q ends the terminal client.
LABEL_KEYS = "123456789bdfghijklmoptvwxyz"


def label_keys(labels: int) -> tuple[str | None, ...]:
    """One key per label in the task's own order; there are keys for the first 27.

    >>> label_keys(3)
    ('1', '2', '3')
    >>> label_keys(11)[8:], label_keys(30)[26:]
    (('9', 'b', 'd'), ('z', None, None, None))
    """
    return tuple(LABEL_KEYS[at] if at < len(LABEL_KEYS) else None for at in range(labels))
