"""The answer panel: one key per label, and what else can be done with a text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import streamlit as st

from dashboard.desk import drawing
from models.desk import Given, LabelShown, Loan, TaskShown
from models.review import REASON_LENGTH
from streams.desk.keys import AMBIGUOUS, ESCALATE, SKIP, UNDO, label_keys
from streams.desk.notices import Notice
from streams.desk.sitting import Act, Escalate, Sitting, Skip

AT_ONCE = "Several keys at once: nothing was sent. Press the one you mean."
_CHOSEN, _PRESSES = "desk_chosen", "desk_presses"


@dataclass(frozen=True)
class _Chosen:
    """The labels chosen for a text: those it began with, and every label pressed since."""

    lease: str
    at_first: tuple[str, ...]
    pressed: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Chosen now: a label pressed twice is as it was before."""
        names = dict.fromkeys((*self.at_first, *self.pressed))
        return tuple(name for name in names if self._odd(name))

    def _odd(self, name: str) -> bool:
        return (self.pressed.count(name) + (name in self.at_first)) % 2 == 1


@dataclass(frozen=True)
class _Press:
    """A button that was pressed: its name, and what it does; nothing when it only chose a label."""

    name: str
    does: Callable[[], None] | None


@dataclass(frozen=True)
class _Choice:
    """One thing that can be done with a text, and the key that does it."""

    name: str
    says: str
    key: str
    does: Callable[[], None]
    look: Literal["primary", "secondary"] = "secondary"


def panel(sitting: Sitting, loan: Loan, task: TaskShown) -> None:
    """Everything that can be done with the text on the screen."""
    _begin(sitting, loan)
    _PANELS[task.kind](sitting, loan, task)
    _others(sitting, loan)
    st.text_area(
        "Reason (N, back with Esc)", key=_reason_key(loan), max_chars=REASON_LENGTH, height=80,
        persist_state="session",
        placeholder="Optional; goes along with whatever you choose.",
    )  # fmt: skip


def undo_button(sitting: Sitting) -> None:
    """Takes the last answer back while its undo time lasts."""
    last = sitting.undoable()
    answer = last.past.answer if last else ""
    st.button(
        "Undo the last answer", key=f"desk_undo_{answer}", icon=":material/undo:",
        width="stretch", shortcut=UNDO.upper(), disabled=last is None or sitting.unsent is not None,
        on_click=_undo_last, args=(sitting, answer),
    )  # fmt: skip


def _undo_last(sitting: Sitting, answer: str) -> None:
    """Undo it unless another one is the last by now: that is the one which was meant."""
    last = sitting.undoable()
    if last is not None and last.past.answer == answer:
        undo(sitting, answer)


def undo(sitting: Sitting, answer: str) -> None:
    """What an undo button does."""
    _pressed(f"undo {answer}", partial(sitting.undo, answer))


def work_presses(sitting: Sitting) -> None:
    """Do what was pressed since the page was drawn last.

    Keys that came together came in no known order, and one of them may be meant for a text that
    nobody has seen: then labels are chosen, and nothing is sent.

    Raises:
        NotSignedIn: the token is worth nothing any more.
    """
    presses = {press.name: press for press in st.session_state.pop(_PRESSES, [])}
    acts = [press.does for press in presses.values() if press.does is not None]
    if len(acts) == len(presses) == 1:
        acts[0]()
    elif acts:
        sitting.notice = Notice(AT_ONCE)


def _pressed(name: str, does: Callable[[], None] | None) -> None:
    st.session_state.setdefault(_PRESSES, []).append(_Press(name, does))


def forget() -> None:
    """Whoever comes next begins anew; what was chosen is among the sitting's drafts."""
    for key in (_CHOSEN, _PRESSES):
        st.session_state.pop(key, None)


def _begin(sitting: Sitting, loan: Loan) -> None:
    """What had been chosen for this text before it was taken back is chosen again."""
    before = st.session_state.get(_CHOSEN)
    if before is not None and before.lease == loan.lease:
        return
    draft = sitting.drafts.of(loan)
    chosen = draft.labels if draft else sitting.suggested(loan)
    st.session_state[_CHOSEN] = _Chosen(loan.lease, chosen)
    st.session_state[_reason_key(loan)] = draft.reason if draft else ""


def _one_label(sitting: Sitting, loan: Loan, task: TaskShown) -> None:
    draft = sitting.drafts.of(loan)
    if suggested := sitting.suggested(loan):
        accept = partial(_act, sitting, loan, "accept", partial(_labelled, suggested))
        says = f"Accept: {', '.join(suggested)}"
        _button(sitting, loan, _Choice("accept", says, "Enter", accept, "primary"))
    choose = partial(_decide_one, sitting, loan)
    _labels(sitting, loan, task, choose, draft.labels if draft else ())


def _any_labels(sitting: Sitting, loan: Loan, task: TaskShown) -> None:
    chosen: _Chosen = st.session_state[_CHOSEN]
    _labels(sitting, loan, task, partial(_toggle, sitting, loan), chosen.labels)
    count = len(chosen.labels)
    says = f"Send {count} chosen" if count else "Send: no label applies"
    send = partial(_decide_chosen, sitting, loan)
    _button(sitting, loan, _Choice("send", says, "Enter", send, "primary"))


