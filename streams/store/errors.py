"""What ClickHouse and the network say when something is wrong, in the project's own errors."""

import logging
import os
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import urllib3
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

from models.errors import ConfigurationError, StoreUnavailable, TidegaugeError
from models.settings import ClickHouse

logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
"""The driver logs a traceback beside each error it raises; who catches ours decides what to log."""

CREDENTIALS = {
    192: "UNKNOWN_USER",
    193: "WRONG_PASSWORD",
    194: "REQUIRED_PASSWORD",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
}
NOT_MIGRATED = {
    8: "THERE_IS_NO_COLUMN",
    10: "NOT_FOUND_COLUMN_IN_BLOCK",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    47: "UNKNOWN_IDENTIFIER",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
}
REFUSED = {
    6: "CANNOT_PARSE_TEXT",
    27: "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
    36: "BAD_ARGUMENTS",
    38: "CANNOT_PARSE_DATE",
    41: "CANNOT_PARSE_DATETIME",
    42: "NUMBER_OF_ARGUMENTS_DOESNT_MATCH",
    43: "ILLEGAL_TYPE_OF_ARGUMENT",
    46: "UNKNOWN_FUNCTION",
    53: "TYPE_MISMATCH",
    62: "SYNTAX_ERROR",
    69: "ARGUMENT_OUT_OF_BOUND",
    70: "CANNOT_CONVERT_TYPE",
    72: "CANNOT_PARSE_NUMBER",
    117: "INCORRECT_DATA",
    128: "TOO_LARGE_ARRAY_SIZE",
    131: "TOO_LARGE_STRING_SIZE",
    349: "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN",
    395: "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
    456: "UNKNOWN_QUERY_PARAMETER",
    457: "BAD_QUERY_PARAMETER",
    469: "VIOLATED_CONSTRAINT",
}
"""Codes that say a statement or its data are wrong in themselves. A code in no list counts as
"cannot work now": waiting keeps the records, giving up would lose them."""

NOT_ENOUGH_SPACE = 243
_SAYS_FULL = re.compile(
    r"No space left on device|not enough space|Disk quota exceeded|File too large", re.IGNORECASE
)
"""What the system says when a write finds no room, behind codes that stand for any failed write."""

_SAID_BY_SERVER = re.compile(r"DB::Exception: (.*)", re.DOTALL)
_SHOWN = 500


class Refused(TidegaugeError):
    """The store takes a statement or rows for wrong in themselves; asking again cannot help."""


class StoreFull(StoreUnavailable):
    """The store answers, but has no room to write; what is to be written waits until it has."""


@contextmanager
def in_our_words(where: ClickHouse) -> Iterator[None]:
    """Turns every foreign exception from inside into one of ours.

    Raises:
        StoreUnavailable: nothing answers there, or it cannot work now.
        StoreFull: its disk is full.
        ConfigurationError: credentials, or tables that are not there.
        Refused: the statement or the rows are wrong in themselves.
    """
    try:
        yield
    except DataError as exc:
        raise Refused(_short(exc)) from exc
    except ClickHouseError as exc:
        raise translated(exc, where) from exc
    except (aiohttp.ClientError, urllib3.exceptions.HTTPError, OSError) as exc:
        raise StoreUnavailable(f"the store at {where.url} does not answer: {_short(exc)}") from exc
    except (struct.error, OverflowError, UnicodeError) as exc:
        raise Refused(_short(exc)) from exc


def translated(exc: ClickHouseError, where: ClickHouse) -> TidegaugeError:
    """The error of ours that a driver's exception stands for."""
    code = getattr(exc, "code", None)
    if code in CREDENTIALS or (code is None and re.search(r"HTTP status 40[13]", str(exc))):
        return ConfigurationError(
            f"the store at {where.url} refuses user {where.user!r}: set TIDEGAUGE_CLICKHOUSE__USER"
            " and TIDEGAUGE_CLICKHOUSE__PASSWORD"
        )
    if code in NOT_MIGRATED:
        return ConfigurationError(
            f"the store at {where.url} lacks a database, table or column: {_short(exc)}."
            " Run `tidegauge migrate`"
        )
    if code == NOT_ENOUGH_SPACE or _SAYS_FULL.search(str(exc)):
        return StoreFull(
            f"the store's disk is full: free space where ClickHouse at {where.url} keeps its data;"
            f" records wait in Kafka ({_short(exc)})"
        )
    if code in REFUSED:
        return Refused(_short(exc))
    doing = "does not answer" if code is None else "cannot work now"
    return StoreUnavailable(f"the store at {where.url} {doing}: {_short(exc)}")


def _short(exc: BaseException) -> str:
    """The server's own sentence, or the network's, on one line and not too long."""
    text = str(exc)
    if said := _SAID_BY_SERVER.search(text):
        text = said.group(1)
    elif isinstance(deepest := _deepest(exc), OSError):
        known = deepest.errno is not None and deepest.errno > 0
        text = os.strerror(deepest.errno or 0) if known else deepest.strerror or str(deepest)
    line = " ".join(text.split()) or type(exc).__name__
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _deepest(exc: BaseException) -> BaseException:
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return exc
