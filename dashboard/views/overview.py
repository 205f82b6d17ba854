"""Overview: how good the labels are now, what came in, what became of it, what it cost."""

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dashboard import charts, parts, states, timelines, words
from dashboard.key_numbers import Figures, key_numbers, left_out
from dashboard.reviewers import with_reviewers
from dashboard.tables import download, score_column, share_column, table
from dashboard.theme import SIGNAL_NAMES, STATE_COLOURS, STATE_NAMES
from dashboard.view import View, live
from streams.store.figures import cost, decisions, ledger, references, routing, scores, traffic
from streams.store.figures.alarms import AlarmFigure, alarms
from streams.store.figures.decisions import AuditQuality
from streams.store.figures.estimate import looks
from streams.store.figures.references import ReferenceQuality
from streams.store.figures.scope import Scope


def render(view: View) -> None:
    """Draws the page."""
    live(view, _body)


def _body(view: View) -> None:
    scope, now = view.scope, datetime.now(UTC)
    parts.title(view, "Overview", "How good the labels are, and what became of the traffic.", scope)
    books = ledger.ledger(view.store, scope)
    if not books.samples_in:
        states.nothing_here(view.filters.extent.last)
        return
    figures = Figures(
        books=books,
        raised=alarms(view.store, scope),
        known=references.reference_quality(view.store, scope, looks(scope, now)),
        audit=decisions.audit_quality(view.store, scope, now),
    )
    key_numbers(view, scope, now, figures)
    _timelines(view, scope, figures.raised)
    _books(view, scope, books)
    _quality(view, scope, now, figures.audit)
    if figures.known.referred:
        _references(figures.known)
    _cost(view, scope)


def _timelines(view: View, scope: Scope, raised: tuple[AlarmFigure, ...]) -> None:
    left, right = st.columns(2, gap="medium")
    flags = parts.alarm_flags(raised)
    with (
        left,
        parts.panel(
            "Judge score and annotator confidence",
            parts.SCORES_MEAN,
        ),
    ):
        frame = parts.score_frame(view, scope)
        if len(frame):
            chart = timelines.score_timeline(frame, flags, scope.span)
            st.altair_chart(chart, key="scores")
            download(frame, "scores-over-time")
        else:
            states.none("No scores in this time.")
    with right, parts.panel("Label mix", "Each label's share of every bucket. Red marks: alarms."):
        parts.label_mix(view, scope, flags)


def _books(view: View, scope: Scope, books: ledger.Ledger) -> None:
    left, right = st.columns(2, gap="medium")
    with left, parts.panel("Samples in", f"Per {words.span(scope.bucket_seconds)} bucket."):
        frame = parts.with_ends(traffic.samples_in(view.store, scope), scope)
        st.altair_chart(timelines.throughput(frame, scope.span), key="throughput")
        download(frame, "samples-in")
    with right, parts.panel("Ledger", "Every sample is in exactly one state."):
        frame = ledger_frame(books)
        st.altair_chart(charts.bars(frame, STATE_COLOURS), key="ledger")
        if books.balanced:
            st.badge(
                f"The books balance: {books.samples_in:,} in = {sum(books.states.values()):,}",
                icon=":material/check:",
                color="green",
            )
        else:
            st.badge(f"{books.unbooked:,} states without a sample", color="red")
            st.caption(
                "Their samples are not stored (yet). This settles within seconds while traffic "
                "flows; if it stays, records were lost from the samples topic."
            )
        if books.strays:
            st.caption(f"Beside the books: {books.strays:,} dead letters that belong to no sample.")
        if scope.version:
            st.caption("All versions: a sample in flight has none yet.")
        download(frame[["name", "samples", "share"]], "ledger")


def ledger_frame(books: ledger.Ledger) -> pd.DataFrame:
    """The ledger's states in order, those that are empty and rare left out."""
    always = {"in_flight", "accepted", "awaiting_review", "reviewed", "dead_lettered"}
    total = max(books.samples_in, 1)
    records = [
        (STATE_NAMES[state], samples, samples / total)
        for state, samples in books.states.items()
        if samples or state in always
    ]
    frame = pd.DataFrame(records, columns=["name", "samples", "share"])
    frame["part"] = [words.percent(share) for share in frame["share"]]
    frame["caption"] = [
        f"{n:,}  ({part})" for n, part in zip(frame.samples, frame.part, strict=True)
    ]
    return frame


