"""The figures once more, in plain Python and by the words of the definitions: month by month, session by session."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from customer_analytics.tables import PAYMENT_METHODS
from customer_analytics_tests.transforms.frames import month_after

Rows = Sequence[Sequence[Any]]


def orders(stg_orders: Rows, payments: Rows) -> list[dict[str, Any]]:
    result = []
    for order_id, customer_id, day, status in stg_orders:
        own = [p for p in payments if p[1] == order_id]
        row = {"order_id": order_id, "customer_id": customer_id, "order_date": day, "status": status}
        for method in PAYMENT_METHODS:
            cents = sum(p[3] for p in own if p[2] == method)
            row[f"{method}_amount"] = Decimal(cents).scaleb(-2) if own else None
        row["amount"] = Decimal(sum(p[3] for p in own)).scaleb(-2) if own else None
        result.append(row)
    return result


def customers(stg_customers: Rows, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    result = []
    for customer_id, first, last in stg_customers:
        own = [o for o in orders if o["customer_id"] == customer_id]
        days, paid = [o["order_date"] for o in own], [o["amount"] for o in own if o["amount"] is not None]
        result.append(
            {
                "customer_id": customer_id,
                "first_name": first,
                "last_name": last,
                "first_order": min(days, default=None),
                "most_recent_order": max(days, default=None),
                "number_of_orders": len(own) or None,
                "customer_lifetime_value": sum(paid, Decimal(0)) if paid else None,
            }
        )
    return result


def _counts_in(period: Sequence[Any], month: dt.date) -> bool:
    _, _, start, end, _ = period
    return start.replace(day=1) <= month and (end is None or month < end.replace(day=1))


def revenue(periods: Rows, as_of: dt.date) -> list[dict[str, Any]]:
    """CUSTOMER_REVENUE_BY_MONTH."""
    this_month = as_of.replace(day=1)
    result = []
    for customer in sorted({p[1] for p in periods}):
        own = [p for p in periods if p[1] == customer]
        months, month = {}, min(p[2] for p in own).replace(day=1)
        while month < this_month:
            months[month] = sum((p[4] for p in own if _counts_in(p, month)), Decimal(0))
            month = month_after(month, 1)
        active = [m for m, amount in months.items() if amount > 0]
        for month, amount in months.items():
            if active and active[0] <= month <= active[-1]:
                result.append(
                    {
                        "date_month": month,
                        "customer_id": customer,
                        "mrr": amount,
                        "is_active": amount > 0,
                        "first_active_month": active[0],
                        "last_active_month": active[-1],
                        "is_first_month": month == active[0],
                        "is_last_month": month == active[-1],
                    }
                )
    return result


def churn(revenue: list[dict[str, Any]], periods: Rows) -> list[dict[str, Any]]:
    result = []
    for row in revenue:
        month = month_after(row["date_month"], 1)
        paying = any(p[1] == row["customer_id"] and p[4] > 0 and _counts_in(p, month) for p in periods)
        if row["is_last_month"] and not paying:
            flags = {"is_active": False, "is_first_month": False, "is_last_month": False}
            result.append({**row, **flags, "date_month": month, "mrr": Decimal(0)})
    return result


def mrr(revenue: list[dict[str, Any]], churn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_month = {(r["customer_id"], r["date_month"]): r for r in [*revenue, *churn]}
    result = []
    for (customer, month), row in by_month.items():
        before = by_month.get((customer, month_after(month, -1)))
        was_active, was = (before["is_active"], before["mrr"]) if before else (False, Decimal(0))
        now = row["mrr"]
        if row["is_first_month"]:
            category = "new"
        elif was_active and not row["is_active"]:
            category = "churn"
        elif row["is_active"] and not was_active:
            category = "reactivation"
        else:
            category = "upgrade" if now > was else "downgrade" if now < was else None
        result.append(
            {
                **row,
                "previous_month_is_active": was_active,
                "previous_month_mrr": was,
                "mrr_change": now - was,
                "change_category": category,
                "renewal_amount": min(now, was),
            }
        )
    return result


def points(model: str, index: int, total: int) -> Fraction:
    if model == "first_touch":
        return Fraction(index == 0)
    if model == "last_touch":
        return Fraction(index == total - 1)
    if model == "linear" or total <= 2:
        return Fraction(1, total)
    return Fraction(2, 5) if index in (0, total - 1) else Fraction(1, 5) / (total - 2)


def touches(sessions: Rows, conversions: Rows) -> dict[tuple[Any, ...], dict[str, Any]]:
    """ATTRIBUTION_TOUCHES, by session and conversion."""
    result = {}
    for customer, at, revenue in conversions:
        window = dt.timedelta(days=30)
        own = sorted((s[2], s[0], s) for s in sessions if s[1] == customer and at - window <= s[2] <= at)
        for index, (_, session_id, session) in enumerate(own):
            row: dict[str, Any] = {"total_sessions": len(own), "session_index": index + 1, "utm_source": session[4]}
            for model in ("first_touch", "last_touch", "forty_twenty_forty", "linear"):
                share = points(model, index, len(own))
                row[f"{model}_points"] = share
                row[f"{model}_revenue"] = share * Fraction(revenue)
            result[session_id, at, revenue] = row
    return result


def cpa_and_roas(sessions: Rows, conversions: Rows, spend: Rows) -> dict[tuple[dt.date, str | None], dict[str, Any]]:
    totals: dict[Any, dict[str, Any]] = defaultdict(lambda: {"points": None, "revenue": None, "spend": None})

    def add(key: Any, name: str, value: Any) -> None:
        totals[key][name] = (totals[key][name] or 0) + value

    for (_, at, _), row in touches(sessions, conversions).items():
        key = (at.date().replace(day=1), row["utm_source"])
        add(key, "points", row["linear_points"])
        add(key, "revenue", row["linear_revenue"])
    for day, source, _, _, amount in spend:
        add((day.replace(day=1), source), "spend", Fraction(amount))
    for row in totals.values():
        spent = row["spend"] or None
        row["cpa"] = spent / row["points"] if spent and row["points"] is not None else None
        row["roas"] = row["revenue"] / spent if spent and row["revenue"] is not None else None
    return dict(totals)
