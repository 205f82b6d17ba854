"""Who sits at this browser: a reviewer's token, asked for once and kept in this session only.

It is never written into the address, a cookie or the browser's storage, where a script could read
it; a browser's own password store may keep it.
"""

import time

import streamlit as st

from dashboard.again import ask_again
from models.desk import Me
from models.errors import ConfigurationError, Unavailable
from models.settings import Settings
from streams.desk.client import DeskClient
from streams.desk.errors import DeskError, NotSignedIn

CHECK_SECONDS = 60.0
"""How often the desk is asked whether a token still counts, on pages that only need a sign-in."""

RETRY_SECONDS = 3.0

UNKNOWN = "This token is not known to the desk, or it was revoked. Ask who looks after the desk."
FOR_ACCOUNTS = "This dashboard is for people with an account at the review desk."
_CLIENT, _ME, _CHECKED, _LOST = "desk_client", "desk_me", "desk_checked", "desk_lost"


def signed_in() -> tuple[DeskClient, Me] | None:
    """The way to the desk and whom it knows at this browser, if anybody signed in."""
    client, me = st.session_state.get(_CLIENT), st.session_state.get(_ME)
    return (client, me) if client is not None and me is not None else None


def sign_out(reason: str = "") -> None:
    """Forget the token; the form that follows says why."""
    client = st.session_state.pop(_CLIENT, None)
    if client is not None:
        client.close()
    for name in (_ME, _CHECKED):
        st.session_state.pop(name, None)
    st.session_state[_LOST] = reason


def form(settings: Settings, what_for: str) -> None:
    """Ask for the token; a right one draws the page anew."""
    with st.container(border=True, width=560, key="desk_sign_in"):
        st.subheader("Sign in", divider="blue")
        st.text(what_for)
        if lost := st.session_state.get(_LOST):
            st.warning(lost, icon=":material/key_off:")
        with st.form("desk_sign_in_form", border=False):
            token = st.text_input("Token", type="password", autocomplete="current-password")
            sent = st.form_submit_button("Sign in", type="primary")
        if sent:
            _enter(settings, token or "")
        st.caption("Your token was shown once when `tidegauge reviewers add` made your account.")


def may_look(settings: Settings) -> bool:
    """Whether this session may see pages that need no more than a sign-in; else it is asked to."""
    found = signed_in()
    if found is None:
        form(settings, FOR_ACCOUNTS)
        return False
    fresh = time.monotonic() - st.session_state[_CHECKED] < CHECK_SECONDS
    if not fresh and not _still_known(settings, found[0]):
        return False
    _watch()
    return True


def _watch() -> None:
    """An open page asks again from time to time, so a revoked token closes it by itself."""

    @st.fragment(run_every=CHECK_SECONDS)
    def region() -> None:
        if time.monotonic() - st.session_state.get(_CHECKED, 0.0) >= CHECK_SECONDS:
            st.rerun()

    region()


def _still_known(settings: Settings, client: DeskClient) -> bool:
    try:
        st.session_state[_ME] = client.me()
    except NotSignedIn:
        sign_out(UNKNOWN)
        form(settings, FOR_ACCOUNTS)
        return False
    except (DeskError, Unavailable) as problem:
        desk_down(settings, str(problem))
        return False
    st.session_state[_CHECKED] = time.monotonic()
    return True


def _enter(settings: Settings, token: str) -> None:
    if not token.strip():
        st.error("Enter your token.")
        return
    client = None
    try:
        client = DeskClient(settings.desk_url, token.strip())
        me = client.me()
    except NotSignedIn:
        st.error(UNKNOWN, icon=":material/key_off:")
    except (DeskError, Unavailable, ConfigurationError) as problem:
        st.error("You cannot be signed in now.")
        st.text(str(problem))
    else:
        st.session_state.update({_CLIENT: client, _ME: me, _CHECKED: time.monotonic(), _LOST: ""})
        st.rerun()
    if client is not None:
        client.close()


def desk_down(settings: Settings, problem: str) -> None:
    """The desk does not answer; whoever draws this asks again by itself."""
    with st.container(border=True):
        st.subheader("The review desk does not answer", divider="red")
        st.text(
            f"The desk at {settings.desk_url} does not answer; retrying every few seconds. "
            "Every answer it has received is safe."
        )
        st.code(
            "tidegauge doctor                          # checks every address\n"
            "TIDEGAUGE_DESK__URL=http://host:8480      # where the desk is",
            language=None,
        )
        with st.expander("What was tried"):
            st.text(problem)
    ask_again(RETRY_SECONDS)
