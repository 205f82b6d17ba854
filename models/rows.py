"""The ClickHouse tables: one class per table, one field per column, nothing defined twice.

Every table that can meet a record twice is a ReplacingMergeTree on `precedence`: the record with
the first position on its topic has the highest precedence, so it wins.
"""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from models.sample import Source
from models.table import (
    Column,
    Hash,
    LowCardinality,
    OptionalTime,
    Precedence,
    Prose,
    Table,
    Tags,
    Time,
    Unsigned,
)

Action = Literal["run", "pause", "stop"]
"""What people may tell a task to do."""

MAX_PRECEDENCE = 2**128 - 1

ROW_DAYS = 1200
"""How long the books are kept: one life for all their tables, else they would not balance."""

TRAFFIC_DAYS = 400
"""How long the text of the traffic itself is kept."""

Traffic = Annotated[str, Column("String", codec="ZSTD(3)", kept_days=TRAFFIC_DAYS)]


def position(source: Source) -> int:
    """A position as one number, higher for later ones: incarnation, then offset, then partition.

    The records of one key mostly share a partition, so that only keeps positions distinct.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> old = Source(topic="t", partition=3, offset=900, at=at)
    >>> new = Source(topic="t", partition=0, offset=0, at=at, incarnation=1)
    >>> position(new) > position(old)
    True
    """
    incarnation = min(source.incarnation, 2**32 - 1)
    offset = min(source.offset, 2**63 - 1)
    return (incarnation << 96) | (offset << 32) | min(source.partition, 2**32 - 1)


def precedence(source: Source) -> int:
    """Higher for earlier positions; of two records of one key the first has the higher one.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> first = Source(topic="t", partition=0, offset=1, at=at)
    >>> again = Source(topic="t", partition=0, offset=2, at=at)
    >>> precedence(first) > precedence(again)
    True
    """
    return MAX_PRECEDENCE - position(source)


def place_of(precedence: int) -> tuple[int, int, int]:
    """The incarnation, partition and offset that a precedence was made of.

    >>> from datetime import UTC, datetime
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> place_of(precedence(Source(topic="t", partition=3, offset=900, at=at, incarnation=1)))
    (1, 3, 900)
    """
    place = MAX_PRECEDENCE - precedence
    return place >> 96, place & (2**32 - 1), (place >> 32) & (2**64 - 1)


