"""Tables that show text as text, each with a download that no spreadsheet will execute."""

import csv
import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.words import DASH, visible

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(frame: pd.DataFrame) -> bytes:
    """The frame as CSV (RFC 4180, UTF-8 with a mark); formulas are defused by a leading '.

    Numbers stay numbers, times are ISO 8601 with their zone, unknown cells are empty.

    >>> safe_csv(pd.DataFrame({"a": ["=1+1", "ok"], "b": [-1, 2]})).decode("utf-8-sig").split()
    ['a,b', "'=1+1,-1", 'ok,2']
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([_cell(str(name)) for name in frame.columns])
    for row in frame.itertuples(index=False, name=None):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def table(frame: pd.DataFrame, name: str, config: Mapping[str, Any] | None = None) -> None:
    """Shows a frame with its download button; `name` is the file's name and the element's key."""
    columns = dict(config or {})
    st.dataframe(
        shown(_rounded(frame, columns)),
        hide_index=True,
        width="stretch",
        column_config=columns,
        placeholder=DASH,
        key=f"table_{name}",
    )
    download(frame, name)


def download(frame: pd.DataFrame, name: str) -> None:
    """The download button of a table."""
    st.download_button(
        "Download CSV",
        data=lambda: safe_csv(frame),
        file_name=f"tidegauge-{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"download_{name}",
    )


def time_column(label: str) -> Any:
    """A column of moments, always in UTC."""
    return st.column_config.DatetimeColumn(
        f"{label} (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
    )


def share_column(label: str, meaning: str | None = None) -> Any:
    """A column of shares in per cent."""
    return st.column_config.NumberColumn(label, format="percent", help=meaning)


def score_column(label: str, meaning: str | None = None) -> Any:
    """A column of scores in [0, 1]."""
    return st.column_config.NumberColumn(label, format="%.3f", help=meaning)


def _rounded(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Shares to a tenth of a per cent."""
    shares = [
        name
        for name, column in columns.items()
        if isinstance(column, dict) and column.get("type_config", {}).get("format") == "percent"
    ]
    return frame.round(dict.fromkeys(shares, 3))


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with control characters in its text made visible."""
    texts = frame.select_dtypes(include=["object", "str"]).columns
    return frame.assign(
        **{
            name: frame[name].map(lambda v: visible(v) if isinstance(v, str) else v)
            for name in texts
        }
    )


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA_STARTS) else value
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    missing = value is None or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124
    return "" if missing else value