def _labels(
    sitting: Sitting,
    loan: Loan,
    task: TaskShown,
    choose: Callable[[str, str], None],
    chosen: tuple[str, ...],
) -> None:
    keyed = tuple(zip(task.labels, label_keys(len(task.labels)), strict=True))
    pressed = st.session_state[_CHOSEN].pressed
    for at, (label, key) in enumerate(keyed):
        if key is not None:
            name = f"label{at}_{pressed.count(label.name)}"
            does, look = partial(choose, label.name, name), _look(label.name in chosen)
            _button(sitting, loan, _Choice(name, label.name, key.upper(), does, look))
            _definition(label)
    if rest := [label.name for label, key in keyed if key is None]:
        _further(sitting, loan, rest, choose)


def _look(chosen: bool) -> Literal["primary", "secondary"]:
    return "primary" if chosen else "secondary"


def _definition(label: LabelShown) -> None:
    if label.definition:
        drawing.block(label.definition, "desk-definition")


def _further(
    sitting: Sitting, loan: Loan, names: list[str], choose: Callable[[str, str], None]
) -> None:
    """Labels beyond those that have keys."""
    key = f"desk_more_{loan.lease}"

    def chosen() -> None:
        if name := st.session_state[key]:
            st.session_state[key] = None
            choose(name, f"more_{st.session_state[_CHOSEN].pressed.count(name)}")

    st.selectbox(
        "More labels", names, index=None, key=key, placeholder="type to find one",
        format_func=drawing.beginning, on_change=chosen, disabled=sitting.unsent is not None,
    )  # fmt: skip


def _others(sitting: Sitting, loan: Loan) -> None:
    """What is no label."""
    ambiguous = partial(_act, sitting, loan, "ambiguous", _ambiguous)
    skip, escalate = (
        partial(_act, sitting, loan, how.__name__, partial(_passed, how))
        for how in (Skip, Escalate)
    )
    with st.container(horizontal=True, gap="small", key="desk_others"):
        for choice in (
            _Choice("ambiguous", "Ambiguous", AMBIGUOUS.upper(), ambiguous),
            _Choice("skip", "Skip", SKIP.upper(), skip),
            _Choice("escalate", "Escalate", ESCALATE.upper(), escalate),
        ):
            _button(sitting, loan, choice)


def _button(sitting: Sitting, loan: Loan, choice: _Choice) -> None:
    """A button for this text alone: its key has the lease in it."""
    st.button(
        drawing.plain_label(choice.says), key=f"desk_{choice.name}_{loan.lease}",
        shortcut=choice.key, type=choice.look, width="stretch",
        disabled=sitting.unsent is not None, on_click=choice.does,
    )  # fmt: skip


def _toggle(sitting: Sitting, loan: Loan, name: str, button: str) -> None:
    """Choose a label or leave it out.

    Streamlit may report one press twice, and the second must not take the first one back: how
    often the label was pressed before is part of the button's name.
    """
    chosen: _Chosen | None = st.session_state.get(_CHOSEN)
    before = "" if chosen is None else f"_{chosen.pressed.count(name)}"
    if chosen is None or chosen.lease != loan.lease or not button.endswith(before):
        return
    sitting.screen.active()
    st.session_state[_CHOSEN] = replace(chosen, pressed=(*chosen.pressed, name))
    _pressed(button, None)


def _decide_one(sitting: Sitting, loan: Loan, name: str, button: str) -> None:
    _act(sitting, loan, button, partial(_labelled, (name,)))


def _decide_chosen(sitting: Sitting, loan: Loan) -> None:
    _act(sitting, loan, "send", lambda *rest: _labelled(st.session_state[_CHOSEN].labels, *rest))


def _labelled(labels: tuple[str, ...], reason: str, seconds: float | None) -> Act:
    return Given(answer="label", labels=labels, reason=reason, seconds=seconds)


def _ambiguous(reason: str, seconds: float | None) -> Act:
    return Given(answer="ambiguous", reason=reason, seconds=seconds)


def _passed(how: type[Skip] | type[Escalate], reason: str, _seconds: float | None) -> Act:
    return how(reason)


def _act(
    sitting: Sitting, loan: Loan, button: str, made: Callable[[str, float | None], Act]
) -> None:
    """Press a button that sends something, if it is meant for the text on the screen."""
    if not sitting.takes(loan.lease):
        return

    def send() -> None:
        if sitting.current is not loan:
            return
        sitting.send(made(_reason(loan), sitting.screen.seconds(loan.lease)))
        if loan not in sitting.hand:
            st.session_state.pop(_reason_key(loan), None)

    _pressed(button, send)


def _reason(loan: Loan) -> str:
    return str(st.session_state.get(_reason_key(loan)) or "")


def _reason_key(loan: Loan) -> str:
    return f"desk_reason_{loan.lease}"


_PANELS: Mapping[str, Callable[[Sitting, Loan, TaskShown], None]] = {
    "classification": _one_label,
    "multilabel": _any_labels,
}
"""A task kind's way to answer; another kind is another line."""
