import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.tables import FORMULA_STARTS, safe_csv
from dashboard.words import visible

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def _read(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@given(st.lists(st.tuples(texts, texts), min_size=1))
def test_no_cell_is_a_formula_and_no_text_is_lost(rows: list[tuple[str, str]]) -> None:
    read = _read(safe_csv(pd.DataFrame(rows, columns=["=a", "b"], dtype=object)))
    assert read[0] == ["'=a", "b"]
    for given_row, read_row in zip(rows, read[1:], strict=True):
        for given_cell, cell in zip(given_row, read_row, strict=True):
            assert not cell.startswith(FORMULA_STARTS)
            assert cell in (given_cell, f"'{given_cell}")


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_what_a_spreadsheet_runs_is_quoted(start: str) -> None:
    assert _read(safe_csv(pd.DataFrame({"a": [f"{start}1+1"]})))[1] == [f"'{start}1+1"]


def test_numbers_times_and_unknowns() -> None:
    frame = pd.DataFrame(
        {"n": [-1.5, float("nan")], "at": [pd.Timestamp(datetime(2026, 1, 1, tzinfo=UTC)), pd.NaT]}
    )
    assert _read(safe_csv(frame))[1:] == [["-1.5", "2026-01-01T00:00:00+00:00"], ["", ""]]


@given(texts)
def test_visible_text_has_no_acting_characters(text: str) -> None:
    shown = visible(text)
    assert not set(shown) & set("\x07\x1b\u202e\u200b")
    assert visible(shown) == shown
