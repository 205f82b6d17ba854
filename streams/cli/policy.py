"""`tidegauge policy`: fit what the stages work by from people's decisions, look at it, use it."""

import asyncio
import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from agents.annotate.corrections import MOST, obstacle
from agents.policy.fit import TooFewDecisions
from agents.policy.propose import Past, Wish, proposed
from models.errors import ConfigurationError
from models.policy import CORRECTIONS_LIMIT, Correction, InForce, Policy
from models.task import Task
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.cli.served import gold_texts, served, task_here
from streams.policies import PolicyBook
from streams.store import policies
from streams.store.client import Store, connect_sync
from streams.store.figures import training

app = group("Fit policies from decisions, look at them, put one in force.")

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="The task's name.")]
Note = Annotated[str, typer.Option(help="Why; kept with it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

_TEXT_SHOWN = 100


@app.command()
def fit(
    task: TaskName,
    *,
    corrections: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=CORRECTIONS_LIMIT,
            help=f"Reviewed mistakes to show the annotator as examples, at most; default {MOST}.",
        ),
    ] = None,
    simulation: Annotated[
        bool,
        typer.Option("--simulation", help="Learn from simulated reviewers, too; it is marked so."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would come out; keep nothing.")
    ] = False,
    note: Note = "",
) -> None:
    """Fit a new policy from what people decided; it is kept, and not in force yet.

    Gold, canaries, evaluations and samples that are not live traffic are never learnt from.

    Example: tidegauge policy fit sms_spam --note "first 300 decisions"
    """
    settings = settings_here()
    wanted = task_here(settings, task)
    store = connect_sync(settings.clickhouse)
    past = training.past(store, _wanted(wanted, simulation))
    wish = Wish(
        number=1 + max((p.number for p in policies.fitted(store, task)), default=1),
        corrections=_corrections(wanted, corrections),
        barred=gold_texts(settings, wanted),
        note=note,
    )
    before = _in_force(store, wanted)
    policy = _proposed(wanted, before, past, wish)
    terminal.out().print(_shown(policy, before))
    _print_corrections(policy.corrections)
    if dry_run:
        terminal.out().print("\nnothing was kept (--dry-run)")
        return
    policies.save(store, policy)
    terminal.out().print(f"\ntidegauge policy use {task} {policy.number} puts it in force")


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="One task's; else those of all.")] = "",
    *,
    json_: AsJson = False,
) -> None:
    """Show policies: what each was fitted on, and which is in force.

    Example: tidegauge policy show sms_spam
    """
    settings = settings_here()
    store = connect_sync(settings.clickhouse)
    tasks = [task_here(settings, task)] if task else list(served(settings).values())
    lines = [line for each in tasks for line in _lines(store, each)]
    if json_:
        terminal.echo_json([line.facts() for line in lines])
        return
    made = terminal.table("policy", "", ">fitted on", ">log loss", ">corrections", "note")
    for line in lines:
        made.add_row(*line.cells())
    terminal.out().print(made)
    if task:
        _print_corrections(next(line.policy for line in lines if line.in_force).corrections)


@app.command()
def use(
    task: TaskName,
    number: Annotated[int, typer.Argument(min=1, help="Its number; 1 is the task file's own.")],
    *,
    note: Note = "",
) -> None:
    """Put a policy in force: stages work by it within seconds, until another one is.

    Example: tidegauge policy use sms_spam 2
    """
    settings = settings_here()
    wanted = task_here(settings, task)
    store = connect_sync(settings.clickhouse)
    policy = _numbered(store, wanted, number)
    said = InForce(
        task=wanted.identity,
        policy=policy,
        by=getpass.getuser(),
        note=note,
        at=datetime.now(UTC),
    )
    asyncio.run(PolicyBook(settings).use(said))
    policies.note(store, said)
    terminal.out().print(f"{task} works by policy {policy.version} now", markup=False)


def _wanted(task: Task, simulation: bool) -> training.Wanted:
    score = training.JUDGE if task.judge is not None else training.OWN
    return training.Wanted(task.name, task.identity, score, simulation)


