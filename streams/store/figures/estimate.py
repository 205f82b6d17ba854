"""The accuracy of all traffic from every decision and its recorded probability of review."""

from dataclasses import dataclass

from agents.quality.greg import Sums, greg
from agents.quality.intervals import Estimate
from streams.store.client import Store
from streams.store.figures.scope import ANNOTATED, Scope, facts, results

# a guess of "the label is right" for every sample; where nothing was scored any number is valid
_GUESS = "coalesce(p_correct, judge_score, confidence, 0.5)"


@dataclass(frozen=True)
class LiveAccuracy:
    """How often labels are right, over all labelled traffic of a scope.

    Attributes:
        accuracy: `n` counts decisions with a label. The value leaves out samples whose decision
            is not in; the interval's ends suppose those decisions all wrong and all right.
        open: samples drawn for review that have no such decision (pending, expired, ambiguous).
        simulated: decisions in `n` made by simulated reviewers.
    """

    accuracy: Estimate
    open: int
    simulated: int


def live_accuracy(store: Store, scope: Scope) -> LiveAccuracy:
    """The estimate for the scope; unknown with fewer than 30 decisions."""
    row = store.query(_sums(scope), scope.parameters)[0]
    settled, wrong, right = (greg(_of(row, case)) for case in _CASES)
    ends = [e for each in (settled, wrong, right) for e in (each.low, each.high) if e is not None]
    low, high = (min(ends), max(ends)) if ends else (None, None)
    accuracy = Estimate(settled.value, low, high, settled.n)
    return LiveAccuracy(accuracy, row["open"], row["simulated"])


# what to suppose of open decisions: (which samples count, whether the label is right)
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
                   r.guess AS f, d.answer != 'label' AS unknown, d.simulated AS made_up,
                   d.answer = 'label' AND d.label = r.label AS z
            FROM ({_labelled(scope)}) AS r
            LEFT JOIN ({_first_decisions(scope)}) AS d ON d.result_id = r.result_id)"""


def _labelled(scope: Scope) -> str:
    return f"""
        SELECT result_id, toString(label) AS label, assumeNotNull(propensity) AS propensity,
               assumeNotNull(draw) AS draw, {_GUESS} AS guess
        FROM results AS t FINAL
        WHERE {results(scope)} AND {ANNOTATED}
          AND t.propensity IS NOT NULL AND t.draw IS NOT NULL"""


def _first_decisions(scope: Scope) -> str:
    return f"""
        SELECT result_id, answer, toString(label) AS label, simulated FROM decisions FINAL
        WHERE {facts(scope)} ORDER BY decided_at LIMIT 1 BY result_id"""
