"""Keeps child processes running, tells what happens to them, and takes them along when it goes.

A child runs in a session of its own (so Ctrl-C reaches the supervisor alone, and its whole group
can be killed) and dies with the supervisor, kill -9 included (`parent.py`). It knows programs only:
what a broker or a store is, is the caller's to know.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from models.errors import ConfigurationError
from streams import exit_codes
from streams.embedded.announce import LOOPBACK, Fact, read_announcement
from streams.embedded.child import (
    Child,
    ChildDied,
    Event,
    Happening,
    Listener,
    bound_log,
    last_lines,
    prepare_log,
)
from streams.embedded.parent import tied

FIRST_RESTART_SECONDS = 0.2
LONGEST_RESTART_SECONDS = 30.0
_FINAL = {
    exit_codes.CONFIGURATION: Happening.MISCONFIGURED,
    exit_codes.GAVE_UP: Happening.GAVE_UP,
}
STEADY_SECONDS = 60.0
"""A child that ran this long is started again without waiting longer than the first time."""

READY_POLL_SECONDS = 0.05
LOG_CHECK_SECONDS = 10.0


@dataclass(slots=True)
class _Running:
    """One started child: its process and the task that watches it."""

    child: Child
    process: asyncio.subprocess.Process
    started: float
    watch: asyncio.Task[None] | None = None
    swept: bool = False

    def sweep(self) -> None:
        """Kill what the ended process left of its group; once, as its number may be reused."""
        if not self.swept:
            self.swept = True
            _kill_group(self.process.pid)


class Supervisor:
    """Starts children, restarts those that die, stops all in reverse order.

    Use it from the event loop of the main thread and leave it by `stop()` (or `async with`).
    """

    def __init__(
        self,
        logs: Path,
        on_event: Listener,
        final_codes: frozenset[int] = frozenset({exit_codes.CONFIGURATION, exit_codes.GAVE_UP}),
    ) -> None:
        """Write each child's output to `<logs>/<name>.log`.

        Args:
            logs: folder for the log files, made if need be.
            on_event: called for everything that happens to a child; must not raise.
            final_codes: exit codes after which a child is never started again.
        """
        self._logs = logs
        self._tell = on_event
        self._final_codes = final_codes
        self._steps: list[list[_Running]] = []

    async def __aenter__(self) -> "Supervisor":
        """The supervisor itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop all children."""
        await self.stop()

    def log_of(self, name: str) -> Path:
        """Where the child of that name writes."""
        return self._logs / f"{name}.log"

    async def start(self, *children: Child) -> dict[str, Mapping[str, Fact]]:
        """Start children side by side; their announcements, by name, once all are ready.

        Raises:
            ConfigurationError: one ended with exit code 78; the text is its last line.
            ChildDied: one ended before it was ready, or was not ready in time.
        """
        step: list[_Running] = []
        self._steps.append(step)
        facts = await asyncio.gather(
            *(self._start_first(child, step) for child in children), return_exceptions=True
        )
        for fact in facts:
            if isinstance(fact, BaseException):
                raise fact
        return {
            child.name: fact
            for child, fact in zip(children, facts, strict=True)
            if not isinstance(fact, BaseException)
        }

    async def stop(self) -> None:
        """Stop all children, the ones started last first; kill those that take too long."""
        while self._steps:
            await asyncio.gather(*(self._stop_one(running) for running in self._steps.pop()))

    async def _start_first(self, child: Child, step: list[_Running]) -> Mapping[str, Fact]:
        running = await self._spawn(child)
        step.append(running)
        facts = await self._until_ready(running)
        running.watch = asyncio.create_task(self._watch(running), name=f"watch {child.name}")
        return facts

    async def _spawn(self, child: Child) -> _Running:
        """Start the program.

        Raises:
            ConfigurationError: its log or announcement cannot be written, or there is no room.
        """
        path = self.log_of(child.name)
        try:
            if child.announces is not None:
                child.announces.unlink(missing_ok=True)
            prepare_log(path)
            with path.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *tied(child.argv),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=child.env,
                    start_new_session=True,
                )
        except OSError as error:
            raise ConfigurationError(f"{child.name}: cannot be started ({error})") from error
        return _Running(child, process, asyncio.get_running_loop().time())

    async def _until_ready(self, running: _Running) -> Mapping[str, Fact]:
        """Wait for readiness; what the child announced.

        Raises:
            ConfigurationError: it ended with exit code 78.
            ChildDied: it ended otherwise, or is not ready in time.
        """
        child = running.child
        with suppress(TimeoutError):
            async with asyncio.timeout(child.ready_seconds):
                while running.process.returncode is None:
                    facts = await _readiness(child)
                    if facts is not None:
                        self._tell(Event(Happening.READY, child.name, announcement=facts))
                        return facts
                    await asyncio.sleep(READY_POLL_SECONDS)
        path = self.log_of(child.name)
        lines = last_lines(path)
        code = running.process.returncode
        if code is not None:
            running.sweep()
        if code == exit_codes.CONFIGURATION:
            raise ConfigurationError(lines[-1] if lines else f"{child.name} is misconfigured")
        how = f"exit code {code}" if code is not None else f"{child.ready_seconds:g} s went by"
        said = f": {lines[-1]}" if lines else ""
        raise ChildDied(f"{child.name} did not get ready ({how}){said} (its log is {path})")

    async def _watch(self, running: _Running) -> None:
        """Report the child's death and start it again, until it is to be stopped or past help."""
        delay = FIRST_RESTART_SECONDS
        while True:
            code = await self._until_dead(running)
            lived = asyncio.get_running_loop().time() - running.started
            if lived > STEADY_SECONDS:
                delay = FIRST_RESTART_SECONDS
            if not self._report_death(running.child, code, delay):
                return
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_RESTART_SECONDS)
            if not await self._restart(running):
                return

    async def _restart(self, running: _Running) -> bool:
        """Start the child once more; False if that is not even possible.

        A child that dies or stays silent meanwhile is dead to the watch, which tells of it.
        """
        try:
            again = await self._spawn(running.child)
        except ConfigurationError as error:
            name = running.child.name
            self._tell(Event(Happening.MISCONFIGURED, name, last_lines=(str(error),)))
            return False
        running.process, running.started, running.swept = again.process, again.started, False
        try:
            await self._until_ready(running)
        except (ConfigurationError, ChildDied):
            if running.process.returncode is None:
                _kill_group(running.process.pid)
        return True

    async def _until_dead(self, running: _Running) -> int:
        """Wait for the child's end, bounding its log meanwhile; its exit code."""
        path = self.log_of(running.child.name)
        ended = asyncio.ensure_future(running.process.wait())
        try:
            while not (await asyncio.wait({ended}, timeout=LOG_CHECK_SECONDS))[0]:
                bound_log(path)
        finally:
            ended.cancel()
        running.sweep()
        return ended.result()

    def _report_death(self, child: Child, code: int, delay: float) -> bool:
        """Tell of a death; whether the child is to be started again."""
        final = code in self._final_codes
        again = child.restart and not final
        self._tell(
            Event(
                _FINAL.get(code, Happening.DIED),
                child.name,
                exit_code=code,
                last_lines=last_lines(self.log_of(child.name)),
                restart_seconds=delay if again else None,
            )
        )
        return again

    async def _stop_one(self, running: _Running) -> None:
        """Stop a child for good: SIGTERM, then SIGKILL to its group."""
        if running.watch is not None:
            running.watch.cancel()
            await asyncio.wait({running.watch})
        process = running.process
        if process.returncode is not None:
            running.sweep()
            return
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), running.child.stop_seconds)
        if process.returncode is None:
            _kill_group(process.pid)
            await process.wait()
        running.sweep()
        self._tell(Event(Happening.STOPPED, running.child.name, exit_code=process.returncode))


async def _readiness(child: Child) -> Mapping[str, Fact] | None:
    """What the child announced, nothing if it announces nothing, None while it is not ready."""
    if child.announces is not None:
        return read_announcement(child.announces)
    if child.listens_on is None:
        return {}
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, child.listens_on)
    except OSError:
        return None
    writer.close()
    return {"host": LOOPBACK, "port": child.listens_on}


def _kill_group(leader: int) -> None:
    """Kill what is left of a child's process group; nothing left is fine."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
