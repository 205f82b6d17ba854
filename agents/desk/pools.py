"""Whose expertise an item asks for, and what a reviewer may be given."""

from collections.abc import Mapping, Sequence

from models.desk import GENERAL, AccountRole, PoolName
from models.task import PoolTags


def pool_of(tags: Mapping[str, str], pools: Mapping[str, PoolTags]) -> PoolName:
    """The first pool all of whose tags the item bears, else the one for everybody.

    >>> german = {"lang": ("de",)}
    >>> pools = {"german-law": german | {"topic": ("law", "tax")}, "german": german}
    >>> pool_of({"lang": "de", "topic": "tax"}, pools)
    'german-law'
    >>> pool_of({"lang": "de"}, pools), pool_of({}, pools)
    ('german', 'general')
    """
    for name, asked in pools.items():
        if all(tags.get(tag) in values for tag, values in asked.items()):
            return name
    return GENERAL


def pools_open_to(pools: Sequence[PoolName]) -> tuple[PoolName, ...]:
    """The pools a reviewer serves: the one for everybody, and those of their account.

    >>> pools_open_to(("german", "general"))
    ('general', 'german')
    """
    return tuple(dict.fromkeys((GENERAL, *pools)))


def levels_open_to(role: AccountRole) -> tuple[int, ...]:
    """The levels a role may be given: 1 waits for a senior.

    >>> levels_open_to("reviewer"), levels_open_to("admin")
    ((0,), (0, 1))
    """
    return (0,) if role == "reviewer" else (0, 1)
