"""One scope's figures as plain data and as text: what `report`, `evaluate` and `demo` say."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.quality.classification import Confusion
from agents.quality.intervals import Estimate
from models.result import STATES
from streams.cli import terminal
from streams.store.client import Store
from streams.store.figures.alarms import AlarmFigure, alarms
from streams.store.figures.cost import cost, latencies
from streams.store.figures.decisions import audit_quality
from streams.store.figures.estimate import is_open
from streams.store.figures.ledger import Ledger, ledger
from streams.store.figures.references import reference_quality
from streams.store.figures.routing import lanes
from streams.store.figures.scope import Scope
from streams.store.figures.traffic import labels

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_CONFUSION_LABELS = 12

Facts = dict[str, Any]


def whole(task: str, run: str = "") -> Scope:
    """All traffic of a task (or of one of its evaluation runs), whenever it came."""
    return Scope(start=_FIRST, end=datetime.now(UTC) + timedelta(days=1), task=task, run=run)


def recent(task: str, span: timedelta) -> Scope:
    """A task's live traffic of the last so long."""
    now = datetime.now(UTC)
    return Scope(start=now - span, end=now + timedelta(minutes=1), task=task)


def summary(store: Store, scope: Scope) -> Facts:
    """Everything the Overview knows of a scope, as plain data.

    Shares are in [0, 1] and come with `low`, `high` (95 %), `n` and the interval's `kind`: right
    at one look (`fixed`) or at every look (`sequence`). What is unknown is null.
    """
    now = datetime.now(UTC)
    return {
        "task": scope.task,
        "run": scope.run,
        "open": is_open(scope, now),
        **ledger_facts(ledger(store, scope)),
        **quality_facts(store, scope),
        "audit": _audit(store, scope, now),
        "labels": list(labels(store, scope)),
        "lanes": lanes(store, scope).to_dict("records"),
        "alarms": [alarm_facts(alarm) for alarm in alarms(store, scope)],
        "cost": asdict(cost(store, scope)),
        "latency": latencies(store, scope).to_dict("records"),
    }


def ledger_facts(books: Ledger) -> Facts:
    """The ledger: in, states, and whether the books balance."""
    return {
        "samples_in": books.samples_in,
        "ledger": {state: books.states.get(state, 0) for state in STATES},
        "balanced": books.balanced,
        "unreadable": books.unreadable,
        "strays": books.strays,
        "repeats": books.repeats,
        "reused_ids": books.reused_ids,
    }


def quality_facts(store: Store, scope: Scope) -> Facts:
    """How the labels compare with references, as far as traffic brought any."""
    found = reference_quality(store, scope)
    return {
        "referred": found.referred,
        "unlabelled": found.unlabelled,
        "accuracy": estimate(found.accuracy),
        "balanced_accuracy": found.balanced_accuracy.value,
        "majority_baseline": found.majority_baseline.value,
        "auc": {"confidence": found.auc_confidence.value, "judge": found.auc_judge.value},
        "confusion": _confusion(found.confusion),
    }


def estimate(found: Estimate) -> Facts:
    """A share with its interval, n, and what the interval promises."""
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "kind": found.kind,
    }


def alarm_facts(alarm: AlarmFigure) -> Facts:
    """An alarm as it stands."""
    return {
        "id": alarm.alarm_id,
        "signal": alarm.signal,
        "slice": alarm.slice,
        "at": alarm.raised.isoformat(),
        "since": alarm.since.isoformat() if alarm.since else None,
        "state": alarm.state,
        "direction": alarm.direction,
        "before": alarm.before.model_dump(),
        "after": alarm.after.model_dump(),
        "evidence": alarm.evidence,
        "threshold": alarm.threshold,
        "by": alarm.by,
        "note": alarm.note,
    }


def _audit(store: Store, scope: Scope, now: datetime) -> Facts:
    found = audit_quality(store, scope, now)
    return {**asdict(found), "accuracy": estimate(found.accuracy)}


def _confusion(found: Confusion) -> list[Facts]:
    return [
        {"reference": known, "label": given, "samples": n} for (known, given), n in found.items()
    ]


def rendered(facts: Facts) -> RenderableType:
    """The figures for a terminal; parts without anything to say are left out."""
    parts: list[RenderableType | None] = [
        ledger_text(facts),
        _quality_text(facts),
        _confusion_text(facts["confusion"]),
        _lanes_text(facts["lanes"]),
        alarms_text(facts["alarms"]),
        _cost_text(facts),
    ]
    spaced: list[RenderableType] = []
    for part in parts:
        if part is not None:
            spaced += [part, Text()]
    return Group(*spaced[:-1])


def ledger_text(facts: Facts) -> RenderableType:
    """What came in and what became of it."""
    made = terminal.table("state", ">samples")
    for state, count in facts["ledger"].items():
        if count:
            made.add_row(state.replace("_", " "), f"{count:,}")
    if not facts["balanced"]:
        made.add_row(Text("books do not balance", style="bold red"), "")
    if facts["strays"]:
        stray = Text("dead letters of no sample (in no state)", style="yellow")
        made.add_row(stray, f"{facts['strays']:,}")
    for topic, count in facts["repeats"].items():
        made.add_row(Text(f"repeats on {topic} (in no figure)", style="dim"), f"{count:,}")
    return terminal.titled(f"Ledger: {facts['samples_in']:,} samples in", made)


