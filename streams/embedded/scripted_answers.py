"""What the scripted model answers: known labels, wrong at a stated rate, as sure as it should be.

Every draw comes from a hash of the sample's text, so the same sample gets the same answer whatever
the prompt around it, and annotator and judge make different mistakes.

An answer is drawn as evidence for the known label: a log-likelihood ratio that is normal with mean
s²/2 and variance s². Its sign is right with probability Φ(s/2), it tells right labels from wrong
ones with an AUC of Φ(s/√2), and read as log-odds it is calibrated; so `accuracy` and `judge_auc`
set s.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

from agents.llm.fence import one_line
from models.annotation import joined
from models.errors import ConfigurationError
from models.identity import digest, draw

TEXT_CHARACTERS = 1000
UNLIKELY = -14.0

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Script:
    """How the scripted model behaves; all of it may change while it runs.

    Attributes:
        accuracy: share of right annotations.
        judge_auc: how well the judge tells right annotations from wrong ones.
        sureness: factor on the log-odds it states; 1 is calibrated, 2 overconfident.
        error_rate: share of calls answered HTTP 500.
        garbage_rate: share of calls answered outside the schema.
        rate_limit: calls per second before HTTP 429, 0 for no limit.
        status: an HTTP status all calls get instead of an answer, 0 for none.
        down: drop connections without an answer.
        refused_formats: kinds of `response_format` answered HTTP 400.
        refused_text: a text that holds this is answered HTTP 400, empty for none.
        fickle: another answer to the same question at every call.
    """

    accuracy: float = 0.9
    judge_auc: float = 0.9
    sureness: float = 1.0
    latency_ms: float = 0.0
    error_rate: float = 0.0
    garbage_rate: float = 0.0
    rate_limit: int = 0
    status: int = 0
    down: bool = False
    refused_formats: tuple[str, ...] = ()
    refused_text: str = ""
    fickle: bool = False
    seed: int = 1

    @property
    def annotator_strength(self) -> float:
        """The spread s of the annotator's evidence."""
        return 2 * _NORMAL.inv_cdf(min(max(self.accuracy, 1e-6), 1 - 1e-6))

    @property
    def judge_strength(self) -> float:
        """The spread s of the judge's evidence."""
        return math.sqrt(2) * _NORMAL.inv_cdf(min(max(self.judge_auc, 1e-6), 1 - 1e-6))

    def at_call(self, number: int) -> "Script":
        """The script of one text's call of that number; only a fickle one changes.

        >>> Script().at_call(7) == Script(), Script(fickle=True).at_call(7).seed
        (True, 7000001)
        """
        return replace(self, seed=self.seed + 1_000_000 * number) if self.fickle else self


@dataclass
class Key:
    """The known labels by sample text."""

    truths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, text: str, labels: Sequence[str], limits: Iterable[int] = ()) -> None:
        """Know a text, also as prompts show it that cut it at one of the limits."""
        for limit in {TEXT_CHARACTERS, *limits}:
            self.truths[one_line(text, limit)] = tuple(sorted(labels))

    def load(self, path: Path, limits: Iterable[int] = ()) -> None:
        """Know the texts of a JSONL file: `{"text", "label"}` or `{"text", "labels"}` a line.

        Raises:
            ConfigurationError: the file cannot be read, or a line is not that.
        """
        limits = tuple(limits)
        try:
            lines = path.read_text("utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{path}: cannot be read: {exc}") from exc
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
                label = entry.get("label")
                self.add(entry["text"], [label] if label is not None else entry["labels"], limits)
            except (ValueError, KeyError, TypeError, AttributeError) as exc:
                raise ConfigurationError(
                    f'{path}:{number}: expected {{"text": …, "label": …}}: {exc}'
                ) from exc

    def truth(self, shown: str, labels: Sequence[str]) -> tuple[str, ...]:
        """The known labels of a text on one line; for unknown texts one drawn from its hash."""
        known = self.truths.get(shown)
        if known is not None:
            return known
        return (labels[int(draw(text_hash(shown), "truth") * len(labels))],)