class Row(BaseModel):
    """A row of one table."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    TABLE: ClassVar[Table]

    def values(self) -> tuple[Any, ...]:
        """The cells in column order."""
        return tuple(self.__dict__.values())


class FirstRow(Row):
    """A position that was taken for the first of a record's key on its topic: a claim.

    Mostly the only one; of several the one with the highest precedence holds, and the others are
    kept, so that whoever wrote rows for them can be corrected. `topic` is the flow's own word for
    it (`samples`, `results`, …), without prefix, and `outcomes` for those on `decisions`;
    `stored_at` is that of the key's rows too, however often they are written. A batch looks up keys
    that lie anywhere, hence numbers for keys, small granules and small blocks.
    """

    TABLE: ClassVar = Table(
        "first_records",
        order_by=("topic", "key", "precedence"),
        ttl_days=ROW_DAYS,
        settings=(
            "index_granularity = 128",
            "min_compress_block_size = 4096",
            "max_compress_block_size = 8192",
        ),
    )

    topic: LowCardinality
    key: Hash
    event_time: Time
    stored_at: Time
    precedence: Precedence


class RepeatRow(Row):
    """A later record with a key that was met before: counted here, and nowhere else.

    `topic` as in `first_records`.
    """

    TABLE: ClassVar = Table(
        "repeats",
        order_by=("topic", "key", "event_time", "incarnation", "partition", "offset"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
    )

    topic: LowCardinality
    key: str
    run: LowCardinality
    task: LowCardinality
    event_time: Time
    incarnation: Unsigned
    partition: Unsigned
    offset: Unsigned
    stored_at: Time
    precedence: Precedence


class SampleRow(Row):
    """One sample as it came in: what the ledger counts as *in*."""

    TABLE: ClassVar = Table(
        "samples",
        order_by=("run", "task", "event_time", "sample_key"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
        skip_indexes=("sample_key", "id"),
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    id: str
    text: Traffic
    context: Traffic
    response: Traffic
    tags: Tags
    provenance: LowCardinality
    reference: tuple[str, ...]
    created_at: OptionalTime
    readable: bool
    incarnation: Unsigned
    topic: LowCardinality
    partition: Unsigned
    offset: Unsigned
    stored_at: Time
    precedence: Precedence


class ResultRow(Row):
    """What a sample came to: annotation, verdict and route side by side."""

    TABLE: ClassVar = Table(
        "results",
        order_by=("run", "task", "event_time", "sample_key"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
        skip_indexes=("sample_key", "result_id"),
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    result_id: str
    id: str
    state: LowCardinality
    task_version: LowCardinality
    task_hash: LowCardinality
    provenance: LowCardinality
    tags: Tags
    reference: tuple[str, ...]
    # annotation
    annotation_id: str
    annotation_missing: LowCardinality
    annotation_detail: str
    label: LowCardinality
    labels: tuple[str, ...]
    scores: Annotated[dict[str, float], Column("Map(LowCardinality(String), Float64)")]
    confidence: float | None
    confidence_source: LowCardinality
    annotator: LowCardinality
    annotator_hash: LowCardinality
    annotator_model: LowCardinality
    annotation_calibrator: LowCardinality
    annotation_price_usd: float | None
    annotation_latency_ms: float | None
    annotation_input_tokens: int | None
    annotation_output_tokens: int | None
    annotation_calls: int
    cached: bool
    # verdict
    verdict_id: str
    verdict_missing: LowCardinality
    verdict_detail: str
    judge: LowCardinality
    judge_hash: LowCardinality
    judge_kind: LowCardinality
    judge_model: LowCardinality
    judge_label: LowCardinality
    judge_score: float | None
    judge_reason: Prose
    criteria: tuple[str, ...]
    criterion_versions: tuple[str, ...]
    criterion_scores: tuple[float, ...]
    criterion_reasons: tuple[str, ...]
    verdict_price_usd: float | None
    verdict_latency_ms: float | None
    verdict_input_tokens: int | None
    verdict_output_tokens: int | None
    verdict_calls: int
    # route
    policy: LowCardinality
    policy_hash: LowCardinality
    lane: LowCardinality
    propensity: float | None
    draw: float | None
    audit: bool
    p_correct: float | None
    # position
    incarnation: Unsigned
    partition: Unsigned
    offset: Unsigned
    stored_at: Time
    precedence: Precedence


class ReviewRow(Row):
    """A result that people were asked about."""

    TABLE: ClassVar = Table(
        "reviews",
        order_by=("run", "task", "event_time", "result_id"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    result_id: str
    lane: LowCardinality
    propensity: float
    audit: bool
    suggestion: tuple[str, ...]
    stored_at: Time
    precedence: Precedence


class DecisionRow(Row):
    """One reviewer's answer to one result, to a gold item, or to an item of theirs once more.

    A gold item belongs to no sample: its `sample_key` is empty. An `against` that says something is
    `measured`; the empty set of labels may be what is right. A row from before there were roles
    has none, and is a review.
    """

    TABLE: ClassVar = Table(
        "decisions",
        order_by=("run", "task", "event_time", "decision_id"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
        skip_indexes=("sample_key", "result_id"),
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    decision_id: str
    result_id: str
    reviewer: LowCardinality
    answer: LowCardinality
    labels: tuple[str, ...]
    label: LowCardinality
    reason: str
    lane: LowCardinality
    propensity: float
    audit: bool
    simulated: bool
    decided_at: Time
    role: LowCardinality
    measured: bool
    against: tuple[str, ...]
    seconds: float | None
    suggestion_shown: bool
    bulk: bool
    stored_at: Time
    precedence: Precedence


class OutcomeRow(Row):
    """What a result came to that people were asked about; it comes on the topic `decisions`.

    `label` is empty when nobody decided, or when they say that there is no label (`ambiguous`).
    """

    TABLE: ClassVar = Table(
        "outcomes",
        order_by=("run", "task", "event_time", "result_id"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
        skip_indexes=("sample_key",),
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    result_id: str
    state: LowCardinality
    labels: tuple[str, ...]
    label: LowCardinality
    ambiguous: bool
    answers: Unsigned
    agreed: bool
    adjudicated: bool
    lane: LowCardinality
    propensity: float
    audit: bool
    simulated: bool
    at: Time
    stored_at: Time
    precedence: Precedence


class AlarmRow(Row):
    """One state of one alarm; the latest state is the alarm's present one."""

    TABLE: ClassVar = Table("alarms", order_by=("task", "slice", "alarm_id", "state"))

    task: LowCardinality
    slice: str
    signal: LowCardinality
    alarm_id: str
    state: LowCardinality
    detector: LowCardinality
    direction: LowCardinality
    at: Time
    since: OptionalTime
    before: str
    after: str
    evidence: float
    threshold: float
    examples: tuple[str, ...]
    by: str
    note: str
    stored_at: Time
    precedence: Precedence


