"""The structured tables once more, in plain Python from DESIGN.md alone: no SQL, nothing of the product imported.

Rows are dictionaries. Money is a Decimal, so that nothing here depends on the order of rows either.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

METHODS = ("credit_card", "coupon", "bank_transfer", "gift_card")
MODELS = ("first_touch", "last_touch", "forty_twenty_forty", "linear")
WINDOW = dt.timedelta(days=30)


def month_of(day: dt.date) -> dt.date:
    return dt.date(day.year, day.month, 1)


def month_after(month: dt.date) -> dt.date:
    return dt.date(month.year + month.month // 12, month.month % 12 + 1, 1)


def figures(staged: Tables, as_of: dt.date) -> Tables:
    """Every table that follows from the staged rows alone, by name."""
    tables: Tables = {"ORDERS": orders(staged["STG_ORDERS"], staged["STG_PAYMENTS"])}
    tables["CUSTOMERS"] = customers(staged["STG_CUSTOMERS"], tables["ORDERS"])
    periods = staged["STG_SUBSCRIPTION_PERIODS"]
    tables["CUSTOMER_REVENUE_BY_MONTH"], tables["CUSTOMER_CHURN_MONTH"] = revenue(periods, as_of)
    tables["MRR"] = mrr(tables["CUSTOMER_REVENUE_BY_MONTH"] + tables["CUSTOMER_CHURN_MONTH"])
    conversions, spend = staged["STG_CUSTOMER_CONVERSIONS"], staged["STG_AD_SPEND"]
    touches, untouched = attribution(staged["STG_SESSIONS"], conversions)
    tables["ATTRIBUTION_TOUCHES"] = touches
    tables["CPA_AND_ROAS"] = cpa_and_roas(touches, spend)
    tables["PRES_AD_SPEND"] = pres_ad_spend(touches, untouched, spend)
    return tables


def orders(staged: list[Row], payments: list[Row]) -> list[Row]:
    paid: dict[int, list[Row]] = defaultdict(list)
    for payment in payments:
        paid[payment["order_id"]].append(payment)
    result = []
    for order in staged:
        own = paid.get(order["order_id"])
        amounts: Row = dict.fromkeys([f"{m}_amount" for m in METHODS] + ["amount"])
        if own:
            for m in METHODS:
                amounts[f"{m}_amount"] = Decimal(sum(p["amount"] for p in own if p["payment_method"] == m)) / 100
            amounts["amount"] = Decimal(sum(p["amount"] for p in own)) / 100
        result.append(order | amounts)
    return result


def customers(staged: list[Row], all_orders: list[Row]) -> list[Row]:
    of: dict[int, list[Row]] = defaultdict(list)
    for order in all_orders:
        of[order["customer_id"]].append(order)
    result = []
    for customer in staged:
        own = of.get(customer["customer_id"], [])
        amounts = [o["amount"] for o in own if o["amount"] is not None]
        result.append(
            customer
            | {
                "first_order": min((o["order_date"] for o in own), default=None),
                "most_recent_order": max((o["order_date"] for o in own), default=None),
                "number_of_orders": len(own) or None,
                "customer_lifetime_value": sum(amounts, Decimal(0)) if amounts else None,
            }
        )
    return result


def revenue(periods: list[Row], as_of: dt.date) -> tuple[list[Row], list[Row]]:
    """CUSTOMER_REVENUE_BY_MONTH and CUSTOMER_CHURN_MONTH."""
    now = month_of(as_of)  # the first month that is not complete
    # Months up to and with `now`: only these are ever asked about.
    monthly: dict[int, dict[dt.date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for period in periods:
        month = month_of(period["start_date"])
        end = month_of(period["end_date"]) if period["end_date"] else None
        while month <= now and (end is None or month < end):
            monthly[period["customer_id"]][month] += period["monthly_amount"]
            month = month_after(month)
    rows, churned = [], []
    for customer, by_month in monthly.items():
        active = [m for m, amount in by_month.items() if amount > 0 and m < now]
        if not active:
            continue
        first, last = min(active), max(active)
        month = first
        while month <= last:
            amount = by_month.get(month, Decimal(0))
            rows.append(_month(customer, month, amount, first, last))
            month = month_after(month)
        after = month_after(last)
        if by_month.get(after, Decimal(0)) <= 0:
            churned.append(
                _month(customer, after, Decimal(0), first, last) | {"is_first_month": False, "is_last_month": False}
            )
    return rows, churned


def _month(customer: int, month: dt.date, amount: Decimal, first: dt.date, last: dt.date) -> Row:
    return {
        "date_month": month,
        "customer_id": customer,
        "mrr": amount,
        "is_active": amount > 0,
        "first_active_month": first,
        "last_active_month": last,
        "is_first_month": month == first,
        "is_last_month": month == last,
    }


def mrr(months: list[Row]) -> list[Row]:
    """MRR without its id, whose form is the product's own."""
    of: dict[int, list[Row]] = defaultdict(list)
    for row in months:
        of[row["customer_id"]].append(row)
    result = []
    for own in of.values():
        was_active, was = False, Decimal(0)
        for row in sorted(own, key=lambda r: r["date_month"]):
            active, amount = row["is_active"], row["mrr"]
            if row["is_first_month"]:
                category = "new"
            elif was_active and not active:
                category = "churn"
            elif active and not was_active:
                category = "reactivation"
            elif amount > was:
                category = "upgrade"
            elif amount < was:
                category = "downgrade"
            else:
                category = None
            result.append(
                row
                | {
                    "previous_month_is_active": was_active,
                    "previous_month_mrr": was,
                    "mrr_change": amount - was,
                    "change_category": category,
                    "renewal_amount": min(amount, was),
                }
            )
            was_active, was = active, amount
    return result


