"""Expertise: the first pool that fits has an item."""

import pytest

from agents.desk.pools import levels_open_to, pool_of, pools_open_to
from models.desk import AccountRole
from models.task import PoolTags

POOLS: dict[str, PoolTags] = {
    "law": {"topic": ("law", "tax"), "lang": ("de",)},
    "german": {"lang": ("de", "at")},
}


@pytest.mark.parametrize(
    ("tags", "pool"),
    [
        ({"topic": "tax", "lang": "de"}, "law"),
        ({"topic": "tax", "lang": "at"}, "german"),
        ({"topic": "tax"}, "general"),
        ({}, "general"),
    ],
)
def test_an_item_goes_to_the_first_pool_all_of_whose_tags_it_bears(
    tags: dict[str, str], pool: str
) -> None:
    assert pool_of(tags, POOLS) == pool


def test_everybody_serves_the_general_pool_once() -> None:
    assert pools_open_to(()) == ("general",)
    assert pools_open_to(("law", "general", "law")) == ("general", "law")


@pytest.mark.parametrize(("role", "levels"), [("reviewer", (0,)), ("senior", (0, 1))])
def test_only_seniors_adjudicate(role: AccountRole, levels: tuple[int, ...]) -> None:
    assert levels_open_to(role) == levels
