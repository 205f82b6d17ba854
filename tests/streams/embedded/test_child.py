from pathlib import Path

import pytest

from streams.embedded import child
from streams.embedded.child import Event, Happening, bound_log, last_lines, prepare_log


def test_an_event_is_a_line_for_a_person() -> None:
    died = Event(Happening.DIED, "sink", exit_code=-9, last_lines=("a", "b"), restart_seconds=0.5)
    assert str(died) == "sink died (exit code -9): b; starting again in 0.5 s"
    assert str(Event(Happening.READY, "sink")) == "sink ready"


def test_the_last_lines_are_safe_on_a_terminal(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert last_lines(log) == ()
    log.write_bytes(
        b"x" * 20_000 + b"\nfirst\n\n\x1b[31mred\x1b[0m \x07\xff\r\n\x1b]0;title\x07\n  \n"
    )
    assert last_lines(log)[1:] == ("first", "red \N{REPLACEMENT CHARACTER}", "]0;title")
    assert "\x1b" not in "".join(last_lines(log))


def test_a_long_log_is_set_aside_while_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "MAX_LOG_BYTES", 10)
    log = tmp_path / "logs" / "x.log"
    prepare_log(log)
    with log.open("ab", buffering=0) as writer:
        writer.write(b"0123456789")
        bound_log(log)
        assert log.stat().st_size == 10
        writer.write(b"!")
        bound_log(log)
        writer.write(b"new")
    assert (log.read_bytes(), log.with_name("x.log.1").read_bytes()) == (b"new", b"0123456789!")


def test_a_log_that_cannot_be_kept_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(child, "MAX_LOG_BYTES", 10)
    monkeypatch.setattr("shutil.copyfile", no_room)
    log = tmp_path / "x.log"
    log.write_bytes(b"x" * 100)
    bound_log(log)
    assert log.read_bytes() == b""
    assert list(tmp_path.iterdir()) == [log]
