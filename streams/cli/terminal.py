"""What goes to a person's screen: plain tables, and hostile text made harmless.

Nothing from a sample is ever markup: it is printed through `shown`, which makes control characters
visible and hands rich a `Text`, whose content is never parsed.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"


def out() -> Console:
    """Standard output, where results go."""
    return Console(highlight=False, soft_wrap=False)


def err() -> Console:
    """Standard error, where progress, warnings and errors go."""
    return Console(stderr=True, highlight=False)


def visible(text: str, limit: int = 300) -> str:
    r"""A text that can do nothing to a terminal: control and hidden characters as escapes, cut.

    >>> visible("a\x1b[31mred\n")
    'a\\x1b[31mred\\n'
    >>> visible("abcdef", limit=4)
    'abc…'
    """
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(map(_visible_character, short))


def _visible_character(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def shown(text: str, limit: int = 300, style: str = "") -> Text:
    """The same as rich text: never parsed as markup, with a style of ours."""
    return Text(visible(text, limit), style=style)


def table(*columns: str) -> Table:
    """A light table; a column whose name starts with `>` is right-aligned."""
    made = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        side: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        made.add_column(name.lstrip(">"), justify=side, overflow="fold")
    return made


def titled(title: str, body: RenderableType) -> Group:
    """Something under its title."""
    return Group(Text(title, style="bold"), body)


def pairs(values: Mapping[str, str | Text]) -> Table:
    """Names beside their values."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in values.items():
        made.add_row(Text(name), value if isinstance(value, Text) else shown(value, 2000))
    return made


def progress() -> Progress:
    """A progress bar on standard error, gone when it is done; silent without a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err(),
        transient=True,
    )


def note(text: str) -> None:
    """One line for the person watching, on standard error; no markup is read from it."""
    err().print(Text(text), soft_wrap=True)


def fail(text: str) -> None:
    """An error, said once and plainly; each line of it is made visible on its own."""
    lines = text.splitlines() or ["unknown error"]
    body = "\n".join(visible(line, 1000) for line in lines)
    err().print(Text.assemble(("tidegauge: ", "bold red"), body), soft_wrap=True)


def echo_json(value: Any) -> None:
    """A value as JSON on standard output, in ASCII, so that nothing in it acts on a terminal."""
    typer.echo(json.dumps(value, indent=2, default=str))


def write_json(path: Path, value: Any) -> None:
    """A value as a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, default=str) + "\n", encoding="utf-8")


def percent(value: float | None) -> str:
    """A share for people; a dash when there is none.

    >>> percent(0.876), percent(None)
    ('87.6 %', '–')
    """
    return "–" if value is None else f"{value * 100:.1f} %"


def interval(estimate: Mapping[str, Any]) -> str:
    """A share with its 95 % interval and n; a dash when there is nothing to say.

    >>> interval({"value": 0.9, "low": 0.85, "high": 0.94, "n": 120})
    '90.0 % (85.0–94.0 %, n = 120)'
    """
    if estimate.get("value") is None:
        return f"– (n = {estimate.get('n', 0)})"
    low, high = estimate["low"] * 100, estimate["high"] * 100
    return f"{percent(estimate['value'])} ({low:.1f}–{high:.1f} %, n = {estimate['n']})"


def joined(names: Sequence[str]) -> str:
    """Names in a sentence, or a dash."""
    return ", ".join(visible(name, 60) for name in names) or "–"
