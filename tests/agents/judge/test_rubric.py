from copy import deepcopy
from typing import Any

import jsonschema
import pytest

from agents.annotate.kinds import Classification, object_schema
from agents.judge.criteria import CRITERIA
from agents.judge.opinion import Opinion
from agents.judge.rubric import (
    REASON_LIMIT,
    answer_properties,
    read_opinion,
    system_prompt,
    user_prompt,
)
from models.errors import BadAnswer
from tests.scripted_bench import chat_task

KIND = Classification(("a", "b"), verbalised=True)
TWO = (CRITERIA["label_fits"], CRITERIA["nothing_missed"])
GOOD: dict[str, Any] = {
    "reason": "plain",
    "own": {"label": "a"},
    "criteria": {
        "label_fits": {"reason": "says so", "score": 5},
        "nothing_missed": {"reason": "", "score": 2},
    },
    "p_correct": 0.75,
}


def test_an_opinion_keeps_raw_scores_beside_their_share_of_the_scale() -> None:
    opinion = read_opinion(GOOD, KIND, TWO)
    assert opinion == Opinion(0.75, "a", opinion.scores, "plain")
    assert [(s.criterion.name, s.raw, s.score) for s in opinion.scores] == [
        ("label_fits/1", 5.0, 1.0),
        ("nothing_missed/1", 2.0, 0.25),
    ]


def test_a_good_answer_fits_the_schema_that_is_sent() -> None:
    jsonschema.validate(GOOD, object_schema(answer_properties(KIND, TWO)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("p_correct", 1.5),
        ("p_correct", None),
        ("own", {"label": "c"}),
        ("own", None),
        ("criteria", None),
        ("criteria.label_fits", None),
        ("criteria.label_fits.score", 0),
        ("criteria.label_fits.score", 6),
        ("criteria.label_fits.score", "5"),
        ("criteria.label_fits.score", True),
        ("criteria.label_fits.score", float("nan")),
    ],
)
def test_an_answer_outside_the_schema_is_bad(path: str, value: Any) -> None:
    answer = deepcopy(GOOD)
    *where, last = path.split(".")
    place = answer
    for name in where:
        place = place[name]
    place[last] = value
    with pytest.raises(BadAnswer):
        read_opinion(answer, KIND, TWO)


def test_reasons_are_bounded_and_on_one_line() -> None:
    opinion = read_opinion(GOOD | {"reason": "so\n" * 10_000}, KIND, TWO)
    assert len(opinion.reason) <= REASON_LIMIT
    assert "\n" not in opinion.reason


def test_the_prompt_holds_every_rubric_and_the_labels_given() -> None:
    prompt = system_prompt(chat_task(), KIND, TWO)
    assert all(criterion.rubric in prompt for criterion in TWO)
    assert "Labels given: a + b\n" in user_prompt("block", ("b", "a"))
    assert "Labels given: (none)\n" in user_prompt("block", ())
