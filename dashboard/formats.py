"""Numbers, money, shares and days as people read them. Nothing known is shown as a dash."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

NOTHING = "–"


def money(value: Any, cents: bool | None = None, sign: bool = False) -> str:
    """Dollars: $1,672, -$5.50, $1.2M. Cents below $100 when there are any, or as told; + if told."""
    if pd.isna(value):
        return NOTHING
    value = float(value)
    before, size = ("-" if value < 0 else "+" if sign else ""), abs(value)
    if cents is None and size >= 999_950:
        return f"{before}${size / 1e6:,.1f}M"
    if cents is None:
        cents = size < 100 and round(size, 2) != round(size)
    return f"{before}${size:,.2f}" if cents else f"{before}${size:,.0f}"


def number(value: Any, decimals: int = 0) -> str:
    """12,638 or 1.5."""
    return NOTHING if pd.isna(value) else f"{float(value):,.{decimals}f}"


def counted(value: Any, thing: str) -> str:
    """1 order, 12 orders."""
    return f"{number(value)} {thing}" + ("" if value == 1 else "s")


def percent(value: Any, decimals: int = 0) -> str:
    """0.71 as 71%."""
    return NOTHING if pd.isna(value) else f"{float(value) * 100:,.{decimals}f}%"


def ratio(value: Any) -> str:
    """Return on ad spend: 2.25×."""
    return NOTHING if pd.isna(value) else f"{float(value):,.2f}×"


def day(value: Any) -> str:
    """3 Mar 2018."""
    return NOTHING if pd.isna(value) else f"{(d := pd.Timestamp(value)).day} {d:%b %Y}"


def month(value: Any) -> str:
    """Mar 2018."""
    return NOTHING if pd.isna(value) else f"{pd.Timestamp(value):%b %Y}"


def last_day(first: dt.date | None) -> dt.date | None:
    """The last day of the month that begins on `first`."""
    return None if first is None else (first.replace(day=28) + dt.timedelta(4)).replace(day=1) - dt.timedelta(1)


def moment(value: Any) -> str:
    """3 Mar 2018, 14:05 UTC."""
    return NOTHING if pd.isna(value) else f"{day(value)}, {pd.Timestamp(value):%H:%M} UTC"


def duration(seconds: Any) -> str:
    """1:05 for 65 seconds."""
    return NOTHING if pd.isna(seconds) else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def name(first: Any, last: Any, customer_id: Any) -> str:
    """The customer's name, or "Customer 6" for one without a name."""
    parts = [str(p).strip() for p in (first, last) if not pd.isna(p) and str(p).strip()]
    return " ".join(parts) or f"Customer {int(customer_id)}"


def ago(then: Any, now: dt.datetime | None = None) -> str:
    """How long ago a moment (UTC) was: "5 min ago"."""
    if pd.isna(then):
        return NOTHING
    now = now or dt.datetime.now(dt.UTC).replace(tzinfo=None)
    seconds = max(0, (now - pd.Timestamp(then).to_pydatetime()).total_seconds())
    if seconds > 90 * 86400:
        return day(then)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "min")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 and unit != 'min' else ''} ago"
    return "just now"
