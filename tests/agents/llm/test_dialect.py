from agents.llm.dialect import Dialect, chat_body
from agents.llm.requests import AnswerSchema, ChatRequest, Payer

REQUEST = ChatRequest("m", "be brief", "hi", AnswerSchema("s", {"type": "object"}), 9, Payer("t"))


def test_the_strongest_way_asks_for_a_strict_schema() -> None:
    body = chat_body(REQUEST, Dialect())
    assert body["response_format"]["json_schema"] == {
        "name": "s",
        "strict": True,
        "schema": {"type": "object"},
    }
    assert body["max_tokens"] == 9
    assert body["temperature"] == 0
    assert body["messages"][0]["content"] == "be brief"


def test_weaker_ways_state_the_schema_in_words() -> None:
    for weak in (Dialect(format="json_object"), Dialect(format="text")):
        body = chat_body(REQUEST, weak)
        assert '{"type": "object"}' in body["messages"][0]["content"]
    assert "response_format" not in body


def test_a_refusal_that_names_a_parameter_changes_that_one_only() -> None:
    dialect = Dialect().weaker("Use 'max_completion_tokens' instead.")
    assert dialect == Dialect(limit_field="max_completion_tokens")
    assert "max_completion_tokens" in chat_body(REQUEST, dialect)
    dialect = dialect.weaker("Unsupported value: 'temperature' does not support 0")
    assert dialect is not None
    assert "temperature" not in chat_body(REQUEST, dialect)


def test_an_unclear_refusal_weakens_the_format_until_nothing_is_left() -> None:
    formats = []
    dialect: Dialect | None = Dialect()
    while dialect is not None:
        formats.append(dialect.format)
        dialect = dialect.weaker("bad request")
    assert formats == ["json_schema", "json_object", "text"]
