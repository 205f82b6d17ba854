"""A reviewer at a screen, against a desk in memory and a clock that the test moves."""

from dataclasses import dataclass

import pytest

from models.desk import Given
from streams.desk.answered import REMEMBERED
from streams.desk.errors import NotSignedIn
from streams.desk.screen import AWAY_SECONDS, PRESS_SECONDS, Screen
from streams.desk.sitting import Escalate, Sitting, Skip
from tests.desk_fake import MULTI, SINGLE, FakeDesk, Queue

REFUND = Given(answer="label", labels=("refund",))


@dataclass
class Clock:
    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Table:
    queue: Queue
    clock: Clock
    sitting: Sitting

    @property
    def texts(self) -> list[str]:
        return [loan.text for loan in self.sitting.hand]


@pytest.fixture
def table() -> Table:
    queue, clock = Queue(texts=["one", "two", "three"]), Clock()
    desk = FakeDesk(queue)
    sitting = Sitting(desk, desk.me(), Screen(clock))
    sitting.arrive()
    sitting.fill()
    return Table(queue, clock, sitting)


def test_the_next_text_is_in_hand_before_it_is_needed(table: Table) -> None:
    assert table.texts == ["one", "two"]
    table.sitting.send(REFUND)
    assert table.texts == ["two"]
    table.sitting.fill()
    assert table.texts == ["two", "three"]
    assert [given for _, given, _ in table.queue.decided.values()] == [REFUND]
    assert table.sitting.me.answered_today == 1


def test_an_answer_stays_on_the_screen_until_the_desk_has_it(table: Table) -> None:
    table.queue.down = True
    table.sitting.send(REFUND)
    assert table.sitting.unsent == REFUND
    assert "does not answer" in table.sitting.trouble
    assert table.texts == ["one", "two"]
    assert not table.sitting.takes(table.sitting.hand[0].lease)
    table.queue.down = False
    table.sitting.resend()
    assert table.sitting.unsent is None
    assert table.sitting.trouble == ""
    assert table.texts == ["two"]
    assert len(table.queue.decided) == 1


def test_a_lost_receipt_counts_one_answer(table: Table) -> None:
    table.queue.deaf = True
    table.sitting.send(REFUND)
    assert table.texts == ["one", "two"]
    table.queue.deaf = False
    table.sitting.resend()
    assert len(table.queue.decided) == 1
    assert len(table.sitting.answered) == 1
    assert table.texts == ["two"]


@pytest.mark.parametrize("act", [Skip("unclear"), Escalate("unclear")])
def test_a_skip_whose_receipt_was_lost_is_not_called_lost(table: Table, act: Skip) -> None:
    table.queue.deaf = True
    table.sitting.send(act)
    table.queue.deaf = False
    table.sitting.resend()
    assert table.texts == ["two"]
    assert table.sitting.notice is None
    assert [reason for _, _, reason in table.queue.passed.values()] == ["unclear"]


def test_an_answer_whose_receipt_was_lost_is_not_called_lapsed(table: Table) -> None:
    table.queue.deaf = True
    table.sitting.send(REFUND)
    table.queue.deaf = False
    table.sitting.beat()
    assert table.queue.beats == ["lease1"]
    assert table.sitting.notice is None
    table.sitting.resend()
    assert table.texts == ["two"]
    assert table.sitting.me.answered_today == 1
    assert table.sitting.undoable() is not None


def test_a_lapsed_lease_is_said_and_what_was_chosen_comes_again(table: Table) -> None:
    given = Given(answer="label", labels=("refund",), reason="see line 2")
    table.queue.lapse(table.sitting.hand[0].lease)
    table.sitting.send(given)
    assert table.sitting.notice is not None
    assert "not counted" in table.sitting.notice.text
    assert not table.queue.decided
    assert table.texts == ["two"]
    table.sitting.fill()
    again = next(loan for loan in table.sitting.hand if loan.text == "one")
    assert table.sitting.drafts.of(again) == given


