"""`tidegauge desk backup` and `restore`: the review queue's database."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import terminal
from streams.cli.here import settings_here
from streams.desk import backup as copies

File = Annotated[Path, typer.Argument(help="The copy.")]


def backup(file: File) -> None:
    """Copy the review queue as it is now, while the desk runs; the copy is checked.

    It holds texts and reviewers' names: keep it as safe as the queue.

    Example: tidegauge desk backup desk-2026-11-21.sqlite
    """
    found = copies.back_up(settings_here().desk_database, file)
    terminal.out().print(
        f"{found.items:,} items ({found.waiting:,} waiting), {found.unsent:,} unpublished "
        f"messages, {found.bytes:,} bytes in {file}",
        markup=False,
        soft_wrap=True,
    )


def restore(file: File) -> None:
    """Put a copy into the queue's place, with the desk stopped; the old queue is kept beside it.

    The desk then reads `reviews` again from where the copy stands.

    Example: tidegauge desk restore desk-2026-11-21.sqlite
    """
    aside = copies.restore(settings_here().desk_database, file, datetime.now(UTC))
    kept = f"; the one before is kept as {aside}" if aside else ""
    terminal.out().print(f"the queue is that of {file}{kept}", markup=False, soft_wrap=True)
