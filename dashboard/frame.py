"""What every page shares: its title, the day up to which its data goes, and what it says when there is nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import streamlit as st

from dashboard import formats
from dashboard.connection import NothingBuilt, WarehouseUnavailable

_VIEWS = Path(__file__).parent / "views"
_STYLE = Path(__file__).parent / "style.css"


def view(name: str) -> Path:
    """The file of a page, for links."""
    return _VIEWS / f"{name}.py"


@contextmanager
def page(title: str, question: str, loading: str | None = "Loading …") -> Iterator[None]:
    """Title and the question that the page answers; inside it, what is missing or down is said with its remedy.

    `loading` stands below the title when the page takes more than a moment; None where the page says so itself.
    """
    st.html(_STYLE)
    st.title(title, anchor=False)
    st.caption(question)
    with explained(), st.spinner(loading) if loading else nullcontext():
        yield


@contextmanager
def explained() -> Iterator[None]:
    """Turns a missing table or a backend that is down into a message that says what to do. Once on a page."""
    down = None
    try:
        with built():
            yield
    except Exception as error:
        down = _backend_of(error), error
        if down[0] is None:
            raise
    if down:
        st.error(f"**The {down[0]} does not answer.** {down[1]}", icon=":material/cloud_off:")
        st.button("Try again", icon=":material/refresh:")


def _backend_of(error: Exception) -> str | None:
    """The backend that the error says is down; None for any other error."""
    # Imported when there is an error: a first page does not wait for them.
    from customer_analytics.resources.embedder import EmbedderError
    from customer_analytics.resources.vector_store import VectorStoreError

    backends = {WarehouseUnavailable: "warehouse", VectorStoreError: "vector store", EmbedderError: "embedder"}
    return next((name for kind, name in backends.items() if isinstance(error, kind)), None)


@contextmanager
def built() -> Iterator[None]:
    """Turns a missing table into a message, so that the other parts of the page are shown."""
    try:
        yield
    except NothingBuilt as missing:
        nothing_yet(f"{missing} has not been built yet.")


def nothing_yet(what: str, command: str = "make run") -> None:
    """The empty state: what is missing, and the command that fills it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(f":material/inbox: **Nothing to show yet.** {what}", text_alignment="center")
        st.markdown(f"`{command}` fills it.", text_alignment="center")


def nothing_found(what: str) -> None:
    """The empty state of a list that is filtered, or that is rightly empty."""
    st.info(what, icon=":material/search_off:")


def figures(*shown: tuple[str, str, str | None] | tuple[str, str, str | None, str]) -> None:
    """A row of figures: label, value, a note below it or None, and where it needs one an explanation."""
    for column, (label, value, note, *explanation) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(
            label,
            value,
            note,
            delta_color="off",
            delta_arrow="off",
            help=explanation[0] if explanation else None,
            border=True,
            height="stretch",
        )


def data_up_to(day: dt.date | None, note: str = "") -> None:
    """The line that says how fresh the page is."""
    text = f":material/event: Data up to **{formats.day(day)}**" if day else ":material/event: No dated data yet"
    st.caption(f"{text}{' · ' + note if note else ''}")


def open_customer(customer_id: int) -> None:
    """Go to the customer's page."""
    st.switch_page(view("customer"), query_params={"customer_id": str(customer_id)})


def pages(total: int, size: int, key: str, listed: tuple) -> int:
    """A choice of page for a list of `total` rows; the offset of its first row.

    `listed` is what is listed, and how: another list begins on its first page.
    """
    count = max(1, -(-total // size))
    if st.session_state.get(f"{key}-of") != (count, listed):
        st.session_state[f"{key}-of"] = count, listed
        st.session_state.pop(key, None)
    if count == 1:
        return 0
    chosen = st.number_input(f"Page (of {count:,})", 1, count, 1, key=key, width=160, persist_state="session")
    return (int(chosen) - 1) * size
