"""The closed list of Prometheus metrics; labels are stage and slot, never anything of a sample.

Stage processes share them through files (`PROMETHEUS_MULTIPROC_DIR`); their supervisor serves the
sum on loopback.
"""

from prometheus_client import Counter, Gauge, Histogram

from streams.process.vitals import Vitals

_LABELS = ("stage", "slot")

RECEIVED = Counter("tidegauge_records_in", "Records taken from Kafka", _LABELS)
EMITTED = Counter("tidegauge_records_out", "Records stored by the broker or the store", _LABELS)
ERRORS = Counter("tidegauge_errors", "Attempts that failed", _LABELS)
RETRIES = Counter("tidegauge_retries", "Attempts made again", _LABELS)
DEAD_LETTERS = Counter("tidegauge_dead_letters", "Records put on the dead letters", _LABELS)
SKIPPED = Counter("tidegauge_known_answers", "Records whose answer was already stored", _LABELS)
CALLS = Counter("tidegauge_model_calls", "Calls to the model", _LABELS)
SPEND = Counter("tidegauge_spend_usd", "US dollars spent on priced models", _LABELS)
IN_FLIGHT = Gauge("tidegauge_in_flight", "Records in work", _LABELS, multiprocess_mode="livesum")
LAG = Gauge("tidegauge_lag", "Records behind the commit", _LABELS, multiprocess_mode="livesum")
LATENCY = Histogram(
    "tidegauge_model_latency_seconds",
    "From request to answer",
    _LABELS,
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)

_COUNTERS = (
    ("received", RECEIVED),
    ("emitted", EMITTED),
    ("errors", ERRORS),
    ("retries", RETRIES),
    ("dead_letters", DEAD_LETTERS),
    ("skipped", SKIPPED),
    ("calls", CALLS),
    ("spend_usd", SPEND),
)


class Published:
    """Vitals as metrics: brings the counters up to what the vitals say now."""

    def __init__(self, vitals: Vitals) -> None:
        """Start from nothing published."""
        self.vitals = vitals
        self.shown = dict.fromkeys((name for name, _ in _COUNTERS), 0.0)
        self.labels = (vitals.stage, vitals.slot)

    def update(self, lag: int | None) -> None:
        """Publish the present counts; an unknown lag leaves the gauge as it is."""
        for name, counter in _COUNTERS:
            now = float(getattr(self.vitals, name))
            counter.labels(*self.labels).inc(now - self.shown[name])
            self.shown[name] = now
        IN_FLIGHT.labels(*self.labels).set(self.vitals.in_flight)
        if lag is not None:
            LAG.labels(*self.labels).set(lag)
