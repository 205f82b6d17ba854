"""What every figure must be: computed from the sent file and from the first record on each topic.

Plain Python over plain JSON on purpose: nothing of the sink, the store or its SQL is used, so that
a mistake there cannot hide here.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.drills.topic_log import Logged
from tests.drills.traffic import Sent

LETTER = "tidegauge-letter"

Body = Mapping[str, Any]
Figures = dict[str, float]


@dataclass
class Truth:
    """What is known of the run so far; grows as records come in.

    Attributes:
        results: the first result of each sample, by sample key.
        letters: the first dead letter of each record that has one, by stage and position.
        reviews: results sent to people, by id.
        decisions: what people (here simulated ones) said of them, by id.
        outcomes: what they came to, by the result's id.
        records: how many records lie on each topic, by the topic's word; outcomes, which lie on
            `decisions`, have one of their own.
        answered: positions whose annotation, or verdict, carries an answer of the model.
        differing: later results of a sample in which the model says something else.
    """

    results: dict[str, Body] = field(default_factory=dict)
    letters: dict[str, Body] = field(default_factory=dict)
    reviews: dict[str, Body] = field(default_factory=dict)
    decisions: dict[str, Body] = field(default_factory=dict)
    outcomes: dict[str, Body] = field(default_factory=dict)
    alarms: set[tuple[str, str]] = field(default_factory=set)
    records: Counter[str] = field(default_factory=Counter)
    answered: dict[str, set[str]] = field(
        default_factory=lambda: {"annotations": set(), "verdicts": set()}
    )
    differing: int = 0
    _ranks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, word: str, records: Iterable[Logged]) -> None:
        """Know more records of the topic of that word."""
        for record in records:
            kind = _kind_of(word, record)
            self.records[kind] += 1
            taken = getattr(self, f"_take_{kind.replace('-', '_')}", None)
            if taken is not None:
                taken(record)

    def _take_annotations(self, record: Logged) -> None:
        if _body(record)["annotation"] is not None:
            self.answered["annotations"].add(_source_of(record))

    def _take_verdicts(self, record: Logged) -> None:
        if _body(record)["verdict"] is not None:
            self.answered["verdicts"].add(_source_of(record))

    def _take_results(self, record: Logged) -> None:
        body = _body(record)
        key = body["sample_key"]
        known = self.results.get(key)
        if known is not None:
            self.differing += _said(known) != _said(body)
        rank = (record.offset, record.partition)
        if known is None or rank < self._ranks[key]:
            self._ranks[key] = rank
            self.results[key] = body

    def _take_reviews(self, record: Logged) -> None:
        body = _body(record)
        self.reviews.setdefault(body["result_id"], body)

    def _take_decisions(self, record: Logged) -> None:
        body = _body(record)
        self.decisions.setdefault(body["decision_id"], body)

    def _take_outcomes(self, record: Logged) -> None:
        body = _body(record)
        self.outcomes.setdefault(body["result_id"], body)

    def _take_alarms(self, record: Logged) -> None:
        body = _body(record)
        self.alarms.add((body["alarm_id"], body["state"]))

    def _take_dead_letters(self, record: Logged) -> None:
        letter = json.loads(record.headers[LETTER])
        source = letter["source"]
        place = (letter["stage"], source["topic"], source["partition"], source["offset"])
        self.letters.setdefault("/".join(map(str, place)), letter)

    @property
    def calls_needed(self) -> int:
        """Model answers that were needed: one for each record that carries one."""
        return sum(map(len, self.answered.values()))


def _kind_of(word: str, record: Logged) -> str:
    said = word == "decisions" and _body(record).get("kind") == "outcome"
    return "outcomes" if said else word


def _body(record: Logged) -> Body:
    body: Body = json.loads(record.value or b"")
    return body


def _said(result: Body) -> tuple[object, ...]:
    """What the model said of a sample."""
    made, verdict = result["annotation"] or {}, result["verdict"] or {}
    return made.get("labels"), made.get("confidence"), verdict.get("p_correct")


def _source_of(record: Logged) -> str:
    return record.headers["tidegauge-source"].decode()


def figures(sent: Sequence[Sent], truth: Truth) -> Figures:
    """Every figure by name, as it must stand on the dashboard."""
    found: Counter[str] = Counter()
    labelled = [r for r in truth.results.values() if r["annotation"] is not None]
    found.update(_ledger(sent, truth))
    for letter in truth.letters.values():
        found[f"dead letters {letter['stage']} {letter['error']}"] += 1
    for result in truth.results.values():
        found.update(_counted(result))
    return {
        "traffic samples": len({record.name for record in sent if record.name}),
        **found,
        **_means("judge score", [r["verdict"]["p_correct"] for r in labelled if r["verdict"]]),
        **_means("confidence", _present(r["annotation"]["confidence"] for r in labelled)),
        **_accuracy(labelled),
        **_cost(truth.results.values()),
        **_decided(truth),
    }


def _ledger(sent: Sequence[Sent], truth: Truth) -> Counter[str]:
    names = {record.name for record in sent if record.name}
    poison = sum(record.name is None for record in sent)
    texts: Counter[str] = Counter(name for name, _ in names)
    buried = {letter["sample_key"] for letter in truth.letters.values()}
    books = Counter(
        {
            "ledger samples in": len(names) + poison,
            "ledger unreadable": poison,
            "ledger reused ids": sum(count > 1 for count in texts.values()),
            "ledger state dead_lettered": len(buried - truth.results.keys()),
            "ledger repeats samples": truth.records["samples"] - len(names) - poison,
            "ledger repeats results": truth.records["results"] - len(truth.results),
            "ledger repeats reviews": truth.records["reviews"] - len(truth.reviews),
            "ledger repeats decisions": truth.records["decisions"] - len(truth.decisions),
            "ledger repeats outcomes": truth.records["outcomes"] - len(truth.outcomes),
            "ledger repeats alarms": truth.records["alarms"] - len(truth.alarms),
            "ledger repeats dead_letters": truth.records["dead_letters"] - len(truth.letters),
        }
    )
    ended: dict[str, set[str]] = {}
    for outcome in truth.outcomes.values():
        ended.setdefault(outcome["sample_key"], set()).add(outcome["state"])
    books.update(
        f"ledger state {_ended(ended[key]) if key in ended else result['state']}"
        for key, result in truth.results.items()
    )
    return books


def _ended(states: set[str]) -> str:
    """A sample is reviewed when one of its results is; else nobody decides it any more."""
    return "reviewed" if "reviewed" in states else "expired"


def _counted(result: Body) -> Counter[str]:
    """What one sample adds to the figures that count."""
    made, route = result["annotation"], result["route"]
    found: Counter[str] = Counter()
    if made is not None:
        found[f"label {' + '.join(sorted(made['labels']))}"] += 1
    for part in ("annotation", "verdict"):
        if (missing := result[f"{part}_missing"]) is not None:
            found[f"missing {part} {missing['why']}"] += 1
    if route is not None:
        lane = route["lane"] or "(accepted)"
        found[f"lane {lane}"] += 1
        found[f"lane {lane} audited"] += route["audit"]
    return found


def _accuracy(labelled: Sequence[Body]) -> Figures:
    referred = [r for r in labelled if r["sample"]["reference"]]
    right = sum(
        sorted(r["annotation"]["labels"]) == sorted(r["sample"]["reference"]) for r in referred
    )
    table = Counter(
        f"confusion {'+'.join(r['sample']['reference'])} {'+'.join(r['annotation']['labels'])}"
        for r in referred
    )
    share = {"accuracy": right / len(referred)} if referred else {}
    return {"accuracy n": len(referred), **share, **table}


def _decided(truth: Truth) -> Figures:
    """What outcomes say of the labels they answer; those of later results answer nothing."""
    labels = {
        result["result_id"]: sorted(result["annotation"]["labels"])
        for result in truth.results.values()
        if result["annotation"] is not None
    }
    found: Counter[str] = Counter()
    for outcome in truth.outcomes.values():
        known = outcome["state"] == "reviewed" and not outcome["ambiguous"]
        if outcome["result_id"] in labels and known:
            right = sorted(outcome["labels"]) == labels[outcome["result_id"]]
            found[f"decided {outcome['lane']}"] += 1
            found[f"decided {outcome['lane']} right"] += right
    return dict(found)


def _cost(results: Iterable[Body]) -> Figures:
    answers = [r[part] for r in results for part in ("annotation", "verdict") if r[part]]
    return {
        "cost answers": len(answers),
        "cost calls": sum(a["usage"]["calls"] for a in answers),
        "cost input tokens": sum(a["usage"]["input_tokens"] or 0 for a in answers),
        "cost usd": sum(a["price_usd"] or 0.0 for a in answers),
    }


def _means(name: str, values: Sequence[float]) -> Figures:
    mean = {f"{name} mean": sum(values) / len(values)} if values else {}
    return {f"{name} n": len(values), **mean}


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