def attribution(sessions: list[Row], conversions: list[Row]) -> tuple[list[Row], list[Row]]:
    """ATTRIBUTION_TOUCHES, and the conversions with no touch."""
    of: dict[int, list[Row]] = defaultdict(list)
    for session in sessions:
        of[session["customer_id"]].append(session)
    touches, untouched = [], []
    for conversion in conversions:
        end = conversion["converted_at"]
        own = [s for s in of.get(conversion["customer_id"], []) if end - WINDOW <= s["started_at"] <= end]
        own.sort(key=lambda s: (s["started_at"], s["session_id"]))
        if not own:
            untouched.append(conversion)
        for index, session in enumerate(own, 1):
            points = _points(index, len(own))
            touches.append(
                session
                | {"converted_at": end, "revenue": conversion["revenue"]}
                | {"total_sessions": len(own), "session_index": index}
                | {f"{m}_points": points[m] for m in MODELS}
                | {f"{m}_revenue": points[m] * float(conversion["revenue"]) for m in MODELS}
            )
    return touches, untouched


def _points(index: int, total: int) -> dict[str, float]:
    if total == 1:
        weighted = 1.0
    elif total == 2:
        weighted = 0.5
    elif index in (1, total):
        weighted = 0.4
    else:
        weighted = 0.2 / (total - 2)
    return {
        "first_touch": float(index == 1),
        "last_touch": float(index == total),
        "forty_twenty_forty": weighted,
        "linear": 1 / total,
    }


def cpa_and_roas(touches: list[Row], spend: list[Row]) -> list[Row]:
    points: dict[Any, float] = defaultdict(float)
    earned: dict[Any, float] = defaultdict(float)
    spent: dict[Any, Decimal] = defaultdict(Decimal)
    for t in touches:
        key = month_of(t["converted_at"]), t["utm_source"]
        points[key] += t["linear_points"]
        earned[key] += t["linear_revenue"]
    for s in spend:
        spent[month_of(s["date_day"]), s["utm_source"]] += s["spend"]
    result = []
    for key in {**points, **spent}:
        ratios = key in points and spent.get(key, Decimal(0)) > 0
        result.append(
            {
                "date_month": key[0],
                "utm_source": key[1],
                "attribution_points": points.get(key),
                "attribution_revenue": earned.get(key),
                "total_spend": spent.get(key),
                "cost_per_acquisition": float(spent[key]) / points[key] if ratios else None,
                "return_on_advertising_spend": earned[key] / float(spent[key]) if ratios else None,
            }
        )
    return result


