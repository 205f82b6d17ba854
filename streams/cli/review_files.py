"""`tidegauge reviews`: review tasks out to other tools, and completed annotations in from them."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from models.errors import ConfigurationError, TidegaugeError
from streams.cli import terminal
from streams.cli.groups import group
from streams.cli.here import settings_here
from streams.cli.reviewers import queue_here
from streams.cli.sending import NAMED_LINES
from streams.cli.served import task_here
from streams.desk.exchange import label_studio, taking
from streams.desk.exchange.taking import Choice, Format, Summary

app = group("Take review tasks to other tools, and bring the answers back.")

_BY_NAME: dict[str, Format] = {".csv": "csv", ".parquet": "parquet"}

FormatOption = Annotated[
    Format | None, typer.Option("--format", help="CSV and Parquet are known by the file's name.")
]


@app.command("export")
def export(  # noqa: PLR0913 - one option per choice
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task's name.")],
    file: Annotated[Path, typer.Argument(help="The file to write; none must be there.")],
    *,
    format_: FormatOption = None,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Decided items with their answers, not those open.")
    ] = False,
    suggestions: Annotated[
        bool,
        typer.Option(
            "--suggestions",
            help="With the annotator's labels. Whoever sees them is pulled along.",
        ),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Items, at most.")] = 1000,
) -> None:
    """Write items that wait for reviewers into a file for Label Studio, Argilla or a spreadsheet.

    They stay in the queue, too: what is decided first counts. No judge score, lane or other answer
    goes with them.

    Example: tidegauge reviews export sms_spam tasks.json --format label-studio
    """
    settings = settings_here()
    wanted = task_here(settings, task)
    kind = _format(file, format_)
    config = file.with_suffix(".xml") if kind == "label-studio" else None
    _check_new(file, config)
    choice = Choice(task, "reviewed" if reviewed else "waiting", suggestions, limit)
    with queue_here(settings) as desk:
        found = taking.items_for_export(desk, getpass.getuser(), choice, datetime.now(UTC))
    if not found:
        raise TidegaugeError(f"no item of {task} is {choice.state}: nothing was written")
    try:
        taking.WRITE[kind](found, wanted, file)
        if config:
            config.write_text(label_studio.labelling_config(wanted), encoding="utf-8")
            terminal.note(f"the project's labelling configuration is in {config}")
    except OSError as exc:
        raise ConfigurationError(f"{file}: cannot be written: {exc.strerror}") from exc
    terminal.out().print(f"{len(found):,} items written to {file}", markup=False, soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="The tool's export, or the table filled in.")],
    *,
    format_: FormatOption = None,
) -> None:
    """Take the answers in a file; bad ones are named by place and the rest is taken.

    Reviewers get the format's name in front of theirs, as in label-studio:ann@example.com. Taking
    the same file again changes nothing. No item gets more answers than it asks for.

    Example: tidegauge reviews import export.json --format label-studio
    """
    kind = _format(file, format_)
    with queue_here(settings_here()) as desk:
        lines = taking.READ[kind](file)
        found = taking.take_file(desk, getpass.getuser(), lines, kind, datetime.now(UTC))
    for line in found.bad[:NAMED_LINES]:
        terminal.note(terminal.visible(line, 500))
    if len(found.bad) > NAMED_LINES:
        terminal.note(f"and {len(found.bad) - NAMED_LINES:,} more")
    terminal.out().print(_said(found), markup=False)
    if not (found.counts["taken"] or found.counts["known"]):
        raise TidegaugeError("no answer was taken")


def _check_new(file: Path, config: Path | None) -> None:
    """Neither file is there, nor is one written over the other."""
    if config == file:
        raise ConfigurationError(f"{file}: the configuration will be called so; name it .json")
    for each in (file, config):
        if each and each.exists():
            raise ConfigurationError(f"{each} is there already; name another file")


def _said(found: Summary) -> str:
    counts = found.counts
    return (
        f"{counts['taken']:,} answers taken, {counts['known']:,} known before, "
        f"{counts['unanswered']:,} without an answer, {counts['bad']:,} not taken"
    )


def _format(file: Path, given: Format | None) -> Format:
    found = given or _BY_NAME.get(file.suffix.lower())
    if found is None:
        raise ConfigurationError(
            f"{file}: its name does not say its format; give --format ({', '.join(taking.READ)})"
        )
    return found
