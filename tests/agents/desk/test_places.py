"""The places of an item: the numbers fit whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from agents.desk.places import Part, Places

MOVES = {
    "lent": ("", "live"),
    "given_back": ("live", ""),
    "skipped": ("live", ""),
    "answered": ("live", "pending"),
    "undone": ("pending", "live"),
    "settled": ("pending", "final"),
    "raised": ("", ""),
    "wanting": ("", ""),
}
"""Each step, and from where to where it moves a part of the item."""


def possible(places: Places, step: str) -> bool:
    source, target = MOVES[step]
    return getattr(places, source) > 0 if source else places.free > 0 or not target


def moved(parts: dict[str, list[Part]], step: str, new: Part) -> Part:
    source, target = MOVES[step]
    part = parts[source].pop(0) if source else new
    if target:
        parts[target].append(part)
    return part


def after(places: Places, step: str, part: Part, reviewers: int) -> Places:
    given = {"given_back": part, "skipped": part, "wanting": reviewers}
    found: Places = getattr(places, step)(*([given[step]] if step in given else []))
    return found


@given(st.integers(1, 4), st.lists(st.sampled_from(sorted(MOVES)), max_size=40))
def test_never_more_answers_and_leases_than_asked_for(reviewers: int, steps: list[str]) -> None:
    places = Places(reviewers)
    parts: dict[str, list[Part]] = {"live": [], "pending": [], "final": []}
    for step in steps:
        if not possible(places, step):
            continue
        places = after(places, step, moved(parts, step, places.part), reviewers)
        assert min(places.free, places.live, places.pending, places.final) >= 0
        assert places.wanted <= reviewers + places.level
        assert (places.state == "leased") is bool(places.live or places.pending)
        seniors = sum(each.count("adjudication") for each in parts.values())
        assert seniors + places.free == 1 if places.level else seniors == 0


def test_an_item_in_hand_may_want_more_answers_but_not_from_below_a_senior() -> None:
    in_hand = Places(1).lent()
    assert (in_hand.wanting(3).wanted, in_hand.wanting(3).free) == (3, 2)
    raised = in_hand.raised()
    assert raised.wanting(3) == raised


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
