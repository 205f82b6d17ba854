"""What stands beside the text: the task's guidelines, and the reviewer's own last answers."""

import streamlit as st

from dashboard.desk import answering, drawing
from models.desk import TaskShown
from streams.desk.answered import Answered
from streams.desk.screen import how_to_decide
from streams.desk.sitting import Sitting

PAST_SHOWN = 6


def guidelines(task: TaskShown | None) -> None:
    """How to decide, in the task author's words."""
    st.markdown("**Guidelines**")
    if task is None:
        st.caption("They stand here once a text does.")
        return
    drawing.block(how_to_decide(task), "desk-guidelines")


def history(sitting: Sitting) -> None:
    """Own answers, newest first, each with its undo while there is time."""
    st.markdown("**Your last answers**")
    if not sitting.answered:
        st.caption("None yet.")
    for each in sitting.answered[:PAST_SHOWN]:
        _past(sitting, each)


def _past(sitting: Sitting, each: Answered) -> None:
    past = each.past
    says = ", ".join(past.labels) if past.kind == "label" else "ambiguous"
    open_still = sitting.screen.clock() < each.undo_before and sitting.unsent is None
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", gap="small",
        key=f"desk_row_{past.answer}",
    ):  # fmt: skip
        drawing.block(f"{says or 'no label'} · {drawing.beginning(past.text)}", "desk-past")
        if open_still:
            st.button(
                "Undo", key=f"desk_past_{past.answer}", type="tertiary",
                on_click=answering.undo, args=(sitting, past.answer),
            )  # fmt: skip
