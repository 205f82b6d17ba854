import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.replies import chat_content, json_object_in, load_reply, top_tokens, usage_of
from models.errors import BadAnswer

LEGACY = {"choices": [{"logprobs": {"top_logprobs": [{" b": -2, " a": -0.5}]}}]}
LISTED = {
    "choices": [
        {
            "logprobs": {
                "content": [
                    {
                        "token": " a",
                        "top_logprobs": [
                            {"token": " a", "logprob": -0.5},
                            {"token": " b", "logprob": -2},
                        ],
                    }
                ]
            }
        }
    ]
}


@pytest.mark.parametrize("reply", [LEGACY, LISTED])
def test_both_shapes_of_log_probabilities_are_read(reply: dict[str, Any]) -> None:
    assert list(top_tokens(reply).items()) == [(" a", -0.5), (" b", -2.0)]


@pytest.mark.parametrize(
    "reply", [{}, {"choices": []}, {"choices": [{"logprobs": None}]}, {"choices": "x"}]
)
def test_a_reply_without_log_probabilities_is_a_bad_answer(reply: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        top_tokens(reply)


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "7"}, {"prompt_tokens": -1}])
def test_token_counts_that_are_not_stated_stay_unknown(usage: object) -> None:
    assert usage_of({"usage": usage}).input_tokens is None


def test_an_answer_cut_off_before_it_began_names_the_setting() -> None:
    choice = {"finish_reason": "length", "message": {"content": ""}}
    with pytest.raises(BadAnswer, match="max_output_tokens"):
        chat_content({"choices": [choice]})


def test_a_declined_answer_is_a_bad_answer() -> None:
    with pytest.raises(BadAnswer, match="declined: no way"):
        chat_content({"choices": [{"message": {"refusal": "no way"}}]})


@given(st.binary(max_size=100))
def test_any_bytes_are_a_reply_or_a_bad_answer(body: bytes) -> None:
    with suppress(BadAnswer):
        assert isinstance(load_reply(body), dict)


WORDS = st.text(st.characters(exclude_characters="{"), max_size=40)


@given(WORDS, st.dictionaries(st.text(), st.integers() | st.text(), max_size=4), WORDS)
def test_an_object_among_words_is_found(before: str, answer: dict[str, Any], after: str) -> None:
    assert json_object_in(f"{before}{json.dumps(answer)}{after}") == answer


@given(st.text(max_size=200))
def test_any_text_holds_an_object_or_is_a_bad_answer(text: str) -> None:
    with suppress(BadAnswer):
        assert isinstance(json_object_in(text), dict)


def test_brackets_without_end_are_a_bad_answer() -> None:
    with pytest.raises(BadAnswer):
        json_object_in('{"a":' * 2000)
