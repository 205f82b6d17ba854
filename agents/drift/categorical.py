"""The categorical detector: evidence that the mix of labels has left its baseline."""

import math
from typing import Any

from agents.drift.detector import STATISTIC_LIMIT, Change
from agents.drift.tally import LABEL_LIMIT, OTHER, MixTally

MEMORIES = (20, 50, 200, 800)
"""How many labels each expert's moving mix looks back; the shortest finds large shifts early."""

ETA = 0.5
"""How much of a bet follows the moving mix; the rest stays on the baseline."""

RARE = 5
"""Labels met less often than this in the baseline are watched together, as `other`."""

_FAINT = 1e-100


def pooled(baseline: MixTally) -> dict[str, int]:
    """The baseline's counts with rare labels, and all beyond the bound, pooled under `other`.

    >>> pooled(MixTally({"ham": 80, "spam": 19, "odd": 1}))
    {'ham': 80, 'spam': 19, 'other': 1}
    """
    ranked = sorted(baseline.counts.items(), key=lambda item: (-item[1], item[0]))
    names = [name for name, count in ranked if count >= RARE and name != OTHER]
    kept = {name: baseline.counts[name] for name in names[: LABEL_LIMIT - 1]}
    return {**kept, OTHER: baseline.n - sum(kept.values())}


class CategoricalDetector:
    """Watches labels against the baseline's shares `p0`.

    Three experts follow the recent mix `q` with different memories; each runs
    `M <- (M + 1) exp(-(K - 1) / n) ((1 - eta) + eta q(x) / p0(x))`, and the evidence is the log of
    their mean. Every ratio has mean 1 under `p0`, so with `p0` known the average run length is at
    least `run_length`; `p0` comes from n labels only, and the factor `exp(-(K - 1) / n)` takes back
    what K estimated shares would gain by chance (`other` included, even
    where it was never met). A label never met in the baseline counts as `other`, whose share is
    smoothed above zero. An update costs the same for any number of labels.

    >>> baseline = MixTally({"personal": 1700, "scam": 300})
    >>> detector = CategoricalDetector(baseline, run_length=1e5)
    >>> while not detector.crossed:
    ...     detector.update("scam", at=0.0)
    >>> detector.change().after.mix
    {'scam': 1.0}
    """

    name = "categorical"

    def __init__(self, baseline: MixTally, run_length: float) -> None:
        """Fix the shares from a baseline of at least one label."""
        counts = pooled(baseline)
        whole = baseline.n + 0.5 * len(counts)
        self._shares = {name: (count + 0.5) / whole for name, count in counts.items()}
        self._discount = math.exp(-(len(counts) - 1) / baseline.n)
        self.threshold = math.log(run_length)
        self._limit = run_length
        self._experts = [_Expert(memory, self._shares, self._discount) for memory in MEMORIES]
        self._total = 0.0

    @property
    def evidence(self) -> float:
        """Log of the mean statistic, never below 0."""
        return math.log(max(self._total / len(MEMORIES), 1.0))

    @property
    def crossed(self) -> bool:
        """Whether the mean statistic has reached the run length."""
        return self._total >= self._limit * len(MEMORIES)

    def update(self, value: str, at: float) -> None:
        """Take one more label."""
        category = value if value in self._shares else OTHER
        share, total = self._shares[category], 0.0
        for expert in self._experts:
            total += expert.update(category, share, value, at)
        self._total = total

    def change(self) -> Change:
        """The stretch of the expert with the most evidence."""
        best = max(self._experts, key=lambda expert: expert.statistic)
        return Change("mix", best.since, MixTally(best.after).summary())

    def state(self) -> dict[str, Any]:
        """Each expert's statistic, moving mix and stretch."""
        return {"experts": [expert.state() for expert in self._experts]}

    def resume(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        for expert, kept in zip(self._experts, state["experts"], strict=True):
            expert.resume(kept)
        self._total = sum(expert.statistic for expert in self._experts)


class _Expert:
    """One memory: the moving mix, its statistic, and the stretch since its CUSUM last began.

    The mix is kept as weights times one common scale, so that forgetting touches one number.
    """

    def __init__(self, memory: int, shares: dict[str, float], discount: float) -> None:
        self._step = 1.0 / memory
        self._keep = 1.0 - self._step
        self._still = discount * (1.0 - ETA)
        self._moving = discount * ETA
        self._weights = dict(shares)
        self._scale = 1.0
        self._run = 0.0
        self.statistic = 0.0
        self.since = 0.0
        self.after: dict[str, int] = {}

    def update(self, category: str, share: float, value: str, at: float) -> float:
        """Bet on the mix as it was before this label, let the mix follow; gives the statistic."""
        weight, scale = self._weights[category], self._scale
        factor = self._still + self._moving * weight * scale / share
        statistic = (self.statistic + 1.0) * factor
        self.statistic = min(statistic, STATISTIC_LIMIT)
        run = self._run
        if run <= 1.0:
            self._run, self.since, self.after = factor, at, {value: 1}
        else:
            self._run = run * factor if run < STATISTIC_LIMIT else run
            self._count(value)
        scale *= self._keep
        self._weights[category] = weight + self._step / scale
        self._scale = scale
        if scale < _FAINT:
            self._weights = {name: w * scale for name, w in self._weights.items()}
            self._scale = 1.0
        return self.statistic

    def _count(self, value: str) -> None:
        after = self.after
        name = value if value in after or len(after) < LABEL_LIMIT else OTHER
        after[name] = after.get(name, 0) + 1

    def state(self) -> dict[str, Any]:
        return {
            "statistic": self.statistic,
            "run": self._run,
            "weights": dict(self._weights),
            "scale": self._scale,
            "since": self.since,
            "after": dict(self.after),
        }

    def resume(self, state: dict[str, Any]) -> None:
        self.statistic, self._run = float(state["statistic"]), float(state["run"])
        self._weights = {name: float(weight) for name, weight in state["weights"].items()}
        self._scale, self.since = float(state["scale"]), float(state["since"])
        self.after = dict(state["after"])
