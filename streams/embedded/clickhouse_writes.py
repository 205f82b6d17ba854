"""Writes of the engine that did not arrive: prevented, noticed, and what came of them undone.

chDB (seen in 26.9) does not mind a `write(2)` that fails: on a disk without room it goes on as if
all were written, and insert or merge ends in a part whose files are cut short, or empty. It counts
such writes, though. So nothing is written where room is short, no answer leaves while a failed
write is not accounted for, and after one the engine is to be opened anew: loading compares every
file's size and sets damaged parts aside, an insert's for good (it was refused). A merge is undone:
what it read stays in the folder for a minute (`clickhouse.xml`), and counts again.
"""

import asyncio
import logging
import math
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chdb.state.sqlitelike import Connection

from streams.embedded.clickhouse_statement import Statement, StatementRefused, refusal

INSERT_ROOM_BYTES = 64 << 20
"""Below this nothing is written for a client; `doctor` calls a disk full there, too."""

MERGE_ROOM_BYTES = 16 << 20
"""Below this running merges are given up."""

MERGE_PAUSE_SECONDS = 10.0
"""Merges begin again after room for this long, so that one too large does not try all the time."""

LOOK_SECONDS = 0.25
"""How often merges are looked after: so long may one go on without room, or be damaged unseen."""

UNDO_SECONDS = 10.0
"""Merges this much older than the last good look are undone as well, in case the clock moved."""

logger = logging.getLogger(__name__)

_NOT_ENOUGH_SPACE = 243
_FAILED_WRITES = (
    "SELECT sumIf(value, event = 'WriteBufferFromFileDescriptorWriteFailed') FROM system.events"
)
_PART = re.compile(r"(?P<partition>[^_]+)_(?P<first>\d+)_(?P<last>\d+)_\d+(?:_\d+)?")


class WriteWatch:
    """Knows whether every write of the open engine arrived; safe to use from several threads.

    Attributes:
        damaged: a write failed; the engine must be opened anew.
        sound_at: when all writes were last known to have arrived, in seconds since the epoch.
    """

    def __init__(self, path: str) -> None:
        """Watch the engine that is open at `path`."""
        self._path = path
        self._failed = self._count_failed()  # while opening, which writes no rows
        self._merging = True
        self._held_at = -math.inf
        self.damaged = False
        self.sound_at = time.time()

    def require_room(self, statement: Statement) -> None:
        """Let a statement begin.

        Raises:
            StatementRefused: it may write, and room is short.
        """
        if statement.reads or statement.frees:
            return
        if _free_bytes(self._path) < INSERT_ROOM_BYTES:
            raise _no_room(f"Less than {INSERT_ROOM_BYTES >> 20} MiB are free at {self._path}")

    def require_sound(self) -> None:
        """Let the answer to a statement go out.

        Raises:
            StatementRefused: a write failed, so that what it says may not be in the folder.
        """
        if not self._is_sound():
            raise _no_room(f"A write failed at {self._path}, which is opened anew")

    async def until_damaged(self) -> None:
        """Look after the merges, and return when a write has failed."""
        while not self.damaged:
            try:
                await asyncio.to_thread(self.look, time.monotonic())
            except StatementRefused as refused:  # by a limit on memory, say: the next look tells
                logger.warning("cannot look after merges: %s", refused)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self, clock: float) -> None:
        """Let merges run only where they have room, and see whether a write of theirs failed.

        Args:
            clock: seconds of a clock that is never set.
        """
        if _free_bytes(self._path) < MERGE_ROOM_BYTES:
            self.hold_merges(clock)
        elif clock - self._held_at >= MERGE_PAUSE_SECONDS:
            self._let_merge(True)
        self._is_sound()

    def hold_merges(self, clock: float) -> None:
        """Give up running merges, and begin none for a while."""
        self._held_at = clock
        self._let_merge(False)

    def _is_sound(self) -> bool:
        now = time.time()
        if self.damaged or self._count_failed() > self._failed:
            self.damaged = True
            return False
        self.sound_at = now
        return True

    def _let_merge(self, wanted: bool) -> None:
        if wanted != self._merging:
            self._ask(f"SYSTEM {'START' if wanted else 'STOP'} MERGES")
            self._merging = wanted

    def _count_failed(self) -> int:
        return int(self._ask(_FAILED_WRITES))

    def _ask(self, sql: str) -> bytes:
        connection = Connection(self._path)
        try:
            answer: bytes = connection.query(sql, "TabSeparated").bytes() or b""
        except RuntimeError as error:
            raise refusal(str(error)) from error
        finally:
            connection.close()
        return answer


def undo_merges(folder: Path, since: float) -> list[str]:
    """Remove the merged parts written after `since` from a folder no engine has open; their names.

    Not only those that are damaged: a merge may have read a damaged part and look whole. A part
    stays where the parts it was merged from are not there to take its place.

    Args:
        folder: the engine's data folder.
        since: seconds since the epoch.
    """
    tables: dict[tuple[Path, str], list[_Part]] = {}
    for part in _parts_in(folder):
        tables.setdefault((part.path.parent, part.partition), []).append(part)
    undone = []
    for parts in tables.values():
        young = [part for part in parts if part.merged and part.written_at > since - UNDO_SECONDS]
        left = [part for part in parts if part not in young]
        undone += [part.path for part in young if part.replaced_by(left)]
    for path in undone:
        shutil.rmtree(path)
    return sorted(path.name for path in undone)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part's folder and the numbers of the first and the last insert in it."""

    path: Path
    partition: str
    first: int
    last: int

    @property
    def merged(self) -> bool:
        return self.first < self.last

    @property
    def written_at(self) -> float:
        return self.path.stat().st_mtime

    def replaced_by(self, others: list["_Part"]) -> bool:
        """Whether some of the others hold its first insert and its last, and no further ones."""
        inside = [part for part in others if self.first <= part.first and part.last <= self.last]
        firsts, lasts = {part.first for part in inside}, {part.last for part in inside}
        return self.first in firsts and self.last in lasts


def _parts_in(folder: Path) -> Iterator[_Part]:
    for path in (folder / "store").glob("*/*/*"):
        if found := _PART.fullmatch(path.name):
            yield _Part(path, found["partition"], int(found["first"]), int(found["last"]))


def _free_bytes(path: str) -> int:
    return shutil.disk_usage(path).free


def _no_room(message: str) -> StatementRefused:
    return StatementRefused(_NOT_ENOUGH_SPACE, f"{message}. (NOT_ENOUGH_SPACE)")
