"""How a group of commands looks, the whole of `tidegauge` included."""

import typer

LOOK = {
    "add_completion": False,
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": "markdown",
}


def group(line: str) -> typer.Typer:
    """An empty group of commands, known by its first line of help."""
    made = typer.Typer(**LOOK, help=line)  # type: ignore[arg-type]
    made.callback()(_nothing)  # a group of one command stays a group
    return made


def _nothing() -> None:
    return None
