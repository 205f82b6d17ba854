"""Who asks: the account behind a bearer token, what its role reaches, and how often it may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from models.desk import TOKEN, Account
from streams.desk import queue
from streams.desk.api.rates import Rates
from streams.desk.errors import NotAllowed, NotSignedIn, TooMany

FAILURES_PER_SECOND = 0.2
FAILURES_AT_ONCE = 10
"""Unknown tokens that one address may try; after those it is told to wait, not what is wrong.

A known token never waits for them: everybody who signs in on a dashboard has that one's address.
"""

_bearer = HTTPBearer(
    auto_error=False, description="A reviewer's token, made by `tidegauge reviewers add`."
)


@dataclass(frozen=True)
class Service:
    """What every call stands on.

    Attributes:
        clock: the time now, aware and UTC.
        asking: of each account.
        failing: unknown tokens, of each address.
    """

    desk: queue.Desk
    clock: Callable[[], datetime]
    asking: Rates
    failing: Rates


def service_of(request: Request) -> Service:
    """The service an application was built with."""
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(service_of)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def account(request: Request, here: Here, bearer: Bearer) -> Account:
    """The account that asks.

    A revoked token is an unknown one, and every unknown one costs the same look-up.

    Raises:
        NotSignedIn: no account goes with the token.
        TooMany: it asks too often, or its address tried too many unknown tokens.
    """
    token = bearer.credentials if bearer else ""
    found = queue.account_of(here.desk, token) if TOKEN.fullmatch(token) else None
    if found is None:
        address = request.client.host if request.client else ""
        _wait(here.failing, address, "too many unknown tokens from this address")
        raise NotSignedIn(
            "no account goes with this token: it is missing, mistyped or was revoked; "
            "`tidegauge reviewers add` makes one"
        )
    _wait(here.asking, found.name, "too many requests")
    return found


def _wait(rates: Rates, who: str, message: str) -> None:
    if seconds := rates.wait(who):
        raise TooMany(f"{message}; try again in {max(1.0, seconds):.0f} s", seconds)


Who = Annotated[Account, Depends(account)]


def admin(who: Who) -> Account:
    """The account that asks, which looks after queue, accounts and gold.

    Raises:
        NotAllowed: it does not.
    """
    if who.role != "admin":
        raise NotAllowed("this needs an admin's token")
    return who


Admin = Annotated[Account, Depends(admin)]