def _corrections(task: Task, asked: int | None) -> int:
    """How many corrections to carry; a task that can have none says why."""
    why = obstacle(task)
    if not why or asked == 0:
        return MOST if asked is None else asked
    if asked:
        raise ConfigurationError(f"--corrections: {why}")
    terminal.note(f"without corrections: {why}")
    return 0


def _proposed(task: Task, before: Policy, past: Past, wish: Wish) -> Policy:
    try:
        return proposed(task, before, past, wish)
    except TooFewDecisions as exc:
        if not past.left_out:
            raise
        raise TooFewDecisions(
            f"{exc}. {past.left_out} more were decided by simulated reviewers; --simulation learns "
            "from them, too"
        ) from exc


def _in_force(store: Store, task: Task) -> Policy:
    said = policies.in_force(store, task.identity)
    return said.policy if said else task.first_policy


def _numbered(store: Store, task: Task, number: int) -> Policy:
    if number == 1:
        return task.first_policy
    found = next((p for p in policies.fitted(store, task.name) if p.number == number), None)
    if found is None:
        raise ConfigurationError(
            f"{task.name} has no policy {number}; `tidegauge policy show {task.name}` lists them"
        )
    if found.made_for != task.identity:
        raise ConfigurationError(
            f"policy {found.version} was fitted for {found.made_for}, and the task is "
            f"{task.identity} now: fit a new one"
        )
    return found


def _shown(policy: Policy, before: Policy) -> object:
    on = policy.fitted_on
    said = {"policy": str(policy.version), "made for": str(policy.made_for)}
    if on is not None:
        kept = "" if on.loss_after < on.loss_before else "; no better, so it is not used"
        simulated = f"; {on.simulated:,} by simulated reviewers" if on.simulated else ""
        said |= {
            "fitted on": f"{on.n:,} reviewed samples, worth {on.worth:,.0f}, {on.right:,} of them "
            f"right, from {on.first:%Y-%m-%d %H:%M} to {on.last:%Y-%m-%d %H:%M} UTC{simulated}",
            "log loss": f"{on.loss_before:.4f} in force, {on.loss_after:.4f} fitted, on samples "
            f"it did not see{kept}",
        }
    return terminal.pairs(
        {
            **said,
            "calibrator": f"of the {policy.calibrates.replace('_', ' ')}: slope "
            f"{policy.calibrator.slope:.3f}, shift {policy.calibrator.shift:+.3f}",
            "mean uncertainty": f"{policy.mean_uncertainty:.4f}, was {before.mean_uncertainty:.4f}",
            "corrections": str(len(policy.corrections)),
        }
    )


def _print_corrections(found: Sequence[Correction]) -> None:
    if not found:
        return
    made = terminal.table("correction", "right is")
    for correction in found:
        text = terminal.shown(correction.text, _TEXT_SHOWN)
        made.add_row(text, Text(terminal.joined(correction.labels)))
    terminal.out().print()
    terminal.out().print(made)


@dataclass(frozen=True)
class _Line:
    """One policy in the list."""

    policy: Policy
    in_force: bool
    current: bool

    def cells(self) -> tuple[str | Text, ...]:
        """As a row of a table."""
        on = self.policy.fitted_on
        state = "in force" if self.in_force else "" if self.current else "of another version"
        loss = f"{on.loss_before:.4f} → {on.loss_after:.4f}" if on else "–"
        fitted_on = f"{on.n:,}{' (simulated)' if on.simulated else ''}" if on else "the task file"
        return (
            str(self.policy.version),
            state,
            fitted_on,
            loss,
            str(len(self.policy.corrections)),
            terminal.shown(self.policy.note, _TEXT_SHOWN),
        )

    def facts(self) -> dict[str, object]:
        """For programs."""
        return {
            "version": str(self.policy.version),
            "in_force": self.in_force,
            "policy": self.policy.model_dump(mode="json"),
        }


def _lines(store: Store, task: Task) -> list[_Line]:
    standing = _in_force(store, task).version
    found = [task.first_policy, *policies.fitted(store, task.name)]
    return [_Line(p, p.version == standing, p.made_for in (None, task.identity)) for p in found]
