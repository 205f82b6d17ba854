import logging

from streams.process.sparse_log import Sparse


def record(line: int, number: int) -> logging.LogRecord:
    arguments = (number,)
    return logging.LogRecord("aiokafka", logging.ERROR, "client.py", line, "no %d", arguments, None)


def test_the_same_line_passes_once_in_ten_seconds_and_says_what_was_left_out() -> None:
    now = 0.0
    sparse = Sparse({"aiokafka"}, lambda: now)
    assert [sparse.filter(record(1, number)) for number in range(5)] == [True] + [False] * 4
    assert sparse.filter(record(2, 0)), "another line is not the same"
    now = 10.1
    again = record(1, 9)
    assert sparse.filter(again)
    assert again.getMessage() == "no 9 (and 4 more like it before)"
    now = 20.3
    once_more = record(1, 9)
    assert sparse.filter(once_more)
    assert once_more.getMessage() == "no 9"


def test_what_tidegauge_says_is_never_left_out() -> None:
    own = logging.LogRecord("tidegauge", logging.ERROR, "x.py", 1, "dead letter", (), None)
    sparse = Sparse({"aiokafka"})
    assert all(sparse.filter(own) for _ in range(5))
