"""Every figure, from records stored once, twice, days apart, merged, replayed with other words."""

import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pandas as pd
import pytest

from models.rows import ROWS, ControlRow, Row
from models.sample import Sample, Source
from streams.delivery.records import Incoming
from streams.store import calibrators, controls, figures, snapshots, spend, versions
from streams.store.client import AsyncStore, Store
from streams.store.contents import rows_per_table
from streams.store.figures import (
    alarms,
    choices,
    cost,
    decisions,
    estimate,
    ledger,
    operations,
    references,
    review_people,
    review_queue,
    routing,
    samples,
    scores,
    story,
    traffic,
    training,
)
from streams.store.figures.scope import Scope
from streams.store.letters import letters, replayable
from streams.store.sink import Sink
from streams.store.unfinished import unfinished
from tests import data_records as data
from tests.data_records import FORM, NOON, TOPICS
from tests.data_traffic import Traffic, traffic_rows

pytestmark = pytest.mark.processes

SAMPLES = 40
APART = timedelta(days=3)
"""Between two samples, so that they fall into five months."""

END = NOON + SAMPLES * APART
STORED_AT = END + timedelta(days=1)
ALL = Scope(NOON - timedelta(days=1), END, task="messages", buckets=20)
RUN = replace(ALL, run="r1")
SCOPES = (ALL, RUN)
LEARNT = training.Wanted("messages", data.TASK, "judge_score")

Figure = Callable[[Store, Scope], Any]

FIGURES: Mapping[str, Figure] = {
    "alarms.alarms": alarms.alarms,
    "alarms.warm_up": lambda store, scope: alarms.warm_up(store, scope.task),
    "choices.tasks": lambda store, _: choices.tasks(store),
    "choices.runs": lambda store, scope: choices.runs(store, scope.task),
    "choices.extent": lambda store, scope: choices.extent(store, scope.task, scope.run),
    "choices.versions": choices.versions,
    "choices.slices": choices.slices,
    "cost.cost": cost.cost,
    "cost.latencies": cost.latencies,
    "cost.spent": lambda store, scope: cost.spent(store, scope.task, scope.start),
    "decisions.lane_accuracy": lambda store, scope: decisions.lane_accuracy(store, scope, END),
    "decisions.audit_quality": lambda store, scope: decisions.audit_quality(store, scope, END),
    "estimate.live_accuracy": lambda store, scope: estimate.live_accuracy(store, scope, END),
    "ledger.ledger": ledger.ledger,
    "ledger.stuck": lambda store, scope: ledger.stuck(store, scope, STORED_AT + APART),
    "operations.stages": lambda store, _: operations.stages(store, END),
    "operations.stage_history": operations.stage_history,
    "operations.dead_letters": operations.dead_letters,
    "operations.latest_dead_letters": operations.latest_dead_letters,
    "operations.controls": lambda store, _: operations.controls(store),
    "references.reference_quality": references.reference_quality,
    "references.confusion": references.confusion,
    "references.per_label": references.per_label,
    "references.auc_of": lambda store, scope: references.auc_of(store, scope, "confidence"),
    "review_people.alphas": review_people.alphas,
    "review_people.pairs": review_people.pairs,
    "review_people.reviewers": lambda store, scope: review_people.reviewers(store, scope, END),
    "review_queue.flow": review_queue.flow,
    "review_queue.oldest": review_queue.oldest,
    "review_queue.outlook": lambda store, scope: review_queue.outlook(store, scope, END),
    "review_queue.waiting": lambda store, scope: review_queue.waiting(store, scope, END),
    "review_queue.waits": review_queue.waits,
    "routing.lanes": routing.lanes,
    "routing.propensities": routing.propensities,
    "routing.missing": routing.missing,
    "samples.search": lambda store, scope: samples.search(store, scope, samples.Search()),
    "scores.scores": lambda store, scope: scores.scores(store, scope, END),
    "scores.scores_over_time": lambda store, scope: scores.scores_over_time(store, scope, END),
    "scores.scores_by_slice": lambda store, scope: scores.scores_by_slice(store, scope, END),
    "story.story": lambda store, _: [
        story.story(store, made(number).key()) for number in range(0, SAMPLES, 7)
    ],
    "training.past": lambda store, _: training.past(store, LEARNT),
    "traffic.samples_in": traffic.samples_in,
    "traffic.label_mix": traffic.label_mix,
    "traffic.labels": traffic.labels,
}


def test_every_figure_is_here() -> None:
    """A figure is a public function of `streams.store.figures` that takes a store."""
    found = set()
    for module in iter_modules(figures.__path__):
        inside = import_module(f"{figures.__name__}.{module.name}")
        for name, function in inspect.getmembers(inside, inspect.isfunction):
            own = function.__module__ == inside.__name__ and not name.startswith("_")
            if own and "store" in inspect.signature(function).parameters:
                found.add(f"{module.name}.{name}")
    assert found == set(FIGURES)