def pres_ad_spend(touches: list[Row], untouched: list[Row], spend: list[Row]) -> list[Row]:
    rows: dict[Any, Row] = {}

    def at(month: dt.date, medium: str | None, source: str | None) -> Row:
        medium = medium or ("direct" if source == "direct" else "(none)")
        key = (month, medium, source or "(none)")
        empty: Row = dict.fromkeys([f"{m}_conversions" for m in MODELS] + [f"{m}_revenue" for m in MODELS])
        return rows.setdefault(
            key, {"date_month": key[0], "utm_medium": key[1], "utm_source": key[2], "spend": None} | empty
        )

    for s in spend:
        row = at(month_of(s["date_day"]), s["utm_medium"], s["utm_source"])
        row["spend"] = (row["spend"] or Decimal(0)) + s["spend"]
    for t in touches:
        row = at(month_of(t["converted_at"]), t["utm_medium"], t["utm_source"])
        for m in MODELS:
            row[f"{m}_conversions"] = (row[f"{m}_conversions"] or 0.0) + t[f"{m}_points"]
            row[f"{m}_revenue"] = (row[f"{m}_revenue"] or 0.0) + t[f"{m}_revenue"]
    for c in untouched:
        row = at(month_of(c["converted_at"]), "unattributed", "unattributed")
        for m in MODELS:
            row[f"{m}_conversions"] = (row[f"{m}_conversions"] or 0.0) + 1.0
            row[f"{m}_revenue"] = (row[f"{m}_revenue"] or 0.0) + float(c["revenue"])
    return list(rows.values())


def pres_churn(mrr_rows: list[Row], customer_rows: list[Row], scores: dict[int, float | None]) -> list[Row]:
    """Each churned customer once, with the latest churn. `scores`: customer to sentiment_score."""
    of: dict[int, list[Row]] = defaultdict(list)
    for row in mrr_rows:
        of[row["customer_id"]].append(row)
    known = {c["customer_id"]: c for c in customer_rows}
    result = []
    for customer, own in of.items():
        churns = [r for r in own if r["change_category"] == "churn"]
        if not churns:
            continue
        latest = max(churns, key=lambda r: r["date_month"])
        person = known.get(customer, {})
        result.append(
            {
                "customer_id": customer,
                "first_name": person.get("first_name"),
                "last_name": person.get("last_name"),
                "clv": person.get("customer_lifetime_value"),
                "last_active_month": month_before(latest["date_month"]),
                "mrr_lost": latest["previous_month_mrr"],
                "sentiment_score": scores.get(customer),
                "reactivated": any(r["is_active"] and r["date_month"] > latest["date_month"] for r in own),
            }
        )
    return result


def pres_clv(
    customer_rows: list[Row], predicted: dict[int, float | None], scores: dict[int, float | None]
) -> list[Row]:
    """Each customer with a lifetime value. `predicted`: customer to predicted_ltv."""
    return [
        {
            "customer_id": c["customer_id"],
            "first_name": c["first_name"],
            "last_name": c["last_name"],
            "first_order": c["first_order"],
            "most_recent_order": c["most_recent_order"],
            "number_of_orders": c["number_of_orders"],
            "clv": c["customer_lifetime_value"],
            "predicted_ltv": predicted.get(c["customer_id"]),
            "sentiment_score": scores.get(c["customer_id"]),
        }
        for c in customer_rows
        if c["customer_lifetime_value"] is not None
    ]


def month_before(month: dt.date) -> dt.date:
    return dt.date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def differences(expected: Iterable[Row], actual: Iterable[Row], at_most: int = 5) -> list[str]:
    """What differs, cell by cell, rows in any order: at most `at_most` lines; empty when all agrees."""
    wanted, found = _by_exact_cells(expected), _by_exact_cells(actual)
    wrong = []
    for exact in sorted(wanted.keys() | found.keys(), key=repr):
        here, there = sorted(wanted.get(exact, [])), sorted(found.get(exact, []))
        if len(here) != len(there):
            wrong.append(f"{len(there)} rows instead of {len(here)}: {dict(exact)}")
        elif any(not _agree(a, b) for a, b in zip(here, there, strict=True)):
            wrong.append(f"{there} instead of {here}: {dict(exact)}")
    return wrong[:at_most]


def _by_exact_cells(rows: Iterable[Row]) -> dict[tuple[tuple[str, Any], ...], list[tuple[float, ...]]]:
    """The rows' fractions, which are floats or become some in a file, by all their other cells."""
    result: dict[Any, list[tuple[float, ...]]] = defaultdict(list)
    for row in rows:
        cells = sorted((name.lower(), value) for name, value in row.items())
        fraction = [isinstance(value, float | Decimal) for _, value in cells]
        exact = tuple((n, "a number" if f else v) for (n, v), f in zip(cells, fraction, strict=True))
        result[exact].append(tuple(float(v) for (_, v), f in zip(cells, fraction, strict=True) if f))
    return result


def _agree(wanted: tuple[float, ...], found: tuple[float, ...]) -> bool:
    """Shares and their sums are floats, and sums of them are kept to 12 decimals."""
    return all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-11) for a, b in zip(wanted, found, strict=True))
