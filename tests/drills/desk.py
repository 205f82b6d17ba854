"""The desk's drill: `python -m tests.drills.desk [--database sqlite|postgres|both] [--items N] …`.

Fifty scripted reviewers work five thousand items while the desk is killed again and again. What
they were told is held against what lies on `decisions`. Each run ends with a line that says what
came of it; the exit code is 0 only if nothing was lost and no item was given to too many people.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.desk import NewAccount
from models.errors import ConfigurationError, TidegaugeError, Unavailable
from streams.desk import queue
from streams.desk.client import DeskClient
from streams.topics import Topics
from tests.desk_bench import TRUTH, label_of
from tests.drills.desk_judge import Finding, Sent, judge
from tests.drills.desk_people import Diary, Reviewer
from tests.drills.desk_site import UNDO_SECONDS, DeskSite, desk_site
from tests.drills.topic_log import TopicLog

FAILED, MISUSED = 1, 2
SETTLE_SECONDS = 900.0
SENIOR_EVERY = 2
"""An item that two seniors had, both at odds or one passing it on, needs a third one."""


@dataclass(frozen=True)
class Plan:
    """One run.

    Attributes:
        answers: reviewers that each item needs.
        feed_seconds: over which items come in.
        kill_seconds: between two kills, on average.
        pause_seconds: that a reviewer takes for an answer.
    """

    database: str = "sqlite"
    broker: str = "kafka"
    items: int = 5000
    reviewers: int = 50
    answers: int = 2
    kills: int = 12
    feed_seconds: float = 20.0
    kill_seconds: float = 6.0
    pause_seconds: float = 0.0


async def drill(plan: Plan, folder: Path) -> tuple[Finding, Diary, float]:
    """Run a plan; the finding, what reviewers saw, and the seconds it took."""
    async with desk_site(folder, plan.database, plan.broker, plan.answers) as site:
        diary, over = Diary(), threading.Event()
        with ExitStack() as stack:
            people, admin = signed_in(site, plan, diary, over, stack)
            site.start()
            await asyncio.to_thread(site.until_ready)
            threads = [threading.Thread(target=each.work) for each in people]
            began = time.monotonic()
            for thread in threads:
                thread.start()
            try:
                async with asyncio.TaskGroup() as going:
                    going.create_task(site.feed(plan.items, plan.feed_seconds))
                    going.create_task(killing(site, plan))
                await settled(site, admin, plan)
            finally:
                over.set()
                for thread in threads:
                    await asyncio.to_thread(thread.join, 60)
            seconds = time.monotonic() - began
            books = await asyncio.to_thread(admin.books)
        log = TopicLog(site.settings.kafka.bootstrap)
        logged = await log.more([Topics.of(site.settings.kafka).decisions])
        sent = Sent(site.texts, plan.answers, UNDO_SECONDS, site.kills)
        surprises = [*diary.surprises]
        if not books.balanced or books.enqueued != plan.items:
            surprises.append(f"the books do not balance: {books}")
        return judge(sent, logged, diary.acknowledged, surprises), diary, seconds


def signed_in(
    site: DeskSite, plan: Plan, diary: Diary, over: threading.Event, stack: ExitStack
) -> tuple[list[Reviewer], DeskClient]:
    """The reviewers, and an admin who looks at the books."""
    desk = queue.open_desk(site.settings.desk_database, {site.task.name: site.task})
    now = datetime.now(UTC)

    def client(new: NewAccount) -> DeskClient:
        token = queue.add_account(desk, "drill", new, False, now).token
        made = DeskClient(site.settings.desk_url, token)
        stack.callback(made.close)
        return made

    try:
        people = []
        for number in range(plan.reviewers):
            role = "senior" if number % SENIOR_EVERY == 0 else "reviewer"
            name = f"reviewer-{number}"
            made = client(NewAccount.model_validate({"name": name, "role": role}))
            people.append(Reviewer(name, made, label_of, TRUTH, diary, over, plan.pause_seconds))
        return people, client(NewAccount(name="root", role="admin"))
    finally:
        desk.close()


async def killing(site: DeskSite, plan: Plan) -> None:
    """Kill the desk at moments nobody expects."""
    chance = random.Random(7)
    for _ in range(plan.kills):
        await asyncio.sleep(plan.kill_seconds * chance.uniform(0.3, 1.7))
        await asyncio.to_thread(site.kill)


async def settled(site: DeskSite, admin: DeskClient, plan: Plan) -> None:
    """Wait until every item is decided and every message sent.

    Raises:
        Unavailable: that does not come about.
    """
    end = time.monotonic() + SETTLE_SECONDS
    books = None
    while time.monotonic() < end:
        await asyncio.sleep(0.5)
        site.check_alive()
        try:
            books = await asyncio.to_thread(admin.books)
        except Unavailable:
            continue
        if books.states["decided"] >= plan.items and not books.unsent:
            return
    raise Unavailable(f"not settled after {SETTLE_SECONDS:g} s: {books}")


def quantile(values: Sequence[float], share: float) -> float:
    """Milliseconds that so many calls took at most."""
    ordered = sorted(values) or [0.0]
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures(diary: Diary, seconds: float) -> dict[str, float]:
    """The load of a run, over all of it, kills included."""
    calls = sum(len(each) for each in diary.seconds.values())
    found = {"seconds": seconds, "requests": calls, "requests_per_second": calls / seconds}
    for kind in ("next", "decide"):
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            found[f"{kind}_{name}_ms"] = quantile(diary.seconds[kind], share)
    return {name: round(value, 1) for name, value in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the drill."""
    parser = argparse.ArgumentParser(prog="python -m tests.drills.desk")
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--broker", choices=["kafka", "embedded"], default="kafka")
    parser.add_argument("--items", type=int, default=Plan.items)
    parser.add_argument("--reviewers", type=int, default=Plan.reviewers)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds for an answer")
    parser.add_argument("--folder", type=Path, help="keep data and logs there (default: nowhere)")
    options = parser.parse_args(arguments)
    for noisy in ("aiokafka", "httpx2"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    chosen = ["sqlite", "postgres"] if options.database == "both" else [options.database]
    good = True
    with tempfile.TemporaryDirectory(prefix="desk-drill-") as scratch:
        for database in chosen:
            plan = Plan(
                database=database,
                broker=options.broker,
                items=options.items,
                reviewers=options.reviewers,
                kills=options.kills,
                pause_seconds=options.pause,
            )
            try:
                good &= _told(plan, (options.folder or Path(scratch)).resolve() / database)
            except TidegaugeError as exc:
                print(f"{database}: {exc}")
                return MISUSED if isinstance(exc, ConfigurationError) else FAILED
    return 0 if good else FAILED


def _told(plan: Plan, folder: Path) -> bool:
    """Run a plan and say what came of it."""
    finding, diary, seconds = asyncio.run(drill(plan, folder))
    for line in finding.wrong:
        print(line)
    more = {"early": finding.early, "repeats": finding.repeats, "refused": diary.unavailable}
    print(json.dumps({**asdict(plan), **figures(diary, seconds), **more}))
    print(finding)
    return finding.good


if __name__ == "__main__":
    sys.exit(main())
