"""The states in which there is nothing to draw, each with what to do about it."""

from datetime import datetime

import streamlit as st

from dashboard.words import moment
from models.errors import TidegaugeError
from streams.store.errors import StoreFull

RETRY_SECONDS = 5


def store_down(url: str, problem: TidegaugeError) -> None:
    """The store does not answer, or cannot; whoever draws this asks again by itself."""
    with st.container(border=True):
        if isinstance(problem, StoreFull):
            _store_full(problem)
            return
        st.subheader("The store does not answer", divider="red")
        st.text(f"The store at {url} does not answer; retrying every few seconds.")
        st.markdown(
            "Samples are safe meanwhile: they wait in Kafka until the store is back. "
            "Check that it runs and that its address is right:"
        )
        st.code(
            "tidegauge doctor                            # checks every address\n"
            "TIDEGAUGE_CLICKHOUSE__URL=http://host:8123  # where the store is",
            language=None,
        )
        _detail(problem)


def _store_full(problem: TidegaugeError) -> None:
    st.subheader("The store's disk is full", divider="red")
    st.text("Free space where ClickHouse keeps its data; all goes on by itself then.")
    st.markdown("Samples are safe meanwhile: they wait in Kafka until there is room.")
    _detail(problem)


def needs_mending(problem: TidegaugeError) -> None:
    """A person must mend a setting, or make the tables."""
    with st.container(border=True):
        st.subheader("The store is there, but not ready", divider="orange")
        st.text(str(problem))
        st.markdown("If the tables are not there yet, make them once; it never hurts to repeat it:")
        st.code("tidegauge migrate", language=None)


def refused(problem: TidegaugeError) -> None:
    """The store takes the question itself for wrong."""
    with st.container(border=True):
        st.subheader("The store cannot answer this", divider="orange")
        st.text("Asking again will not help; other filters may.")
        _detail(problem)


def nothing_yet() -> None:
    """No sample has ever come in."""
    with st.container(border=True):
        st.subheader("No samples yet", divider="blue")
        st.markdown("Nothing has come in. Send some, and this page fills by itself:")
        st.code(
            "tidegauge send messages.jsonl --text text --id id   # your own file\n"
            "tidegauge demo                                      # traffic made for the demo",
            language=None,
        )
        st.markdown(
            'A sample is one JSON object per line, at its smallest `{"id": "1", "text": "..."}`.'
        )


def nothing_here(newest: datetime | None) -> None:
    """There are samples, but none within the filters."""
    with st.container(border=True):
        st.subheader("No samples match", divider="blue")
        st.markdown("Nothing came in with this task, version, slice and time.")
        if newest:
            st.text(f"The newest sample of this task came at {moment(newest)}.")
        st.markdown('Choose a longer time in the sidebar, or "everything".')


def none(what: str) -> None:
    """A small remark in place of a chart or table that has nothing to show."""
    st.caption(what)


def _detail(problem: TidegaugeError) -> None:
    with st.expander("What was tried"):
        st.text(str(problem))
