import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.llm.breaker import Breaker, Permit
from models.errors import ModelUnavailable
from tests.scripted_bench import Clock


def state(breaker: Breaker) -> str:
    return breaker.state


def opened(clock: Clock, rest: float = 2.0) -> Breaker:
    breaker = Breaker(clock, threshold=3, rest=rest, longest_rest=8.0)
    for _ in range(3):
        breaker.admit().fail("HTTP 500")
    return breaker


def test_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(Clock(), threshold=3)
    for _ in range(5):
        breaker.admit().fail("HTTP 500")
        breaker.admit().fail("HTTP 500")
        breaker.admit().succeed()
    assert state(breaker) == "closed"


def test_an_open_breaker_says_why_and_when_to_ask_again() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds = 0.5
    with pytest.raises(ModelUnavailable, match="HTTP 500") as caught:
        breaker.admit()
    assert caught.value.retry_after == pytest.approx(1.5)


def test_half_open_lets_one_probe_in_and_its_success_closes() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds = 2.0
    probe = breaker.admit()
    with pytest.raises(ModelUnavailable, match="probe"):
        breaker.admit()
    probe.succeed()
    assert state(breaker) == "closed"
    breaker.admit()
    breaker.admit()


def test_a_failed_probe_doubles_the_rest_up_to_the_longest() -> None:
    clock = Clock()
    breaker = opened(clock)
    for rest in (2.0, 4.0, 8.0, 8.0):
        clock.seconds += rest - 0.01
        assert state(breaker) == "open"
        clock.seconds += 0.01
        breaker.admit().fail("still down")
    assert state(breaker) == "open"


def test_a_probe_that_ends_with_its_own_record_does_not_wedge_the_breaker() -> None:
    clock = Clock()
    breaker = opened(clock)
    clock.seconds = 2.0
    breaker.admit().close()
    breaker.admit().succeed()
    assert state(breaker) == "closed"


def test_calls_from_before_the_opening_no_longer_count() -> None:
    clock = Clock()
    breaker = Breaker(clock, threshold=2, rest=2.0)
    late = [breaker.admit() for _ in range(4)]
    late[0].fail("down")
    late[1].fail("down")
    late[2].succeed()
    assert state(breaker) == "open"
    clock.seconds = 2.0
    probe = breaker.admit()
    late[3].fail("down")
    probe.succeed()
    assert state(breaker) == "closed"


def test_a_trip_opens_at_once_for_the_time_named() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.admit().trip("HTTP 401", 15.0)
    clock.seconds = 14.0
    assert state(breaker) == "open"
    clock.seconds = 15.0
    assert state(breaker) == "half_open"


class BreakerMachine(RuleBasedStateMachine):
    """Any order of calls, ends and waits leaves the breaker able to find the endpoint back."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(self.clock, threshold=3, rest=2.0, longest_rest=8.0)
        self.permits: list[Permit] = []
        self.probes = 0

    @rule()
    def ask(self) -> None:
        before = self.breaker.state
        try:
            self.permits.append(self.breaker.admit())
        except ModelUnavailable:
            assert before != "closed"
        else:
            assert before != "open"

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), end=st.sampled_from(["succeed", "fail", "trip", "close"]))
    def end_one(self, data: st.DataObject, end: str) -> None:
        place = data.draw(st.integers(0, len(self.permits) - 1))
        permit = self.permits.pop(place)
        match end:
            case "succeed":
                permit.succeed()
            case "fail":
                permit.fail("down")
            case "trip":
                permit.trip("HTTP 401", 5.0)
        permit.close()

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.clock.seconds += seconds

    @invariant()
    def two_probes_never_run_at_once(self) -> None:
        if self.breaker.state != "half_open":
            return
        try:
            first = self.breaker.admit()
        except ModelUnavailable:
            return
        with pytest.raises(ModelUnavailable):
            self.breaker.admit()
        first.close()

    def teardown(self) -> None:
        for permit in self.permits:
            permit.close()
        self.clock.seconds += 100.0
        self.breaker.admit().succeed()
        assert state(self.breaker) == "closed"


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, stateful_step_count=30)
