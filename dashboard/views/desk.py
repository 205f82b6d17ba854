"""The reviewer's page: one text after the other, worked by keyboard alone.

It talks to the desk's API and to nothing else; the store may be away.
"""

import time
from pathlib import Path

import streamlit as st

from dashboard.desk import answering, beside, drawing, sign_in
from models.errors import Unavailable
from models.settings import Settings
from streams.desk.errors import DeskError, NotSignedIn
from streams.desk.screen import Drafts, Screen
from streams.desk.sitting import Sitting

ASSETS = Path(__file__).parents[1] / "assets"
PULSE_SECONDS = 2.0
LOOK_SECONDS = 10.0
ANY_TASK = "any task"
_SITTING, _DRAFTS, _LOOKED = "desk_sitting", "desk_drafts", "desk_looked"


def render(settings: Settings) -> None:
    """Draws the page: the form to sign in, or what there is to do."""
    st.html(ASSETS / "desk.css")
    sitting = _seated(settings)
    if sitting is None:
        return
    keys = (ASSETS / "desk.js").read_text("utf-8")
    st.html(f"<script>{keys}</script>", unsafe_allow_javascript=True)
    try:
        if sitting.beat_due:
            sitting.beat()
        sitting.fill()
    except NotSignedIn:
        _end(sign_in.UNKNOWN)
    _head(sitting)
    _pulse(sitting)
    _work(sitting)


def _seated(settings: Settings) -> Sitting | None:
    """This browser's sitting; null while nobody is signed in or the desk cannot say who it is."""
    found = sign_in.signed_in()
    if found is None:
        st.session_state.pop(_SITTING, None)
        sign_in.form(settings, "Texts are waiting for people. Your token says who you are.")
        return None
    if _SITTING not in st.session_state:
        client, me = found
        owner, drafts = st.session_state.get(_DRAFTS, ("", None))
        kept = drafts if drafts is not None and owner == me.name else Drafts()
        st.session_state[_DRAFTS] = me.name, kept
        sitting = Sitting(client, me, Screen(time.monotonic), drafts=kept)
        try:
            sitting.arrive()
        except NotSignedIn:
            _end(sign_in.UNKNOWN)
        except (DeskError, Unavailable) as problem:
            sign_in.desk_down(settings, str(problem))
            return None
        st.session_state[_SITTING] = sitting
    seated: Sitting = st.session_state[_SITTING]
    return seated


def _head(sitting: Sitting) -> None:
    title, task, fixed, leave = st.columns([5, 3, 2, 2], vertical_alignment="bottom")
    title.header("Desk", anchor=False)
    names = [ANY_TASK, *sorted(sitting.tasks)]
    chosen = task.selectbox("Task", names, key="desk_task", label_visibility="collapsed")
    wanted = None if chosen == ANY_TASK else chosen
    if wanted != sitting.task:
        sitting.choose(wanted)
    fixed.toggle("Fixed width", key="desk_fixed", persist_state="session")
    leave.button(
        "Sign out", key="desk_leave", type="tertiary", icon=":material/logout:",
        on_click=_leave, args=(sitting,),
    )  # fmt: skip


def _leave(sitting: Sitting) -> None:
    """Give back what is in hand, and forget who was here."""
    sitting.leave()
    st.session_state.pop(_DRAFTS, None)
    _forget("")


def _forget(reason: str) -> None:
    st.session_state.pop(_SITTING, None)
    answering.forget()
    sign_in.sign_out(reason)


def _end(reason: str) -> None:
    """Ask for a token again, and say why; what was chosen for the text on the screen is kept."""
    _forget(reason)
    st.rerun()


@st.fragment(run_every=PULSE_SECONDS)
def _pulse(sitting: Sitting) -> None:
    """Signs of life, answers sent again, a queue that filled: whatever happens without a key."""
    before = sitting.current, sitting.unsent, bool(sitting.trouble), sitting.away
    try:
        _live(sitting)
    except NotSignedIn:
        _end(sign_in.UNKNOWN)
    me = sitting.me
    name = f"{me.name} · {me.role}" + (" · simulated" if me.simulated else "")
    st.text(f"{name} · {me.answered_today} answered today · {me.waiting} waiting for you")
    if before != (sitting.current, sitting.unsent, bool(sitting.trouble), sitting.away):
        st.rerun()


def _live(sitting: Sitting) -> None:
    if sitting.unsent is not None:
        sitting.resend()
    elif sitting.beat_due:
        sitting.beat()
    if not sitting.hand:
        sitting.fill()
    now = time.monotonic()
    rest = PULSE_SECONDS / 2 if sitting.trouble else LOOK_SECONDS
    if now - st.session_state.get(_LOOKED, 0.0) >= rest:
        st.session_state[_LOOKED] = now
        sitting.look_around()


@st.fragment
def _work(sitting: Sitting) -> None:
    """The text, what can be done with it, and what stands beside it."""
    try:
        answering.work_presses(sitting)
        if not sitting.hand:
            sitting.fill()
        _draw(sitting)
        if sitting.hand:  # the text is on its way to the screen: the next one is fetched meanwhile
            sitting.fill()
    except NotSignedIn:
        _end(sign_in.UNKNOWN)


def _draw(sitting: Sitting) -> None:
    left, middle, right = st.columns([5, 12, 6], gap="medium")
    loan = sitting.current
    task = sitting.task_of(loan) if loan else None
    with middle.container():
        _said(sitting)
    with middle.container():
        if loan is None or task is None:
            _nothing(sitting)
        else:
            _about(loan.adjudication, task.name)
            drawing.draw_item(loan, task)
    with right:
        if loan is not None and task is not None:
            answering.panel(sitting, loan, task)
            sitting.screen.appeared(loan.lease)
        answering.undo_button(sitting)
    with left:
        beside.guidelines(task)
        beside.history(sitting)


def _about(adjudication: bool, task: str) -> None:
    with st.container(horizontal=True, gap="small", key="desk_about"):
        st.badge(drawing.plain_label(task), color="gray")
        if adjudication:
            st.badge("for a senior", icon=":material/balance:", color="violet")


def _said(sitting: Sitting) -> None:
    """What the reviewer must not miss."""
    if sitting.unsent is not None:
        st.warning(
            "Your answer has not reached the desk yet. It is kept here and sent again every "
            "two seconds; nothing is lost.", icon=":material/cloud_off:",
        )  # fmt: skip
        st.text(sitting.trouble)
    elif sitting.trouble:
        st.warning("The desk does not answer just now. It is asked again every two seconds.")
        st.text(sitting.trouble)
    if sitting.notice is not None:
        show = st.success if sitting.notice.tone == "done" else st.warning
        show(drawing.plain_label(sitting.notice.text))


def _nothing(sitting: Sitting) -> None:
    with st.container(border=True):
        if sitting.away:
            st.subheader("Welcome back", divider="blue")
            st.text("You were away for a while, so the text went back to the queue.")
            st.button(
                "Go on", type="primary", shortcut="Enter", key="desk_back",
                on_click=sitting.come_back,
            )  # fmt: skip
            return
        st.subheader("Nothing waits for you", divider="green")
        st.text("The next text appears here by itself as soon as there is one.")
