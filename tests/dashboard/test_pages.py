"""Every page in every state it can meet."""

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.app import PAGES
from dashboard.words import visible
from models.settings import ClickHouse
from streams.store.client import connect_sync
from tests.data_rows import TASK
from tests.data_traffic import HOSTILE

pytestmark = pytest.mark.processes

PATHS = [page.path for page in PAGES]
SECONDS = 60


def _page(path: str) -> None:
    from dashboard.app import main  # noqa: PLC0415

    main(path)


def shown(path: str, **address: str) -> AppTest:
    """The page as it is first drawn at that address."""
    app = AppTest.from_function(_page, args=(path,), default_timeout=SECONDS)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """All text on the page but its tables and charts."""
    kinds = ("header", "subheader", "text", "markdown", "caption", "code", "metric")
    return "\n".join(f"{e.value}" for kind in kinds for e in getattr(app, kind))


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_page_with_traffic(path: str, at_database: ClickHouse) -> None:
    app = shown(path)
    assert app.header[0].value == path.capitalize()
    assert TASK in words(app)
    assert "UTC" in words(app)


@pytest.mark.parametrize("at_database", ["empty"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_page_without_a_sample_says_how_to_send_one(path: str, at_database: ClickHouse) -> None:
    app = shown(path)
    assert app.subheader[0].value == "No samples yet"
    assert "tidegauge send" in words(app)


@pytest.mark.parametrize("at_database", ["bare"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_page_without_tables_says_how_to_make_them(path: str, at_database: ClickHouse) -> None:
    assert "tidegauge migrate" in words(shown(path))


@pytest.mark.parametrize("path", PATHS)
def test_page_without_a_store_says_so_and_what_to_do(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", "http://127.0.0.1:9")
    said = words(shown(path))
    assert "The store at http://127.0.0.1:9 does not answer; retrying" in said
    assert "tidegauge doctor" in said


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_setting_is_named(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__DATABASE", "not a name")
    assert "CLICKHOUSE__DATABASE" in words(shown(path))


@pytest.mark.parametrize("at_database", ["hostile"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_hostile_text_never_reaches_markdown(path: str, at_database: ClickHouse) -> None:
    app = shown(path)
    marked = [e.value for kind in ("markdown", "caption", "header") for e in getattr(app, kind)]
    marked += [str(part) for card in app.metric for part in (card.label, card.value, card.delta)]
    for text in HOSTILE:
        assert not [each for each in marked if text[:12] in each]


@pytest.mark.parametrize("at_database", ["hostile"], indirect=True)
def test_a_hostile_samples_story_is_text(at_database: ClickHouse) -> None:
    store = connect_sync(at_database)
    rows = store.query("SELECT sample_key, text FROM samples WHERE id LIKE 'h%'")
    assert len(rows) == len(HOSTILE)
    for row in rows:
        app = shown("samples", sample=row["sample_key"])
        assert row["text"][:20] in app.code[0].value
        assert not [e for e in app.markdown if row["text"][:12] in e.value]


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_a_link_to_an_unknown_sample_says_so(at_database: ClickHouse) -> None:
    assert "No sample is stored under the key 'nobody'" in words(shown("samples", sample="nobody"))


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_the_address_sets_the_filters(at_database: ClickHouse) -> None:
    app = shown("overview", slice="lang=de", range="7 days")
    assert app.selectbox(key="slice").value == "lang=de"
    assert app.selectbox(key="range").value == "7 days"
    assert "lang=de" in app.text[0].value


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_nothing_within_the_filters_names_the_newest_sample(at_database: ClickHouse) -> None:
    app = shown("overview", slice="lang=none")
    assert "No samples match" in [each.value for each in app.subheader]
    assert "The newest sample of this task came at" in words(app)


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_key_numbers_carry_interval_n_and_who_decided(at_database: ClickHouse) -> None:
    cards = {card.label: card for card in shown("overview").metric}
    assert "· n " in cards["Accuracy, references"].delta
    assert "· n " in cards["Judge score, mean"].delta
    assert "simulated" in cards["Accuracy, audited"].delta


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_a_lanes_interval_is_not_for_one_look_while_people_are_asked(
    at_database: ClickHouse,
) -> None:
    """The window is over, but some of its items wait."""
    now = datetime.now(UTC)
    ends = {"from": now - timedelta(hours=3), "to": now - timedelta(minutes=30)}
    address = {name: f"{at:%Y-%m-%dT%H:%M}" for name, at in ends.items()}
    app = shown("overview", range="from … to …", **address)
    [lanes] = [f.value for f in app.dataframe if {"lane", "kind"} <= set(f.value.columns)]
    assert "sequence" in set(lanes["kind"])
    [promise] = [e.value for e in app.caption if "Lanes pick what people see" in e.value]
    assert "valid however often you look" in promise


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_a_scripted_model_is_marked(
    at_database: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGAUGE_MODEL__KIND", "scripted")
    monkeypatch.setenv("TIDEGAUGE_MODEL__MODEL", "smollm2-135m")
    assert "scripted model: not a real one" in words(shown("overview"))
    latencies = [f.value for f in shown("operations").dataframe if "p95" in f.value.columns]
    assert "not a real model" in latencies[0]["model"].iloc[0]


@pytest.mark.parametrize("at_database", ["traffic", "hostile"], indirect=True)
def test_what_stages_wait_for_has_a_line_of_its_own(at_database: ClickHouse) -> None:
    app = shown("operations")
    lines = [each.value for each in app.text]
    assert "route 0: the broker does not store outputs" in lines
    hostile = [line for line in lines if line.startswith("judge h: ")]
    assert len(hostile) == (at_database.database == "hostile")
    assert all(visible(text) in line for line in hostile for text in HOSTILE)


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_drift_says_how_far_baselines_are(at_database: ClickHouse) -> None:
    app = shown("drift")
    tables = [f.value for f in app.dataframe if "progress" in f.value.columns]
    assert "warming up 87 of 150" in list(tables[0]["state"])
    assert "The judge score of all traffic fell from 0.824 to 0.733." in words(app)


@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_an_evaluation_run_has_no_drift(at_database: ClickHouse) -> None:
    assert "Detectors watch live traffic" in words(shown("drift", run="some-run"))
