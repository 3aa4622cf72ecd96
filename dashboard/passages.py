"""Comments and calls as cards: escaped text, who and when, how it feels, and the recording of a call."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import pandas as pd

from dashboard import formats
from dashboard.safe_text import excerpt, highlight

KINDS = {"comment": "Comment", "call": "Call"}


def sentiment_pill(value: Any) -> str:
    """A small label with the sentiment in words and percent; empty without one."""
    if value is None or pd.isna(value):
        return ""
    kind = "bad" if value < 0.4 else "mixed" if value < 0.6 else "good"
    word = {"bad": "negative", "mixed": "mixed", "good": "positive"}[kind]
    return f'<span class="pill {kind}">{word} {formats.percent(value)}</span>'


def customer_link(customer_id: Any) -> str:
    """A link to the customer's page; in a new tab, so that a conversation is not lost."""
    number = int(customer_id)
    return f'<a href="customer?customer_id={number}" target="_blank">Customer {number}</a>'


def card(row: Any, words: Iterable[str] = (), score: str = "", link: bool = True) -> str:
    """One passage as HTML. `row` has kind, customer_id, text and, where known, date and sentiment."""
    words = list(words)
    part, cut = excerpt(row["text"], words)
    meta = [f'<span class="pill plain">{KINDS[row["kind"]]}</span>']
    if link:
        meta.append(customer_link(row["customer_id"]))
    if not pd.isna(row.get("date")):
        meta.append(f"<span>{formats.day(row['date'])}</span>")
    meta.append(sentiment_pill(row.get("sentiment")))
    if score:
        meta.append(f"<span>{html.escape(score)}</span>")
    body = f"<p>{highlight(part, words)}</p>"
    if cut:
        body += f"<details><summary>All of it</summary><p>{highlight(row['text'], words)}</p></details>"
    return f'<div class="card">{body}<div class="meta">{"".join(meta)}</div></div>'


def source(number: int, row: Any, words: Iterable[str], anchor: str) -> str:
    """A passage that an answer cites, closed; a link to `#anchor-number` opens it, as its target stands inside."""
    first = formats.day(row["date"]) if not pd.isna(row.get("date")) else "no date"
    return (
        f'<details class="source"><summary><b>{number}</b> · {KINDS[row["kind"]]} · Customer '
        f"{int(row['customer_id'])} · {first} {sentiment_pill(row.get('sentiment'))}</summary>"
        f'<p id="{anchor}-{number}">{highlight(row["text"], words)}</p>'
        f'<div class="meta">{customer_link(row["customer_id"])}</div></details>'
    )
