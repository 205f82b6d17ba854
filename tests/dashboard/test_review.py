"""The Review page: what it says, and when it says that there is nothing to say."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from agents.quality.forecast import Pace, forecast
from dashboard import outlook, queue_charts
from models.settings import ClickHouse
from streams.store.figures import review_queue
from streams.store.figures.review_queue import Outlook
from tests.data_rows import sample_row
from tests.data_traffic import PEOPLE
from tests.engine import filled


def _page() -> None:
    from dashboard.app import main  # noqa: PLC0415

    main("review")


def shown(**address: str) -> AppTest:
    app = AppTest.from_function(_page, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = ("text", "markdown", "caption", "metric")
    return "\n".join(f"{e.value}" for kind in kinds for e in getattr(app, kind))


def tables(app: AppTest, column: str) -> list[pd.DataFrame]:
    return [frame.value for frame in app.dataframe if column in frame.value.columns]


@pytest.mark.processes
@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_people_and_simulated_reviewers_stand_apart(at_database: ClickHouse) -> None:
    app = shown()
    people, simulated = tables(app, "gold_n")
    assert set(people["reviewer"]) == set(PEOPLE)
    assert set(simulated["reviewer"]) <= {"simulated-1", "simulated-2"}
    assert "simulated reviewers: not people" in words(app)
    [pairs] = tables(app, "kappa")
    apart = pairs["one"].str.startswith("sim") == pairs["other"].str.startswith("sim")
    assert apart.all()


@pytest.mark.processes
@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_every_estimate_has_its_n_and_interval(at_database: ClickHouse) -> None:
    app = shown()
    cards = {card.label: card for card in app.metric}
    assert "· n " in cards["Waiting time, median"].delta
    assert "· n " in cards["Agreement, alpha"].delta
    assert " in, " in cards["Queue empty"].delta
    people = tables(app, "gold_n")[0]
    assert (people["gold_low"] <= people["gold"]).all()
    assert (people["gold"] <= people["gold_high"]).all()
    assert "of gold and repeats valid however often you look" in words(app)
    assert "of the median, for one look" in words(app), "its interval never is for every look"


@pytest.mark.processes
@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_an_evaluation_has_no_reviewers(at_database: ClickHouse) -> None:
    assert "People review live traffic" in words(shown(run="some-run"))


@pytest.mark.processes
@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_a_slice_does_not_cut_the_queue(at_database: ClickHouse) -> None:
    assert "the queue is one" in words(shown(slice="lang=de"))


@pytest.mark.processes
@pytest.mark.parametrize("at_database", ["traffic"], indirect=True)
def test_a_time_in_which_nobody_worked_still_shows_what_waits(at_database: ClickHouse) -> None:
    long_ago = {"range": "from … to …", "from": "2020-01-01T00:00", "to": "2020-01-02T00:00"}
    app = shown(**long_ago)
    said = words(app)
    assert "Nothing came or went in this time." in said
    assert "Nobody answered in this time." in said
    assert {card.label: card for card in app.metric}["Waiting now"].value != "0"


@pytest.mark.processes
def test_before_anybody_was_asked_it_says_so(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ClickHouse(url=engine_url, database="unasked")
    filled(where, [sample_row("a", datetime.now(UTC), offset=1)]).close()
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", where.url)
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__DATABASE", where.database)
    assert "Nobody has been asked anything yet" in words(shown())


def told(waiting: int, pace: Pace, simulated: int = 0) -> Outlook:
    return Outlook(forecast(waiting, pace), simulated)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (told(0, Pace(1, 5, 9)), "now"),
        (told(5, Pace(1, 0, 0)), "–"),
        (told(500, Pace(1, 200, 50)), "grows by 150 an hour"),
        (told(100, Pace(1, 10, 14)), "≥ 6.8 h"),
        (told(100, Pace(1, 10, 300)), "in 16 min to 26 min"),
        (told(10**7, Pace(1, 10, 300)), "in over 90 days"),
    ],
)
def test_a_forecast_in_words(found: Outlook, said: str) -> None:
    assert outlook.headline(found) == said


def test_a_forecast_tells_what_it_rests_on() -> None:
    found = told(100, Pace(4, 40, 300), simulated=20)
    assert outlook.pace(found) == "40 in, 300 out · simulated"
    said = outlook.lines(found)
    assert (said["Looked back"], said["Decided by people"]) == ("4 h", "280")
    assert said["Growth"].startswith("−65 an hour (95 %: −74 an hour to −56 an hour)")
    never = outlook.lines(replace(found, forecast=forecast(9, Pace(1, 90, 3))))
    assert never["Empty, at the earliest"] == "not at this pace"


def test_charts_of_the_queue_name_their_axes() -> None:
    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    waiting = pd.DataFrame({"lane": ["policy"], "age": ["1 to 4 h"], "samples": [3]})
    spec = queue_charts.waiting(waiting, list(review_queue.AGES)).to_dict()
    assert spec["encoding"]["x"]["title"] == "items waiting"
    flow = pd.DataFrame({"at": [at], "what": [review_queue.ASKED], "samples": [3]})
    drawn = queue_charts.flow(flow, review_queue.FLOWS, (at, at)).to_dict()
    assert drawn["layer"][0]["encoding"]["x"]["title"] == "time (UTC)"
    assert drawn["layer"][0]["encoding"]["color"]["scale"]["domain"] == [review_queue.ASKED]