class DeadLetterRow(Row):
    """One record that could not be handled; key and body hold what was kept of its bytes (base64).

    An empty sample key: the record belongs to no sample, so it is nobody's state in the ledger.
    """

    TABLE: ClassVar = Table(
        "dead_letters",
        order_by=("run", "task", "event_time", "letter_id"),
        partition_by="toYYYYMM(event_time)",
        ttl_days=ROW_DAYS,
        skip_indexes=("sample_key", "letter_id"),
    )

    run: LowCardinality
    task: LowCardinality
    sample_key: str
    event_time: Time
    letter_id: str
    stage: LowCardinality
    topic: LowCardinality
    partition: Unsigned
    offset: Unsigned
    incarnation: Unsigned
    error: LowCardinality
    detail: str
    attempts: int
    replays: int
    length: Unsigned
    sha256: str
    complete: bool
    null: bool
    key: str
    body: Traffic
    at: Time
    stored_at: Time
    precedence: Precedence


class HealthRow(Row):
    """How one stage process is doing; written every few seconds, counts since its start."""

    TABLE: ClassVar = Table(
        "stage_health",
        order_by=("stage", "slot", "at"),
        version=None,
        partition_by="toYYYYMMDD(at)",
        ttl_column="at",
        ttl_days=30,
    )

    stage: LowCardinality
    slot: LowCardinality
    session: str
    at: Time
    received: Unsigned
    emitted: Unsigned
    in_flight: Unsigned
    lag: int | None
    errors: Unsigned
    retries: Unsigned
    dead_letters: Unsigned
    repeats: Unsigned
    calls: Unsigned
    spend_usd: float
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    breaker: LowCardinality
    note: str


class SpendRow(Row):
    """What one process spent on one task in one short stretch; a day's spend is their sum."""

    TABLE: ClassVar = Table(
        "spend",
        order_by=("day", "task", "stage", "session", "number"),
        version="number",
        partition_by="toYYYYMM(day)",
        ttl_column="day",
        ttl_days=ROW_DAYS,
    )

    day: date
    task: LowCardinality
    stage: LowCardinality
    session: str
    number: Unsigned
    run: LowCardinality
    usd: float
    calls: Unsigned
    input_tokens: Unsigned
    output_tokens: Unsigned


class ControlRow(Row):
    """Run, pause or stop one task; the latest row holds."""

    TABLE: ClassVar = Table("controls", order_by=("task", "at"), version=None)

    task: LowCardinality
    action: LowCardinality
    at: Time
    by: str
    note: str


class CalibratorRow(Row):
    """A fitted calibrator: fitted once, kept, the first one wins."""

    TABLE: ClassVar = Table("calibrators", order_by=("fingerprint",))

    fingerprint: str
    task: LowCardinality
    parameters: str
    made_at: Time
    precedence: Precedence


class VersionRow(Row):
    """A name and content hash that was seen: the same name may not come with another hash."""

    TABLE: ClassVar = Table("versions", order_by=("kind", "name", "hash"), version=None)

    kind: LowCardinality
    name: str
    hash: str
    content: Prose
    first_seen: Time


class SnapshotRow(Row):
    """The state of one slice's detectors once they have `met` so many records; the highest wins.

    The position is that of the last of them. `warm`, `collected` and `needed` tell of the label
    mix, which every reading has.
    """

    TABLE: ClassVar = Table(
        "snapshots", order_by=("task", "slice"), version="met", partition_by=None
    )

    task: LowCardinality
    slice: str
    met: Unsigned
    incarnation: Unsigned
    partition: Unsigned
    offset: Unsigned
    at: Time
    warm: bool
    collected: Unsigned
    needed: Unsigned
    state: Prose


ROWS: tuple[type[Row], ...] = (
    FirstRow,
    RepeatRow,
    SampleRow,
    ResultRow,
    ReviewRow,
    DecisionRow,
    OutcomeRow,
    AlarmRow,
    DeadLetterRow,
    HealthRow,
    SpendRow,
    ControlRow,
    CalibratorRow,
    VersionRow,
    SnapshotRow,
)
