from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from models.settings import ClickHouse
from streams.cli.summary import Facts, ledger_text, rendered, summary
from streams.store.client import Store
from streams.store.figures.scope import Scope
from tests.data_rows import TASK, dead_letter_row, decided_rows, result_row, sample_row
from tests.engine import clickhouse, filled


def printed(facts: Facts) -> str:
    console = Console(width=120)
    with console.capture() as said:
        console.print(rendered(facts))
    return said.get()


def ledger_said(**changes: Any) -> str:
    facts = {"samples_in": 3, "ledger": {"accepted": 3}, "balanced": True, "repeats": {}}
    console = Console(width=120)
    with console.capture() as said:
        console.print(ledger_text(facts | changes))
    return said.get()


def test_letters_of_no_sample_are_said_when_there_are_any() -> None:
    assert "no sample" not in ledger_said(strays=0)
    assert "dead letters of no sample (in no state)    1,200" in ledger_said(strays=1200)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One audited sample of a moment ago with a decision and a reference, and one stray letter."""
    now = datetime.now(UTC)
    sample = sample_row("s", now - timedelta(minutes=1), offset=1, reference=("a",))
    result = result_row(sample, "a", audit=True, propensity=0.5, draw=0.01)
    stray = dead_letter_row("x", now, offset=2, sample_key="")
    pytest.importorskip("chdb")
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as url:
        rows = [sample, result, *decided_rows(result, "a"), stray]
        store = filled(ClickHouse(url=url, database="summary"), rows)
        yield store
        store.close()


@pytest.mark.processes
def test_an_open_window_says_what_its_intervals_promise(audited: Store) -> None:
    now = datetime.now(UTC)
    facts = summary(audited, Scope(now - timedelta(hours=1), now + timedelta(minutes=1), TASK))
    assert (facts["open"], facts["balanced"], facts["strays"]) == (True, True, 1)
    assert facts["audit"]["accuracy"]["kind"] == "sequence"
    assert facts["accuracy"]["kind"] == "fixed"
    said = printed(facts)
    assert "reviewers agree (audited, at any look)" in said
    assert "accuracy by references (at one look)" in said


@pytest.mark.processes
def test_a_closed_window_has_the_interval_of_one_look(audited: Store) -> None:
    now = datetime.now(UTC)
    facts = summary(audited, Scope(now - timedelta(days=2), now - timedelta(days=1), TASK))
    assert facts["open"] is False
    assert facts["audit"]["accuracy"]["kind"] == "fixed"
