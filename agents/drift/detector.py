"""What every detector offers, and what it says once it has crossed its threshold."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from models.drift import Summary

Value_contra = TypeVar("Value_contra", contravariant=True)

Direction = Literal["up", "down", "mix"]

STATISTIC_LIMIT = 1e280
"""Statistics are held below this, so that no stream, however long, overflows a float.

Holding one back can only delay an alarm whose threshold is higher still, and none is.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A detector's account of what it sees moving.

    Attributes:
        direction: where the value went; `mix` when shares of labels moved.
        since: event time (seconds since 1970, UTC) of the first reading after the estimated change.
        after: the readings since then. The stretch was chosen by the data, so its interval is a
            description of those readings and no test of its own.
    """

    direction: Direction
    since: float
    after: Summary


class Detector(Protocol[Value_contra]):
    """Watches one stream of values against its baseline; the cost of an update is bounded.

    A detector is a pure function of the values it was given: equal values, equal answers. Once
    `crossed`, it is replaced by a fresh one (`signal_watch`), never cleared in place.
    """

    @property
    def name(self) -> str:
        """How alarms name it."""

    @property
    def crossed(self) -> bool:
        """Whether the evidence has reached the threshold."""

    @property
    def evidence(self) -> float:
        """The statistic, on the scale of `threshold`."""

    @property
    def threshold(self) -> float:
        """The evidence at which an alarm is due."""

    def update(self, value: Value_contra, at: float) -> None:
        """Take one more value, met at event time `at` (seconds)."""

    def change(self) -> Change:
        """What moved, as far as the evidence goes; defined after the first update."""

    def state(self) -> dict[str, Any]:
        """Everything the values left behind, as JSON; parameters are not part of it."""

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken, exactly."""
