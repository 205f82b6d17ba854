"""The reviewer's page, drawn without a browser, against a desk in memory."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.desk import beside, sign_in
from dashboard.views import desk
from models.desk import LabelShown
from models.errors import ConfigurationError
from streams.desk import screen
from streams.desk.sitting import Sitting
from tests.desk_fake import MULTI, SINGLE, TOKEN, FakeDesk, Queue

HOSTILE = "<b>bold</b> [x](http://e) $y$ \x1b[31m"


def _app() -> None:
    from dashboard.app import main  # noqa: PLC0415

    main("desk")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    found = Queue(texts=["one", "two", "three"])
    monkeypatch.setattr(sign_in, "DeskClient", lambda _url, token: FakeDesk(found, token))
    monkeypatch.setattr(screen, "PRESS_SECONDS", 0.0)
    return found


def opened(token: str = TOKEN) -> AppTest:
    app = AppTest.from_function(_app, default_timeout=30)
    app.run()
    app.text_input[0].input(token)
    app.button[0].click().run()
    assert not app.exception
    return app


def press(app: AppTest, name: str) -> None:
    """Press the button of that name or beginning of a name."""
    found = [each for each in app.button if each.label.startswith(name)]
    assert found, [each.label for each in app.button]
    found[0].click().run()
    assert not app.exception


def words(app: AppTest) -> str:
    kinds = ("header", "subheader", "text", "markdown", "caption", "warning", "success", "error")
    found = [f"{each.value}" for kind in kinds for each in getattr(app, kind)]
    return "\n".join(found + shown(app))


def shown(app: AppTest) -> list[str]:
    """What stands there as text."""
    bodies = [str(each.proto.body) for each in app.get("html")]
    return [body for body in bodies if body.startswith("<div")]


def item(app: AppTest) -> str:
    [found] = [body for body in shown(app) if "desk-block desk-text" in body]
    return found


def test_a_token_opens_the_page(queue: Queue) -> None:
    app = opened()
    assert "one" in item(app)
    assert "ada · reviewer · 0 answered today" in words(app)
    assert "money back" in words(app)


def test_a_wrong_token_is_one_clear_sentence(queue: Queue) -> None:
    app = opened("wrong")
    assert [each.value for each in app.error] == [sign_in.UNKNOWN]
    assert "one" not in words(app)


def test_one_press_is_one_answer_and_the_next_text(queue: Queue) -> None:
    app = opened()
    press(app, "refund")
    assert "two" in item(app)
    [(loan, given, _)] = queue.decided.values()
    assert (loan.text, given.labels) == ("one", ("refund",))
    assert given.seconds is not None


def test_ambiguous_skip_and_escalate_take_the_reason_along(queue: Queue) -> None:
    app = opened()
    for name in ("Ambiguous", "Skip", "Escalate"):
        app.text_area[0].input(f"why {name}")
        press(app, name)
    assert [given.answer for _, given, _ in queue.decided.values()] == ["ambiguous"]
    assert [given.reason for _, given, _ in queue.decided.values()] == ["why Ambiguous"]
    passed = list(queue.passed.values())
    assert passed == [("skip", "two", "why Skip"), ("escalate", "three", "why Escalate")]


def test_undo_brings_text_and_reason_back(queue: Queue) -> None:
    app = opened()
    app.text_area[0].input("they ask for money")
    press(app, "refund")
    press(app, "Undo the last answer")
    assert "one" in item(app)
    assert app.text_area[0].value == "they ask for money"
    assert not queue.decided
    assert "Taken back" in words(app)


def test_several_labels_are_chosen_and_sent(queue: Queue) -> None:
    queue.tasks = (MULTI,)
    app = opened()
    press(app, "refund")
    press(app, "delivery")
    press(app, "refund")
    press(app, "Send 1 chosen")
    press(app, "Send\\: no label applies")
    assert [given.labels for _, given, _ in queue.decided.values()] == [("delivery",), ()]


def both(app: AppTest, *names: str) -> None:
    """Press several buttons before the page has seen one of them."""
    for name in names:
        [found] = [each for each in app.button if each.label.startswith(name)]
        found.click()
    app.run()
    assert not app.exception


@pytest.mark.parametrize("names", [("refund", "delivery"), ("Skip", "refund")])
def test_keys_at_once_send_nothing(queue: Queue, names: tuple[str, str]) -> None:
    app = opened()
    both(app, *names)
    assert not queue.decided
    assert not queue.passed
    assert "Several keys at once" in words(app)
    press(app, "refund")
    assert len(queue.decided) == 1


def test_labels_chosen_at_once_are_all_chosen_but_not_sent(queue: Queue) -> None:
    queue.tasks = (MULTI,)
    app = opened()
    both(app, "refund", "delivery")
    assert "Several keys at once" not in words(app)
    both(app, "refund", "Send 2")
    assert not queue.decided
    press(app, "Send 1 chosen")
    assert [given.labels for _, given, _ in queue.decided.values()] == [("delivery",)]


def test_labels_without_a_key_are_found_by_name(queue: Queue) -> None:
    many = tuple(LabelShown(name=f"label {at}", definition="") for at in range(40))
    queue.tasks = (MULTI.model_copy(update={"labels": many}),)
    app = opened()
    app.selectbox(key="desk_more_lease0").select("label 35").run()
    press(app, "label 3")
    press(app, "Send 2 chosen")
    assert [given.labels for _, given, _ in queue.decided.values()] == [("label 35", "label 3")]


def test_a_suggestion_of_labels_that_are_gone_is_not_shown(queue: Queue) -> None:
    queue.suggestion = ("no longer a label",)
    app = opened()
    assert "no longer" not in words(app)
    assert not [each for each in app.button if "no longer" in each.label]


def test_a_shown_suggestion_is_accepted_by_one_key(queue: Queue) -> None:
    queue.suggestion = ("delivery",)
    app = opened()
    press(app, "Accept\\: delivery")
    assert [given.labels for _, given, _ in queue.decided.values()] == [("delivery",)]


def test_without_one_nothing_hints_at_an_answer(queue: Queue) -> None:
    app = opened()
    assert not [each for each in app.button if each.label.startswith("Accept")]
    assert (
        len({each.proto.type for each in app.button if f"{each.key}".startswith("desk_label")}) == 1
    )


def test_an_empty_queue_is_calm(queue: Queue) -> None:
    queue.texts = []
    app = opened()
    assert "Nothing waits for you" in words(app)
    assert not app.warning
    queue.texts = ["late"]
    app.run()
    assert "late" in item(app)


def test_a_desk_that_is_down_loses_nothing(queue: Queue) -> None:
    app = opened()
    queue.down = True
    press(app, "refund")
    assert "has not reached the desk yet" in words(app)
    assert "one" in item(app)
    assert all(each.disabled for each in app.button if f"{each.key}".startswith("desk_label"))
    queue.down = False
    app.run()  # what the page does by itself every two seconds
    app.run()
    assert "two" in item(app)
    assert not app.warning
    assert len(queue.decided) == 1


def test_a_desk_that_was_down_is_asked_until_it_answers(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "LOOK_SECONDS", 0.0)
    app = opened()
    queue.down = True
    app.run()
    assert "does not answer just now" in words(app)
    monkeypatch.setattr(desk, "LOOK_SECONDS", 1e9)
    monkeypatch.setattr(desk, "PULSE_SECONDS", 0.0)
    queue.down = False
    app.run()  # both texts are in hand: nothing else is asked of the desk
    assert not app.warning


def test_a_text_that_comes_while_the_page_is_drawn_is_shown_by_itself(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.texts = ["one"]
    app = opened()
    real = beside.history

    def late(sitting: Sitting) -> None:
        if not sitting.hand and not queue.texts:
            queue.texts = ["late"]
        real(sitting)

    monkeypatch.setattr(beside, "history", late)
    press(app, "refund")
    assert "Nothing waits for you" in words(app)
    assert not app.session_state["desk_sitting"].hand, "what is in hand is on the screen"
    app.run()  # what the page does by itself every two seconds
    assert "late" in item(app)


def test_a_chosen_task_that_is_served_no_more_is_any_task_again(queue: Queue) -> None:
    queue.tasks = (SINGLE, MULTI)
    app = opened()
    app.selectbox(key="desk_task").select("topics").run()
    assert queue.released == ["one", "two"]
    queue.tasks = (SINGLE,)
    app.session_state["desk_sitting"].leave()
    app.run()
    assert not app.exception
    assert "no longer serves" in words(app)
    app.run()
    assert app.selectbox(key="desk_task").value == "any task"
    assert not app.exception


def test_an_address_that_is_none_is_said_at_sign_in(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str, token: str) -> FakeDesk:
        raise ConfigurationError("TIDEGAUGE_DESK__URL: no address")

    monkeypatch.setattr(sign_in, "DeskClient", refuse)
    app = opened()
    assert "cannot be signed in now" in words(app)
    assert "TIDEGAUGE_DESK__URL" in words(app)
    assert "tidegauge migrate" not in words(app)


def test_a_desk_that_is_down_at_sign_in_says_so(queue: Queue) -> None:
    queue.down = True
    app = opened()
    assert "cannot be signed in now" in words(app)
    assert "does not answer" in words(app)


def test_a_lapsed_lease_says_so_and_goes_on(queue: Queue) -> None:
    app = opened()
    queue.lapse("lease0")
    press(app, "refund")
    assert "not counted" in words(app)
    assert "two" in item(app)


def test_a_revoked_token_asks_for_another_and_keeps_the_reason(queue: Queue) -> None:
    app = opened()
    app.text_area[0].input("a long reason")
    queue.revoked = True
    press(app, "refund")
    app.run()
    assert "revoked" in words(app)
    queue.revoked = False
    app.text_input[0].input(TOKEN)
    app.button[0].click().run()
    assert not app.exception
    assert "one" in item(app)
    assert app.text_area[0].value == "a long reason"


def test_signing_out_gives_texts_back_and_forgets_the_token(queue: Queue) -> None:
    app = opened()
    press(app, "Sign out")
    app.run()
    assert queue.released == ["one", "two"]
    assert app.text_input[0].label == "Token"
    assert "desk_client" not in app.session_state


def test_hostile_text_is_shown_as_text(queue: Queue) -> None:
    queue.texts, queue.context = [HOSTILE], HOSTILE
    app = opened()
    assert "&lt;b&gt;bold&lt;/b&gt;" in item(app)
    assert "\\x1b[31m" in item(app)
    press(app, "refund")
    for body in shown(app):
        assert "<b>bold" not in body
    marked = [f"{each.value}" for kind in ("markdown", "caption") for each in getattr(app, kind)]
    assert not [each for each in marked if "bold" in each]


def test_names_of_labels_are_no_markup(queue: Queue) -> None:
    app = opened()
    assert "other \\*x\\*" in [each.label for each in app.button]


def test_an_adjudication_says_that_others_disagreed_and_nothing_else(queue: Queue) -> None:
    queue.adjudication = True
    assert "for a senior" in words(opened())


def test_required_sign_in_guards_every_page(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGAUGE_DESK__SIGN_IN", "required")
    monkeypatch.setenv("TIDEGAUGE_CLICKHOUSE__URL", "http://127.0.0.1:9")

    def _front() -> None:
        from dashboard.app import main  # noqa: PLC0415

        main()

    app = AppTest.from_function(_front, default_timeout=30).run()
    assert "people with an account" in words(app)
    assert "does not answer" not in words(app)
    app.text_input[0].input(TOKEN)
    app.button[0].click().run()
    assert "does not answer; retrying" in words(app)
    monkeypatch.setattr(sign_in, "CHECK_SECONDS", 0.0)
    queue.revoked = True
    app.run()
    assert "revoked" in words(app)
    assert "does not answer; retrying" not in words(app)
