"""The drill's table, its JSON and its last line."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from tests.drills.oracle import Judgement
from tests.drills.rounds import Outcome


@dataclass(frozen=True)
class Totals:
    """What the last line says, over all drills of a run; None: a round could not be judged."""

    sent: int
    kills: int
    lost: int | None
    double: int | None
    repeated: int
    good: bool

    def __str__(self) -> str:
        """The last line.

        >>> print(Totals(sent=10, kills=2, lost=0, double=0, repeated=3, good=True))
        sent=10 kills=2 lost=0 double_counted=0 repeated_calls=3
        """
        return (
            f"sent={self.sent} kills={self.kills} lost={_known(self.lost)}"
            f" double_counted={_known(self.double)} repeated_calls={self.repeated}"
        )


def totals(drills: Sequence[Sequence[Outcome]]) -> Totals:
    """All drills together; a drill's judgements grow from round to round, so its last one counts.

    What was lost or counted twice after any round stays so, even if a later round finds it again.
    """
    rounds = [outcome for outcomes in drills for outcome in outcomes]
    judged = [[o.judgement for o in outcomes if o.judgement] for outcomes in drills]
    ends = [judgements[-1] for judgements in judged if judgements]
    known = all(outcome.judgement for outcome in rounds)
    lost = sum(max(j.lost for j in judgements) for judgements in judged if judgements)
    double = sum(max(j.double for j in judgements) for judgements in judged if judgements)
    return Totals(
        sent=sum(end.sent for end in ends),
        kills=sum(outcome.kills for outcome in rounds),
        lost=lost if known else None,
        double=double if known else None,
        repeated=sum(end.repeated for end in ends),
        good=all(outcome.good for outcome in rounds),
    )


def _known(count: int | None) -> str:
    return "unknown" if count is None else str(count)


def table(drills: Sequence[Sequence[Outcome]]) -> Table:
    """A row for each round: what it added."""
    shown = Table(title="Drills on real Apache Kafka", title_justify="left")
    shown.add_column("faults")
    for name in ("sent", "kills", "lost", "double", "repeated calls", "commits (early)"):
        shown.add_column(name, justify="right")
    shown.add_column("recovery s", justify="right")
    shown.add_column("figures")
    for outcomes in drills:
        before = None
        for outcome in outcomes:
            shown.add_row(*_cells(outcome, before))
            before = outcome.judgement or before
    return shown


def _cells(outcome: Outcome, then: Judgement | None) -> tuple[str, ...]:
    now = outcome.judgement
    if now is None:
        unknown = ("?",) * 4
        return outcome.name, "?", str(outcome.kills), *unknown, "?", "not judged"
    return (
        outcome.name,
        f"{now.sent - (then.sent if then else 0):,}",
        str(outcome.kills),
        str(now.lost),
        str(now.double),
        str(now.repeated - (then.repeated if then else 0)),
        f"{now.commits - (then.commits if then else 0):,} ({now.too_early})",
        f"{outcome.recovery:.1f}",
        "right" if not now.wrong else f"{len(now.wrong)} wrong",
    )


def verdict(outcome: Outcome) -> str:
    """A line about one round."""
    judged = outcome.judgement
    if judged is None:
        return f"{outcome.seconds:.0f} s, not judged: {outcome.problem}"
    said = "; ".join(judged.wrong[:3]) if judged.wrong else "every figure right"
    return f"{outcome.seconds:.0f} s, {judged.lost} lost, {judged.double} counted twice: {said}"


def show(drills: Sequence[Sequence[Outcome]], console: Console) -> None:
    """The table, and below it everything that is wrong."""
    console.print(table(drills))
    for outcome in (each for outcomes in drills for each in outcomes):
        wrongs = outcome.judgement.wrong if outcome.judgement else (outcome.problem,)
        for wrong in wrongs:
            console.print(f"{outcome.name}: {wrong}", style="red", markup=False)


def as_json(drills: Sequence[Sequence[Outcome]]) -> str:
    """All of it for machines."""
    rounds = [asdict(outcome) for outcomes in drills for outcome in outcomes]
    return json.dumps({"rounds": rounds, **asdict(totals(drills))}, indent=2)
