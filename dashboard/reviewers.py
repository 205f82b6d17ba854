"""The reviewers' part of the Review page: each one's work, and who agrees with whom."""

from datetime import datetime

import pandas as pd
import streamlit as st

from dashboard import charts, parts, states, words
from dashboard.tables import score_column, share_column, table, time_column
from dashboard.view import View
from streams.store.figures import review_people
from streams.store.figures.estimate import looks
from streams.store.figures.scope import Scope

CHARTED = 15
NAME_WIDTH = 140
KNOWN, AGAIN = "gold answered as known", "repeats answered as before"
WEIGHTS = {False: "items asked about", True: "all traffic (1/π)"}


def with_reviewers(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with who reviewed in place of the flag `simulated`."""
    shown = frame.rename(columns={"simulated": "reviewers"})
    return shown.assign(reviewers=frame["simulated"].map({True: "simulated", False: "people"}))


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
        f"least three in a row. 95 % intervals {promise}; of many reviewers, one in twenty lies "
        "outside its own. Skipped items are in no figure here.",
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
    shares = {
        f"{column}{end}": share_column(f"{shown}{end.replace('_', ' ')}")
        for column, shown in (("gold", "gold right"), ("steady", "repeats same"))
        for end in ("", "_low", "_high")
    }
    table(
        frame.drop(columns=["simulated", "kind"]),
        name,
        {
            **shares,
            "reviewer": st.column_config.TextColumn("reviewer", width=NAME_WIDTH),
            "bulk": share_column("bulk", "Share of all answers; all were counted."),
            "answers": number("answers", help="Gold and repeats included."),
            "decisions": number("decisions", help="Answers to samples, adjudications included."),
            "ambiguous": number("ambiguous", help="Decisions that say there is no label."),
            "seconds": number("median, s", format="%.1f", help="Time spent on an answer."),
            "seconds_low": number("median low, s", format="%.1f"),
            "seconds_high": number("median high, s", format="%.1f"),
            "seconds_n": number("n timed"),
            "gold_n": number("gold n", help="Gold answered; `ambiguous` counts as a miss."),
            "steady_n": number("repeats n", help="Repeats with a label the first time."),
            "last": time_column("last answer"),
        },
    )


def agreement(view: View, scope: Scope, alphas: pd.DataFrame) -> None:
    """Who agrees with whom, and all together."""
    left, right = st.columns([3, 2], gap="medium")
    with (
        left,
        parts.panel(
            "Agreement two by two",
            "On what both answered, ambiguous being an answer; no adjudications. Kappa is the "
            "agreement beyond chance: unknown when both always said the same one label. "
            "95 % intervals for one look.",
        ),
    ):
        pairs = review_people.pairs(view.store, scope)
        if len(pairs):
            _pairs(pairs)
        else:
            states.none("No two reviewers answered the same item in this time.")
    with (
        right,
        parts.panel(
            "Agreement of all",
            "Krippendorff's alpha. People are asked about the harder items, on which they agree "
            "less; weighted by the recorded probability of review it speaks of all traffic.",
        ),
    ):
        if len(alphas):
            _alphas(alphas)
        else:
            states.none("No item has two answers in this time.")


def _pairs(pairs: pd.DataFrame) -> None:
    shares = ("agreement", "agreement_low", "agreement_high")
    table(
        with_reviewers(pairs),
        "reviewer-pairs",
        {
            **{one: st.column_config.TextColumn(one, width=NAME_WIDTH) for one in ("one", "other")},
            "n": st.column_config.NumberColumn("n", help="Items that both answered."),
            **{name: share_column(name.replace("_", " ")) for name in shares},
            **{name: score_column(name.replace("_", " ")) for name in _KAPPAS},
        },
    )


_KAPPAS = ("kappa", "kappa_low", "kappa_high")


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
            "n": st.column_config.NumberColumn("n", help="Items with two answers or more."),
        },
    )