def _quality(view: View, scope: Scope, now: datetime, audit: AuditQuality) -> None:
    left, right = st.columns([3, 4], gap="medium")
    promise = words.PROMISES[looks(scope, now).kind]
    with (
        left,
        parts.panel(
            "Scores by slice", f"Mean and 95 % interval {promise}; the most common slices first."
        ),
    ):
        frame = scores.scores_by_slice(view.store, scope, now).replace({"signal": SIGNAL_NAMES})
        if len(frame):
            top = frame[frame["slice"].isin(frame["slice"].unique()[:8])]
            named = top.rename(columns={"slice": "name", "signal": "group"})
            st.altair_chart(charts.intervals(named, "mean score (0 to 1)"), key="slices")
            download(frame, "scores-by-slice")
        else:
            states.none("The samples carry no tags, so there are no slices.")
    with (
        right,
        parts.panel(
            "Accuracy by lane, from outcomes",
            "How often reviewers came to the very same label. Lanes pick what people see, hard "
            "samples above all: neither one lane nor all together are a picture of the traffic. "
            "The audited samples are, and stand beneath. 95 % intervals "
            f"{words.PROMISES['sequence']} and while people are still asked; for one look after "
            "that.",
        ),
    ):
        _lanes(view, scope, now, audit)


def _lanes(view: View, scope: Scope, now: datetime, audit: AuditQuality) -> None:
    frame = decisions.lane_accuracy(view.store, scope, now)
    if not len(frame):
        states.none("No outcomes in this time.")
        return
    _lane_table(with_reviewers(frame))
    _audit(audit)
    lanes = routing.lanes(view.store, scope)
    st.caption("Where samples went, and their recorded probability of review (π):")
    table(
        lanes,
        "lanes",
        {
            "share": share_column("share"),
            "propensity_low": score_column("π min"),
            "propensity_mean": score_column("π mean"),
            "propensity_high": score_column("π max"),
        },
    )


def _audit(audit: AuditQuality) -> None:
    """The one line here that speaks for all traffic."""
    mark = ", simulated reviewers among them" if audit.simulated else ""
    figure = f"{words.percent(audit.accuracy.value)} ({words.shares(audit.accuracy)}{mark})"
    st.markdown(f"**All traffic, by the audited samples: {figure}**")
    st.caption(f"{left_out(audit)}.")


def _lane_table(frame: pd.DataFrame) -> None:
    table(
        frame,
        "lane-accuracy",
        {
            "value": share_column("accuracy"),
            "low": share_column("95 % low"),
            "high": share_column("95 % high"),
            "n": st.column_config.NumberColumn("n", help="Reviewed samples with a label."),
            "undecided": st.column_config.NumberColumn(
                "undecided", help="Expired or cancelled before anybody decided."
            ),
            "right": None,
            "kind": None,
        },
    )


def _references(known: ReferenceQuality) -> None:
    promise = words.PROMISES[known.accuracy.kind]
    left, right = st.columns(2, gap="medium")
    with (
        left,
        parts.panel(
            "Against references",
            "Known labels that came with the traffic; shown to no annotator, judge or reviewer. "
            f"{known.unlabelled:,} of {known.referred:,} referred samples have no label. "
            f"95 % intervals {promise}.",
        ),
    ):
        frame = parts.reference_frame(known)
        st.altair_chart(charts.intervals(frame, "95 % interval (0 to 1)"), key="references")
        download(frame, "references")
    with right, parts.panel("Confusion", "Rows: the known label. Colour: share of the row."):
        frame, order = parts.confusion_frame(known)
        st.altair_chart(charts.confusion(frame, order), key="confusion")
        download(frame, "confusion")
    with parts.panel(
        "Label by label", f"Counted label by label, in label sets too. 95 % intervals {promise}."
    ):
        table(parts.label_frame(known), "label-quality", parts.LABEL_COLUMNS)


def _cost(view: View, scope: Scope) -> None:
    left, right = st.columns(2, gap="medium")
    note = (
        "What the annotations and verdicts kept have cost. Calls that timed out, broke off or were "
        "repeated are in the spend per day on Operations."
    )
    with left, parts.panel("Cost and tokens", note):
        spent = cost.cost(view.store, scope)
        parts.facts(
            {
                "Known price": words.dollars(spent.known_usd),
                "Answers": words.count(spent.answers),
                "of them unpriced": words.count(spent.unpriced),
                "of them from the cache": words.count(spent.cached),
                "Requests for these answers": words.count(spent.calls),
                "Input tokens": words.count(spent.input_tokens),
                "Output tokens": words.count(spent.output_tokens),
            }
        )
    with right, parts.panel("Recorded probability of review", "Fixed before the draw; never zero."):
        frame = routing.propensities(view.store, scope)
        if len(frame):
            st.altair_chart(charts.propensities(frame), key="propensities")
            download(frame, "propensities")
        else:
            states.none("Nothing was routed in this time.")
