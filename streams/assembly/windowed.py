"""Stages on Faust: the ordered window around a handler, started and stopped with the process."""

from collections.abc import Coroutine
from functools import partial
from typing import Any

from streams import app as faust_app
from streams.assembly.ground import Ground
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import new_consumer
from streams.delivery.window import Handle, Plan
from streams.health import Pulse, beat, tell_spend

WINDOW = 256
"""Records in work at once in stages that call no model."""


def plan_of(here: Ground, handle: Handle, bury: Bury, follow: tuple[str, ...], limit: int) -> Plan:
    """The window's plan for one stage, with the settings' numbers."""
    delivery = here.settings.delivery
    return Plan(
        handle=handle,
        bury=bury,
        follow=follow,
        reader=partial(new_consumer, here.settings, None),
        incarnation=here.settings.kafka.incarnation,
        limit=limit,
        span=delivery.span,
        tail=delivery.tail,
        attempts=delivery.attempts,
        deadline=here.settings.longest_handling,
    )


async def windowed(here: Ground, topic: str, plan: Plan) -> list[Coroutine[Any, Any, Any]]:
    """Start a Faust app around a plan; it is stopped with the stack, and what it spent is told."""
    source = faust_app.Source(here.stage, topic)
    app = faust_app.create_app(here.settings, source, plan, here.vitals)
    here.stack.push_async_callback(tell_spend, here.store, here.vitals)
    await app.start()
    here.stack.push_async_callback(app.stop)
    pulse = Pulse(
        here.vitals, partial(faust_app.lag_of, app), here.settings.delivery.health_seconds
    )
    return [_until_stopped(app), beat(here.store, pulse)]


async def _until_stopped(app: Any) -> None:
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason
