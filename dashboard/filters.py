"""The sidebar: which traffic to show. Every choice lives in the URL, so a link reopens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import streamlit as st

from dashboard.words import moment
from streams.store.client import Store
from streams.store.figures import choices
from streams.store.figures.choices import Extent
from streams.store.figures.scope import Scope

RANGES = {
    "15 minutes": timedelta(minutes=15),
    "1 hour": timedelta(hours=1),
    "6 hours": timedelta(hours=6),
    "24 hours": timedelta(hours=24),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
}
EVERYTHING = "everything"
CUSTOM = "from … to …"
DEFAULT_RANGE = "24 hours"
LIVE_TRAFFIC = "live traffic"
ALL_VERSIONS = "all versions"
ALL_SLICES = "all slices"
PER_BUCKET = 20
FEWEST_BUCKETS, MOST_BUCKETS = 8, 60


@dataclass(frozen=True)
class Filters:
    """What the sidebar says.

    Attributes:
        length: of a relative range that ends now; null for a fixed one.
        start: first moment of a fixed range.
        end: last moment of a fixed range.
        extent: when samples of the task and run came at all.
        live: draw anew every few seconds.
    """

    task: str
    run: str
    version: str
    slice: str
    length: timedelta | None
    start: datetime | None
    end: datetime | None
    extent: Extent
    live: bool

    def scope(self, now: datetime) -> Scope:
        """The traffic meant, at this moment; no earlier than the first sample."""
        start, end = self._ends(now)
        if self.extent.first is not None and start < self.extent.first < end:
            start = self.extent.first.replace(microsecond=0)
        return Scope(
            start=start,
            end=end,
            task=self.task,
            run=self.run,
            version=self.version,
            slice=self.slice,
            buckets=min(max(self.extent.samples // PER_BUCKET, FEWEST_BUCKETS), MOST_BUCKETS),
        )

    def _ends(self, now: datetime) -> tuple[datetime, datetime]:
        if self.length is not None:
            return now - self.length, now
        return (self.start or now - timedelta(hours=24)), (self.end or now)


def sidebar(store: Store, tasks: Sequence[str]) -> Filters:
    """Draws the filters and returns what they say."""
    with st.sidebar:
        st.subheader("Traffic")
        task = _choose("Task", "task", tasks)
        run = _choose("Run", "run", [LIVE_TRAFFIC, *choices.runs(store, task)], _RUN_HELP)
        run = "" if run == LIVE_TRAFFIC else run
        extent = choices.extent(store, task, run)
        length, start, end = _time(extent, run)
        wide = Scope(
            start=start or datetime.now(UTC) - (length or timedelta(0)),
            end=end or datetime.now(UTC),
            task=task,
            run=run,
        )
        version = _choose("Version", "version", [ALL_VERSIONS, *choices.versions(store, wide)])
        slice_name = _choose("Slice", "slice", [ALL_SLICES, *choices.slices(store, wide)])
        live = st.toggle("Live refresh", value=True, key="live", bind="query-params")
        st.caption("All times are in UTC. The address of this page reopens it as it is.")
    return Filters(
        task=task,
        run=run,
        version="" if version == ALL_VERSIONS else version,
        slice="" if slice_name == ALL_SLICES else slice_name,
        length=length,
        start=start,
        end=end,
        extent=extent,
        live=live,
    )


_RUN_HELP = "Live traffic, or one evaluation run; the two are never counted together."


def _choose(label: str, key: str, options: Sequence[str], meaning: str | None = None) -> str:
    known = list(options)
    asked = st.query_params.get(key)
    if asked and asked not in known:
        known.append(asked)
    chosen = st.selectbox(label, known, key=key, help=meaning, bind="query-params")
    return chosen or known[0]


def _time(extent: Extent, run: str) -> tuple[timedelta | None, datetime | None, datetime | None]:
    names = [*RANGES, EVERYTHING, CUSTOM]
    default = EVERYTHING if run else DEFAULT_RANGE
    chosen = st.selectbox(
        "Time (UTC), up to now",
        names,
        index=names.index(default),
        key=f"range_{run}" if run else "range",
        bind="query-params",
    )
    if chosen == EVERYTHING:
        start, end = _everything(extent)
        st.caption(f"{moment(start)} to {moment(end)}")
        return None, start, end
    if chosen == CUSTOM:
        return None, *_custom(extent)
    return RANGES[chosen or default], None, None


def _everything(extent: Extent) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    if extent.first is None or extent.last is None:
        return now - timedelta(hours=1), now
    return extent.first.replace(microsecond=0), extent.last + timedelta(seconds=1)


def _custom(extent: Extent) -> tuple[datetime, datetime]:
    first, last = _everything(extent)
    minute = timedelta(minutes=1)
    begin = st.datetime_input(
        "From (UTC)", first.replace(tzinfo=None, second=0, microsecond=0),
        key="from", step=60, bind="query-params",
    )  # fmt: skip
    until = st.datetime_input(
        "To (UTC)", last.replace(tzinfo=None, second=0, microsecond=0) + minute,
        key="to", step=60, bind="query-params",
    )  # fmt: skip
    start, end = begin.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
    if end <= start:
        st.caption("The end lies before the start: showing one minute.")
        return start, start + minute
    return start, end
