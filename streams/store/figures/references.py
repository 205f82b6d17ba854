"""Quality against references: known labels that came with the traffic (an evaluation, the demo)."""

from dataclasses import dataclass

from agents.quality.classification import (
    Confusion,
    LabelQuality,
    accuracy,
    balanced_accuracy,
    label_quality,
    majority_baseline,
)
from agents.quality.intervals import Estimate
from agents.quality.looks import ONE_LOOK, Looks
from streams.store.client import Store
from streams.store.figures.scope import ANNOTATED, Scope, results

REFERRED = "notEmpty(reference)"
RIGHT = "arraySort(labels) = arraySort(reference)"
"""A label set is right when it is exactly the known one."""


@dataclass(frozen=True)
class ReferenceQuality:
    """Everything that known labels say about a scope.

    Attributes:
        referred: results that have a reference.
        unlabelled: of those, how many have no label (failed, over budget, sampled out).
        accuracy: exact matches among those that have one.
        balanced_accuracy: mean recall over the known labels.
        majority_baseline: what always giving the most common known label would reach.
        auc_confidence: how well the annotator's confidence tells right from wrong.
        auc_judge: how well the judge's score does.
        confusion: counts by (known label, given label).
        labels: precision and recall per label, counted label by label in label sets.
    """

    referred: int
    unlabelled: int
    accuracy: Estimate
    balanced_accuracy: Estimate
    majority_baseline: Estimate
    auc_confidence: Estimate
    auc_judge: Estimate
    confusion: Confusion
    labels: tuple[LabelQuality, ...]


def reference_quality(store: Store, scope: Scope, looks: Looks = ONE_LOOK) -> ReferenceQuality:
    """All figures that compare given labels with references, with intervals for so many looks."""
    table = confusion(store, scope)
    unlabelled = _unlabelled(store, scope)
    return ReferenceQuality(
        referred=sum(table.values()) + unlabelled,
        unlabelled=unlabelled,
        accuracy=accuracy(table, looks.share),
        balanced_accuracy=balanced_accuracy(table, looks.share),
        majority_baseline=majority_baseline(table, looks.share),
        auc_confidence=auc_of(store, scope, "confidence", looks),
        auc_judge=auc_of(store, scope, "judge_score", looks),
        confusion=table,
        labels=per_label(store, scope, looks),
    )


def confusion(store: Store, scope: Scope) -> dict[tuple[str, str], int]:
    """Counts by (known label, given label); label sets count as one label each."""
    sql = f"""
        SELECT arrayStringConcat(arraySort(reference), ' + ') AS known,
               if({RIGHT}, known, label) AS given, count() AS samples
        FROM results FINAL WHERE {results(scope)} AND {ANNOTATED} AND {REFERRED}
        GROUP BY known, given ORDER BY samples DESC, known, given"""
    rows = store.query(sql, scope.parameters)
    return {(row["known"], row["given"]): row["samples"] for row in rows}


def per_label(store: Store, scope: Scope, looks: Looks = ONE_LOOK) -> tuple[LabelQuality, ...]:
    """Precision and recall per label, the most common labels first."""
    sql = f"""
        SELECT one, countIf(has(labels, one) AND has(reference, one)) AS both,
               countIf(NOT has(reference, one)) AS given, countIf(NOT has(labels, one)) AS known
        FROM (SELECT labels, reference FROM results FINAL
              WHERE {results(scope)} AND {ANNOTATED} AND {REFERRED})
        ARRAY JOIN arrayDistinct(arrayConcat(labels, reference)) AS one
        GROUP BY one ORDER BY count() DESC, one LIMIT 200"""
    rows = store.query(sql, scope.parameters)
    counts = ((row["one"], row["both"], row["given"], row["known"]) for row in rows)
    return label_quality(counts, looks.share)


def auc_of(store: Store, scope: Scope, score: str, looks: Looks = ONE_LOOK) -> Estimate:
    """AUC of `confidence` or `judge_score` for telling right labels from wrong ones.

    Raises:
        ValueError: no such score.
    """
    if score not in {"confidence", "judge_score"}:
        message = f"no score is called {score!r}"
        raise ValueError(message)
    sql = f"""
        SELECT {score} AS score, countIf({RIGHT}) AS rights, countIf(NOT ({RIGHT})) AS wrongs
        FROM results FINAL
        WHERE {results(scope)} AND {ANNOTATED} AND {REFERRED} AND {score} IS NOT NULL
        GROUP BY score"""
    rows = store.query(sql, scope.parameters)
    return looks.area((row["score"], row["rights"], row["wrongs"]) for row in rows)


def _unlabelled(store: Store, scope: Scope) -> int:
    sql = f"""
        SELECT count() AS samples FROM results FINAL
        WHERE {results(scope)} AND NOT ({ANNOTATED}) AND {REFERRED}"""
    return int(store.query(sql, scope.parameters)[0]["samples"])
