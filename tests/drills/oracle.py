"""The judge of a drill: what Kafka holds against what the store says, sample by sample.

What it sees: every record on every topic, every commit ever made, every row, every figure. What it
cannot see: a commit of the drift stage says only that a snapshot was stored, and snapshots replace
each other, so drift is judged by its last state, which must equal that of detectors fed here with
all readings once, in order; and a row's `stored_at` is when its batch was begun, so a sink that
committed between the beginning and the end of an insert would be found by the missing row only.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isclose

from agents.drift.plan import Plan, plan_of
from agents.drift.watch import SliceWatch
from models.drift import WHOLE_TASK, Reading
from models.settings import Settings
from models.task_file import load_tasks
from streams.delivery.kafka import group_of
from streams.store.client import Store
from streams.store.figures.scope import Scope
from streams.store.writer import STORED_TOPICS
from streams.topics import Topics
from tests.drills import shown, stored, truth
from tests.drills.commits import NEVER, Commit, Place, commit_of, too_early
from tests.drills.sender import Acknowledged
from tests.drills.topic_log import OFFSETS, Logged, TopicLog
from tests.drills.truth import Truth

TOLERANCE = 1e-9
WORDS = (
    *("samples", "annotations", "verdicts", "results", "reviews"),
    *("decisions", "readings", "alarms", "dead_letters"),
)
SHOWN = 5


@dataclass(frozen=True)
class Judgement:
    """How things stand once nothing moves any more.

    Attributes:
        sent: different samples sent, records that are no sample included.
        lost: of those, how many have no state.
        double: how many are counted more than once somewhere, at worst.
        repeated: calls the model began beyond one for each answer that some record carries; a
            call cut by its deadline counts, too.
        commits: commits judged, those that passed unfinished records, and an example of each.
        wrong: figures that differ from the truth, in words.
        differing: later results of a sample that say something else than its first.
    """

    sent: int
    lost: int
    double: int
    repeated: int
    commits: int
    too_early: int
    wrong: tuple[str, ...]
    differing: int

    @property
    def good(self) -> bool:
        """Nothing is lost, nothing counted twice, no commit too early, every figure right."""
        return not (self.lost or self.double or self.too_early or self.wrong)


@dataclass
class Oracle:
    """Knows all that lies on Kafka; looks at the store anew each time."""

    settings: Settings
    store: Store
    truth: Truth = field(default_factory=Truth)
    commits: list[Commit] = field(default_factory=list)
    done: dict[Place, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    stored_topics: dict[str, list[Logged]] = field(default_factory=lambda: defaultdict(list))
    watches: dict[str, SliceWatch] = field(default_factory=dict)
    readings: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    log: TopicLog | None = None

    @property
    def topics(self) -> Mapping[str, str]:
        """Full topic names by their words."""
        names = Topics.of(self.settings.kafka)
        return {word: getattr(names, word) for word in WORDS}

    async def read(self) -> None:
        """Take in all that came to Kafka since the last time."""
        self.log = self.log or TopicLog(self.settings.kafka.bootstrap)
        words = {name: word for word, name in self.topics.items()}
        records = await self.log.more([*words, OFFSETS])
        for record in records:
            if record.topic == OFFSETS:
                self._take_commit(record)
                continue
            word = words[record.topic]
            self._take_done(record)
            self.truth.take(word, [record])
            if word == "readings":
                self._take_reading(record)
            if word in STORED_TOPICS:
                self.stored_topics[word].append(_bare(record))

    def _take_commit(self, record: Logged) -> None:
        commit = commit_of(record.key, record.value)
        if commit is not None and commit.group.startswith(f"{self.settings.kafka.prefix}."):
            self.commits.append(commit)

    def _take_done(self, record: Logged) -> None:
        if "tidegauge-last" not in record.headers:
            return
        parts = record.headers["tidegauge-source"].decode().split("/")
        group, _, topic, partition, offset, _ = parts
        times = self.done[(group, topic, int(partition))]
        times[int(offset)] = min(times.get(int(offset), NEVER), record.at)

    def _take_reading(self, record: Logged) -> None:
        reading = Reading.model_validate_json(record.value or b"")
        if reading.slice not in self.watches:
            name = (reading.task, reading.slice)
            self.watches[reading.slice] = SliceWatch(*name, self._plan(reading.task))
        self.watches[reading.slice].update(reading)
        self.readings[reading.slice].add(reading.sample_key)

    def _plan(self, task: str) -> Plan:
        return plan_of(load_tasks(self.settings.tasks)[task])

    def judge(self, sent: Sequence[Acknowledged], calls: int) -> Judgement:
        """Everything compared; `calls` is how many good ones the model began."""
        rows = stored.positions(self.store)
        self._sink_done(rows)
        judged = [commit for commit in self.commits if self._judges(commit)]
        early = too_early(judged, self.done)
        expected = truth.figures([each.sent for each in sent], self.truth)
        found = shown.figures(self.store, self._scope(sent))
        detectors, doubled = self._detectors()
        wrong = [*_different(expected, found), *detectors, *map(_in_words, early)]
        lost = self._lost(sent)
        wrong += [f"lost: {name}" for name in lost[:SHOWN]]
        return Judgement(
            sent=len({each.sent.name or (each.partition, each.offset) for each in sent}),
            lost=len(lost),
            double=max(doubled, _excess(expected, found), stored.excess(self.store)),
            repeated=max(0, calls - self.truth.calls_needed),
            commits=len(judged),
            too_early=len(early),
            wrong=tuple(wrong),
            differing=self.truth.differing,
        )

    def _judges(self, commit: Commit) -> bool:
        """Drift is judged by its state; what has no rows of its own is no matter of commits."""
        kafka = self.settings.kafka
        return commit.group in {group_of(kafka, s) for s in ("annotate", "judge", "route", "sink")}

    def _sink_done(self, rows: Mapping[str, Mapping[int, float]]) -> None:
        group = group_of(self.settings.kafka, "sink")
        for word, records in self.stored_topics.items():
            for record in records:
                at = rows[word].get(stored.precedence_of(record), NEVER)
                self.done[(group, record.topic, record.partition)][record.offset] = at

    def _lost(self, sent: Sequence[Acknowledged]) -> list[str]:
        """Samples without a state in the store, by name; poison by its position."""
        keys = stored.result_keys(self.store)
        texts = {
            (body["sample"]["id"], body["sample"]["text"])
            for key, body in self.truth.results.items()
            if key in keys
        }
        buried = stored.buried(self.store, self.topics["samples"])
        gone = {
            str(each.sent.name or (each.partition, each.offset))
            for each in sent
            if each.sent.name not in texts
            and not (each.sent.name is None and (each.partition, each.offset) in buried)
        }
        return sorted(gone)

    def _detectors(self) -> tuple[list[str], int]:
        """What is wrong with the detectors' states, and how many samples they met too often."""
        wrong, doubled = [], 0
        states = stored.detector_states(self.store)
        for name, state in states.items():
            seen, due = state["readings"] - state["repeats"], len(self.readings.get(name, ()))
            if seen != due:
                wrong.append(f"detectors of slice {name!r} saw {seen} samples of {due}")
                doubled = max(doubled, seen - due)
            elif state != json.loads(json.dumps(self.watches[name].state())):
                wrong.append(f"detectors of slice {name!r} differ from those fed once, in order")
        labelled = {k for k, result in self.truth.results.items() if result["annotation"]}
        if unread := labelled - self.readings[WHOLE_TASK]:
            wrong.append(f"{len(unread)} labelled samples never came to the detectors")
        wrong += [
            f"detectors of slice {name!r} have no state"
            for name in self.watches.keys() - states.keys()
        ]
        return wrong, doubled

    def _scope(self, sent: Sequence[Acknowledged]) -> Scope:
        times = [datetime.fromtimestamp(each.sent.at / 1000, UTC) for each in sent]
        hour = timedelta(hours=1)
        return Scope(min(times) - hour, max(times) + hour, task="drill")


def _bare(record: Logged) -> Logged:
    """The record without its content, which would fill the memory."""
    return Logged(record.topic, record.partition, record.offset, record.at, None, None, {})


def _different(expected: Mapping[str, float], found: Mapping[str, float]) -> list[str]:
    names = sorted(expected.keys() | found.keys())
    pairs = [(name, expected.get(name, 0), found.get(name, 0)) for name in names]
    return [
        f"{name}: {has:g} instead of {due:g}"
        for name, due, has in pairs
        if not isclose(due, has, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    ]


def _excess(expected: Mapping[str, float], found: Mapping[str, float]) -> int:
    """By how many samples or records the worst count is too high.

    Dollars and means count none, and a sample in flight is lost, not double.
    """
    left_out = ("cost", "ledger state in_flight")
    counts = {name: has for name, has in found.items() if not name.startswith(left_out)}
    more = [has - expected.get(name, 0) for name, has in counts.items() if float(has).is_integer()]
    return int(max([0, *more]))


def _in_words(passed: tuple[Commit, Iterable[int]]) -> str:
    commit, offsets = passed
    return (
        f"{commit.group} committed {commit.offset} of {commit.topic}/{commit.partition}"
        f" before {', '.join(map(str, offsets))} were done"
    )
