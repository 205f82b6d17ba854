"""Parts that several pages are built from: title, cards, panels, and frames for charts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
import streamlit as st

from dashboard import states, timelines, words
from dashboard.tables import download, share_column
from dashboard.theme import SIGNAL_NAMES
from dashboard.view import View
from streams.store.figures import operations, scores, traffic
from streams.store.figures.alarms import AlarmFigure
from streams.store.figures.references import ReferenceQuality
from streams.store.figures.scope import Scope

CONFUSION_LABELS = 12
MOST_CARDS = 5
SCORES_MEAN = (
    "Mean per bucket with its 95 % interval: for one look; in buckets that still fill wider, and "
    "for every look. Red marks: alarms."
)
LABEL_COLUMNS: dict[str, Any] = {"kind": None} | {
    name: share_column(name.replace("_", " "))
    for name in (
        "precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high"
    )
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """One key number: what, how much, the interval and n beneath, and what it means."""

    label: str
    value: str
    beneath: str
    meaning: str
    colour: Literal["off", "red", "green", "orange"] = "off"


def title(view: View, name: str, meaning: str, scope: Scope) -> None:
    """The page's heading: what it is about, which traffic, and anything that must not be missed."""
    st.header(name, anchor=False)
    st.caption(meaning)
    about = [view.filters.task, view.filters.run or "live traffic"]
    about += [part for part in (view.filters.version, view.filters.slice) if part]
    about.append(f"{words.moment(scope.start)} to {words.moment(scope.end)}")
    st.text(words.visible("  ·  ".join(about)))
    if view.scripted:
        st.badge("scripted model: not a real one", icon=":material/theater_comedy:", color="violet")
    held = operations.controls(view.store)
    for row in held[held["task"] == view.filters.task].to_dict("records") if len(held) else []:
        st.badge(
            f"{row['action']}: nothing new is labelled", icon=":material/pause:", color="orange"
        )


def cards(numbers: Sequence[Card]) -> None:
    """Key numbers side by side, each with its interval and n beneath."""
    width = math.ceil(len(numbers) / math.ceil(len(numbers) / MOST_CARDS))
    for start in range(0, len(numbers), width):
        _row(numbers[start : start + width], width)


def _row(numbers: Sequence[Card], width: int) -> None:
    for column, card in zip(st.columns(width, gap="small"), numbers, strict=False):
        column.metric(
            card.label,
            card.value,
            delta=card.beneath,
            delta_color=card.colour,
            delta_arrow="off",
            help=card.meaning,
            border=True,
            height="stretch",
        )


@contextmanager
def panel(name: str, meaning: str) -> Iterator[None]:
    """A framed part of a page with its title and one sentence on how to read it."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"**{name}**")
        st.caption(meaning)
        yield


def facts(pairs: Mapping[str, str]) -> None:
    """Names and numbers in two columns of text."""
    for name, value in pairs.items():
        left, right = st.columns([2, 3], gap="small")
        left.caption(name)
        right.markdown(value)


def score_frame(view: View, scope: Scope) -> pd.DataFrame:
    """Mean scores per bucket under the names they are shown by."""
    frame = scores.scores_over_time(view.store, scope, datetime.now(UTC))
    return frame.replace({"signal": SIGNAL_NAMES})


def label_mix(view: View, scope: Scope, flags: pd.DataFrame) -> None:
    """The label mix over time with its alarms and its download."""
    frame = traffic.label_mix(view.store, scope)
    if not len(frame):
        states.none("No labels in this time.")
        return
    order = label_order(view, scope)
    shown = with_ends(frame, scope).assign(label=[words.visible(label) for label in frame["label"]])
    st.altair_chart(timelines.label_mix(shown, order, flags, scope.span), key="mix")
    download(frame, "label-mix")


def label_order(view: View, scope: Scope) -> list[str]:
    """The most common labels in the order of their colours; the rest come last, as one."""
    names = [words.visible(label) for label in traffic.labels(view.store, scope)]
    most = names[: traffic.LABEL_LIMIT]
    return [*most, traffic.OTHER_LABELS] if len(names) > len(most) else most


def with_ends(frame: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    """The frame with `until`, the end of each bucket or, earlier, of the scope."""
    width = pd.Timedelta(seconds=scope.bucket_seconds)
    return frame.assign(until=[min(at + width, scope.end) for at in frame["at"]])


def alarm_flags(raised: Sequence[AlarmFigure]) -> pd.DataFrame:
    """Alarms as marks for timelines: raised, what."""
    records = [(alarm.raised, alarm_name(alarm)) for alarm in raised]
    return pd.DataFrame(records, columns=["raised", "what"])


def alarm_name(alarm: AlarmFigure) -> str:
    """What moved and where, as plain text."""
    where = alarm.slice or "all traffic"
    return words.visible(f"{SIGNAL_NAMES.get(alarm.signal, alarm.signal)} in {where}")


def reference_frame(known: ReferenceQuality) -> pd.DataFrame:
    """The figures against references as rows: name, group, value, low, high, n, kind."""
    rows = {
        "accuracy": ("accuracy", known.accuracy),
        "always the commonest label": ("accuracy", known.majority_baseline),
        "balanced accuracy": ("accuracy", known.balanced_accuracy),
        "AUC of the judge score": ("AUC: tells right from wrong", known.auc_judge),
        "AUC of the confidence": ("AUC: tells right from wrong", known.auc_confidence),
    }
    records = [
        (name, group, e.value, e.low, e.high, e.n, e.kind)
        for name, (group, e) in rows.items()
        if e.value is not None
    ]
    columns = ["name", "group", "value", "low", "high", "n", "kind"]
    return pd.DataFrame(records, columns=columns)


def confusion_frame(known: ReferenceQuality) -> tuple[pd.DataFrame, list[str]]:
    """Counts by known and given label with their share of the row; the commonest labels only."""
    totals: dict[str, int] = {}
    uses: dict[str, int] = {}
    for (truth, given), samples in known.confusion.items():
        totals[truth] = totals.get(truth, 0) + samples
        for label in {truth, given}:
            uses[label] = uses.get(label, 0) + samples
    order = sorted(uses, key=lambda label: (-uses[label], label))[:CONFUSION_LABELS]
    records = [
        (words.visible(truth), words.visible(given), samples, samples / totals[truth])
        for truth in order
        for given in order
        if truth in totals
        for samples in [known.confusion.get((truth, given), 0)]
    ]
    frame = pd.DataFrame(records, columns=["known", "given", "samples", "share"])
    return frame, [words.visible(label) for label in order]


def label_frame(known: ReferenceQuality) -> pd.DataFrame:
    """Precision and recall per label with n, intervals and what these promise."""
    records: list[dict[str, Any]] = [
        {
            "label": each.label,
            "given": each.precision.n,
            "precision": each.precision.value,
            "precision_low": each.precision.low,
            "precision_high": each.precision.high,
            "known": each.recall.n,
            "recall": each.recall.value,
            "recall_low": each.recall.low,
            "recall_high": each.recall.high,
            "kind": each.recall.kind,
        }
        for each in known.labels
    ]
    return pd.DataFrame(records)