@pytest.mark.parametrize("merged", [False, True], ids=["unmerged", "merged"])
async def test_figures_are_the_same_when_all_is_stored_twice_days_apart(
    async_store: AsyncStore, store: Store, merged: bool
) -> None:
    records, rows = traffic_records(), other_rows()
    await write(async_store, records, STORED_AT, size=1000)
    store.insert(rows)
    once = await all_figures(store, async_store)
    assert_telling(store, once)
    if merged:
        optimize(store)
    shuffled = random.Random(5)
    shuffled.shuffle(records)
    shuffled.shuffle(rows)
    await write(async_store, records, STORED_AT + timedelta(days=4), size=17)
    for start in range(0, len(rows), 50):
        store.insert(rows[start : start + 50])
    assert_equal(await all_figures(store, async_store), once)
    optimize(store)
    assert_equal(await all_figures(store, async_store), once)


async def test_a_replay_with_other_words_changes_no_figure_but_repeats(
    async_store: AsyncStore, store: Store
) -> None:
    await write(async_store, traffic_records(), STORED_AT, size=1000)
    store.insert(other_rows())
    once = without_repeats(await all_figures(store, async_store))
    await write(async_store, replayed(), STORED_AT + timedelta(days=40), size=23)
    again = await all_figures(store, async_store)
    assert ledger.ledger(store, replace(ALL, end=END + 500 * APART)).repeats["results"] > 0
    assert_equal(without_repeats(again), once)
    await write(async_store, [*replayed(), *traffic_records()], STORED_AT + APART, size=31)
    optimize(store)
    assert_equal(await all_figures(store, async_store), again)


def made(number: int) -> Sample:
    """Every eighth sample belongs to an evaluation run."""
    evaluated = number % 8 == 7
    return data.sample(
        number,
        tags={"lang": "de" if number % 3 else "en"},
        reference=("scam",) if number % 2 else ("personal",),
        run="r1" if evaluated else "",
        provenance="evaluation" if evaluated else "live",
    )


