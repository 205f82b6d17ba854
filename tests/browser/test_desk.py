"""The reviewer's page in a real browser, on a real desk, by keyboard alone.

Pictures of every state are left in the folder that pytest names `pictures0`.
"""

import re
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.desk import sign_in
from models.settings import ClickHouse, Desk
from models.task import Task
from models.task_file import parse_task
from streams.desk import queue
from streams.desk.api.app import now
from streams.desk.client import DeskClient
from streams.desk.server import listening, where
from streams.embedded.ports import free_port
from tests.browser_support import running, settled, unharmed, watched
from tests.desk_bench import answering, task_of
from tests.desk_texts import Today, account, arrive

pytestmark = pytest.mark.browser

READING_SECONDS = 0.4
NOWHERE = ClickHouse(url="http://127.0.0.1:9")
PERSIAN = "سلام، بسته‌ام هنوز نرسیده است. (شماره ۱۲)\nEnglish line"
CODE = "def f(x):\n    if x < 1 && y:\n\treturn '<b>'\n\n    trailing"
EMOJI = "Thanks 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️"
HOSTILE = (
    "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'></div>"
    "[link](javascript:window.pwned=1) **bold** $x^2$ :red[no] \u202egnp.exe \x1b[31m\x00"
)
WATCH = """() => {
    window.seen = []; let at = 0, before = null;
    const text = () => document.querySelector('.desk-text')?.textContent;
    window.addEventListener('keydown', () => { at = performance.now(); before = text(); }, true);
    const look = () => {
        if (at && text() && text() !== before) { seen.push(performance.now() - at); at = 0; }
        requestAnimationFrame(look);
    };
    look();
}"""
TOPICS = """
name: topics
kind: multilabel
instructions: Choose all that fit.
labels:
  - {name: "*money*", definition: "is about **money** and <b>prices</b>"}
  - {name: delivery, definition: is about a parcel}
  - {name: praise, definition: thanks somebody}
spend: {unpriced: allow}
review: {undo_seconds: 300, gold_share: 0, repeat_share: 0, suggestion: shown}
"""


@dataclass
class Seat:
    """A desk, its address, and a page of a dashboard that knows it."""

    desk: queue.Desk
    desk_url: str
    page_url: str
    page: Page
    token: str
    pictures: Path

    def enter(self, token: str = "") -> None:
        """Sign in by keyboard."""
        self.page.get_by_label("Token").fill(token or self.token)
        self.page.keyboard.press("Enter")

    def read(self, text: str | re.Pattern[str]) -> None:
        """Wait for a text, and take the time to read it."""
        expect(self.page.locator(".desk-text")).to_contain_text(text)
        expect(self.page.get_by_role("button", name="Skip")).to_be_enabled()
        time.sleep(READING_SECONDS)

    def press(self, key: str) -> None:
        """Press a key, and read the text that follows, until all about it is drawn."""
        box = self.page.locator(".desk-text")
        before = str(box.text_content())
        self.page.keyboard.press(key)
        expect(box).not_to_have_text(before)
        settled(self.page)
        time.sleep(READING_SECONDS)

    def picture(self, name: str) -> None:
        """Leave a picture for people to look at."""
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def answers(self) -> list[tuple[str, tuple[str, ...]]]:
        """What the desk has of this reviewer, newest first: text and labels."""
        with DeskClient(self.desk_url, self.token) as client:
            past = client.history(100)
        return [(each.text, each.labels) for each in past if each.state != "undone"]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures are."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="session")
def door() -> Iterator[socket.socket]:
    """Where the dashboard finds the desk, whichever test's desk answers there."""
    with listening(Desk(port=0)) as sock:
        yield sock


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory, door: socket.socket) -> Iterator[str]:
    """A dashboard without a store, for all the desks."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIDEGAUGE_DESK__URL", where(door))
            started = running(NOWHERE, tmp_path_factory.mktemp("dashboard"))
            address = stack.enter_context(started)
        yield address


@dataclass
class Room:
    """Where seats are: a browser, a dashboard, its desk's door, and a folder for each."""

    chromium: Browser
    dashboard: str
    door: socket.socket
    folder: Path
    pictures: Path


