import json
import urllib.error
import urllib.request
from typing import Any

import pytest

pytest.importorskip("xllamacpp")

from streams.embedded.local_model import find_weights
from tests.streams.embedded.conftest import Program, Start, run_to_end

MODEL = "streams.embedded.local_model"
EXAMPLES = (
    "Is this SMS an advertisement or scam, or a personal message from a friend?\n\n"
    "Message: WINNER!! You were selected to receive a 900 pound prize. Call now.\nAnswer: scam\n\n"
    "Message: I'll be home late, keep dinner for me please.\nAnswer: personal\n\n"
)


def test_the_weights_are_found_without_importing_their_package() -> None:
    assert find_weights().stat().st_size > 50_000_000


def complete(program: Program, prompt: str) -> dict[str, Any]:
    wanted = {"prompt": prompt, "max_tokens": 1, "logprobs": 20, "temperature": 0}
    request = urllib.request.Request(
        f"http://{program.address}/v1/completions",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def leaning(answer: dict[str, Any]) -> float:
    """How much rather `scam` than `personal`."""
    (place,) = answer["choices"][0]["logprobs"]["content"]
    words = {top["token"].strip(): top["logprob"] for top in place["top_logprobs"]}
    return float(words["scam"] - words["personal"])


@pytest.mark.processes
def test_it_scores_words_keeps_two_prompts_warm_and_outlives_a_bad_request(start: Start) -> None:
    model = start(MODEL)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        complete(model, "word " * 9_000)
    other = EXAMPLES.replace("Answer", "Kind").replace("Message", "Text")
    answers = [
        complete(model, prompt)
        for text in (
            "URGENT! Claim your free cash prize now, call 0906",
            "see you at home, love mum",
        )
        for prompt in (f"{EXAMPLES}Message: {text}\nAnswer:", f"{other}Text: {text}\nKind:")
    ]
    assert leaning(answers[0]) > leaning(answers[2])
    for answer in answers[2:]:
        assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 50
    taken = run_to_end(MODEL, "--announce", "unused.json", "--port", str(model.port))
    assert taken.returncode == 78
    assert f"--port {model.port}: cannot listen there" in taken.stderr.splitlines()[-1]
    assert model.terminate() == 0
