"""The terminal client: with scripted keys against a desk in memory, and in a real terminal."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streams.cli import review_screen, terminal
from streams.cli.reviewing import Review
from streams.desk import queue as desk_queue
from streams.desk import screen
from streams.desk.screen import Screen
from streams.desk.sitting import Sitting
from tests.desk_bench import answering, task_of
from tests.desk_fake import MULTI, FakeDesk, Queue
from tests.desk_texts import Today, account, arrive

ROOT = Path(__file__).parents[3]
WAIT = None
SECONDS = 30


def reviewed(queue: Queue, keys: Iterable[str | None]) -> str:
    """What is printed when these keys are pressed; a null is a moment without one."""
    steps = iter(range(100_000))
    desk = FakeDesk(queue)
    sitting = Sitting(desk, desk.me(), Screen(lambda: float(next(steps))))
    sitting.arrive()
    pressed = chain(keys, ["q"])
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=100, file=nowhere)
        Review(sitting, lambda _seconds: next(pressed), console).work()
        return console.export_text()


def labels(queue: Queue) -> list[tuple[str, ...]]:
    return [given.labels for _, given, _ in queue.decided.values()]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr(screen, "AWAY_SECONDS", 1e9)
    return Queue(texts=["one", "two", "three"])


def test_one_key_is_one_answer(queue: Queue) -> None:
    said = reviewed(queue, ["1", "2"])
    assert labels(queue) == [("refund",), ("delivery",)]
    assert said.index("one") < said.index("→ refund") < said.index("two")
    assert queue.released == ["three"]


def test_a_key_is_the_same_in_capitals(queue: Queue) -> None:
    said = reviewed(queue, ["A", "U", "S", "Q", "1"])
    assert [how for how, _, _ in queue.passed.values()] == ["skip"]
    assert "Taken back" in said
    assert not queue.decided


def test_undo_and_answer_otherwise(queue: Queue) -> None:
    said = reviewed(queue, ["1", "u", "2"])
    assert labels(queue) == [("delivery",)]
    assert "Taken back" in said


def test_skip_escalate_and_ambiguous_take_the_reason_along(queue: Queue) -> None:
    reviewed(queue, ["n", *"why", "\r", "s", "e", "n", *"hx", "\x7f", "\n", "a"])
    assert list(queue.passed.values()) == [("skip", "one", "why"), ("escalate", "two", "")]
    assert [(g.answer, g.reason) for _, g, _ in queue.decided.values()] == [("ambiguous", "h")]


def test_a_reason_can_be_left(queue: Queue) -> None:
    reviewed(queue, ["n", *"why", "\x1b", "1"])
    assert [given.reason for _, given, _ in queue.decided.values()] == [""]


def test_several_labels_and_a_label_by_its_name(queue: Queue) -> None:
    queue.tasks = (MULTI,)
    reviewed(queue, ["1", "2", "1", "/", *"other", "\r", "\r", "\r"])
    assert labels(queue) == [("delivery", "other *x*"), ()]


def test_enter_accepts_a_suggestion_and_nothing_else(queue: Queue) -> None:
    assert "accept" not in reviewed(queue, ["\r"])
    assert not queue.decided
    queue.suggestion = ("delivery",)
    queue.texts = ["one"]
    assert "accept delivery" in reviewed(queue, ["\r"])
    assert labels(queue) == [("delivery",)]


def test_a_suggestion_of_labels_that_are_gone_is_not_shown(queue: Queue) -> None:
    queue.suggestion = ("no longer a label",)
    assert "no longer" not in reviewed(queue, ["\r"])
    assert not queue.decided


def test_guidelines_and_a_long_text_on_request(queue: Queue) -> None:
    queue.texts = ["\n".join(f"line {number}" for number in range(3000))]
    said = reviewed(queue, ["?", "!"])
    assert "money back" in said
    assert "more characters: ! prints them" in said
    assert said.count("line 2999") == 1


def test_an_answer_that_does_not_arrive_is_sent_again(queue: Queue) -> None:
    def keys() -> Iterator[str | None]:
        yield "1"
        queue.down = True
        yield "2"
        yield WAIT
        queue.down = False
        yield WAIT

    said = reviewed(queue, keys())
    assert labels(queue) == [("refund",), ("delivery",)]
    assert said.count("your answer is kept and sent again") == 1
    assert said.index("sent again") < said.index("answers again")


def test_an_empty_queue_says_so_once_and_fills(queue: Queue) -> None:
    queue.texts = []
    said = reviewed(queue, [WAIT, WAIT, WAIT])
    assert said.count("nothing waits for you") == 1


@given(st.text(max_size=300))
def test_no_text_acts_on_the_terminal(text: str) -> None:
    shown = review_screen.block(text).plain
    lines = {"\n"}
    assert not [c for c in shown if c not in lines and terminal.visible(c) != c]


HOSTILE = "\x1b[2J\x1b]0;owned\x07 [bold]x[/] \u202egnp.exe \U000e0041\r\nnext\tline"


@pytest.fixture
def desk_url(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real desk with four texts, and a token."""
    task = task_of()
    desk = desk_queue.open_desk(f"sqlite:///{tmp_path}/desk.sqlite", {task.name: task})
    arrive(desk, ["first text", HOSTILE, "متن فارسی", "the last 👩‍👩‍👧"])
    with answering(desk, Today()) as url:
        yield url, account(desk, "ada")
    desk.close()


@pytest.mark.processes
def test_in_a_real_terminal(desk_url: tuple[str, str], tmp_path: Path) -> None:
    url, token = desk_url
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,  # noqa: TID251
        "TIDEGAUGE_DESK__URL": url,
        "TIDEGAUGE_DESK_TOKEN": token,
        "TIDEGAUGE_DATA": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
        "COLUMNS": "100",
    }
    program = [sys.executable, "-m", "streams.cli.main", "review"]
    with subprocess.Popen(
        program, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True
    ) as process:
        os.close(theirs)
        told = Told(ours)
        told.press_after("first text", "1")
        told.press_after("next    line", "2")
        told.press_after("متن", "u")
        told.press_after("Taken back", "a")
        told.press_after("متن", "s")
        told.press_after("the last", "q")
        told.until("bye; 2 answered today")
        assert process.wait(SECONDS) == 0
    os.close(ours)
    everything = told.everything
    assert "\x1b[2J" not in everything
    assert "\x1b]0;" not in everything
    assert "\u202e" not in everything
    assert token not in everything


class Told:
    """What a program prints on its terminal, and the keys that are pressed in answer."""

    def __init__(self, terminal_end: int) -> None:
        self.fd, self.everything, self.seen = terminal_end, "", 0

    def until(self, text: str) -> None:
        deadline = time.monotonic() + SECONDS
        while text not in self.everything[self.seen :]:
            assert time.monotonic() < deadline, self.everything[-2000:]
            if select.select([self.fd], [], [], 0.2)[0]:
                self.everything += self._read()
        self.seen = self.everything.index(text, self.seen) + len(text)

    def press_after(self, text: str, key: str) -> None:
        """Press once the text and its keys are there, and a person could have read them."""
        self.until(text)
        self.until("quit")
        time.sleep(screen.PRESS_SECONDS * 2)
        os.write(self.fd, key.encode())

    def _read(self) -> str:
        try:
            return re.sub("\r\n", "\n", os.read(self.fd, 65536).decode("utf-8", "replace"))
        except OSError:
            return ""
