"""Making things go wrong, and mending them: one function for each kind of fault."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from streams.embedded import apache_kafka
from streams.embedded.child import Child
from streams.embedded.parts import child_environment
from streams.embedded.scripted_answers import Script
from streams.embedded.supervisor import Supervisor
from tests.drills.plan import Fault, Kind
from tests.drills.site import SCRIPT, Site

TOP_UP_SECONDS = 0.1

Inflict = Callable[[Site, Fault], Awaitable[None]]


async def inflict(place: Site, fault: Fault) -> None:
    """Make a fault, let it last, and mend it."""
    makes = FAULTS[fault.kind]
    if makes in (lose_brokers, restart_brokers):
        async with place.brokers:
            await makes(place, fault)
    elif makes in (stop_store, freeze_store, fill_store):
        async with place.kept:
            await makes(place, fault)
    else:
        await makes(place, fault)


async def kill_worker(place: Site, fault: Fault) -> None:
    """SIGKILL to one process of a stage."""
    _signal(place, fault.what, signal.SIGKILL)


async def stop_worker(place: Site, fault: Fault) -> None:
    """SIGTERM to one process of a stage."""
    _signal(place, fault.what, signal.SIGTERM)


def _signal(place: Site, what: Mapping[str, Any], sign: signal.Signals) -> None:
    found = place.processes("streams.worker", what["stage"])
    if not found:  # all of that stage are being started again
        found = place.processes("streams.worker")
    if found:
        place.kills += _sent(found[int(what["pick"] * len(found))], sign)


def _sent(process: psutil.Process, sign: signal.Signals) -> bool:
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return False
    return True


async def join(place: Site, fault: Fault) -> None:
    """One more worker of a stage comes and goes: two rebalances."""
    stage = fault.what["stage"]
    elsewhere = place.settings.desk.model_copy(update={"port": 0})
    settings = place.settings.model_copy(update={"slot": "9", "desk": elsewhere})
    argv = (sys.executable, "-m", "streams.worker", stage)
    logs = place.folder / "logs"
    async with Supervisor(logs, lambda event: place.told.append(str(event))) as supervisor:
        await supervisor.start(Child(f"{stage}-9", argv, child_environment(settings)))
        await asyncio.sleep(fault.lasts)


async def lose_brokers(place: Site, fault: Fault) -> None:
    """SIGKILL to some brokers at once; they come back together."""
    folder = place.cluster.folder
    for number in fault.what["nodes"]:
        await asyncio.to_thread(apache_kafka.kill_node, folder, number)
        place.kills += 1
    await asyncio.sleep(fault.lasts)
    await asyncio.to_thread(apache_kafka.start, folder, len(place.cluster.nodes), jars=place.jars)


async def restart_brokers(place: Site, fault: Fault) -> None:
    """One broker after the other is stopped in good order and started again."""
    folder = place.cluster.folder
    for number in fault.what["nodes"]:
        await asyncio.to_thread(apache_kafka.kill_node, folder, number, signal.SIGTERM)
        place.kills += 1
        await asyncio.to_thread(apache_kafka.start_node, folder, number, place.jars)


async def stop_store(place: Site, fault: Fault) -> None:
    """The store is killed, and started again later."""
    place.kills += _sent(place.store_process(), signal.SIGKILL)
    await asyncio.sleep(fault.lasts)
    await place.supervisor.start(place.store_child)


async def freeze_store(place: Site, fault: Fault) -> None:
    """The store takes connections and never answers, then goes on."""
    process = place.store_process()
    process.suspend()
    await asyncio.sleep(fault.lasts)
    process.resume()


async def fill_store(place: Site, fault: Fault) -> None:
    """A file takes all the room on the store's disk, and whatever the store frees meanwhile."""
    if not place.own_disk:
        place.told.append("the store's disk cannot be filled: nothing may be mounted here")
        return
    ballast = place.disk / "ballast"
    end = time.monotonic() + fault.lasts
    while time.monotonic() < end:
        await asyncio.to_thread(_fill, ballast)
        await asyncio.sleep(TOP_UP_SECONDS)
    ballast.unlink()


def _fill(path: Path) -> None:
    with path.open("ab") as file:
        room = os.statvfs(path.parent).f_bavail * os.statvfs(path.parent).f_frsize
        with suppress(OSError):  # somebody else took the room meanwhile: the disk is full
            file.seek(0, os.SEEK_END)
            os.posix_fallocate(file.fileno(), file.tell(), max(room, 1))


async def model(place: Site, fault: Fault) -> None:
    """The model behaves otherwise for a while."""
    await place.model("/control", fault.what)
    await asyncio.sleep(fault.lasts)
    usual = {**asdict(Script()), **SCRIPT}
    await place.model("/control", {name: usual[name] for name in fault.what})


async def clocks(place: Site, fault: Fault) -> None:
    """The clock of every second worker is wrong for a while."""
    place.set_clock(fault.what["seconds"])
    await asyncio.sleep(fault.lasts)
    place.set_clock(0.0)


FAULTS: Mapping[Kind, Inflict] = {
    "kill_worker": kill_worker,
    "stop_worker": stop_worker,
    "join": join,
    "lose_brokers": lose_brokers,
    "restart_brokers": restart_brokers,
    "stop_store": stop_store,
    "freeze_store": freeze_store,
    "fill_store": fill_store,
    "model": model,
    "clocks": clocks,
}