def source(number: int, topic: str = TOPICS.samples) -> Source:
    """A position whose time is days after the one before."""
    return Source(topic=topic, partition=number % 4, offset=number // 4, at=NOON + number * APART)


def incoming(topic: str, number: int, value: bytes) -> Incoming:
    return Incoming(source(number, topic), b"key", value, ())


def answered(number: int, label: str) -> Any:
    """The result of a sample: each fifth is accepted, each seventh has no label."""
    about = {"sample_key": made(number).key(), "sample": made(number), "source": source(number)}
    if number % 7 == 5:
        return data.unlabelled(number).model_copy(update=about)
    usual = data.annotation(number, labels=(label,), confidence=0.5 + (number % 40) / 100)
    state = "accepted" if number % 5 == 0 else "awaiting_review"
    return data.result(number, annotation=usual, state=state, **about)


def traffic_records() -> list[Incoming]:
    """Forty samples and what became of them; some are still in flight, some were unreadable."""
    records = []
    for number in range(SAMPLES):
        if number % 9 == 8:
            records.append(incoming(TOPICS.samples, number, b"{not json"))
            continue
        records.append(incoming(TOPICS.samples, number, made(number).encode()))
        if number % 10 == 3:
            continue
        found = answered(number, "scam" if number % 4 else "personal")
        records.append(incoming(TOPICS.results, number, found.encode()))
        about = {"sample_key": found.sample_key, "source": found.source}
        if found.state == "awaiting_review":
            asked = data.review(number).model_copy(update={**about, "sample": made(number)})
            records.append(incoming(TOPICS.reviews, number, asked.encode()))
            records += reviewed(number, {**about, "run": made(number).run}, number)
    records += [incoming(TOPICS.alarms, n, data.alarm(n).encode()) for n in range(3)]
    records += [incoming(TOPICS.alarms, 5, data.alarm(1, "acknowledged").encode())]
    records += [incoming(TOPICS.results, n, b'{"who": "knows"}') for n in (13, 23, 33)]
    return [*records, *(_letter(n) for n in range(8, SAMPLES, 9))]


def reviewed(number: int, about: Mapping[str, Any], place: int) -> list[Incoming]:
    """Two people's decisions and what they came to, and one on gold; some items still wait."""
    answers = [
        data.decision(number),
        data.decision(number, reviewer="ben", decision_id=f"ben {number}", labels=("scam",)),
        data.decision(number, role="gold", decision_id=f"gold {number}", against=("scam",)),
    ]
    told = [each.model_copy(update=about) for each in answers]
    ended = [data.outcome(number).model_copy(update=about)] if number % 6 else []
    return [
        incoming(TOPICS.decisions, place + 200 * step, each.encode())
        for step, each in enumerate([*told, *ended], start=1)
    ]


def _letter(number: int) -> Incoming:
    at = source(number)
    return data.letter(number, number, source=at, sample_key=at.key(), sample_source=at)


def replayed() -> list[Incoming]:
    """The same samples weeks later at other positions; models and reviewers say something else."""
    records = []
    for number in range(SAMPLES):
        later = number + 400
        if number % 9 == 8:
            continue
        records.append(incoming(TOPICS.samples, later, made(number).encode()))
        if number % 10 == 3:
            continue
        found = answered(number, "other").model_copy(update={"source": source(later)})
        records.append(incoming(TOPICS.results, later, found.encode()))
        about = {"sample_key": found.sample_key, "source": found.source}
        if found.state == "awaiting_review":
            records += reviewed(number, {**about, "labels": ("other",)}, later)
    return records


def other_rows() -> list[Row]:
    """What stages write without the sink: health, spend, snapshots, controls."""
    written = {"stage_health", "spend", "snapshots"}
    made_up = traffic_rows(Traffic(end=END - timedelta(hours=1), samples=20))
    rows = [row for row in made_up if row.TABLE.name in written]
    assert {row.TABLE.name for row in rows} == written
    return [*rows, ControlRow(task="messages", action="pause", at=NOON, by="ana", note="why")]


async def write(store: AsyncStore, records: Sequence[Incoming], at: datetime, *, size: int) -> None:
    """Through a sink that has just started, so many records a batch."""
    sink = Sink(store, TOPICS, FORM, lambda: at)
    for start in range(0, len(records), size):
        await sink.write(records[start : start + size])


def optimize(store: Store) -> None:
    for row in ROWS:
        store.command("OPTIMIZE TABLE {name:Identifier} FINAL", {"name": row.TABLE.name})


async def all_figures(store: Store, async_store: AsyncStore) -> dict[str, Any]:
    """Every figure of every scope, and what stages and commands read."""
    found = {
        f"{name} {number}": plain(figure(store, scope))
        for name, figure in FIGURES.items()
        for number, scope in enumerate(SCOPES)
    }
    counted = rows_per_table(store)
    return found | {
        "letters": plain(letters(store, [""])),
        "replayable": plain(replayable(store)),
        "unfinished": plain(unfinished(store, 1)),
        "spend": plain(await spend.today(async_store, END - timedelta(hours=1))),
        "controls": plain(await controls.latest(async_store)),
        "snapshots": plain(await snapshots.load(async_store, [("messages", "")])),
        "calibrators": await calibrators.load(async_store, "none"),
        "versions": plain(
            await async_store.query(versions.SQL, {"kind": "task", "name": "messages/1"})
        ),
        "rows": {row.TABLE.name: counted[row.TABLE.name] for row in ROWS if row.TABLE.version},
    }


def assert_telling(store: Store, found: Mapping[str, Any]) -> None:
    """The figures tell something: of nothing, twice is nothing too."""
    books = ledger.ledger(store, ALL)
    assert (books.samples_in, books.unreadable) == (SAMPLES - 5, 4)
    assert min(books.in_flight, books.states["reviewed"], books.strays) > 0
    nothing = [name for name, value in found.items() if name.endswith(" 0") and not value]
    assert nothing == []


def without_repeats(found: Any) -> Any:
    """A figure without what it says of repeats, or all figures so."""
    if isinstance(found, dict):
        return {key: without_repeats(part) for key, part in found.items() if key != "repeats"}
    if isinstance(found, list):
        return [without_repeats(part) for part in found]
    return found


def plain(found: Any) -> Any:
    """Nested lists and dicts; floats to nine digits, as sums depend on the order of their terms."""
    if isinstance(found, pd.DataFrame):
        found = found.to_dict("list")
    elif is_dataclass(found) and not isinstance(found, type):
        found = {part.name: getattr(found, part.name) for part in fields(found)}
    elif isinstance(found, Row):
        found = found.model_dump()
    if isinstance(found, Mapping):
        return {str(key): plain(part) for key, part in found.items()}
    if isinstance(found, (list, tuple)):
        return [plain(part) for part in found]
    return f"{found:.9g}" if isinstance(found, float) else str(found)


def assert_equal(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert set(found) == set(expected)
    pairs = {name: (found[name], expected[name]) for name in found}
    differing = [f"{name}: {one} != {two}" for name, (one, two) in pairs.items() if one != two]
    assert not differing, "\n".join(differing)