def test_a_lease_that_lapses_under_the_readers_eyes_is_said(table: Table) -> None:
    table.queue.lapse(table.sitting.hand[0].lease)
    table.sitting.beat()
    assert table.texts == ["two"]
    assert table.sitting.notice is not None
    assert "went back to the queue" in table.sitting.notice.text


def test_a_text_fetched_ahead_that_lapses_disturbs_nobody(table: Table) -> None:
    table.queue.lapse(table.sitting.hand[1].lease)
    table.sitting.beat()
    assert table.texts == ["one"]
    assert table.sitting.notice is None


def test_undo_brings_the_text_back_with_what_was_chosen(table: Table) -> None:
    given = Given(answer="label", labels=("delivery",), reason="asks where it is")
    table.sitting.send(given)
    last = table.sitting.undoable()
    assert last is not None
    table.sitting.undo(last.past.answer)
    assert table.texts == ["one", "two"]
    current = table.sitting.current
    assert current is not None
    assert table.sitting.drafts.of(current) == given
    assert table.sitting.undoable() is None
    assert table.sitting.me.answered_today == 0
    table.sitting.send(REFUND)
    assert [given for _, given, _ in table.queue.decided.values()] == [REFUND]


def test_an_undo_whose_answer_was_lost_brings_the_text_back_once(table: Table) -> None:
    table.sitting.send(REFUND)
    last = table.sitting.undoable()
    assert last is not None
    table.queue.deaf = True
    table.sitting.undo(last.past.answer)
    assert table.sitting.trouble
    table.queue.deaf = False
    table.sitting.fill()
    table.sitting.undo(last.past.answer)
    assert table.texts == ["one", "two"]
    assert table.sitting.me.answered_today == 0


def test_an_answer_leaves_no_draft_for_a_repeat_to_show(table: Table) -> None:
    loan = table.sitting.hand[0]
    table.sitting.send(REFUND)
    assert table.sitting.drafts.of(loan) is None


def test_undo_is_offered_for_as_long_as_the_desk_says(table: Table) -> None:
    table.sitting.send(REFUND)
    table.clock.at += 9.5
    assert table.sitting.undoable() is not None
    table.clock.at += 1
    assert table.sitting.undoable() is None


def test_undo_that_comes_too_late_says_so(table: Table) -> None:
    table.sitting.send(REFUND)
    last = table.sitting.undoable()
    assert last is not None
    table.queue.undo_over = True
    table.sitting.undo(last.past.answer)
    assert table.sitting.notice is not None
    assert "final" in table.sitting.notice.text
    assert table.texts == ["two"]


def test_only_a_key_meant_for_this_text_counts(table: Table) -> None:
    first, second = table.sitting.hand
    table.sitting.screen.appeared(first.lease)
    assert not table.sitting.takes(first.lease)  # nobody reads that fast
    table.clock.at += 2
    assert not table.sitting.takes(second.lease)
    table.clock.at += 2
    assert table.sitting.takes(first.lease)
    table.sitting.send(REFUND)
    table.sitting.screen.appeared(second.lease)
    table.clock.at += PRESS_SECONDS / 2
    assert not table.sitting.takes(first.lease)  # the same key twice
    assert not table.sitting.takes(second.lease)


def test_time_runs_from_when_the_text_appeared(table: Table) -> None:
    first, second = table.sitting.hand
    assert table.sitting.screen.seconds(first.lease) is None
    table.sitting.screen.appeared(first.lease)
    table.clock.at += 7
    table.sitting.screen.appeared(first.lease)  # drawn anew
    assert table.sitting.screen.seconds(first.lease) == 7
    assert table.sitting.screen.seconds(second.lease) is None


def test_signs_of_life_for_all_texts_in_hand(table: Table) -> None:
    assert table.sitting.beat_due
    table.sitting.beat()
    assert table.queue.beats == ["lease0", "lease1"]
    assert not table.sitting.beat_due
    table.clock.at += table.sitting.beat_seconds
    assert table.sitting.beat_due
    assert table.sitting.beat_seconds * 2 < SINGLE.lease_seconds


