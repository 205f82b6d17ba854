"""What an instance watches while it runs: records the try-out broker dropped, and its metrics."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from prometheus_client import CollectorRegistry, Metric, multiprocess, start_http_server

from models.errors import Unavailable
from models.rows import HealthRow
from models.settings import Settings
from streams.embedded.announce import LOOPBACK
from streams.embedded.parts import METRICS_FOLDER, metrics_folder
from streams.embedded.ports import free_port
from streams.embedded.retention import Loss
from streams.embedded.run_file import is_alive
from streams.store.client import connect

LOOK_SECONDS = 5.0

Tell = Callable[[str], None]
Place = tuple[str, str, int, int]


class Living(multiprocess.MultiProcessCollector):
    """Sums what processes count; gauges of those that are gone are taken out first."""

    def collect(self) -> Iterable[Metric]:
        """The sums now."""
        for path in Path(self._path).glob("gauge_live*_*.db"):
            pid = path.stem.rpartition("_")[2]
            if pid.isdigit() and not is_alive(int(pid)):
                path.unlink(missing_ok=True)
        return cast("Iterable[Metric]", super().collect())  # type: ignore[no-untyped-call]


@contextmanager
def metrics_served(settings: Settings) -> Iterator[str]:
    """Serve what the stages count, as one page where the settings say; its address from here.

    What instances that are gone left behind is cleared first.
    """
    clear_metrics(settings.data / METRICS_FOLDER)
    folder = metrics_folder(settings.data)
    folder.mkdir(parents=True, exist_ok=True)
    registry = CollectorRegistry()
    Living(registry, path=str(folder))  # type: ignore[no-untyped-call]  # the client ships no types
    port = settings.metrics_port or free_port()
    server, thread = start_http_server(port, addr=settings.metrics_host, registry=registry)
    try:
        yield f"http://{LOOPBACK}:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        shutil.rmtree(folder, ignore_errors=True)


def clear_metrics(folder: Path) -> None:
    """Remove the counters of processes that are gone; every supervisor has a folder of its own."""
    for path in folder.glob("*"):
        if path.name.isdigit() and not is_alive(int(path.name)):
            shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def losses_watched(settings: Settings, tell: Tell) -> AsyncIterator[None]:
    """Say, and store as the broker's health, whatever the embedded broker dropped unread."""
    if settings.kafka.broker != "embedded":
        yield
        return
    watch = asyncio.create_task(_watch_losses(settings, tell))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError, Unavailable):
            await watch


async def _watch_losses(settings: Settings, tell: Tell) -> None:
    from streams.embedded.positions import positions_of  # noqa: PLC0415 - only with the extra

    said: set[Place] = set()
    store = await connect(settings.clickhouse)
    try:
        async with positions_of(settings) as positions:
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                with suppress(Unavailable):  # broker or store are away: the next look sees the same
                    for loss in fresh(await positions.losses(), said):
                        tell(f"LOST: {loss}")
                        await store.insert([broker_health(datetime.now(UTC), loss)])
                        said.add(place(loss))
    finally:
        await store.aclose()


def fresh(losses: Iterable[Loss], said: set[Place]) -> list[Loss]:
    """The losses that were not told of before; one that grows is told of once."""
    return [loss for loss in losses if place(loss) not in said]


def place(loss: Loss) -> Place:
    """What makes two losses the same one."""
    return loss.group, loss.topic, loss.partition, loss.first


def broker_health(at: datetime, loss: Loss) -> HealthRow:
    """A loss as a row that the Operations page shows."""
    return HealthRow(
        stage="broker",
        slot="0",
        session="embedded",
        at=at,
        received=0,
        emitted=0,
        in_flight=0,
        lag=None,
        errors=loss.records,
        retries=0,
        dead_letters=0,
        repeats=0,
        calls=0,
        spend_usd=0.0,
        latency_p50_ms=None,
        latency_p99_ms=None,
        breaker="",
        note=str(loss),
    )
