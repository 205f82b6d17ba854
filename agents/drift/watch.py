"""The watch on one slice of one task: all its signals, and which samples it has met."""

from typing import Any, Self

from agents.drift.plan import Plan
from agents.drift.recent_keys import RecentKeys
from agents.drift.signal_watch import SignalWatch, Standing, seconds
from agents.drift.signals import SIGNALS
from models.drift import Alarm, AlarmAction, Reading
from models.identity import digest
from models.sample import Source


class SliceWatch:
    """Everything that watches one (task, slice); fed with its readings and actions in order.

    A pure function of what it was fed: no clock, no randomness; time is the event time carried by
    readings. A sample met again within the memory of `RecentKeys` updates nothing and is counted
    in `repeats`; so is an action that was carried out before. Equal alarms get equal ids, so a
    replay after a crash raises the same ones again and nobody counts them twice.
    """

    def __init__(self, task: str, slice_name: str, plan: Plan) -> None:
        """Start with empty baselines."""
        self.task = task
        self.slice_name = slice_name
        self.readings = 0
        self.repeats = 0
        self._keys = RecentKeys()
        self._watches = {
            signal.name: SignalWatch(task, slice_name, signal, plan) for signal in SIGNALS
        }

    def update(self, reading: Reading) -> tuple[Alarm, ...]:
        """Take one reading of this slice; the alarms it raises, usually none."""
        self.readings += 1
        if self._keys.repeated(reading.sample_key, seconds(reading.source.at)):
            self.repeats += 1
            return ()
        alarms: list[Alarm] = []
        for watch in self._watches.values():
            alarms += watch.update(reading)
        return tuple(alarms)

    def apply(self, action: AlarmAction, source: Source) -> tuple[Alarm, ...]:
        """Carry out an action met at `source`; the alarms it moves, in their new state."""
        key = digest("action", action.model_dump_json(exclude={"schema_version"}))
        if self._keys.repeated(key, seconds(source.at)):
            self.repeats += 1
            return ()
        alarms: list[Alarm] = []
        for name, watch in self._watches.items():
            if action.signal in (None, name):
                alarms += watch.apply(action, source)
        return tuple(alarms)

    def standings(self) -> tuple[Standing, ...]:
        """Where each signal stands."""
        return tuple(watch.standing() for watch in self._watches.values())

    def state(self) -> dict[str, Any]:
        """Everything needed to go on elsewhere, as JSON; at most about 1 MB.

        Most of it are the keys of met samples: 7 bytes each. The plan is not part of it: a resumed
        watch keeps its frozen baselines and takes lengths and thresholds from the plan it is given.
        """
        return {
            "task": self.task,
            "slice": self.slice_name,
            "readings": self.readings,
            "repeats": self.repeats,
            "keys": self._keys.state(),
            "signals": {name: watch.state() for name, watch in self._watches.items()},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], plan: Plan) -> Self:
        """The watch `state` was taken from, with equal output from here on under an equal plan.

        A signal the state does not know warms up from nothing.
        """
        watch = cls(state["task"], state["slice"], plan)
        watch.readings, watch.repeats = state["readings"], state["repeats"]
        watch._keys = RecentKeys.from_state(state["keys"])
        for name, kept in state["signals"].items():
            if name in watch._watches:
                watch._watches[name].resume(kept)
        return watch
