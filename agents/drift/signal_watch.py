"""The watch on one signal of one slice: baseline, detectors, alarm, and what people say to it."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from agents.drift.detector import Detector
from agents.drift.plan import Plan
from agents.drift.signals import WatchedSignal
from models.drift import Alarm, AlarmAction, Reading, Signal
from models.identity import digest
from models.sample import Source

EXAMPLES = 5
"""Sample keys an alarm shows."""

ACKNOWLEDGED_LIMIT = 20
"""Acknowledged alarms kept for a re-baseline to close; one more closes the oldest."""

_REMEMBERED = 32

Phase = Literal["warming up", "watching", "alarm"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one signal stands: `warming up` n of N, `watching`, or in `alarm` until answered.

    Attributes:
        generation: which baseline it is, counted from 1.
        evidence: the first detector's statistic, 0 while warming up; the alarm's while in alarm.
        threshold: what the evidence is compared with, null while warming up.
    """

    signal: Signal
    phase: Phase
    generation: int
    collected: int
    needed: int
    evidence: float
    threshold: float | None


class SignalWatch:
    """One signal's state machine; its output depends on nothing but the readings it was given.

    *Warming up*, it collects a baseline. Then that is frozen and the detectors *watch*. The first
    to cross its threshold raises an *alarm*, and the watch rests: no reading counts as evidence
    until a person answers. `acknowledge` starts the detectors' evidence from zero against the same
    baseline, so a shift that lasts raises another alarm only after a whole fresh crossing, while
    another shift is found as ever. `rebaseline` closes all alarms and collects a new baseline.
    """

    def __init__(self, task: str, slice_name: str, signal: WatchedSignal, plan: Plan) -> None:
        """Start with an empty baseline."""
        self._task = task
        self._slice = slice_name
        self._signal = signal
        self._plan = plan
        self._recent: deque[tuple[str, Any]] = deque(maxlen=_REMEMBERED)
        self._acknowledged: tuple[Alarm, ...] = ()
        self._open: Alarm | None = None
        self._detectors: tuple[Detector[Any], ...] = ()
        self._baseline = signal.tally()
        self._frozen = False
        self._generation = 1

    def update(self, reading: Reading) -> tuple[Alarm, ...]:
        """Take one reading; an alarm if it completes the evidence for one."""
        value = self._signal.value(reading)
        if value is None or self._open is not None:
            return ()
        if not self._frozen:
            self._collect(value)
            return ()
        self._recent.append((reading.sample_key, value))
        at = seconds(reading.source.at)
        for detector in self._detectors:
            detector.update(value, at)
        for detector in self._detectors:
            if detector.crossed:
                self._open = self._alarm(detector, reading)
                self._detectors = ()
                return (self._open,)
        return ()

    def apply(self, action: AlarmAction, source: Source) -> tuple[Alarm, ...]:
        """Carry out a person's answer; the alarms whose state it changes, in their new state."""
        if action.action == "rebaseline":
            held = self._acknowledged if self._open is None else (*self._acknowledged, self._open)
            self._acknowledged = ()
            self._begin_baseline()
            return tuple(_moved(alarm, "closed", action, source) for alarm in held)
        if self._open is None:
            return ()
        seen = _moved(self._open, "acknowledged", action, source)
        held = (*self._acknowledged, seen)
        self._acknowledged = held[-ACKNOWLEDGED_LIMIT:]
        self._open = None
        self._watch()
        oldest = (_moved(alarm, "closed", action, source) for alarm in held[:-ACKNOWLEDGED_LIMIT])
        return (*oldest, seen)

    def standing(self) -> Standing:
        """Where the signal stands now."""
        shown = self._open or next(iter(self._detectors), None)
        return Standing(
            signal=self._signal.name,
            phase=self._phase(),
            generation=self._generation,
            collected=self._baseline.n,
            needed=self._baseline.n if self._frozen else self._plan.baseline,
            evidence=0.0 if shown is None else shown.evidence,
            threshold=None if shown is None else shown.threshold,
        )

    def state(self) -> dict[str, Any]:
        """Everything the readings left behind, as JSON; the plan is not part of it."""
        return {
            "generation": self._generation,
            "frozen": self._frozen,
            "baseline": self._baseline.state(),
            "detectors": {detector.name: detector.state() for detector in self._detectors},
            "recent": [list(pair) for pair in self._recent],
            "open": None if self._open is None else self._open.model_dump(mode="json"),
            "acknowledged": [alarm.model_dump(mode="json") for alarm in self._acknowledged],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken, exactly; a detector it does not know starts afresh."""
        self._generation, self._frozen = state["generation"], state["frozen"]
        self._baseline = self._signal.tally(state["baseline"])
        self._acknowledged = tuple(map(Alarm.model_validate, state["acknowledged"]))
        if state["open"] is not None:
            self._open = Alarm.model_validate(state["open"])
        elif self._frozen:
            self._watch()
            for detector in self._detectors:
                if detector.name in state["detectors"]:
                    detector.resume(state["detectors"][detector.name])
        self._recent.extend((key, value) for key, value in state["recent"])

    def _phase(self) -> Phase:
        if self._open is not None:
            return "alarm"
        return "watching" if self._frozen else "warming up"

    def _begin_baseline(self) -> None:
        self._baseline = self._signal.tally()
        self._frozen = False
        self._generation += 1
        self._open = None
        self._detectors = ()
        self._recent.clear()

    def _collect(self, value: Any) -> None:
        self._baseline.add(value)
        if self._baseline.n >= self._plan.baseline:
            self._frozen = True
            self._watch()

    def _watch(self) -> None:
        self._recent.clear()
        self._detectors = self._signal.detectors(self._baseline, self._plan)

    def _alarm(self, detector: Detector[Any], reading: Reading) -> Alarm:
        change = detector.change()
        before = self._baseline.summary()
        latest = list(self._recent)[-change.after.n :]
        telling = self._signal.telling([value for _, value in latest], before, change)
        identity = (
            *(self._task, self._slice, self._signal.name, detector.name),
            *(str(self._generation), reading.source.key()),
        )
        return Alarm(
            alarm_id=digest("alarm", *identity),
            task=self._task,
            slice=self._slice,
            signal=self._signal.name,
            detector=detector.name,
            direction=change.direction,
            at=reading.source.at,
            since=datetime.fromtimestamp(change.since, UTC),
            before=before,
            after=change.after,
            evidence=detector.evidence,
            threshold=detector.threshold,
            examples=tuple(latest[i][0] for i in telling[:EXAMPLES]),
            source=reading.source,
        )


def seconds(at: datetime) -> float:
    """Seconds since 1970 of an event time; one without a zone is UTC."""
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _moved(
    alarm: Alarm, state: Literal["acknowledged", "closed"], action: AlarmAction, source: Source
) -> Alarm:
    change = {"state": state, "at": action.at, "by": action.by, "note": action.note}
    return alarm.model_copy(update={**change, "source": source})
