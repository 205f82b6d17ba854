"""Every figure as the dashboard has it: what its pages call, under the names of `truth`."""

from collections.abc import Iterator
from datetime import UTC, datetime

from streams.store.client import Store
from streams.store.figures.cost import cost
from streams.store.figures.decisions import lane_accuracy
from streams.store.figures.ledger import ledger
from streams.store.figures.operations import dead_letters
from streams.store.figures.references import reference_quality
from streams.store.figures.routing import lanes, missing
from streams.store.figures.scope import Scope
from streams.store.figures.scores import scores
from streams.store.figures.traffic import label_mix, samples_in

Figure = tuple[str, float]


def figures(store: Store, scope: Scope) -> dict[str, float]:
    """All of them; a count of zero may be absent."""
    return dict(
        figure
        for part in (_ledger, _traffic, _scores, _references, _routing, _decisions, _cost)
        for figure in part(store, scope)
    )


def _ledger(store: Store, scope: Scope) -> Iterator[Figure]:
    books = ledger(store, scope)
    yield "ledger samples in", books.samples_in
    yield "ledger unreadable", books.unreadable
    yield "ledger reused ids", books.reused_ids
    yield "ledger unbooked", books.unbooked
    yield "ledger strays", books.strays
    for topic, records in books.repeats.items():
        yield f"ledger repeats {topic}", records
    for state, samples in books.states.items():
        yield f"ledger state {state}", samples


def _traffic(store: Store, scope: Scope) -> Iterator[Figure]:
    yield "traffic samples", int(samples_in(store, scope)["samples"].sum())
    for label, samples in label_mix(store, scope).groupby("label")["samples"].sum().items():
        yield f"label {label}", int(samples)


def _scores(store: Store, scope: Scope) -> Iterator[Figure]:
    both = scores(store, scope, datetime.now(UTC))
    for name, estimate in (("judge score", both.judge_score), ("confidence", both.confidence)):
        yield f"{name} n", estimate.n
        if estimate.value is not None:
            yield f"{name} mean", estimate.value


def _references(store: Store, scope: Scope) -> Iterator[Figure]:
    quality = reference_quality(store, scope)
    yield "accuracy n", quality.accuracy.n
    if quality.accuracy.value is not None:
        yield "accuracy", quality.accuracy.value
    for (known, given), samples in quality.confusion.items():
        yield f"confusion {known} {given}", samples


def _routing(store: Store, scope: Scope) -> Iterator[Figure]:
    for row in lanes(store, scope).to_dict("records"):
        yield f"lane {row['lane']}", row["samples"]
        yield f"lane {row['lane']} audited", row["audited"]
    for row in missing(store, scope).to_dict("records"):
        yield f"missing {row['part']} {row['why']}", row["samples"]
    for row in dead_letters(store, scope).to_dict("records"):
        yield f"dead letters {row['stage']} {row['error']}", row["letters"]


def _decisions(store: Store, scope: Scope) -> Iterator[Figure]:
    for row in lane_accuracy(store, scope, datetime.now(UTC)).to_dict("records"):
        yield f"decided {row['lane']}", row["n"]
        yield f"decided {row['lane']} right", row["right"]


def _cost(store: Store, scope: Scope) -> Iterator[Figure]:
    spent = cost(store, scope)
    yield "cost answers", spent.answers
    yield "cost calls", spent.calls
    yield "cost input tokens", spent.input_tokens
    yield "cost usd", spent.known_usd or 0.0
