"""The signals: what detectors watch, read from which part of a reading, by which detectors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.drift.adwin import Adwin
from agents.drift.categorical import CategoricalDetector
from agents.drift.chi_square import ChiSquareDetector
from agents.drift.detector import Change, Detector
from agents.drift.e_detector import EDetector
from agents.drift.plan import Plan
from agents.drift.tally import MeanTally, MixTally
from models.drift import Reading, Signal, Summary


class Tally(Protocol):
    """What a baseline is collected in."""

    n: int

    def add(self, value: Any) -> None:
        """Count one more value."""

    def summary(self) -> Summary:
        """The values in numbers."""

    def state(self) -> dict[str, Any]:
        """The tally as JSON."""


class WatchedSignal(Protocol):
    """One entry of the registry; a newcomer's signal is one of the two classes below."""

    @property
    def name(self) -> Signal:
        """How alarms name it."""

    @property
    def delay(self) -> int:
        """Values by which a shift of 20 points must have alarmed, under the default plan."""

    def value(self, reading: Reading) -> Any:
        """The signal's value, null where the reading has none: missing is not zero."""

    def tally(self, state: dict[str, Any] | None = None) -> Tally:
        """An empty baseline, or the one `state` was taken from."""

    def detectors(self, baseline: Any, plan: Plan) -> tuple[Detector[Any], ...]:
        """Fresh detectors on a full baseline; the first is the one whose evidence is shown."""

    def telling(self, values: Sequence[Any], before: Summary, change: Change) -> list[int]:
        """Positions of the values that show the change best, best first."""


@dataclass(frozen=True, slots=True)
class MeanSignal:
    """A value in [0, 1] whose mean is watched in both directions."""

    name: Signal
    read: Callable[[Reading], float | None]
    margin: float
    delay: int

    def value(self, reading: Reading) -> float | None:
        """The value, null where there is none."""
        return self.read(reading)

    def tally(self, state: dict[str, Any] | None = None) -> MeanTally:
        """Mean and spread."""
        return MeanTally() if state is None else MeanTally.from_state(state)

    def detectors(self, baseline: MeanTally, plan: Plan) -> tuple[EDetector, Adwin]:
        """The e-detector, and ADWIN as a second opinion."""
        margin = max(self.margin, plan.margin)
        return EDetector(baseline, margin, plan.run_length), Adwin(plan.delta)

    def telling(self, values: Sequence[float], before: Summary, change: Change) -> list[int]:
        """The most extreme values on the side the mean went to."""
        sign = -1.0 if change.direction == "up" else 1.0
        return sorted(range(len(values)), key=lambda i: sign * values[i])


@dataclass(frozen=True, slots=True)
class MixSignal:
    """A label whose share among all labels is watched."""

    name: Signal
    read: Callable[[Reading], str | None]
    delay: int

    def value(self, reading: Reading) -> str | None:
        """The label, null where there is none."""
        return self.read(reading)

    def tally(self, state: dict[str, Any] | None = None) -> MixTally:
        """Counts."""
        return MixTally() if state is None else MixTally.from_state(state)

    def detectors(
        self, baseline: MixTally, plan: Plan
    ) -> tuple[CategoricalDetector, ChiSquareDetector]:
        """The categorical detector, and chi-square windows as a second opinion."""
        return (
            CategoricalDetector(baseline, plan.run_length),
            ChiSquareDetector(baseline, plan.run_length),
        )

    def telling(self, values: Sequence[str], before: Summary, change: Change) -> list[int]:
        """Values whose label's share grew most."""
        after = change.after.mix
        growth = {label: after.get(label, 0.0) - before.mix.get(label, 0.0) for label in values}
        return sorted(range(len(values)), key=lambda i: -growth[values[i]])


SIGNALS: tuple[WatchedSignal, ...] = (
    MeanSignal("judge_score", lambda reading: reading.judge_score, margin=0.01, delay=40),
    MeanSignal("confidence", lambda reading: reading.confidence, margin=0.01, delay=40),
    MixSignal("label_mix", lambda reading: reading.label, delay=120),
)
"""All signals, in the order in which their alarms come out of one reading."""
