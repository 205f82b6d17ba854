import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from models.errors import ConfigurationError
from streams.embedded.scripted_answers import (
    Key,
    Script,
    Subject,
    annotation_answer,
    text_hash,
    verdict_answer,
    word_logprobs,
)

LABELS = ("ham", "spam")
WORDS = {"ham": "personal", "spam": "scam"}
LABEL: dict[str, Any] = {"label": {}, "confidence": {}}
OPINION: dict[str, Any] = {
    "own": {"properties": {"label": {}}},
    "criteria": {"properties": {"label_fits": {}}},
    "p_correct": {},
}
MANY = [
    Subject(text_hash(f"text {n}"), ("spam" if n % 3 == 0 else "ham",), LABELS) for n in range(6000)
]


def auc(scores: list[float], right: list[bool]) -> float:
    ranks, positive = rankdata(scores), np.array(right)
    n = int(positive.sum())
    rest = len(right) - n
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * rest))


@pytest.mark.parametrize("accuracy", [0.7, 0.9])
def test_annotations_are_right_as_often_as_scripted_and_as_sure_as_right(accuracy: float) -> None:
    answers = [annotation_answer(s, LABEL, Script(accuracy=accuracy)) for s in MANY]
    right = [a["label"] == s.truth[0] for a, s in zip(answers, MANY, strict=True)]
    assert np.mean(right) == pytest.approx(accuracy, abs=0.015)
    assert np.mean([a["confidence"] for a in answers]) == pytest.approx(accuracy, abs=0.015)
    sure = [r for a, r in zip(answers, right, strict=True) if a["confidence"] > 0.95]
    assert np.mean(sure) > 0.94


def test_an_overconfident_script_is_surer_than_right() -> None:
    answers = [annotation_answer(s, LABEL, Script(accuracy=0.8, sureness=3.0)) for s in MANY[:1500]]
    assert np.mean([a["confidence"] for a in answers]) > 0.85


@pytest.mark.parametrize("wanted", [0.75, 0.95])
def test_the_rubric_judge_discriminates_as_scripted(wanted: float) -> None:
    script = Script(judge_auc=wanted)
    given = [annotation_answer(s, LABEL, script)["label"] for s in MANY]
    right = [label == s.truth[0] for label, s in zip(given, MANY, strict=True)]
    verdicts = [
        verdict_answer(s, label, OPINION, script) for s, label in zip(MANY, given, strict=True)
    ]
    p = [verdict["p_correct"] for verdict in verdicts]
    assert auc(p, right) == pytest.approx(wanted, abs=0.03)
    assert np.mean(p) == pytest.approx(np.mean(right), abs=0.03)


@pytest.mark.parametrize("wanted", [0.75, 0.95])
def test_the_second_view_discriminates_as_scripted(wanted: float) -> None:
    script = Script(judge_auc=wanted)
    given = [annotation_answer(s, LABEL, script)["label"] for s in MANY]
    p = [
        math.exp(word_logprobs(s, WORDS, script, "judge")[WORDS[label]])
        for s, label in zip(MANY, given, strict=True)
    ]
    right = [label == s.truth[0] for label, s in zip(given, MANY, strict=True)]
    assert auc(p, right) == pytest.approx(wanted, abs=0.03)


def test_word_log_probabilities_belong_to_one_distribution() -> None:
    for subject in MANY[:50]:
        scores = word_logprobs(subject, WORDS, Script(), "annotate")
        assert sum(math.exp(score) for score in scores.values()) == pytest.approx(1.0, abs=1e-5)


def test_the_same_text_gets_the_same_answer_until_the_seed_changes() -> None:
    def labels(seed: int) -> list[str]:
        return [annotation_answer(s, LABEL, Script(seed=seed))["label"] for s in MANY[:300]]

    assert labels(1) == labels(1)
    assert labels(1) != labels(2)


def test_each_label_of_many_is_right_as_often_as_scripted() -> None:
    script = Script(accuracy=0.8)
    hits = [
        (label in annotation_answer(s, {"labels": {}, "confidence": {}}, script)["labels"])
        == (label in s.truth)
        for s in MANY[:3000]
        for label in LABELS
    ]
    assert np.mean(hits) == pytest.approx(0.8, abs=0.02)


def test_a_text_is_known_however_it_is_spaced_or_cut() -> None:
    key = Key()
    key.add("free\n cash " + "x" * 3000, ["spam"], limits=[60])
    assert key.truth("free cash " + "x" * 50, LABELS) == ("spam",)
    assert text_hash("free\ncash") == text_hash("free cash")


def test_an_unknown_text_has_a_lasting_label() -> None:
    drawn = {key: Key().truth(key, LABELS) for key in (f"text {n}" for n in range(50))}
    assert set(drawn.values()) == {("ham",), ("spam",)}
    assert all(Key().truth(text, LABELS) == label for text, label in drawn.items())


def test_key_files_hold_one_label_or_many(tmp_path: Path) -> None:
    path = tmp_path / "key.jsonl"
    path.write_text('{"text": "one", "label": "a"}\n{"text": "two", "labels": ["b", "a"]}\n')
    key = Key()
    key.load(path)
    assert key.truths == {"one": ("a",), "two": ("a", "b")}


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"label": "a"}', '{"text": "x"}'])
def test_a_broken_line_of_a_key_file_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "key.jsonl"
    path.write_text(f'{{"text": "one", "label": "a"}}\n{line}\n')
    with pytest.raises(ConfigurationError, match=r"key\.jsonl:2: expected"):
        Key().load(path)