def _quality_text(facts: Facts) -> RenderableType | None:
    said: dict[str, str | Text] = {}
    if facts["referred"]:
        auc = facts["auc"]
        once = " (at one look)" if facts["open"] else ""
        said[f"accuracy by references{once}"] = terminal.interval(facts["accuracy"])
        said["balanced accuracy"] = terminal.percent(facts["balanced_accuracy"])
        said["commonest label alone"] = terminal.percent(facts["majority_baseline"])
        said["confidence: right or wrong"] = _auc(auc["confidence"])
        said["judge: right or wrong"] = _auc(auc["judge"])
        said["without a label"] = f"{facts['unlabelled']:,}"
    audit = facts["audit"]
    if audit["accuracy"]["n"]:
        who = "simulated reviewers" if audit["simulated"] else "reviewers"
        looks = ", at any look" if audit["accuracy"]["kind"] == "sequence" else ""
        said[f"{who} agree (audited{looks})"] = terminal.interval(audit["accuracy"])
    return terminal.titled("Quality of the labels", terminal.pairs(said)) if said else None


def _auc(value: float | None) -> str:
    return "–" if value is None else f"AUC {value:.3f}  (0.5 is chance)"


def _confusion_text(cells: list[Facts]) -> RenderableType | None:
    totals: dict[str, int] = {}
    for cell in cells:
        for label in (cell["reference"], cell["label"]):
            totals[label] = totals.get(label, 0) + cell["samples"]
    names = sorted(totals, key=lambda label: -totals[label])
    if not names or len(names) > _CONFUSION_LABELS:
        return None
    counts = {(cell["reference"], cell["label"]): cell["samples"] for cell in cells}
    made = Table(box=None, pad_edge=False)
    made.add_column("")
    for name in names:
        made.add_column(terminal.shown(name, 24), justify="right", header_style="dim")
    for known in names:
        row = [_cell(counts.get((known, given), 0), known == given) for given in names]
        made.add_row(terminal.shown(known, 24, style="dim"), *row)
    return terminal.titled("Known label (rows) against given label (columns)", made)


def _cell(count: int, right: bool) -> Text:
    style = "green" if right else "yellow"
    return Text(f"{count:,}" if count else "·", style=style if count else "dim")


def _lanes_text(found: list[Facts]) -> RenderableType | None:
    if not found:
        return None
    made = terminal.table("lane", ">samples", ">share", ">decided")
    for lane in found:
        share = terminal.percent(lane["share"])
        made.add_row(lane["lane"], f"{lane['samples']:,}", share, f"{lane['decided']:,}")
    return terminal.titled("Where samples went", made)


def alarms_text(found: list[Facts]) -> RenderableType | None:
    """Alarms, newest first: what moved, where, when, from what to what."""
    if not found:
        return None
    made = terminal.table("id", "signal", "slice", "state", "since (UTC)", "before → after")
    for alarm in found:
        made.add_row(
            alarm["id"][:8],
            alarm["signal"].replace("_", " "),
            terminal.shown(alarm["slice"] or "whole task", 40),
            alarm["state"],
            (alarm["since"] or alarm["at"])[:19].replace("T", " "),
            terminal.shown(_moved(alarm), 200),
        )
    return terminal.titled("Alarms", made)


def _moved(alarm: Facts) -> str:
    before, after = alarm["before"], alarm["after"]
    if before["mean"] is not None and after["mean"] is not None:
        return f"{before['mean']:.2f} → {after['mean']:.2f} (n {before['n']}, {after['n']})"
    names = sorted(
        before["mix"] | after["mix"],
        key=lambda name: -abs(after["mix"].get(name, 0) - before["mix"].get(name, 0)),
    )
    shares = [
        f"{name} {before['mix'].get(name, 0):.0%} → {after['mix'].get(name, 0):.0%}"
        for name in names[:2]
    ]
    return f"{', '.join(shares)} (n {before['n']}, {after['n']})"


def _cost_text(facts: Facts) -> RenderableType | None:
    cost = facts["cost"]
    if not cost["answers"]:
        return None
    money = "unknown" if cost["known_usd"] is None else f"${cost['known_usd']:,.4f}"
    unpriced = cost["answers"] - cost["priced"]
    said: dict[str, str | Text] = {
        "cost": f"{money} for {cost['priced']:,} answers"
        + (f"; {unpriced:,} answers have no known price" if unpriced else ""),
        "calls": f"{cost['calls']:,}; {cost['cached']:,} answers from the cache",
        "tokens": f"{cost['input_tokens']:,} in, {cost['output_tokens']:,} out",
    }
    for step in facts["latency"]:
        model = f" ({step['model']})" if step["model"] else ""
        said[f"{step['step']}{terminal.visible(model)}"] = (
            f"p50 {step['p50']:,.0f} ms, p99 {step['p99']:,.0f} ms (n = {step['n']:,})"
        )
    return terminal.titled("Cost and time", terminal.pairs(said))
