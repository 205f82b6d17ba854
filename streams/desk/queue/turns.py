"""One writer for all threads: whoever's turn it is does the work of those who wait, in one commit.

SQLite has one writer at a time, and each commit waits for the disk. So threads do not take turns
one by one: the first does what all the others have asked for meanwhile, each piece whole in itself
(a savepoint), and one commit makes all of it last before anybody is told.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from models.errors import TidegaugeError

MOST = 50
"""Pieces of work of one commit."""

Work = Callable[[Connection], Any]


@dataclass(slots=True, eq=False)
class _Asked:
    """A piece of work, and what came of it.

    Attributes:
        called: its thread may go on: the work is done, or it is this thread's turn.
    """

    work: Work
    called: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    done: bool = False
    result: Any = None
    error: BaseException | None = None

    def try_on(self, db: Connection) -> None:
        """Do it, or leave no trace and remember why it was refused; what fails is not caught."""
        self.result = self.error = None
        part = db.begin_nested()
        try:
            self.result = self.work(db)
        except TidegaugeError as error:
            self.error = error
            part.rollback()
        else:
            part.commit()


class Turns:
    """Threads that write to one SQLite file through this process."""

    def __init__(self, engine: Engine) -> None:
        """Begin with nobody waiting."""
        self._engine = engine
        self._guard = threading.Lock()
        self._waiting: deque[_Asked] = deque()
        self._taken = False

    def run(self, work: Work, seconds: float) -> Any:
        """What the work returns, once it lasts.

        Raises:
            TimeoutError: its turn has not come in so many seconds; nothing was done.
        """
        asked = self._queued(work)
        while not (asked.leads or asked.called.wait(seconds)):
            if self._withdrawn(asked):
                raise TimeoutError
        try:
            while not asked.done:
                self._do(self._gathered())
        finally:
            if asked.leads:
                self._hand_over()
        if asked.error is not None:
            raise asked.error
        return asked.result

    def _queued(self, work: Work) -> _Asked:
        with self._guard:
            asked = _Asked(work, leads=not self._taken)
            self._taken = True
            self._waiting.append(asked)
        return asked

    def _hand_over(self) -> None:
        """The turn is the next one's, or nobody's."""
        with self._guard:
            self._taken = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].called.set()

    def _withdrawn(self, asked: _Asked) -> bool:
        """Taken back before anybody began with it."""
        with self._guard:
            waits = asked in self._waiting and not asked.leads
            if waits:
                self._waiting.remove(asked)
        return waits

    def _gathered(self) -> list[_Asked]:
        with self._guard:
            return [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]

    def _do(self, asked: list[_Asked]) -> None:
        """All in one commit; where something fails, each alone, to find out whose it is.

        A failure undoes the whole commit, so nothing is done twice.
        """
        begun = False
        try:
            with self._engine.connect() as db, no_leftovers(db), db.begin():
                begun = True
                for each in asked:
                    each.try_on(db)
        except Exception as error:
            for each in asked:
                if begun and len(asked) > 1:
                    self._do([each])
                else:
                    each.error = error
        except BaseException:
            for each in asked:
                each.error = TimeoutError()  # this thread is being stopped; the others ask again
            raise
        finally:
            for each in asked:
                each.done = True
                each.called.set()


@contextmanager
def no_leftovers(db: Connection) -> Iterator[None]:
    """Gives a connection up, after its transaction, when it fails with what is no refusal of ours.

    Rows that were not read to the end would keep it at that moment's state, and SQLite would then
    refuse every later write on it.
    """
    try:
        yield
    except TidegaugeError:
        raise
    except BaseException:
        db.invalidate()
        raise
