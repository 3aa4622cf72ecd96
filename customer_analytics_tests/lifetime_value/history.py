"""Histories of orders for the tests: made up, and CDNOW's; and the features in plain pandas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from customer_analytics.transforms.lifetime_value import FEATURES

NOT_FROM_ORDERS = ("mrr", "subscribed_months", "comment_count", "sentiment", "call_count", "call_sentiment")


def cdnow(file: str) -> Path:
    """A file of the CDNOW sample, which the package `lifetimes` carries. It is only looked up, never imported."""
    found = find_spec("lifetimes")
    if found is None or found.origin is None:
        pytest.skip("the package lifetimes, which carries the CDNOW sample, is not installed (make test installs it)")
    return Path(found.origin).parent / "datasets" / file


def cdnow_orders() -> pd.DataFrame:
    """customer_id, order_date, amount (dollars) of 2,357 customers, 1997-01-01 to 1998-06-30."""
    rows = np.loadtxt(cdnow("CDNOW_sample.txt"))
    dates = pd.to_datetime(rows[:, 2].astype(int).astype(str)).date
    return pd.DataFrame({"customer_id": rows[:, 1].astype(int), "order_date": dates, "amount": rows[:, 4]})


def synthetic_orders(customers: int, days: int, seed: int, start: dt.date = dt.date(2024, 1, 1)) -> pd.DataFrame:
    """Customers who arrive in the first half of `days`, buy at a rate of their own, and leave some day."""
    random = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        first = int(random.integers(0, max(days // 2, 1)))
        gap, value = 1 / random.gamma(1.0, 1 / 40), random.gamma(4.0, 12.0)
        last = min(days, first + random.exponential(1 / random.gamma(1.0, 1 / 150)))
        day: float = first
        while day <= last:
            rows.append((customer, start + dt.timedelta(days=int(day)), round(value * random.gamma(4.0, 0.25), 2)))
            day += 1 + random.exponential(gap)
    return pd.DataFrame(rows, columns=["customer_id", "order_date", "amount"])


def features_from(
    orders: pd.DataFrame, extra: Callable[[pd.DataFrame, dt.date], pd.DataFrame] | None = None
) -> Callable[[dt.date, int | None], pd.DataFrame]:
    """What `transforms.lifetime_value.customer_features` gives for these orders and no other source.

    `extra` may add to the features of a day.
    """
    orders = orders.assign(amount=orders["amount"].astype(float).fillna(0.0), status=orders.get("status", "completed"))
    orders = orders.assign(order_date=pd.to_datetime(orders["order_date"]))

    def features(cut: dt.date, horizon_days: int | None = None) -> pd.DataFrame:
        day = pd.Timestamp(cut)
        past = orders[orders["order_date"] < day]
        recent = past["order_date"] >= day - dt.timedelta(days=90)
        returned = past["status"].str.lower().str.startswith("return") * 1
        past = past.assign(recent=recent * 1, recent_amount=past["amount"] * recent, returned=returned)
        groups = past.groupby("customer_id")
        first, last = groups["order_date"].min(), groups["order_date"].max()
        days = groups["order_date"].nunique()
        known = pd.DataFrame(
            {
                "frequency": days - 1,
                "recency_days": (last - first).dt.days,
                "tenure_days": (day - first).dt.days - 1,
                "monetary_value": groups["amount"].sum() / days,
                "total_amount": groups["amount"].sum(),
                "order_count": groups.size(),
                "returned_orders": groups["returned"].sum(),
                "amount_last_90_days": groups["recent_amount"].sum(),
                "orders_last_90_days": groups["recent"].sum(),
                "mean_gap_days": (last - first).dt.days / (days - 1).clip(lower=1),
                **{name: np.full(len(days), np.nan) for name in NOT_FROM_ORDERS},
                "first_touch_channel": pd.Series([None] * len(days), index=days.index, dtype=object),
            }
        )
        known = known[list(FEATURES)].reset_index()
        if horizon_days is not None:
            until = day + dt.timedelta(days=horizon_days)
            after = orders[(orders["order_date"] >= day) & (orders["order_date"] < until)]
            spent = after.groupby("customer_id")["amount"].sum()
            known["target"] = known["customer_id"].map(spent).fillna(0.0)
        return extra(known, cut) if extra else known

    return features
