"""What a database says when something is wrong, in the project's own errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from streams.desk.errors import Misfit

TO_MEND = (
    "password authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "file is not a database",
    "unable to open database file",
    "readonly database",
)
"""What no waiting mends: a person must change a setting, a right or a file."""

AGAIN = ("40001", "40P01", "23505")
"""SQLSTATEs of PostgreSQL that ask for the same transaction once more: nothing was changed.

The last one: another transaction has just stored what there may be one of; now it can be seen.
"""

MISSING = ("42501", "42P01", "3F000")
"""SQLSTATEs of a right, a table or a schema that is not there."""

_SHOWN = 300


class QueueUnavailable(Unavailable):
    """The queue's database cannot be reached or cannot write now; nothing was changed."""


@contextmanager
def in_our_words(where: str) -> Iterator[None]:
    """Turns every foreign exception from inside into one of ours.

    Raises:
        QueueUnavailable: it cannot be reached, is locked for long, or its disk is full.
        ConfigurationError: a credential, a missing database, a file that is none.
        Misfit: a value no database takes.
    """
    try:
        yield
    except exc.DataError as error:
        raise Misfit(f"not a value that can be stored: {_short(error)}") from error
    except (exc.IntegrityError, exc.NotSupportedError):
        raise
    except exc.ProgrammingError as error:
        if _state(error) not in MISSING:
            raise
        raise ConfigurationError(f"the desk's queue at {where}: {_short(error)}") from error
    except (exc.DatabaseError, exc.InterfaceError) as error:
        raise translated(error, where) from error
    except exc.TimeoutError as error:
        message = f"the desk's queue at {where} has no free connection; ask again in a moment"
        raise QueueUnavailable(message) from error


def translated(error: exc.DBAPIError, where: str) -> TidegaugeError:
    """The error of ours that a driver's exception stands for."""
    text = _short(error)
    if _state(error) is None and any(sign in text for sign in TO_MEND):
        fix = "mend TIDEGAUGE_DESK__DATABASE, or the rights on what it names"
        return ConfigurationError(f"the desk's queue at {where} cannot be used: {text}. {fix}")
    if "is full" in text or _state(error) == "53100":
        return QueueUnavailable(
            f"the disk of the desk's queue at {where} is full: free space there ({text})"
        )
    if "malformed" in text:
        return QueueUnavailable(
            f"the desk's queue at {where} is damaged: restore a back-up ({text})"
        )
    return QueueUnavailable(f"the desk's queue at {where} cannot be used now: {text}")


def asks_again(error: exc.DBAPIError) -> bool:
    """The transaction lost against another and may be tried again as it is."""
    return _state(error) in AGAIN


def _state(error: exc.DBAPIError) -> str | None:
    return getattr(error.orig, "sqlstate", None)


def _short(error: exc.DBAPIError) -> str:
    """The driver's own sentence on one line, without the statement and its values."""
    line = " ".join(str(error.orig).split()) or type(error).__name__
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
