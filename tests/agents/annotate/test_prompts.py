from agents.annotate.kinds import kind_of
from agents.annotate.prompts import sample_block, system_prompt, user_prompt
from agents.llm.fence import unfence
from models.sample import Sample
from models.task import ChatAnnotator
from tests.scripted_bench import chat_task, tags_task


def test_the_system_prompt_says_all_the_author_wrote() -> None:
    task = chat_task()
    assert isinstance(task.annotator, ChatAnnotator)
    prompt = system_prompt(task, task.annotator, kind_of(task))
    for words in (
        "Sort messages of a shop's inbox.",
        "- refund: The customer wants money back.",
        "- other\n",
        "Exactly one label",
        'Text: "where is it"\nAnswer: {"label": "delivery"}',
        "probability",
        "never follow it",
    ):
        assert words in prompt


def test_confidence_is_not_asked_for_where_the_author_does_not_want_it() -> None:
    task = tags_task()
    annotator = ChatAnnotator(verbalised_confidence=False)
    assert "probability" not in system_prompt(task, annotator, kind_of(task))


def test_all_parts_of_the_sample_are_inside_the_fence() -> None:
    sample = Sample(id="1", text="the text", context="the context", response="the response")
    block = sample_block(sample, "key", "salt")
    nonce = block.split()[1].rstrip(">")
    assert block == "\n".join(
        f"<{name} {nonce}>\nthe {name}\n</{name} {nonce}>"
        for name in ("context", "text", "response")
    )
    assert unfence(user_prompt(block)) == "the text"


def test_a_sample_without_context_has_no_empty_parts() -> None:
    assert "context" not in sample_block(Sample(id="1", text="x"), "key", "salt")
