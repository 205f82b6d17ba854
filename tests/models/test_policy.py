"""What names a policy, and what of it is in its hash."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from models.policy import CORRECTIONS_LIMIT, Correction, Fitted, InForce, Policy
from models.record import Version

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST = Policy(
    task="t", budget=0.1, mean_uncertainty=0.3, audit=0.02, slices={"lang": ("en",)}
)  # fmt: skip


def test_the_hash_of_a_policy_from_before_fitting_is_what_it_was() -> None:
    assert str(FIRST.version) == "t/1@b131b83eee78"


def test_everything_fitted_is_in_the_hash_and_survives_the_wire() -> None:
    fitted = Fitted(
        n=200, right=150, worth=80.5, first=AT, last=AT, loss_before=0.5, loss_after=0.4
    )
    changes = (
        {"corrections": (Correction(text="x", labels=("a",)),)},
        {"fitted_on": fitted},
        {"made_for": Version(name="t/1", hash="abc")},
        {"note": "why"},
        {"calibrates": "confidence"},
    )
    hashes = {FIRST.version.hash}
    for change in changes:
        policy = FIRST.model_copy(update=change)
        assert Policy.model_validate_json(policy.encode()).version == policy.version
        hashes.add(policy.version.hash)
    assert len(hashes) == len(changes) + 1


def test_what_is_in_force_is_no_policy_and_the_other_way_round() -> None:
    said = InForce(task=Version(name="t/1", hash="abc"), policy=FIRST, at=AT)
    assert InForce.model_validate_json(said.encode()).policy.version == FIRST.version
    with pytest.raises(ValidationError):
        Policy.model_validate_json(said.encode())
    with pytest.raises(ValidationError):
        InForce.model_validate_json(FIRST.encode())


def test_corrections_are_bounded() -> None:
    many = [{"text": "x", "labels": ["a"]}] * (CORRECTIONS_LIMIT + 1)
    with pytest.raises(ValidationError):
        Policy.model_validate({**FIRST.model_dump(), "corrections": many})
