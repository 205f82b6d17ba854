"""The desk's HTTP API as an application; `docs/operating.md` says how it is reached."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRoute

from models import settings
from streams.desk import queue
from streams.desk.api import administration, problems, reviewing
from streams.desk.api.access import FAILURES_AT_ONCE, FAILURES_PER_SECOND, Service
from streams.desk.api.guard import Guard
from streams.desk.api.rates import Rates

BURST = 10
"""Requests at once of one account, in seconds of its average; at least one."""

API_VERSION = "1"


@dataclass(frozen=True)
class Limits:
    """What the API lets through.

    Attributes:
        requests_per_second: of one account, on average.
        hosts: names that it answers to, besides those of this machine.
    """

    requests_per_second: float = 20.0
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, desk: settings.Desk) -> "Limits":
        """As the settings have it.

        >>> sorted(Limits.of(settings.Desk(url="http://desk.example:8480")).hosts)
        ['desk.example']
        >>> sorted(Limits.of(settings.Desk(url="http://[2001:db8::5]:8480", host="::1")).hosts)
        ['[2001:db8::5]', '[::1]']
        """
        given = {urlsplit(desk.url).hostname or "", desk.host} - {"", "0.0.0.0", "127.0.0.1"}
        named = {f"[{name}]" if ":" in name else name for name in given}
        return cls(desk.requests_per_second, frozenset(named))


def now() -> datetime:
    """The time now, aware and UTC."""
    return datetime.now(UTC)


def build(
    desk: queue.Desk, clock: Callable[[], datetime] = now, limits: Limits | None = None
) -> FastAPI:
    """The application over an open queue."""
    limits = limits or Limits()
    per_second = limits.requests_per_second
    app = FastAPI(
        title="tidegauge review desk",
        version=API_VERSION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_named,
    )
    app.state.service = Service(
        desk,
        clock,
        asking=Rates(per_second, max(1.0, BURST * per_second), clock),
        failing=Rates(FAILURES_PER_SECOND, FAILURES_AT_ONCE, clock),
    )
    app.include_router(reviewing.router)
    app.include_router(administration.router)
    app.add_api_route("/v1/health", health, responses=_UNSIGNED)
    problems.install(app)
    app.add_middleware(Guard, hosts=limits.hosts)
    return app


_UNSIGNED = {
    status: what for status, what in problems.documented().items() if status not in (401, 422, 429)
}


async def health() -> dict[str, str]:
    """The desk answers."""
    return {"status": "ok"}


def _named(route: APIRoute) -> str:
    return route.name
