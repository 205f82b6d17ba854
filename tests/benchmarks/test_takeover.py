"""What the takeover benchmark calls a pause."""

from benchmarks.takeover import pauses

STAMPS = {0: [5.0, 1.0, 2.0], 1: [1.0, 1.5], 2: [7.0]}


def test_a_partitions_longest_pause_counts_where_it_ends() -> None:
    assert pauses(STAMPS, 0.0, 9.0) == [0.0, 0.5, 3.0]
    assert pauses(STAMPS, 0.0, 2.0) == [0.0, 0.5, 1.0]
    assert pauses(STAMPS, 2.0, 5.0) == [0.0, 0.0, 3.0]
