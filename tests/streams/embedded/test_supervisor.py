import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from models.errors import ConfigurationError
from streams.embedded import supervisor as module
from streams.embedded.child import Child, ChildDied, Event, Happening
from streams.embedded.supervisor import Supervisor
from tests.streams.embedded.conftest import PATIENCE, ROOT, eventually, eventually_async

pytestmark = pytest.mark.processes
FOREVER = "import signal; signal.pause()"


class Events(list[Event]):
    """What happened so far, and waiting for more."""

    def of(self, happening: Happening, name: str) -> list[Event]:
        return [event for event in self if (event.happening, event.name) == (happening, name)]

    async def first(self, happening: Happening, name: str, nth: int = 1) -> Event:
        async def happened() -> bool:
            return len(self.of(happening, name)) >= nth

        await eventually_async(happened)
        return self.of(happening, name)[nth - 1]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def supervisor(tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    monkeypatch.setattr(module, "FIRST_RESTART_SECONDS", 0.05)
    return Supervisor(tmp_path / "logs", events.append)


def python(name: str, script: str, *arguments: str, **options: object) -> Child:
    return Child(name, (sys.executable, "-c", script, *arguments), **options)  # type: ignore[arg-type]


ANNOUNCING = (
    "import json, os, signal, sys; print('hello', flush=True);"
    "open(sys.argv[1] + '~', 'w').write(json.dumps({'port': 7, 'pid': os.getpid()}));"
    "os.rename(sys.argv[1] + '~', sys.argv[1]); signal.pause()"
)


def announcing(name: str, path: Path, **options: object) -> Child:
    return python(name, ANNOUNCING, str(path), announces=path, **options)


async def test_children_are_ready_when_they_say_so_and_stop_in_reverse_order(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text('{"port": 1}')  # left by an earlier run
    facts = await supervisor.start(announcing("store", tmp_path / "a"))
    assert facts["store"]["port"] == 7
    await supervisor.start(
        announcing("left", tmp_path / "b"), python("right", FOREVER), python("third", FOREVER)
    )
    pid = int(facts["store"]["pid"])
    assert os.getpgid(pid) == pid
    await supervisor.stop()
    assert not psutil.pid_exists(pid)
    stopped = [event.name for event in events if event.happening is Happening.STOPPED]
    assert stopped[-1] == "store"
    assert sorted(stopped[:-1]) == ["left", "right", "third"]
    assert supervisor.log_of("store").read_text() == "hello\n"


async def test_a_program_without_announcement_is_ready_when_its_port_answers(
    supervisor: Supervisor, free_port: int
) -> None:
    serving = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(free_port))
    async with supervisor:
        facts = await supervisor.start(Child("web", serving, listens_on=free_port))
        assert facts == {"web": {"host": "127.0.0.1", "port": free_port}}
        _, writer = await asyncio.open_connection("127.0.0.1", free_port)
        writer.close()


async def test_a_killed_child_is_told_of_by_name_and_comes_back(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    async with supervisor:
        facts = await supervisor.start(announcing("sink", tmp_path / "a"))
        for nth in (1, 2):
            os.kill(int(json.loads((tmp_path / "a").read_text())["pid"]), signal.SIGKILL)
            died = await events.first(Happening.DIED, "sink", nth)
            assert (died.exit_code, died.last_lines[-1]) == (-9, "hello")
            again = await events.first(Happening.READY, "sink", nth + 1)
            assert again.announcement["pid"] != facts["sink"]["pid"]
        assert died.restart_seconds == pytest.approx(0.1)


async def test_a_child_not_to_be_restarted_stays_dead(
    supervisor: Supervisor, events: Events
) -> None:
    async with supervisor:
        await supervisor.start(
            python("broker", "print('gone\\n'); raise SystemExit(3)", restart=False),
            python("beside", "raise SystemExit(0)"),
        )
        died = await events.first(Happening.DIED, "broker")
        assert (died.exit_code, died.restart_seconds, died.last_lines) == (3, None, ("gone",))
        await events.first(Happening.DIED, "beside", nth=3)
    assert len(events.of(Happening.DIED, "broker")) == 1
    assert not events.of(Happening.STOPPED, "broker")


async def test_a_misconfigured_child_is_never_restarted(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    script = "import sys; print('task.yaml:3: no label', file=sys.stderr); sys.exit(78)"
    async with supervisor:
        with pytest.raises(ConfigurationError, match=r"^task\.yaml:3: no label$"):
            await supervisor.start(python("judge", script, announces=tmp_path / "never"))
        await supervisor.start(python("route", f"import time; time.sleep(0.2); {script}"))
        event = await events.first(Happening.MISCONFIGURED, "route")
        assert (event.exit_code, event.restart_seconds) == (78, None)
        assert event.last_lines == ("task.yaml:3: no label",)


async def test_a_child_that_gives_up_is_never_restarted(
    supervisor: Supervisor, events: Events
) -> None:
    async with supervisor:
        await supervisor.start(python("annotate", "print('too many\\n'); raise SystemExit(65)"))
        event = await events.first(Happening.GAVE_UP, "annotate")
        assert (event.exit_code, event.restart_seconds) == (65, None)
        assert str(event) == "annotate gave up (exit code 65): too many"
        assert not events.of(Happening.DIED, "annotate")


async def test_a_first_start_that_fails_says_why(supervisor: Supervisor, tmp_path: Path) -> None:
    never = tmp_path / "never"
    async with supervisor:
        with pytest.raises(
            ChildDied, match=r"sink did not get ready \(exit code 4\): oh no .*sink\.log"
        ):
            await supervisor.start(
                python("sink", "print('oh no'); raise SystemExit(4)", announces=never)
            )
        with pytest.raises(ChildDied, match=r"slow did not get ready \(0\.2 s went by\)"):
            await supervisor.start(python("slow", FOREVER, announces=never, ready_seconds=0.2))
        with pytest.raises(ConfigurationError, match="cannot start no-such-program"):
            await supervisor.start(Child("web", ("no-such-program",), listens_on=1))


async def test_a_child_that_will_not_stop_is_killed_with_its_own_children(
    supervisor: Supervisor, events: Events, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    stubborn = (
        "import json, os, signal, subprocess, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "grandchild = subprocess.Popen(['sleep', '1000']);"
        "open(sys.argv[1] + '~', 'w').write(json.dumps({'port': grandchild.pid}));"
        "os.rename(sys.argv[1] + '~', sys.argv[1])\nwhile True: signal.pause()"
    )
    child = python("stubborn", stubborn, str(path), announces=path, stop_seconds=0.2)
    grandchild = int((await supervisor.start(child))["stubborn"]["port"])
    await supervisor.stop()
    assert (await events.first(Happening.STOPPED, "stubborn")).exit_code == -9
    assert eventually(lambda: not alive(grandchild))


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


ORPHANS = """
import asyncio, sys
from pathlib import Path
from streams.embedded.child import Child
from streams.embedded.supervisor import Supervisor

async def main(folder):
    supervisor = Supervisor(folder / "logs", lambda event: None)
    announced = folder / "broker.json"
    broker = (sys.executable, "-m", "streams.embedded.broker", "--announce", str(announced))
    await supervisor.start(
        Child("plain", ("sleep", "1000")),
        Child("deaf", (sys.executable, "-c", "import signal;"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\nwhile True: signal.pause()")),
        Child("broker", broker, announces=announced),
    )
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_no_child_survives_a_kill_9_of_its_supervisor(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka")
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, bufsize=0
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = [child.pid for child in psutil.Process(parent.pid).children(recursive=True)]
        assert len(children) == 3
        parent.kill()
        parent.wait(PATIENCE)
    assert eventually(lambda: not any(alive(pid) for pid in children), seconds=5)
