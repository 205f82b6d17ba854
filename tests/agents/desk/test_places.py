"""The places of an item: the numbers fit whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from agents.desk.places import Part, Places

STEPS = st.lists(
    st.sampled_from(["lent", "given_back", "skipped", "answered", "undone", "settled", "raised"]),
    max_size=40,
)


def possible(places: Places, step: str) -> bool:
    if step == "lent":
        return places.free > 0
    if step in ("answered", "given_back", "skipped"):
        return places.live > 0
    return step == "raised" or places.pending > 0


@given(st.integers(1, 4), STEPS)
def test_never_more_answers_and_leases_than_asked_for(reviewers: int, steps: list[str]) -> None:
    places, hands = Places(reviewers), list[Part]()
    for step in steps:
        if not possible(places, step):
            continue
        part: Part = places.part
        if step == "lent":
            hands.append(part)
            places = places.lent()
        elif step in ("given_back", "skipped"):
            part = hands.pop(0)
            places = places.given_back(part) if step == "given_back" else places.skipped(part)
        elif step == "answered":
            hands.pop()
            places = places.answered()
        elif step == "undone":
            hands.append(part)
            places = places.undone()
        else:
            places = places.settled() if step == "settled" else places.raised()
        assert min(places.free, places.live, places.pending, places.final) >= 0
        assert places.wanted <= reviewers + places.level
        assert (places.state == "leased") is bool(places.live or places.pending)


def test_three_skips_ask_for_a_senior() -> None:
    places = Places(1)
    for skips in (1, 2, 3):
        places = places.lent().skipped("review")
        assert (places.skips, places.level, places.free) == (skips, int(skips == 3), 1)


def test_an_escalated_item_wants_what_is_under_way_and_one_senior() -> None:
    both = Places(3).lent().lent()
    raised = both.given_back("review").raised()
    assert (raised.wanted, raised.free, raised.live) == (2, 1, 1)
    assert raised.given_back("review").free == 1, "a place of the first round is gone"
    assert raised.lent().given_back("adjudication").free == 1
    assert raised.raised() == raised
