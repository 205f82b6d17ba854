"""The console script: the list of all commands, and what an error looks like to a person.

Exit codes: 0 done, 1 it did not work out, 2 wrong usage, 69 something needed does not answer,
78 a setting or file must be mended, 130 stopped with Ctrl-C.
"""

from typing import Any

import typer
from typer.core import TyperGroup

from models.errors import ConfigurationError, TidegaugeError, Unavailable
from streams.cli import alarms, dead_letters, tasks, terminal
from streams.cli.controls import pause, resume
from streams.cli.doctor import doctor
from streams.cli.instances import up
from streams.cli.migrating import migrate
from streams.cli.reporting import report
from streams.cli.sending import send
from streams.cli.simulating import simulate_reviewers
from streams.cli.trying import try_

EXIT_FAILED = 1
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130


class Commands(TyperGroup):
    """A group whose commands end in one clear message and an exit code, never in a traceback."""

    def invoke(self, ctx: Any) -> object:
        """Run the command; what is raised on purpose is said in one message."""
        try:
            return super().invoke(ctx)
        except TidegaugeError as error:
            terminal.fail(str(error))
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(EXIT_INTERRUPTED) from error


def exit_code(error: TidegaugeError) -> int:
    """What the shell is told.

    >>> exit_code(ConfigurationError("x")), exit_code(Unavailable("x")), exit_code(TidegaugeError())
    (78, 69, 1)
    """
    if isinstance(error, ConfigurationError):
        return EXIT_CONFIGURATION
    return EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_FAILED


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    add_completion=False,
    help="Label live traffic with a model, judge every label, and see how good the labels are.",
)

START, USE, TEND, RUN = "Start", "Use", "Look after", "Deploy"

app.command("up", rich_help_panel=START)(up)
app.command("try", rich_help_panel=START)(try_)
app.add_typer(tasks.app, name="task", rich_help_panel=START)
app.command("send", rich_help_panel=USE)(send)
app.command("report", rich_help_panel=USE)(report)
app.add_typer(alarms.app, name="alarms", rich_help_panel=USE)
app.command("pause", rich_help_panel=TEND)(pause)
app.command("resume", rich_help_panel=TEND)(resume)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=TEND)
app.command("doctor", rich_help_panel=TEND)(doctor)
app.command("migrate", rich_help_panel=RUN)(migrate)
app.command("simulate-reviewers", rich_help_panel=RUN)(simulate_reviewers)


def main() -> None:
    """Run the `tidegauge` command."""
    app(prog_name="tidegauge")


if __name__ == "__main__":
    main()
