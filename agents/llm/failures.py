"""What a failed HTTP call means for us: whose fault it is and when to ask again."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

LONGEST_REST = 600.0
CREDENTIAL_REST = 15.0

Fault = Literal["down", "limited", "settings", "request"]


@dataclass(frozen=True, slots=True)
class Failure:
    """One HTTP error as it concerns us.

    Attributes:
        fault: the endpoint is down; it limits our rate; our settings are wrong; this request is.
        retry_after: seconds the endpoint asked us to wait, null when it did not say.
    """

    fault: Fault
    message: str
    retry_after: float | None = None


_SETTINGS_FIXES = {
    401: "check the endpoint's api_key",
    402: "the account has no credit left",
    403: "the api_key may not use this model",
    404: "check the endpoint's base_url and the model's name",
}


def failure_of(status: int, headers: Mapping[str, str], said: str, where: str) -> Failure:
    """The failure behind an HTTP status; `said` is the endpoint's own message.

    >>> failure_of(401, {}, "bad key", "api.example:443").message
    "api.example:443 answered HTTP 401 (bad key); check the endpoint's api_key"
    """
    words = " ".join(said.split())[:300]
    message = f"{where} answered HTTP {status} ({words})" if words else f"{where}: HTTP {status}"
    wait = retry_after(headers)
    if status == 429:  # noqa: PLR2004
        return Failure("limited", message, wait)
    if fix := _SETTINGS_FIXES.get(status):
        return Failure("settings", f"{message}; {fix}", wait)
    if status >= 500 or status in (408, 409, 425):  # noqa: PLR2004
        return Failure("down", message, wait)
    return Failure("request", message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the response states them, at most ten minutes; null when it does not.

    An HTTP date is counted from the response's own `Date`, so no clock of ours is involved.

    >>> retry_after({"retry-after": "7"})
    7.0
    >>> retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:10 GMT",
    ...              "date": "Wed, 21 Oct 2015 07:28:00 GMT"})
    10.0
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _bounded(milliseconds / 1000)
    stated = headers.get("retry-after")
    if (seconds := _number(stated)) is not None:
        return _bounded(seconds)
    if stated is None:
        return None
    try:
        until = parsedate_to_datetime(stated)
        since = parsedate_to_datetime(headers.get("date", ""))
        return _bounded((until - since).total_seconds())
    except (TypeError, ValueError):
        return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_REST) if seconds == seconds else 0.0  # noqa: PLR0124
