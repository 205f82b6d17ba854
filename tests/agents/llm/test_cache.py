import pytest

from agents.llm.cache import AnswerCache, cache_key
from models.record import Version
from models.sample import Provenance, Sample
from tests.scripted_bench import Clock

ASKED = Version(name="a", hash="h1")


def test_entries_live_as_long_as_said() -> None:
    clock = Clock()
    cache: AnswerCache[str] = AnswerCache(10.0, clock)
    cache.put("k", "v")
    clock.seconds = 9.0
    assert cache.get("k") == "v"
    clock.seconds = 10.0
    assert cache.get("k") is None


def test_zero_seconds_remember_nothing() -> None:
    cache: AnswerCache[str] = AnswerCache(0.0, Clock())
    cache.put("k", "v")
    assert cache.get("k") is None


def test_the_number_of_entries_is_bounded() -> None:
    cache: AnswerCache[str] = AnswerCache(10.0, Clock(), entries=3)
    for key in "abcd":
        cache.put(key, key)
    assert [cache.get(key) for key in "abcd"] == [None, "b", "c", "d"]


def test_the_key_is_the_content_and_who_is_asked_not_the_id() -> None:
    one, other = Sample(id="1", text="hi"), Sample(id="2", text="hi", tags={"country": "uk"})
    assert cache_key(ASKED, one) == cache_key(ASKED, other)
    different = [
        cache_key(Version(name="a", hash="h2"), one),
        cache_key(ASKED, Sample(id="1", text="hi", context="before")),
        cache_key(ASKED, Sample(id="1", text="hi", response="before")),
        cache_key(ASKED, one, "label"),
    ]
    assert len({cache_key(ASKED, one), *different}) == 5


@pytest.mark.parametrize("provenance", ["evaluation", "canary"])
def test_samples_that_measure_the_model_are_never_answered_from_memory(
    provenance: Provenance,
) -> None:
    assert cache_key(ASKED, Sample(id="1", text="hi", provenance=provenance)) is None
