"""Who is given what, and in which order."""

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from models.desk import Wanted
from models.task import Ranking, Task
from streams.desk.errors import NotSignedIn, NotThere
from streams.desk.queue import decide, me, next_loans, revoke
from tests.streams.desk.queue.bench import SCAM, Bench, arrival, task

Open = Callable[..., Bench]
Serve = Callable[[Mapping[str, Task]], Bench]


def texts(bench: Bench, who: object, count: int = 5) -> list[str]:
    return [loan.text for loan in bench.loans(who, count)]  # type: ignore[arg-type]


def test_the_most_telling_item_comes_first_and_its_lane_counts(opened: Open) -> None:
    bench = opened()
    bench.add(
        arrival(0, value=0.2),
        arrival(1, value=0.9),
        arrival(2, value=0.1, lane="policy"),
        arrival(3, value=0.9),
    )
    assert texts(bench, bench.person("ana")) == ["text 2", "text 1", "text 3", "text 0"]


def test_an_item_that_waited_long_enough_overtakes(opened: Open) -> None:
    bench = opened(ranking=Ranking(age=0.05).model_dump())
    bench.add(arrival(0, value=0.2))
    bench.now += timedelta(hours=17)
    bench.add(arrival(1, value=1.0))
    assert texts(bench, bench.person("ana"), 1) == ["text 0"]


def test_as_many_reviewers_as_the_task_asks_for_and_no_more(opened: Open) -> None:
    bench = opened(reviewers=2)
    bench.add(arrival(0))
    people = [bench.person(name) for name in ("ana", "bob", "cleo")]
    assert [len(bench.loans(who)) for who in people] == [1, 1, 0]
    bench.checked()


def test_nobody_is_given_an_item_twice(opened: Open) -> None:
    bench = opened(reviewers=3)
    bench.add(arrival(0))
    ana = bench.person("ana")
    bench.answers(ana)
    assert bench.loans(ana) == []
    bench.passes(60)
    assert bench.loans(ana) == []
    assert bench.states() == {"open": 1}


def test_asking_again_gives_the_same_and_tops_up(opened: Open) -> None:
    bench = opened()
    bench.add(*(arrival(n) for n in range(10)))
    ana = bench.person("ana")
    first = bench.loans(ana, 2)
    assert bench.loans(ana, 2) == first
    third = bench.loans(ana, 3)
    assert third[:2] == first
    held = tuple(loan.lease for loan in third[:2])
    assert bench.loans(ana, 3, held=held) == third[2:]
    decide(bench.desk, ana, first[0].lease, SCAM, bench.now)
    assert [loan.text for loan in bench.loans(ana, 3)] == ["text 1", "text 2", "text 3"]


def test_pools_keep_items_for_those_who_know(opened: Open) -> None:
    bench = opened(pools={"german": {"lang": ["de"]}})
    bench.add(arrival(0, sample={"tags": {"lang": "de"}}), arrival(1, sample={"tags": {}}))
    assert texts(bench, bench.person("ana")) == ["text 1"]
    assert texts(bench, bench.person("grete", "reviewer", "german")) == ["text 0"]


def test_only_one_task_when_asked_and_never_one_without_a_file(serving: Serve) -> None:
    bench = serving({name: task(name) for name in ("messages", "other")})
    version = arrival(0).task.task
    named = [version.model_copy(update={"name": f"{name}/1"}) for name in ("other", "stranger")]
    bench.add(arrival(0), *(arrival(1 + n, task=each) for n, each in enumerate(named)))
    ana = bench.person("ana")
    assert [loan.task for loan in bench.loans(ana, 5, task="other")] == ["other"]
    assert sorted(loan.task for loan in bench.loans(ana, 5)) == ["messages", "other"]
    with pytest.raises(NotThere, match="there is no task 'stranger' at this desk"):
        next_loans(bench.desk, ana, Wanted(task="stranger"), bench.now)


def test_a_senior_of_many_pools_works_many_tasks(serving: Serve) -> None:
    names = ["messages", *(f"other-{n}" for n in range(9))]
    bench = serving({name: task(name, pools={"p49": {"lang": ["de"]}}) for name in names})
    version = arrival(0).task.task
    german = {"sample": {"tags": {"lang": "de"}}}
    last = version.model_copy(update={"name": f"{names[-1]}/1"})
    bench.add(arrival(0, value=0.5), arrival(1, task=last, **german))
    ana = bench.person("ana", "senior", *(f"p{n}" for n in range(50)))
    assert me(bench.desk, ana, bench.now).waiting == 2
    assert texts(bench, ana) == ["text 1", "text 0"]


def test_the_suggestion_is_shown_only_where_the_task_shows_it(opened: Open) -> None:
    hidden = opened()
    hidden.add(arrival(0))
    assert hidden.loan(hidden.person("ana")).suggestion is None
    shown = opened(suggestion="shown")
    shown.add(arrival(1, suggestion=("personal",)))
    ben = shown.person("ben")
    assert shown.loan(ben).suggestion == ("personal",)
    shown.answers(ben)
    shown.passes(11)
    assert [each.suggestion_shown for each in shown.decisions] == [True]


def test_a_loan_says_nothing_of_what_the_machine_thinks(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0, lane="disagreement", sample={"context": "a mail", "response": "yes"}))
    loan = bench.loan(bench.person("ana"))
    assert (loan.text, loan.context, loan.response) == ("text 0", "a mail", "yes")
    told = loan.model_dump_json(exclude={"lease"})
    for hidden in ("disagreement", "propensity", "audit", "m-0", bench.desk.secret):
        assert hidden not in told


def test_texts_come_back_as_they_came(opened: Open) -> None:
    bench = opened()
    hostile = "a\x00b\u202e\u2028'; DROP TABLE items; -- \U0001f600"
    bench.add(arrival(0, sample={"text": hostile}))
    assert bench.loan(bench.person("ana")).text == hostile


def test_a_revoked_account_gets_nothing_and_keeps_nothing(opened: Open) -> None:
    bench = opened()
    bench.add(arrival(0))
    ana = bench.person("ana")
    bench.loan(ana)
    revoke(bench.desk, "root", "ana", bench.now)
    with pytest.raises(NotSignedIn):
        bench.loans(ana)
    assert len(bench.loans(bench.person("bob"))) == 1
    bench.checked()
