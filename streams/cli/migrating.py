"""`tidegauge migrate`: topics and tables, made where they are missing."""

import asyncio
from contextlib import closing

from models.settings import Settings
from streams.cli import terminal
from streams.cli.backlog import backlog_line
from streams.cli.here import settings_here
from streams.delivery.provision import ensure_topics
from streams.delivery.starts import fix_start
from streams.store.client import connect_sync
from streams.store.schema import migrate as migrate_store


def migrate() -> None:
    """Create missing topics, tables and columns; changes nothing that is there. Run it at will.

    Example: TIDEGAUGE_KAFKA__BOOTSTRAP=broker:9092 tidegauge migrate
    """
    for line in migrated(settings_here()):
        terminal.out().print(line, markup=False)


def migrated(settings: Settings) -> list[str]:
    """What had to be done, a line each."""
    with closing(connect_sync(settings.clickhouse)) as store:
        done = [f"store: {line}" for line in migrate_store(store)]
    done += [f"Kafka: created topic {line}" for line in asyncio.run(ensure_topics(settings))]
    waiting = asyncio.run(fix_start(settings))
    if not done:
        done = ["nothing to do: topics and tables are all there"]
    if any(waiting.values()):
        done.append(asyncio.run(backlog_line(settings, waiting)))
    return done
