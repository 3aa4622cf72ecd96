"""Tables as CSV files that a spreadsheet opens without running anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutralise(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets a leading apostrophe; anything else stays."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_STARTS_FORMULA):
        return "'" + value
    return value


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8 with BOM (so that spreadsheets read accents), formula characters neutralised."""
    safe = frame.rename(columns=neutralise)
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]) and not pd.api.types.is_datetime64_any_dtype(safe[column]):
            safe[column] = safe[column].map(neutralise)
    # With this line ending, which is RFC 4180's, a lone carriage return inside a text is quoted as well: unquoted, it
    # would begin a row, and what follows a formula.
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def download(make: Callable[[], pd.DataFrame], file_name: str, label: str = "Download CSV") -> None:
    """A button; the table is read when it is clicked."""
    st.download_button(
        label,
        data=lambda: csv_bytes(make()),
        file_name=f"{file_name}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"download-{file_name}",
    )
