"""How an item is drawn: its texts as text, whatever they contain, by the kind of its task."""

import re
from collections.abc import Callable, Mapping
from html import escape

import streamlit as st

from dashboard import words
from models.desk import Loan, TaskShown

_BEGINNING = 90
_FLAG = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"
_HIDDEN = re.compile(
    f"({_FLAG})|"
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u2028\u2029\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$:<>&^=])")


def readable(text: str) -> str:
    r"""Text whose hidden characters show as escapes, while emoji and all scripts stay whole.

    Joiners and direction marks stay: Persian, Hebrew and families of emoji need them. What turns
    the order of a line around, and letters that nobody can see, would hide what a text says.

    >>> readable("a\x00b\u202ec\u200b"), readable("\u0645\u06cc\u200c\u062e")
    ('a\\x00b\\u202ec\\u200b', 'می\u200cخ')
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _HIDDEN.sub(_escaped, lines)


def _escaped(found: re.Match[str]) -> str:
    if found.group(1):  # the flag of a part of a country, which is spelled in such letters
        return found.group()
    return found.group().encode("unicode_escape", "surrogatepass").decode("ascii")


def plain_label(text: str) -> str:
    r"""A name for a button or a caption, where Streamlit would read Markdown.

    >>> plain_label("not *spam* :red[x]\n$1")
    'not \\*spam\\* \\:red\\[x\\] \\$1'
    """
    return _MARKUP.sub(r"\\\1", " ".join(readable(text).split()))


def beginning(text: str) -> str:
    r"""The first words of a text, in one line.

    >>> beginning("one\n two")
    'one two'
    """
    line = " ".join(readable(text[: 4 * _BEGINNING]).split())
    return line if len(line) <= _BEGINNING else line[: _BEGINNING - 1] + "…"


def block(text: str, look: str) -> None:
    """A text as it is, blanks and line ends included, in the direction its own script asks for."""
    st.html(_block(text, look))


def _block(text: str, look: str) -> str:
    return f'<div class="desk-block {look}" dir="auto">{escape(readable(text))}</div>'


def draw_item(loan: Loan, task: TaskShown) -> None:
    """What the reviewer has to look at: the one place where an item is drawn, by its task's kind.

    It is one element, so no part of the item before ever stands beside it. A kind that shows
    something else, such as two responses side by side, has its own line in `ITEMS`.
    """
    st.html(ITEMS[task.kind](loan))


def _text_item(loan: Loan) -> str:
    parts = (
        ("Context", loan.context, "desk-beside"),
        ("Text", loan.text, _look()),
        ("Response", loan.response, _look()),
    )
    return "".join(_part(name, text, look) for name, text, look in parts if text is not None)


def _part(name: str, text: str, look: str) -> str:
    length = f"{words.count(len(text))} characters"
    head = f'<div class="desk-part"><b>{name}</b> <span>{length}</span></div>'
    return head + _block(text, look)


def _look() -> str:
    return "desk-text desk-fixed" if st.session_state.get("desk_fixed") else "desk-text"


ITEMS: Mapping[str, Callable[[Loan], str]] = {
    "classification": _text_item,
    "multilabel": _text_item,
}