@pytest.fixture
def room(
    chromium: Browser, dashboard: str, door: socket.socket, tmp_path: Path, pictures: Path
) -> Room:
    """A room for one test."""
    return Room(chromium, dashboard, door, tmp_path, pictures)


@contextmanager
def seated(room: Room, task: Task) -> Iterator[Seat]:
    """A desk with that task, and a page that is not signed in yet."""
    desk = queue.open_desk(f"sqlite:///{room.folder}/desk.sqlite", {task.name: task})
    with (
        closing(desk),
        answering(desk, Today(), sock=room.door.dup()) as address,
        watched(room.chromium) as page,
    ):
        page.goto(f"{room.dashboard}/desk")
        yield Seat(desk, address, room.dashboard, page, account(desk, "ada"), room.pictures)


@pytest.fixture
def seat(room: Room) -> Iterator[Seat]:
    """A seat at a desk whose reviewers choose one of two labels."""
    with seated(room, task_of(undo_seconds=300)) as made:
        yield made


def test_from_an_empty_queue_to_twenty_decisions_by_keyboard_alone(seat: Seat) -> None:
    expect(seat.page.get_by_label("Token")).to_be_visible()
    settled(seat.page)
    seat.picture("sign-in")
    seat.enter()
    expect(seat.page.get_by_text("Nothing waits for you")).to_be_visible()
    seat.picture("empty")
    texts = [f"Message {number}: where is my parcel?" for number in range(24)]
    arrive(seat.desk, texts)
    seat.read("Message 0")
    seat.picture("first")
    seat.page.evaluate(WATCH)
    for number in range(20):
        seat.press("2" if number % 3 else "1")
    taken = seat.page.evaluate("window.seen")
    seat.picture("after-twenty")
    print(f"\nkey to next text: median {statistics.median(taken):.0f} ms, max {max(taken):.0f} ms")
    assert len(taken) == 20
    wanted = [(text, ("spam" if at % 3 else "ham",)) for at, text in enumerate(texts[:20])]
    assert seat.answers() == wanted[::-1]
    unharmed(seat.page)


def test_every_key(seat: Seat) -> None:
    arrive(seat.desk, [f"Message {number}" for number in range(8)])
    seat.enter()
    seat.read("Message 0")
    seat.page.keyboard.press("n")
    seat.page.keyboard.type("since 1 says so")
    seat.page.keyboard.press("Escape")
    seat.press("a")
    seat.press("s")
    seat.press("e")
    seat.press("1")
    expect(seat.page.locator(".desk-past").first).to_contain_text("ham · Message 3")
    seat.press("u")
    seat.read("Message 3")
    seat.picture("undone")
    seat.press("2")
    assert seat.answers() == [("Message 3", ("spam",)), ("Message 0", ())]
    with DeskClient(seat.desk_url, seat.token) as client:
        me, past = client.me(), client.history(10)
    assert (me.answered_today, me.skipped_today, me.escalated_today) == (2, 1, 1)
    assert past[-1].reason == "since 1 says so"


def test_a_held_or_a_double_key_answers_once(seat: Seat) -> None:
    arrive(seat.desk, [f"Message {number}" for number in range(9)])
    seat.enter()
    seat.read("Message 0")
    seat.page.keyboard.down("1")
    for _ in range(20):  # what a keyboard sends while a key is held
        seat.page.keyboard.down("1")
        time.sleep(0.03)
    seat.page.keyboard.up("1")
    seat.read("Message 1")
    seat.page.keyboard.press("2")
    seat.page.keyboard.press("2")
    seat.read("Message 2")
    assert seat.answers() == [("Message 1", ("spam",)), ("Message 0", ("ham",))]


