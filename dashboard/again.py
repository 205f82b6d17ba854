"""A page that cannot be drawn now draws itself anew by and by."""

import streamlit as st

_DRAWN = "again_drawn"


def ask_again(seconds: float) -> None:
    """Draw the whole page again after so many seconds."""

    @st.fragment(run_every=seconds)
    def region() -> None:
        if st.session_state.pop(_DRAWN, False):
            st.rerun()
        st.session_state[_DRAWN] = True

    st.session_state[_DRAWN] = False
    region()
