"""The drills hold what they promise."""

import itertools

from tests.drills.faults import FAULTS
from tests.drills.plan import Drill, long, short
from tests.drills.site import NUMBERS


def _kinds(*drills: Drill) -> set[str]:
    return {fault.kind for drill in drills for each in drill.rounds for fault in each.faults}


def test_the_short_drill_has_every_fault_once_and_the_long_one_every_fault() -> None:
    assert _kinds(short()) == set(FAULTS) - {"freeze_store"}
    assert _kinds(*long()) == set(FAULTS)


def test_the_long_drill_is_long() -> None:
    rounds = list(itertools.chain.from_iterable(drill.rounds for drill in long()))
    kills = [f for each in rounds for f in each.faults if f.kind.startswith(("kill_", "stop_w"))]
    assert 20_000 <= sum(each.samples for each in rounds) < NUMBERS
    assert len(kills) >= 30


def test_every_fault_is_over_before_its_round_ends() -> None:
    for drill in (short(), *long()):
        for each in drill.rounds:
            assert all(f.at + f.lasts <= each.seconds for f in each.faults), each.name
            names = [other.name for other in drill.rounds]
            assert len(names) == len(set(names))
