import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agents.llm.budget import Budget, Reservation, check_priced, highest_price
from agents.llm.requests import AnswerSchema, ChatRequest, Payer
from models.errors import BudgetExhausted, ConfigurationError
from models.task import Price
from models.task_file import parse_task
from tests.scripted_bench import CHAT_TASK, VIEW_TASK

NOON = 12 * 3600.0
DAY = 86_400.0


def test_refuses_the_call_that_could_pass_the_limit() -> None:
    budget = Budget(1.0)
    budget.observe(0.5, NOON)
    budget.reserve(0.4, NOON)
    with pytest.raises(BudgetExhausted, match=r"\$1\.00"):
        budget.reserve(0.2, NOON)


def test_settling_frees_what_the_call_did_not_cost() -> None:
    budget = Budget(1.0)
    budget.settle(budget.reserve(0.9, NOON), 0.1, NOON)
    assert budget.spent == pytest.approx(0.1)
    budget.reserve(0.9, NOON)


def test_own_spend_counts_all_day_on_top_of_what_others_spent() -> None:
    budget = Budget(1.0)
    budget.settle(budget.reserve(0.3, NOON), 0.3, NOON)
    budget.observe(0.2, NOON + 3600)
    assert budget.spent == pytest.approx(0.5)
    budget.observe(0.1, NOON + 7200)
    assert budget.spent == pytest.approx(0.4)


def test_own_spend_counts_while_the_store_is_down() -> None:
    budget = Budget(1.0)
    for minute in range(5):
        at = NOON + 60 * minute
        budget.settle(budget.reserve(0.2, at), 0.2, at)
    with pytest.raises(BudgetExhausted):
        budget.reserve(0.01, NOON + 3600)


def test_what_is_said_of_yesterday_does_not_count_today() -> None:
    budget = Budget(1.0)
    budget.settle(budget.reserve(0.1, DAY + 1), 0.1, DAY + 1)
    budget.observe(0.8, DAY - 1)
    assert budget.spent == pytest.approx(0.1)


def test_a_new_utc_day_begins_with_nothing_spent() -> None:
    budget = Budget(1.0)
    late = budget.reserve(0.8, DAY - 1)
    budget.observe(0.2, DAY - 1)
    budget.reserve(0.9, DAY + 1)
    budget.settle(late, 0.05, DAY + 2)
    assert budget.spent == pytest.approx(0.95)


def test_without_a_limit_nothing_is_refused() -> None:
    budget = Budget(None)
    budget.observe(1e9, NOON)
    budget.reserve(1e9, NOON)


@given(st.text(max_size=300), st.integers(1, 1000))
def test_the_highest_price_bounds_any_tokenization(text: str, limit: int) -> None:
    price = Price(input=3.0, output=15.0)
    request = ChatRequest("m", "system", text, AnswerSchema("s", {}), limit, Payer("t", "", price))
    most_tokens = len(("system" + text).encode())
    assert highest_price(request) >= price.of(most_tokens, limit)


def test_an_unpriced_model_is_refused_with_the_fix() -> None:
    task = parse_task(CHAT_TASK.replace("spend: {unpriced: allow}", ""), "t.yaml")
    with pytest.raises(ConfigurationError, match=r"annotator\.price.*unpriced: allow"):
        check_priced(task)


def test_a_stated_price_of_zero_is_a_price() -> None:
    text = VIEW_TASK.replace("spend: {unpriced: allow}", "")
    text = text.replace("name: first", "name: first\n  price: {input: 0, output: 0}")
    text = text.replace("name: second", "name: second\n  price: {input: 0, output: 0}")
    check_priced(parse_task(text, "t.yaml"))


class BudgetMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, own spend counts in full, and the limit holds."""

    LIMIT = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(self.LIMIT)
        self.at = 0.0
        self.open: list[Reservation] = []
        self.paid = 0.0
        self.others = 0.0

    @rule(usd=st.floats(0, 4))
    def reserve(self, usd: float) -> None:
        try:
            self.open.append(self.budget.reserve(usd, self.at))
        except BudgetExhausted:
            assert self.budget.spent + usd > self.LIMIT
        else:
            assert self.budget.spent <= self.LIMIT + 1e-6

    @precondition(lambda self: self.open)
    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        reservation = self.open.pop()
        cost = share * reservation.usd
        self.budget.settle(reservation, cost, self.at)
        self.paid += cost

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.at = min(self.at + seconds, DAY - 1)

    @rule(others=st.floats(0, 5))
    def read_store(self, others: float) -> None:
        self.others = others
        self.budget.observe(others, self.at)

    @invariant()
    def every_cent_counts_once(self) -> None:
        own = self.paid + sum(reservation.usd for reservation in self.open)
        assert own <= self.LIMIT + 1e-6
        assert self.budget.spent == pytest.approx(own + self.others)


TestBudgetMachine = BudgetMachine.TestCase
