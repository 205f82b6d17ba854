"""The accuracy of all traffic from every outcome and its recorded probability of review."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from agents.quality.greg import FEWEST_LABELS, FEWEST_WATCHED, Sums, greg, greg_sequence
from agents.quality.intervals import Estimate, nothing
from agents.quality.looks import EVERY_LOOK, ONE_LOOK, Looks
from streams.store.client import Store
from streams.store.figures.scope import ANNOTATED, Scope, outcomes, results

# a guess of "the label is right" for every sample; where nothing was scored any number is valid
_GUESS = "coalesce(p_correct, judge_score, confidence, 0.5)"

SETTLES = timedelta(minutes=10)
"""For so long after its end a window still fills: samples and outcomes are on their way."""


def is_open(scope: Scope, now: datetime, pending: int = 0) -> bool:
    """The window still fills, so that its figures are looked at again and again.

    People answer for days: a figure made of their outcomes goes on filling when its window is
    over, as long as some of its samples are `pending`. An evaluation's is closed: how many samples
    it has was settled before the first look, and nobody is asked about them.
    """
    return not scope.run and (pending > 0 or scope.end > now - SETTLES)


def looks(scope: Scope, now: datetime, pending: int = 0) -> Looks:
    """The intervals that figures of the scope have as of now."""
    return EVERY_LOOK if is_open(scope, now, pending) else ONE_LOOK


@dataclass(frozen=True)
class LiveAccuracy:
    """How often labels are right, over all labelled traffic of a scope.

    Attributes:
        accuracy: `n` counts outcomes with a label. The value leaves out samples that have none;
            the interval's ends suppose those labels all wrong and all right.
        worth: how many plain labels the outcomes are worth.
        needed: how many there must be for an estimate.
        open: samples drawn for review without such an outcome (pending, expired, cancelled,
            ambiguous).
        simulated: outcomes in `n` that simulated reviewers had a part in.
    """

    accuracy: Estimate
    worth: int
    needed: int
    open: int
    simulated: int


def live_accuracy(store: Store, scope: Scope, now: datetime) -> LiveAccuracy:
    """The estimate for the scope as of now.

    While the window is open its interval holds at every look, and needs outcomes worth 60 plain
    labels; a closed window has the narrower interval for one look, and needs 30. Outcomes that are
    still to come need no wider one: its ends suppose them either way from the first look on.
    """
    row = store.query(_sums(scope), scope.parameters)[0]
    cases = [_of(row, case) for case in _CASES]
    watched = is_open(scope, now)
    estimates = [greg_sequence(sums) if watched else greg(sums) for sums in cases]
    return LiveAccuracy(
        accuracy=_spanning(estimates),
        worth=int(min(sums.worth for sums in cases)),
        needed=FEWEST_WATCHED if watched else FEWEST_LABELS,
        open=row["open"],
        simulated=row["simulated"],
    )


def _spanning(estimates: list[Estimate]) -> Estimate:
    """The first estimate, its interval spanning all of theirs; unknown while one of them is."""
    first = estimates[0]
    ends = [e for each in estimates for e in (each.low, each.high) if e is not None]
    if len(ends) < 2 * len(estimates):
        return nothing(first.n, first.kind)
    return replace(first, low=min(ends), high=max(ends))


# what to suppose of a drawn sample whose label nobody knows: (which count, whether it is right)
_CASES = {
    "settled": ("NOT (drawn AND unknown)", "z"),
    "wrong": ("1", "z"),
    "right": ("1", "greatest(z, unknown)"),
}


def _of(row: dict[str, float], case: str) -> Sums:
    return Sums(
        n=int(row[f"{case}_n"]),
        labels=int(row["labels"]),
        **{name: row[f"{case}_{name}"] for name in _PRODUCTS},
    )


_PRODUCTS = {
    "a": "a",
    "b": "b",
    "c": "c",
    "aa": "a * a",
    "ab": "a * b",
    "ac": "a * c",
    "bb": "b * b",
    "bc": "b * c",
    "cc": "c * c",
}


def _case(case: str) -> str:
    counted, right = _CASES[case]
    terms = {"a": f"(w * {right})", "b": "(w - 1)", "c": "((w - 1) * f)"}
    columns = [f"countIf({counted}) AS {case}_n"]
    for name, product in _PRODUCTS.items():
        value = " * ".join(terms[factor] for factor in product.split(" * "))
        columns.append(f"sumIf({value}, {counted}) AS {case}_{name}")
    return ", ".join(columns)


def _sums(scope: Scope) -> str:
    return f"""
        SELECT sum(drawn AND NOT unknown) AS labels, sum(drawn AND unknown) AS open,
               sum(drawn AND NOT unknown AND made_up) AS simulated,
               {", ".join(_case(case) for case in _CASES)}
        FROM (
            SELECT r.draw < r.propensity AS drawn, if(drawn, 1 / r.propensity, 0) AS w,
                   r.guess AS f, o.state != 'reviewed' OR o.ambiguous AS unknown,
                   o.simulated AS made_up, NOT unknown AND o.label = r.label AS z
            FROM ({_labelled(scope)}) AS r
            LEFT JOIN ({outcomes(scope)}) AS o ON o.result_id = r.result_id)"""


def _labelled(scope: Scope) -> str:
    return f"""
        SELECT result_id, toString(label) AS label, assumeNotNull(propensity) AS propensity,
               assumeNotNull(draw) AS draw, {_GUESS} AS guess
        FROM results AS t FINAL
        WHERE {results(scope)} AND {ANNOTATED}
          AND t.propensity IS NOT NULL AND t.draw IS NOT NULL"""
