"""What the terminal client prints: texts made harmless, keys and labels, one answer a line."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from models.desk import Given, Loan, Me, TaskShown
from streams.cli.terminal import visible
from streams.desk.keys import AMBIGUOUS, ESCALATE, REASON, SKIP, UNDO, label_keys
from streams.desk.screen import how_to_decide
from streams.desk.sitting import Act, Skip

MOST_CHARACTERS = 20_000
MOST_LINES = 400
ALL, FIND, GUIDELINES, QUIT = "!", "/", "?", "q"
ACCEPT = "enter"

OTHER_KEYS = (
    (AMBIGUOUS, "ambiguous"), (SKIP, "skip"), (ESCALATE, "escalate"), (UNDO, "undo"),
    (REASON, "reason"), (GUIDELINES, "guidelines"), (QUIT, "quit"),
)  # fmt: skip


def block(text: str) -> Text:
    r"""A text with its own lines, in which nothing acts on a terminal.

    >>> block("a\tb\r\n\x1b[2Jc").plain
    'a       b\n\\x1b[2Jc'
    """
    lines = text.replace("\r\n", "\n").expandtabs(8).split("\n")
    return Text("\n".join(visible(line, len(line)) for line in lines))


def beginning(text: str) -> tuple[str, int]:
    """What of a text is printed at once, and how many characters are not."""
    lines = text[:MOST_CHARACTERS].split("\n")[:MOST_LINES]
    shown = "\n".join(lines)
    return shown, len(text) - len(shown)


def item(loan: Loan, me: Me) -> RenderableType:
    """One text with what belongs to it."""
    about = f"{loan.task} · {me.answered_today} answered today · {me.waiting} waiting"
    parts: list[RenderableType] = [Rule(Text(visible(about), style="dim"), style="dim")]
    if loan.adjudication:
        parts.append(Text("for a senior: reviewers disagreed or passed it on", style="magenta"))
    if loan.context is not None:
        parts += _part("context", loan.context)
    parts += _part("text", loan.text)
    if loan.response is not None:
        parts += _part("response", loan.response)
    return Group(*parts, Text())


def _part(name: str, text: str) -> list[RenderableType]:
    shown, hidden = beginning(text)
    parts: list[RenderableType] = [
        Text(f"{name} · {len(text):,} characters", style="dim"),
        block(shown),
    ]
    if hidden:
        parts.append(Text(f"… {hidden:,} more characters: {ALL} prints them", style="yellow"))
    return parts


def whole(loan: Loan) -> RenderableType:
    """Everything there is to read, however long."""
    texts = (loan.context, loan.text, loan.response)
    return Group(*(block(text) for text in texts if text is not None))


def choices(task: TaskShown, chosen: Sequence[str], suggested: Sequence[str]) -> RenderableType:
    """The keys for a text of this task."""
    grid = Table.grid(padding=(0, 2))
    for label, key in zip(task.labels, label_keys(len(task.labels)), strict=True):
        mark = "●" if label.name in chosen else " "
        grid.add_row(
            Text(key or FIND, style="bold cyan"), Text(mark, style="green"),
            Text(visible(label.name, 100), style="bold"),
            Text(visible(label.definition), style="dim"),
        )  # fmt: skip
    last = [(f"[{key}]", says) for key, says in OTHER_KEYS]
    if says := accepts(task, chosen, suggested):
        last.insert(0, (f"[{ACCEPT}]", says))
    line = Text()
    for key, says in last:
        line.append(key, style="cyan")
        line.append(f" {visible(says, 100)}  ")
    return Group(grid, line)


def accepts(task: TaskShown, chosen: Sequence[str], suggested: Sequence[str]) -> str:
    """What Enter does; empty when nothing."""
    if task.kind == "multilabel":
        return f"send {', '.join(chosen)}" if chosen else "send: no label applies"
    return f"accept {', '.join(suggested)}" if suggested else ""


def guidelines(task: TaskShown) -> RenderableType:
    """How to decide, in the task author's words."""
    title = Text(f"Guidelines of {visible(task.name)}", style="bold")
    return Group(title, block(how_to_decide(task)), Text())


def done(act: Act) -> Text:
    """What the last key did."""
    if isinstance(act, Given):
        what = ", ".join(act.labels) or ("ambiguous" if act.answer == "ambiguous" else "no label")
        return Text(f"→ {visible(what)}    [{UNDO}] takes it back", style="green")
    return Text("→ skipped" if isinstance(act, Skip) else "→ passed on to a senior", style="green")
