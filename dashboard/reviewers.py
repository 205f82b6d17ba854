"""The reviewers' part of the Review page: each one's work, and who agrees with whom."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, parts, states, words
from dashboard.tables import score_column, share_column, table
from dashboard.view import View
from streams.store.figures import review_people
from streams.store.figures.estimate import looks
from streams.store.figures.scope import Scope

CHARTED = 15
NAME_WIDTH = 120
END_WIDTH = 62
N_WIDTH = 48
KNOWN, AGAIN = "gold answered as known", "repeats answered as before"
WEIGHTS = {False: "items asked about", True: "all traffic (1/π)"}


def with_reviewers(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with who reviewed in place of the flag `simulated`."""
    shown = frame.rename(columns={"simulated": "reviewers"})
    return shown.assign(reviewers=frame["simulated"].map({True: "simulated", False: "people"}))


def interval_columns(
    name: str, label: str, column: Callable[[str, str | None], Any]
) -> dict[str, Any]:
    """The columns of an estimate and of its ends, these narrow: a table has many of them.

    Args:
        name: the frame's column; its ends are `_low` and `_high`.
        label: what it is called.
        column: makes one from a label and its meaning, e.g. `share_column`.
    """
    ends = {
        f"{name}_{end}": {**column(end, f"{label}: 95 % {end}"), "width": END_WIDTH}
        for end in ("low", "high")
    }
    return {name: column(label, None), **ends}


def alpha_card(alphas: pd.DataFrame) -> parts.Card:
    """How far people agree beyond chance; what simulated reviewers do is marked."""
    meaning = (
        "Krippendorff's alpha of all answers to the items that several answered: 1 is full "
        "agreement, 0 what chance would give. 95 % interval for one look."
    )
    plain = alphas[~alphas["weighted"].astype(bool)]
    if not len(plain):
        return parts.Card("Agreement, alpha", words.DASH, "no item has two answers", meaning)
    row = plain.iloc[0]
    known = {name: None if pd.isna(row[name]) else row[name] for name in ("value", "low", "high")}
    beneath = f"n {words.count(row['n'])} items"
    if known["low"] is not None and known["high"] is not None:
        beneath = f"{known['low']:.2f} to {known['high']:.2f} · {beneath}"
    value = words.DASH if known["value"] is None else f"{known['value']:.2f}"
    mark = " · simulated" if row["simulated"] else ""
    return parts.Card("Agreement, alpha", value, f"{beneath}{mark}", meaning)


def people(scope: Scope, now: datetime, frame: pd.DataFrame) -> None:
    """Each reviewer's work in the scope; simulated reviewers in a table of their own."""
    promise = words.PROMISES[looks(scope, now).kind]
    with parts.panel(
        "Reviewers",
        "By the time of their answers. Gold are planted items whose labels are known; repeats are "
        "items the same reviewer had before. Bulk: answered faster than the text can be read, at "
        f"least three in a row. 95 % intervals of gold and repeats {promise}; of the median, for "
        "one look. Of many reviewers, one in twenty lies outside its own. Skipped items are in no "
        "figure here. The CSV has more: ambiguous decisions, the last answer.",
    ):
        if not len(frame):
            states.none("Nobody answered in this time.")
            return
        real = frame[~frame["simulated"]]
        if len(real):
            _measured(real)
            _table(real, "reviewers")
        else:
            states.none("No person answered in this time.")
        made_up = frame[frame["simulated"]]
        if len(made_up):
            st.badge("simulated reviewers: not people", icon=":material/smart_toy:", color="violet")
            _table(made_up, "simulated-reviewers")


def _measured(frame: pd.DataFrame) -> None:
    records = [
        (words.visible(row["reviewer"]), group, *(row[f"{name}{end}"] for end in _ENDS))
        for row in frame.head(CHARTED).to_dict("records")
        for group, name in ((KNOWN, "gold"), (AGAIN, "steady"))
        if row[f"{name}_n"]
    ]
    if records:
        shown = pd.DataFrame(records, columns=["name", "group", "value", "low", "high", "n"])
        st.altair_chart(charts.intervals(shown, "share, 95 % interval (0 to 1)"), key="measured")
    else:
        states.none(
            "No gold and no repeat answered in this time: nothing tells how accurate these "
            "reviewers are. Plant gold: `tidegauge gold add`."
        )


_ENDS = ("", "_low", "_high", "_n")


def _table(frame: pd.DataFrame, name: str) -> None:
    number = st.column_config.NumberColumn
    table(
        frame.drop(columns=["simulated", "kind"]),
        name,
        {
            **interval_columns("seconds", "median, s", _seconds_column),
            **interval_columns("gold", "gold right", share_column),
            **interval_columns("steady", "repeats same", share_column),
            "reviewer": st.column_config.TextColumn("reviewer", width=NAME_WIDTH),
            "bulk": share_column("bulk", "Share of all answers; all were counted."),
            "answers": number("answers", help="Gold and repeats included."),
            "decisions": number("decisions", help="Answers to samples, adjudications included."),
            "seconds_n": _n_column("Answers whose time is known."),
            "gold_n": _n_column("Gold answered; `ambiguous` counts as a miss."),
            "steady_n": _n_column("Repeats with a label the first time."),
            "ambiguous": None,
            "last": None,
        },
    )


def _seconds_column(label: str, meaning: str | None) -> Any:
    return st.column_config.NumberColumn(
        label, format="%.1f", help=meaning or "Time spent on an answer."
    )


def _n_column(meaning: str) -> Any:
    return st.column_config.NumberColumn("n", help=meaning, width=N_WIDTH)


def agreement(view: View, scope: Scope, alphas: pd.DataFrame) -> None:
    """Who agrees with whom, and all together."""
    with parts.panel(
        "Agreement two by two",
        "On what both answered, ambiguous being an answer; no adjudications. Kappa is the "
        "agreement beyond chance: unknown when both always said the same one label. "
        "95 % intervals for one look.",
    ):
        pairs = review_people.pairs(view.store, scope)
        if len(pairs):
            _pairs(pairs)
        else:
            states.none("No two reviewers answered the same item in this time.")
    with parts.panel(
        "Agreement of all",
        "Krippendorff's alpha. People are asked about the harder items, on which they agree "
        "less; weighted by the recorded probability of review it speaks of all traffic. "
        "95 % intervals for one look.",
    ):
        if len(alphas):
            _alphas(alphas)
        else:
            states.none("No item has two answers in this time.")


def _pairs(pairs: pd.DataFrame) -> None:
    table(
        with_reviewers(pairs),
        "reviewer-pairs",
        {
            **{one: st.column_config.TextColumn(one, width=NAME_WIDTH) for one in ("one", "other")},
            "n": _n_column("Items that both answered."),
            **interval_columns("agreement", "agreement", share_column),
            **interval_columns("kappa", "kappa", score_column),
        },
    )


def _alphas(alphas: pd.DataFrame) -> None:
    frame = with_reviewers(alphas)
    frame = frame.assign(of=frame.pop("weighted").map(WEIGHTS))
    table(
        frame[["of", "reviewers", "value", "low", "high", "n"]],
        "alpha",
        {
            "value": score_column("alpha"),
            "low": score_column("95 % low"),
            "high": score_column("95 % high"),
            "n": _n_column("Items with two answers or more."),
        },
    )
