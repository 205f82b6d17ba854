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


@pytest.mark.processes
def test_it_scores_words_keeps_two_prompts_warm_and_outlives_a_bad_request(start: Start) -> None:
    model = start(MODEL)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        complete(model, "word " * 9_000)
    other = EXAMPLES.replace("Answer", "Kind").replace("Message", "Text")
    for _ in range(2):
        first = complete(model, f"{EXAMPLES}Message: free entry, text WIN to 80086\nAnswer:")
        second = complete(model, f"{other}Text: see you at five then\nKind:")
    (top,) = first["choices"][0]["logprobs"]["content"]
    words = {entry["token"].strip(): entry["logprob"] for entry in top["top_logprobs"]}
    assert words["scam"] > words.get("personal", float("-inf"))
    for answer in (first, second):
        assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 50
    taken = run_to_end(MODEL, "--announce", "unused.json", "--port", str(model.port))
    assert taken.returncode == 78
    assert "is --port" in taken.stderr.splitlines()[-1]
    assert model.terminate() == 0
