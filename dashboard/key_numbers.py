"""The Overview's key numbers, each with its n, interval and who is behind it."""

from dataclasses import dataclass
from datetime import datetime

from dashboard import parts, words
from dashboard.view import View
from streams.store.figures import cost, decisions, ledger, scores
from streams.store.figures.alarms import AlarmFigure
from streams.store.figures.estimate import LiveAccuracy, live_accuracy
from streams.store.figures.references import ReferenceQuality
from streams.store.figures.scope import Scope

WIDER = {
    "fixed": "",
    "sequence": " It is wider for that. A window whose beginning moves too is a new one, length "
    "after length.",
}


@dataclass(frozen=True)
class Figures:
    """What several parts of the Overview speak of, asked for once.

    Attributes:
        raised: alarms of the scope.
        known: how labels compare with references.
        audit: how they compare with what people say of the audited samples.
    """

    books: ledger.Ledger
    raised: tuple[AlarmFigure, ...]
    known: ReferenceQuality
    audit: decisions.AuditQuality


def key_numbers(view: View, scope: Scope, now: datetime, figures: Figures) -> None:
    """Eight numbers, each with its n and interval where it has one."""
    books, known = figures.books, figures.known
    means = scores.scores(view.store, scope, now)
    parts.cards(
        [
            parts.Card(
                "Samples in", words.count(books.samples_in),
                f"{words.count(books.in_flight)} in flight",
                "Each sample once, however often its record arrived.",
            ),
            _estimated(live_accuracy(view.store, scope, now)),
            _audited(figures.audit),
            parts.Card(
                "Accuracy, references", words.percent(known.accuracy.value),
                words.shares(known.accuracy),
                "Exact matches with the known labels that came with the traffic (an evaluation or "
                f"the demo). {_promise(known.accuracy.kind)}",
            ),
            parts.Card(
                "Judge score, mean", words.decimal(means.judge_score.value),
                words.scores(means.judge_score),
                "The judge's own P(label correct), not yet checked by people. "
                f"{_promise(means.judge_score.kind)}",
            ),
            *_work(view, scope, books, figures.raised),
        ]
    )  # fmt: skip


def _promise(kind: str) -> str:
    return f"95 % interval {words.PROMISES[kind]}.{WIDER[kind]}"


def _estimated(found: LiveAccuracy) -> parts.Card:
    mark = " · simulated" if found.simulated else ""
    who = f" {found.simulated} of the {found.accuracy.n} are simulated." if mark else ""
    enough = found.accuracy.value is not None
    return parts.Card(
        "Accuracy, all traffic",
        words.percent(found.accuracy.value),
        f"{words.shares(found.accuracy)}{mark}"
        if enough
        else f"not enough labels yet, {words.count(found.worth)} of {found.needed}",
        "How often labels are right over all labelled traffic: every reviewed sample weighted by "
        "its recorded probability of review, helped by the judge's scores (GREG). "
        f"{_promise(found.accuracy.kind)} {found.accuracy.n} reviewed samples are worth "
        f"{found.worth} plain labels, of which {found.needed} are needed: those that were certain "
        f"to be reviewed say little of all others. The {found.open} whose label nobody knows "
        "(waiting, expired, ambiguous) count as all wrong for the lower end and all right "
        f"for the upper one.{who}",
    )


def _audited(audit: decisions.AuditQuality) -> parts.Card:
    mark = " · simulated" if audit.simulated else ""
    who = f" {audit.simulated} of the {audit.accuracy.n} are simulated." if mark else ""
    return parts.Card(
        "Accuracy, audited",
        words.percent(audit.accuracy.value),
        f"{words.shares(audit.accuracy)}{mark}",
        "How often reviewers came to the very same label, on the audited samples: a plain random "
        f"sample of all traffic. {_promise(audit.accuracy.kind)}{who} "
        f"{left_out(audit)}.",
    )


def left_out(audit: decisions.AuditQuality) -> str:
    """Audited samples that the figure knows no label of, and why."""
    return (
        f"Of {words.count(audit.audited)} audited samples {words.count(audit.pending)} are not "
        f"decided yet, {words.count(audit.ambiguous)} are ambiguous, and "
        f"{words.count(audit.undecided)} expired or were cancelled"
    )


def _work(
    view: View, scope: Scope, books: ledger.Ledger, raised: tuple[AlarmFigure, ...]
) -> list[parts.Card]:
    spent = cost.cost(view.store, scope)
    open_now = sum(alarm.state == "open" for alarm in raised)
    return [
        parts.Card(
            "Open alarms", words.count(open_now), f"{len(raised)} raised in this time",
            "Something moved: see the Drift page.", "red" if open_now else "off",
        ),
        parts.Card(
            "Awaiting review", words.count(books.states["awaiting_review"]),
            f"{words.count(books.states['reviewed'])} reviewed",
            "Samples that people were asked about and have not decided yet: see the Review page.",
        ),
        parts.Card(
            "Cost", words.dollars(spent.known_usd),
            f"{words.count(spent.unpriced)} of {words.count(spent.answers)} answers unpriced",
            "The known prices of annotations and verdicts. Unpriced answers are not free: nobody "
            "stated what their model costs.",
        ),
    ]  # fmt: skip
