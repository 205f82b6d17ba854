from pathlib import Path

from streams.cli.logs import read_from


def test_what_was_written_since_is_read_and_a_cut_log_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert read_from(log, 0) == (0, b"")
    log.write_bytes(b"one\n")
    place, chunk = read_from(log, 0)
    assert (place, chunk) == (4, b"one\n")
    log.write_bytes(b"n\n")
    assert read_from(log, place) == (2, b"n\n")
