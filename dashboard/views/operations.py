"""Operations: is the machine healthy, what failed, how fast, what it spends."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from dashboard import parts, states, timelines, words
from dashboard.tables import table, time_column
from dashboard.view import View, live
from streams.store.figures import cost, ledger, operations, routing
from streams.store.figures.scope import Scope

SPEND_DAYS = 14


def render(view: View) -> None:
    """Draws the page."""
    live(view, _body)


def _body(view: View) -> None:
    scope, now = view.scope, datetime.now(UTC)
    parts.title(view, "Operations", "Whether every stage keeps up, and what went wrong.", scope)
    stages = operations.stages(view.store, now)
    books = ledger.ledger(view.store, scope)
    overdue = now - timedelta(seconds=view.settings.delivery.stuck_seconds)
    waiting = ledger.stuck(view.store, scope, overdue)
    _numbers(view, stages, books, waiting)
    _stages(stages)
    _history(view, scope)
    _failures(view, scope, waiting)
    _books(books)
    _models(view, scope)


def _numbers(view: View, stages: pd.DataFrame, books: ledger.Ledger, waiting: pd.DataFrame) -> None:
    silent = int(stages["silent"].sum()) if len(stages) else 0
    lag = stages["lag"].dropna() if len(stages) else pd.Series(dtype=float)
    letters = books.states["dead_lettered"]
    parts.cards(
        [
            parts.Card(
                "Stages alive", f"{len(stages) - silent} of {len(stages)}",
                f"{silent} silent" if silent else "all report",
                f"A stage that wrote no health for {operations.SILENT_SECONDS} s is silent.",
                "red" if silent else "off",
            ),
            parts.Card(
                "Lag", words.count(lag.sum()) if len(lag) else words.DASH, "records, all stages",
                "Records that are on Kafka and not yet finished, against committed offsets.",
            ),
            parts.Card(
                "In flight", words.count(books.in_flight), f"of {words.count(books.samples_in)} in",
                "Samples that are not in a final state yet.",
            ),
            parts.Card(
                "Stuck", words.count(len(waiting)),
                f"longer than {words.span(view.settings.delivery.stuck_seconds)}",
                "Samples in flight for too long; they are listed below by name.",
                "red" if len(waiting) else "off",
            ),
            parts.Card(
                "Dead letters", words.count(letters), "unreadable samples",
                "Their bytes are kept: `tidegauge dead-letters list`.",
                "red" if letters else "off",
            ),
            parts.Card(
                "Repeats", words.count(sum(books.repeats.values())), "records met again",
                "Records that came again, after a restart or from the producer. They change no "
                "figure.",
            ),
        ]
    )  # fmt: skip


def _stages(stages: pd.DataFrame) -> None:
    with parts.panel(
        "Stages", "The latest report of each process; counts since that process started."
    ):
        if not len(stages):
            states.none("No stage has reported in the last day. Start them: `tidegauge up`.")
            return
        frame = stages.assign(
            state=["silent" if silent else "alive" for silent in stages["silent"]]
        )
        columns = [
            "stage", "slot", "state", "age_seconds", "per_second", "lag", "in_flight", "received",
            "emitted", "errors", "retries", "dead_letters", "calls", "latency_p50_ms",
            "latency_p99_ms", "breaker", "note",
        ]  # fmt: skip
        number = st.column_config.NumberColumn
        table(
            frame[columns],
            "stages",
            {
                "age_seconds": number("reported, s ago", format="%.0f"),
                "per_second": number("records / s", format="%.2f"),
                "in_flight": "in flight",
                "dead_letters": "dead letters",
                "latency_p50_ms": number("p50, ms", format="%.0f"),
                "latency_p99_ms": number("p99, ms", format="%.0f"),
                "note": None,
            },
        )
        _notes(frame)


def _notes(frame: pd.DataFrame) -> None:
    """What stages wait for, each on a line of its own: a column would end off the screen."""
    waiting = frame[frame["note"] != ""]
    if not len(waiting):
        return
    st.caption("What they wait for:")
    for stage, slot, note in waiting[["stage", "slot", "note"]].itertuples(index=False, name=None):
        st.text(words.visible(f"{stage} {slot}: {note}"))


def _history(view: View, scope: Scope) -> None:
    frame = operations.stage_history(view.store, scope)
    left, right = st.columns(2, gap="medium")
    span = (min([scope.span[0], *(frame["at"] if len(frame) else ())]), scope.end)
    with left, parts.panel("Records per second", "Received by each stage, slots added up."):
        rates = frame.dropna(subset=["per_second"]) if len(frame) else frame
        if len(rates):
            st.altair_chart(
                timelines.stage_lines(rates, "per_second", "records per second", span), key="rates"
            )
        else:
            states.none("No health reports in this time.")
    with (
        right,
        parts.panel("Lag", "Records not finished yet; a growing line means too few workers."),
    ):
        lags = frame.dropna(subset=["lag"]) if len(frame) else frame
        if len(lags):
            st.altair_chart(timelines.stage_lines(lags, "lag", "records behind", span), key="lags")
        else:
            states.none("No lag reports in this time.")


def _failures(view: View, scope: Scope, waiting: pd.DataFrame) -> None:
    left, right = st.columns(2, gap="medium")
    with left, parts.panel("Dead letters by stage and error", "Records that could not be read."):
        letters = operations.dead_letters(view.store, scope)
        if len(letters):
            table(letters, "dead-letters-by-error", {"last": time_column("last")})
        else:
            states.none("None in this time.")
    with (
        right,
        parts.panel(
            "Missing answers",
            "Why samples have no annotation or no verdict; never silently absent.",
        ),
    ):
        gaps = routing.missing(view.store, scope)
        if len(gaps):
            table(gaps, "missing-answers")
        else:
            states.none("Every sample was annotated and judged.")
    latest = operations.latest_dead_letters(view.store, scope)
    if len(latest):
        with parts.panel(
            "Latest dead letters", "Replay one with `tidegauge dead-letters replay ID`."
        ):
            table(latest, "dead-letters", {"at": time_column("when")})
    if len(waiting):
        with parts.panel("Stuck samples", "In flight for too long."):
            columns = {"event_time": time_column("arrived"), "stored_at": time_column("stored")}
            table(waiting, "stuck", columns)


def _books(books: ledger.Ledger) -> None:
    with parts.panel("Bookkeeping", "What was met more than once, and what was no sample at all."):
        frame = pd.DataFrame(
            [
                ("records that are no readable sample", books.unreadable),
                ("ids that came with more than one content", books.reused_ids),
                ("states whose sample never came in", books.unbooked),
                ("dead letters that belong to no sample", books.strays),
                *((f"repeated records on {topic}", n) for topic, n in books.repeats.items()),
            ],
            columns=["what", "count"],
        )
        table(frame, "bookkeeping")


def _models(view: View, scope: Scope) -> None:
    left, right = st.columns(2, gap="medium")
    number = st.column_config.NumberColumn
    with left, parts.panel("Latency", "Milliseconds per model call; cached answers took none."):
        latencies = cost.latencies(view.store, scope)
        if len(latencies):
            named = latencies.assign(
                model=[view.model_name(model) if model else "" for model in latencies["model"]]
            )
            table(
                named,
                "latency",
                {p: number(f"{p}, ms", format="%.0f") for p in ("p50", "p95", "p99")},
            )
        else:
            states.none("No answers in this time.")
    with (
        right,
        parts.panel("Spend per UTC day", "By the stages' own books: retried calls included."),
    ):
        spent = cost.spent(view.store, scope.task, scope.end - timedelta(days=SPEND_DAYS))
        if len(spent):
            table(
                spent,
                "spend",
                {
                    "usd": number("US$", format="%.4f"),
                    "day": st.column_config.DateColumn("day (UTC)", format="YYYY-MM-DD"),
                },
            )
        else:
            states.none("Nothing was spent in the last fortnight.")