def test_texts_of_all_sorts_are_readable_and_harmless(seat: Seat) -> None:
    long = "\n".join(f"line {number} " + "word " * 20 for number in range(2000))
    arrive(seat.desk, [PERSIAN, CODE, EMOJI, HOSTILE, "x" * 3000, long, "the last"])
    seat.enter()
    seat.read("سلام")
    box = seat.page.locator(".desk-text")
    assert box.evaluate("box => getComputedStyle(box).direction") == "rtl"
    seat.picture("persian")
    seat.press("1")
    assert box.inner_text() == CODE
    seat.picture("code")
    seat.press("1")
    assert box.inner_text() == EMOJI
    seat.picture("emoji")
    seat.press("1")
    said = box.inner_text()
    assert said.startswith("<script>window.pwned=1</script><img src=x onerror='window.pwned=1'>")
    assert said.endswith(r"**bold** $x^2$ :red[no] \u202egnp.exe \x1b[31m\x00")
    assert box.locator("*").count() == 0
    seat.picture("hostile")
    unharmed(seat.page)
    seat.press("1")
    assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    seat.press("1")
    assert box.evaluate("box => box.clientHeight < innerHeight && box.scrollHeight > 10000")
    expect(seat.page.get_by_text(f"{len(long):,} characters")).to_be_visible()
    seat.page.keyboard.press("PageDown")
    assert box.evaluate("box => box.scrollTop") > 100
    seat.picture("long")
    unharmed(seat.page)


def test_several_labels(room: Room) -> None:
    with seated(room, parse_task(TOPICS, "topics.yaml")) as seat:
        arrive(seat.desk, ["first", "second", "third"])
        seat.enter()
        seat.read("first")
        for key in "123":  # as fast as fingers are
            seat.page.keyboard.press(key)
        expect(seat.page.get_by_role("button", name="Send 3 chosen")).to_be_visible()
        seat.page.keyboard.press("1")
        expect(seat.page.get_by_role("button", name="Send 2 chosen")).to_be_visible()
        seat.picture("several")
        seat.press("Enter")
        seat.press("Enter")
        unharmed(seat.page)
        assert seat.answers() == [("second", ()), ("first", ("delivery", "praise"))]


def test_another_page_and_a_reload_lose_nothing(seat: Seat) -> None:
    arrive(seat.desk, [f"Message {number}" for number in range(4)])
    seat.enter()
    seat.read("Message 0")
    seat.page.keyboard.press("n")
    seat.page.keyboard.type("half a reason")
    seat.page.keyboard.press("Escape")
    seat.page.get_by_role("link", name="Operations").click()
    expect(seat.page.get_by_text("does not answer; retrying")).to_be_visible()
    seat.page.get_by_role("link", name="Desk").click()
    seat.read("Message 0")
    expect(seat.page.get_by_role("textbox", name=re.compile("Reason"))).to_have_value(
        "half a reason"
    )
    seat.page.reload()
    seat.enter()
    seat.read("Message 0")
    seat.press("1")
    assert seat.answers() == [("Message 0", ("ham",))]


def test_a_revoked_token_is_one_clear_sentence(seat: Seat) -> None:
    arrive(seat.desk, ["Message 0", "Message 1"])
    seat.enter("not-the-token")
    expect(seat.page.get_by_text(sign_in.UNKNOWN)).to_be_visible()
    seat.enter()
    seat.read("Message 0")
    queue.revoke(seat.desk, "test", "ada", now())
    seat.page.keyboard.press("1")
    expect(seat.page.get_by_text(sign_in.UNKNOWN)).to_be_visible()
    settled(seat.page)
    seat.picture("revoked")
    assert seat.page.locator(".desk-text").count() == 0
    unharmed(seat.page)


def test_a_desk_that_is_away_for_a_while_loses_no_answer(
    chromium: Browser, tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, port = task_of(undo_seconds=300), free_port()
    desk = queue.open_desk(f"sqlite:///{tmp_path}/desk.sqlite", {task.name: task})
    token = account(desk, "ada")
    monkeypatch.setenv("TIDEGAUGE_DESK__PORT", str(port))
    arrive(desk, ["Message 0", "Message 1", "Message 2"])
    with running(NOWHERE, tmp_path) as dashboard, watched(chromium) as page:
        page.goto(f"{dashboard}/desk")
        with answering(desk, Today(), sock=listening(Desk(port=port))) as address:
            seat = Seat(desk, address, dashboard, page, token, pictures)
            seat.enter()
            seat.read("Message 0")
        page.keyboard.press("2")
        expect(page.get_by_text("has not reached the desk yet")).to_be_visible()
        expect(page.locator(".desk-text")).to_have_text("Message 0")
        seat.picture("desk-away")
        with answering(desk, Today(), sock=listening(Desk(port=port))):
            seat.read("Message 1")
            expect(page.get_by_text("has not reached the desk yet")).to_have_count(0)
            assert seat.answers() == [("Message 0", ("spam",))]
    desk.close()
