"""Policies in the store: kept under their number, and what was last put in force."""

from datetime import UTC, datetime, timedelta

import pytest

from models.errors import ConfigurationError
from models.policy import InForce, Policy
from models.record import Version
from streams.store import policies
from streams.store.client import AsyncStore, Store

pytestmark = pytest.mark.processes

AT = datetime(2026, 11, 1, tzinfo=UTC)
THIS = Version(name="t/1", hash="aaa")
FIRST = Policy(task="t", budget=0.1, mean_uncertainty=0.3, audit=0.02)


def fitted(number: int, note: str = "", task: str = "t") -> Policy:
    return FIRST.model_copy(update={"task": task, "number": number, "note": note, "made_for": THIS})


def test_fitted_policies_are_kept_in_their_order(store: Store) -> None:
    assert policies.fitted(store, "t") == []
    for policy in (fitted(2), fitted(3), fitted(2, task="tt"), fitted(3)):
        policies.save(store, policy)
    assert policies.fitted(store, "t") == [fitted(2), fitted(3)]


def test_a_number_is_given_once(store: Store) -> None:
    policies.save(store, fitted(2, "first"))
    with pytest.raises(ConfigurationError, match="t/2 was fitted by somebody else"):
        policies.save(store, fitted(2, "second"))


async def test_the_last_word_on_a_version_is_remembered(
    store: Store, async_store: AsyncStore
) -> None:
    assert await policies.last_in_force(async_store, THIS) is None
    for day, policy in enumerate((fitted(2), fitted(3), fitted(2), FIRST)):
        at = AT + timedelta(days=day)
        policies.note(store, InForce(task=THIS, policy=policy, by="me", at=at))
        said = await policies.last_in_force(async_store, THIS)
        assert said is not None
        assert said.policy == policy
        assert policies.in_force(store, THIS) == said
    assert await policies.last_in_force(async_store, Version(name="t/2", hash="bbb")) is None
