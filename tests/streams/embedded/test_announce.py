from pathlib import Path

import pytest

from models.errors import ConfigurationError
from streams.embedded.announce import announce, read_announcement


def test_what_was_announced_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "broker.json"
    assert read_announcement(path) is None
    announce(path, {"host": "127.0.0.1", "port": 9})
    announce(path, {"host": "127.0.0.1", "port": 10})
    assert read_announcement(path) == {"host": "127.0.0.1", "port": 10}
    assert list(path.parent.iterdir()) == [path]


def test_an_unwritable_place_is_a_mistake_with_a_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file/a\.json.*--announce"):
        announce(tmp_path / "file" / "a.json", {"port": 1})