def text_hash(text: str) -> str:
    """How the scripted model counts a sample's text."""
    return digest("scripted", one_line(text, TEXT_CHARACTERS))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about: a text's hash, its known labels, and the labels there are."""

    hash: str
    truth: tuple[str, ...]
    labels: tuple[str, ...]


def word_logprobs(
    subject: Subject, words: Mapping[str, str], script: Script, role: str
) -> dict[str, float]:
    """Log-probabilities of the label words: the known one against a rival, others unlikely."""
    strength = script.annotator_strength if role == "annotate" else script.judge_strength
    odds = script.sureness * _evidence(subject, script, role, strength)
    truth = subject.truth[0] if subject.truth else subject.labels[0]
    top = {word: UNLIKELY for word in words.values()}
    top[words[_rival(subject, truth)]] = _log_sigmoid(-odds)
    top[words[truth]] = _log_sigmoid(odds)
    return top


def annotation_answer(
    subject: Subject, properties: Mapping[str, Any], script: Script
) -> dict[str, Any]:
    """JSON for an annotator's schema, of one label or many."""
    if "label" in properties:
        odds = _evidence(subject, script, "annotate", script.annotator_strength)
        truth = subject.truth[0] if subject.truth else subject.labels[0]
        label = truth if odds > 0 else _rival(subject, truth)
        answer: dict[str, Any] = {"label": label}
        confidence: Any = _rounded(_sigmoid(script.sureness * abs(odds)))
    else:
        odds_of = {label: _membership(subject, script, label) for label in subject.labels}
        answer = {"labels": [label for label, odds in odds_of.items() if odds > 0]}
        confidence = {k: _rounded(_sigmoid(script.sureness * odds)) for k, odds in odds_of.items()}
    return answer | ({"confidence": confidence} if "confidence" in properties else {})


def verdict_answer(
    subject: Subject, given: str, properties: Mapping[str, Any], script: Script
) -> dict[str, Any]:
    """JSON for a rubric judge's schema about the labels given."""
    right = joined(subject.truth) == given
    evidence = _evidence(subject, script, "judge", script.judge_strength)
    prior = math.log(script.accuracy / max(1 - script.accuracy, 1e-6))
    p = _rounded(_sigmoid(script.sureness * ((evidence if right else -evidence) + prior)))
    score = {"reason": "scripted", "score": 1 + round(4 * p)}
    criteria = properties["criteria"]["properties"]
    return {
        "reason": "scripted",
        "own": _own(subject, given, p, properties["own"]["properties"]),
        "criteria": dict.fromkeys(criteria, score),
        "p_correct": p,
    }


def _own(subject: Subject, given: str, p: float, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The label the judge itself gives: the given one if it believes it."""
    if "labels" in properties:
        chosen = [label for label in subject.labels if label in given.split(" + ")]
        return {"labels": chosen if p >= 0.5 else list(subject.truth)}  # noqa: PLR2004
    truth = subject.truth[0] if subject.truth else subject.labels[0]
    if p >= 0.5 and given in subject.labels:  # noqa: PLR2004
        return {"label": given}
    return {"label": truth if truth != given else _rival(subject, truth)}


def _evidence(subject: Subject, script: Script, role: str, strength: float) -> float:
    """The log-likelihood ratio for the known label."""
    uniform = draw(f"{subject.hash}{script.seed}", role)
    noise = _NORMAL.inv_cdf(min(max(uniform, 1e-12), 1 - 1e-12))
    return strength * strength / 2 + strength * noise


def _membership(subject: Subject, script: Script, label: str) -> float:
    """The log-odds that a label belongs to the sample."""
    own = Subject(digest(subject.hash, label), subject.truth, subject.labels)
    odds = _evidence(own, script, "annotate", script.annotator_strength)
    return odds if label in subject.truth else -odds


def _rival(subject: Subject, truth: str) -> str:
    """The label that the sample is mistaken for."""
    others = [label for label in subject.labels if label != truth]
    return others[int(draw(subject.hash, "rival") * len(others))]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0  # noqa: PLR2004


def _log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x)) if x > -30 else x  # noqa: PLR2004


def _rounded(p: float) -> float:
    return round(p, 4)
