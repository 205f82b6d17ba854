from models.result import STATES
from streams.cli.settling import Awaited
from streams.store.figures.ledger import Ledger


def books(**states: int) -> Ledger:
    counts = dict.fromkeys(STATES, 0) | states
    return Ledger(sum(counts.values()), counts, 0, 0, 0, {}, 0)  # type: ignore[arg-type]


def test_it_is_over_when_all_came_in_and_none_is_on_its_way() -> None:
    assert not Awaited(3).over(books(accepted=2))
    assert not Awaited(3).over(books(accepted=2, in_flight=1))
    assert Awaited(3).over(books(accepted=2, awaiting_review=1))
    assert not Awaited(3, reviewed=True).over(books(accepted=2, awaiting_review=1))
    assert Awaited(3, reviewed=True).over(books(accepted=2, reviewed=1))
