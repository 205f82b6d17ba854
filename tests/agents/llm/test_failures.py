import pytest

from agents.llm.failures import LONGEST_REST, Fault, failure_of, retry_after

LATER = "Wed, 21 Oct 2015 07:28:30 GMT"
NOW = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, "request"),
        (413, "request"),
        (422, "request"),
        (401, "settings"),
        (402, "settings"),
        (403, "settings"),
        (404, "settings"),
        (408, "down"),
        (429, "limited"),
        (500, "down"),
        (503, "down"),
        (529, "down"),
    ],
)
def test_whose_fault_a_status_is(status: int, fault: Fault) -> None:
    assert failure_of(status, {}, "", "host").fault == fault


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e9"}, LONGEST_REST),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": LATER, "date": NOW}, 30.0),
        ({"retry-after": NOW, "date": LATER}, 0.0),
        ({"retry-after": LATER}, None),
    ],
)
def test_how_long_the_endpoint_asks_us_to_wait(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_the_endpoints_words_are_kept_short_and_on_one_line() -> None:
    failure = failure_of(400, {}, "too\nlong " * 200, "host")
    assert "\n" not in failure.message
    assert len(failure.message) < 400