def test_who_is_away_holds_nothing_for_ever(table: Table) -> None:
    table.sitting.screen.appeared(table.sitting.hand[0].lease)
    table.clock.at += AWAY_SECONDS
    table.sitting.beat()
    assert table.sitting.away
    assert table.queue.released == ["one", "two"]
    table.sitting.fill()
    assert not table.sitting.hand
    table.sitting.come_back()
    table.sitting.fill()
    assert table.texts == ["three"]


def test_a_revoked_token_is_raised_and_the_choice_is_kept(table: Table) -> None:
    loan = table.sitting.hand[0]
    table.queue.revoked = True
    with pytest.raises(NotSignedIn):
        table.sitting.send(REFUND)
    assert table.sitting.drafts.of(loan) == REFUND


def test_another_task_gives_the_others_back(table: Table) -> None:
    table.sitting.choose("topics")
    assert table.queue.released == ["one", "two"]
    assert not table.sitting.hand


def test_a_task_of_another_version_is_asked_anew(table: Table) -> None:
    newer = SINGLE.model_copy(update={"version": "inbox/2"})
    table.queue.tasks = (newer, MULTI)
    table.queue.texts = ["new"]
    table.sitting.leave()
    table.sitting.fill()
    assert table.sitting.task_of(table.sitting.hand[0]) == newer


def test_a_task_the_desk_cannot_tell_now_is_no_task_yet(table: Table) -> None:
    [loan, _] = table.sitting.hand
    stranger = loan.model_copy(update={"task": "topics", "version": "topics/9"})
    table.queue.down = True
    assert table.sitting.task_of(stranger) is None
    assert table.sitting.trouble
    table.queue.down, table.queue.tasks = False, (MULTI,)
    assert table.sitting.task_of(stranger) == MULTI


def test_a_task_whose_version_is_known_is_not_asked_again(table: Table) -> None:
    [loan, _] = table.sitting.hand
    fresh = Sitting(table.sitting.desk, table.sitting.me, Screen(table.clock))
    fresh.arrive()
    table.queue.down = True
    assert fresh.task_of(loan) == SINGLE
    assert not fresh.trouble


def test_texts_of_a_task_that_is_served_no_more_go_back(table: Table) -> None:
    stranger = table.sitting.hand[0].model_copy(update={"task": "gone", "version": "gone/1"})
    table.sitting.hand[0] = table.queue.loans["lease0"] = stranger
    table.sitting.fill()
    assert table.texts == ["two"]
    assert table.queue.released == ["one"]
    assert table.sitting.notice is not None
    assert "no longer serves the task 'gone'" in table.sitting.notice.text


def test_an_answer_to_a_task_that_is_served_no_more_gives_its_texts_back(table: Table) -> None:
    table.queue.tasks = (MULTI,)
    table.sitting.send(REFUND)
    assert not table.sitting.hand
    assert table.queue.released == ["one", "two"]
    assert not table.queue.decided


def test_a_chosen_task_that_is_served_no_more_is_any_task_again(table: Table) -> None:
    table.sitting.leave()
    table.sitting.choose("gone")
    table.sitting.fill()
    assert table.sitting.task is None
    table.sitting.fill()
    assert table.texts == ["three"]


def test_a_fault_of_the_desk_is_trouble_and_no_end(table: Table) -> None:
    table.queue.fault = True
    table.sitting.look_around()
    assert "made a mistake" in table.sitting.trouble
    table.queue.fault = False
    table.sitting.look_around()
    assert table.sitting.trouble == ""


def test_no_more_answers_are_shown_than_lie_before_a_repeat(table: Table) -> None:
    table.queue.texts += [str(number) for number in range(30)]
    while table.sitting.hand:
        table.sitting.send(REFUND)
        table.sitting.fill()
    assert len(table.queue.decided) == 33
    assert len(table.sitting.answered) == REMEMBERED < 20
