"""The console script: the list of all commands, and what an error looks like to a person.

Exit codes: 0 done, 1 it did not work out, 2 wrong usage, 65 what comes in cannot be worked, 69
something needed does not answer, 78 a setting or file must be mended, 130 stopped with Ctrl-C.

A command's module is imported when the command is run: most of them bring a model client, a
store client and a broker client along, and `--help` needs none of these.
"""

import importlib
import logging
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from streams import exit_codes
from streams.cli import terminal
from streams.cli.groups import LOOK
from streams.delivery.dead_letter_limit import TooManyDeadLetters


@dataclass(frozen=True)
class Command:
    """One command (or group of commands): where its code is, and its line in the list.

    Attributes:
        place: `module:name` of a function, or of a `typer.Typer` for a group.
        line: the first line of its help.
        panel: under which heading it is listed.
    """

    name: str
    place: str
    line: str
    panel: str


_START, _USE, _TEND, _RUN = "Start here", "Every day", "When something is wrong", "Deployments"

COMMANDS = (
    Command("demo", "demo:demo", "Watch the whole thing work on traffic made for it.", _START),
    Command("try", "trying:try_", "Label one text and show everything; store nothing.", _START),
    Command("task", "tasks:app", "Check task files.", _START),
    Command(
        "evaluate", "evaluating:evaluate", "Say how good a task's labels are on your data.", _START
    ),
    Command("up", "instances:up", "Start everything on this machine, until Ctrl-C.", _START),
    Command("send", "sending:send", "Send a file or a pipe of traffic, a sample a line.", _USE),
    Command("report", "reporting:report", "Print how good the labels are now.", _USE),
    Command("alarms", "alarms:app", "List alarms, acknowledge or re-baseline them.", _USE),
    Command("review", "reviewing:review", "Work the review desk in this terminal.", _USE),
    Command("reviewers", "reviewers:app", "Make, list and revoke reviewers' accounts.", _USE),
    Command("reviews", "review_files:app", "Take review tasks to other tools and back.", _USE),
    Command("gold", "gold:app", "Add, list and retire gold items.", _USE),
    Command("policy", "policy:app", "Fit policies from decisions, and use them.", _USE),
    Command("doctor", "doctor:doctor", "Check everything, and print the fixes.", _TEND),
    Command("dead-letters", "dead_letters:app", "List, show and replay dead letters.", _TEND),
    Command("pause", "controls:pause", "Hold a task within seconds.", _TEND),
    Command("resume", "controls:resume", "Let a paused or stopped task run again.", _TEND),
    Command("migrate", "migrating:migrate", "Create missing topics, tables and columns.", _RUN),
    Command("worker", "processes:worker", "Run stages of the pipeline, a process each.", _RUN),
    Command("desk", "desk:app", "Run the review desk, or look after its queue.", _RUN),
    Command("dashboard", "processes:dashboard", "Serve the pages.", _RUN),
    Command(
        "simulate-reviewers",
        "simulating:simulate_reviewers",
        "Answer review tasks from a key file.",
        _RUN,
    ),
)


def loaded(command: Command) -> Any:
    """The command itself, its module imported."""
    module, name = command.place.split(":")
    found = getattr(importlib.import_module(f"streams.cli.{module}"), name)
    if isinstance(found, typer.Typer):
        return get_command(found)
    single = typer.Typer(**LOOK | {"no_args_is_help": False})  # type: ignore[arg-type]
    single.command(command.name)(found)
    return get_command(single)


class Commands(TyperGroup):
    """The list above; whatever is run ends in one clear message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the list."""
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command's line in the list, none if there is no such command."""
        return next((listed(one) for one in COMMANDS if one.name == cmd_name), None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is to be run, and its arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, next(loaded(one) for one in COMMANDS if one.name == name), rest

    def invoke(self, ctx: Any) -> object:
        """Run the command; what is raised on purpose is said in one message."""
        try:
            return super().invoke(ctx)
        except TidegaugeError as error:
            terminal.fail(str(error))
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(exit_codes.INTERRUPTED) from error


def listed(command: Command) -> TyperCommand:
    """A command as the list shows it."""
    return TyperCommand(
        name=command.name, help=command.line, rich_help_panel=command.panel, callback=None
    )


def exit_code(error: TidegaugeError) -> int:
    """What the shell is told.

    >>> exit_code(ConfigurationError("x")), exit_code(Unavailable("x")), exit_code(TidegaugeError())
    (78, 69, 1)
    """
    if isinstance(error, ConfigurationError):
        return exit_codes.CONFIGURATION
    if isinstance(error, TooManyDeadLetters):
        return exit_codes.GAVE_UP
    return exit_codes.UNAVAILABLE if isinstance(error, Unavailable) else exit_codes.FAILED


app = typer.Typer(cls=Commands, **LOOK)  # type: ignore[arg-type]


@app.callback()
def tidegauge(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Label live traffic with a model, judge every label, and see how good the labels are."""
    if version:
        typer.echo(f"tidegauge {metadata.version('tidegauge')}")
        raise typer.Exit


def main() -> None:
    """Run the `tidegauge` command."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it raises what it logs
    app(prog_name="tidegauge")


if __name__ == "__main__":
    main()
