"""Every command is in the operating manual, and the manual names no other."""

import re
from pathlib import Path

from streams.cli.main import COMMANDS, loaded

MANUAL = Path(__file__).parents[3] / "docs" / "operating.md"


def every_command() -> set[str]:
    names = set()
    for command in COMMANDS:
        found = loaded(command)
        parts = getattr(found, "commands", {})
        names |= {f"{command.name} {part}" for part in parts}
        if not parts or found.invoke_without_command:
            names.add(command.name)
    return names


def test_every_command_is_in_the_manual() -> None:
    rows = re.findall(r"^\| `tidegauge ([a-z -]+)` \|", MANUAL.read_text("utf-8"), re.M)
    assert set(rows) == every_command()


def test_every_option_has_help() -> None:
    for command in COMMANDS:
        found = loaded(command)
        for name, part in getattr(found, "commands", {command.name: found}).items():
            for option in part.params:
                if option.name != "help":
                    assert getattr(option, "help", None), f"{command.name} {name}: {option.name}"
