"""Stages on Faust: the ordered window around a handler, started and stopped with the process."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

from streams import app as faust_app
from streams.assembly.ground import Ground
from streams.delivery.attempt import Handle, Plan
from streams.delivery.dead_letters import Bury
from streams.delivery.kafka import new_consumer
from streams.process.containment import CancelledWithin, contained
from streams.process.health import TELL_SECONDS, Pulse, beat, tell_spend
from streams.process.vitals import Vitals
from streams.process.watchdog import watched

log = logging.getLogger("tidegauge")

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
        letters=here.letters,
    )


async def windowed(here: Ground, topic: str, plan: Plan) -> list[Coroutine[Any, Any, Any]]:
    """Start a Faust app around a plan; it is stopped with the stack, and what it spent is told."""
    source = faust_app.Source(here.stage, topic)
    app = faust_app.create_app(here.settings, source, plan, here.vitals)
    delivery = here.settings.delivery
    here.stack.push_async_callback(tell_spend, here.store, here.vitals)
    await app.start()
    here.stack.push_async_callback(_stopped, app, delivery.stop_seconds - 2 * TELL_SECONDS)
    pulse = Pulse(here.vitals, partial(faust_app.lag_of, app), delivery.health_seconds)
    unfinished = partial(faust_app.unfinished_of, app)
    return [
        until_stopped(app, here.vitals),
        beat(here.store, pulse),
        watched(here.vitals, unfinished, delivery.stall_seconds),
    ]


async def until_stopped(app: Any, vitals: Vitals) -> None:
    """Wait until the app stopped or crashed; what it crashed of first is raised."""
    await app.wait_until_stopped()
    reason = vitals.fatal or app.crash_reason
    if isinstance(reason, Exception):
        raise reason
    if reason is not None:  # a cancellation: raised as it is, it would pass for our own
        raise CancelledWithin(f"Faust crashed: {reason!r}")


async def _stopped(app: Any, seconds: float) -> None:
    """Stop an app; one that hangs is left behind, so that its last spend can still be told."""
    try:
        async with asyncio.timeout(max(seconds, 1.0)):
            await contained(app.stop())
    except TimeoutError:
        log.warning("the broker does not let go; unfinished records come again")
    except CancelledWithin:  # raised, it would hide why the process ends
        log.warning("Faust's stop was cancelled from within")
