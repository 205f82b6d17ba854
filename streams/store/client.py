"""Clients of the store: SQL with bound parameters in, rows and frames out.

A value never becomes part of a statement: it is bound on the server (`{name:Type}`). Both clients
raise only `StoreUnavailable`, `ConfigurationError` and `Refused` (`streams.store.errors`).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver import options
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from models.errors import ConfigurationError
from models.rows import Row
from models.settings import ClickHouse
from streams.store.columns import cells, columns_of
from streams.store.errors import in_our_words

if TYPE_CHECKING:
    import pandas as pd

Parameters = Mapping[str, Any]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 60

INSERT_SETTINGS = {"max_partitions_per_insert_block": 0, "async_insert": 0}
"""Samples with broken clocks may span any number of months; an acknowledged row is readable."""


class Store:
    """The store for code that waits for its answers; usable from several threads."""

    def __init__(self, client: Client, where: ClickHouse) -> None:
        """Take over a connected client; `connect_sync` makes one."""
        self._client = client
        self.where = where

    def query(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of an answer, by column name; moments are aware, in UTC."""
        with in_our_words(self.where):
            return list(self._client.query(sql, parameters=dict(parameters or {})).named_results())

    def frame(self, sql: str, parameters: Parameters | None = None) -> "pd.DataFrame":
        """The answer as a frame."""
        with in_our_words(self.where):
            return self._client.query_df(sql, parameters=dict(parameters or {}))

    def insert(self, rows: Sequence[Row]) -> None:
        """Store rows, one insert per table; returns when they can be read."""
        for table, part in _by_table(rows):
            with in_our_words(self.where):
                self._client.insert(data=cells(part), **_insert_arguments(table))

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that answers nothing."""
        with in_our_words(self.where):
            self._client.command(sql, parameters=dict(parameters or {}))

    def create_database(self) -> None:
        """Create the database this store works in, unless it is there."""
        with in_our_words(self.where):
            self._client.command(
                f"CREATE DATABASE IF NOT EXISTS `{self.where.database}`", use_database=False
            )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


class AsyncStore:
    """The store for code on an event loop."""

    def __init__(self, client: AsyncClient, where: ClickHouse) -> None:
        """Take over a connected client; `connect` makes one."""
        self._client = client
        self.where = where

    async def query(self, sql: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """The rows of an answer, by column name; moments are aware, in UTC."""
        with in_our_words(self.where):
            answer = await self._client.query(sql, parameters=dict(parameters or {}))
            return list(answer.named_results())

    async def insert(self, rows: Sequence[Row]) -> None:
        """Store rows, one insert per table; returns when they can be read."""
        for table, part in _by_table(rows):
            with in_our_words(self.where):
                await self._client.insert(data=cells(part), **_insert_arguments(table))

    async def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement that answers nothing."""
        with in_our_words(self.where):
            await self._client.command(sql, parameters=dict(parameters or {}))

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._client.close()


def connect_sync(where: ClickHouse) -> Store:
    """A connected store; the database need not be there yet.

    Raises:
        StoreUnavailable: nothing answers.
        ConfigurationError: the address or the credentials are wrong.
    """
    with in_our_words(where):
        client = clickhouse_connect.get_client(**_connection(where))
    client.database = where.database
    return Store(client, where)


async def connect(where: ClickHouse) -> AsyncStore:
    """A connected store for an event loop; the database need not be there yet.

    Raises:
        StoreUnavailable: nothing answers.
        ConfigurationError: the address or the credentials are wrong.
    """
    with in_our_words(where):
        client = await clickhouse_connect.get_async_client(**_connection(where))
    client.database = where.database
    return AsyncStore(client, where)


def without_frames() -> None:
    """Leave pandas and NumPy alone in this process, which never asks for a frame.

    The driver asks before an insert whether it was given a frame, and imports both to ask it. In a
    process with an event loop everything would stand still for the better part of a second.
    """
    vars(options).update(pd=None, np=None)


def _connection(where: ClickHouse) -> dict[str, Any]:
    url = urlsplit(where.url)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigurationError(
            f"TIDEGAUGE_CLICKHOUSE__URL: {where.url!r} is no address like http://127.0.0.1:8123"
        )
    return {
        "interface": url.scheme,
        "host": url.hostname,
        "port": url.port or (8443 if url.scheme == "https" else 8123),
        "username": where.user,
        "password": where.password.get_secret_value(),
        "compress": False if url.hostname in LOOPBACK else "lz4",
        "autogenerate_session_id": False,
        "connect_timeout": CONNECT_SECONDS,
        "send_receive_timeout": ANSWER_SECONDS,
        "tz_mode": "schema",
        "show_clickhouse_errors": "scrub",
        "client_name": "tidegauge",
    }


def _by_table(rows: Sequence[Row]) -> Iterator[tuple[type[Row], list[Row]]]:
    order = {table: number for number, table in enumerate(dict.fromkeys(map(type, rows)))}
    for table, part in groupby(sorted(rows, key=lambda row: order[type(row)]), key=type):
        yield table, list(part)


@cache
def _insert_arguments(table: type[Row]) -> dict[str, Any]:
    columns = columns_of(table)
    types: list[ClickHouseType] = [get_from_name(column.type) for column in columns]
    return {
        "table": f"`{table.TABLE.name}`",
        "column_names": [column.name for column in columns],
        "column_types": types,
        "column_oriented": True,
        "settings": INSERT_SETTINGS,
    }
