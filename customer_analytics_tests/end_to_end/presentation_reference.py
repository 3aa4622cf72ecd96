"""PRES_SENTIMENT, PRES_JOURNEYS and PRES_AT_RISK once more, in plain Python from DESIGN.md and docs/dashboard.md alone.

Beside `reference.py`, which has the tables that these come from; like it, nothing of the product is imported.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from customer_analytics_tests.end_to_end.reference import Row

RECENT = dt.timedelta(days=90)


def pres_sentiment(comments: list[Row], calls: list[Row]) -> list[Row]:
    wrote, called = _by_customer(comments), _by_customer(calls)
    result = []
    for customer in {**wrote, **called}:
        by_call = _mean(r["sentiment"] for r in called.get(customer, []))
        by_comment = _mean(r["sentiment"] for r in wrote.get(customer, []))
        score = statistics.fmean(m for m in (by_call, by_comment) if m is not None)
        result.append(
            {
                "customer_id": customer,
                "calls_sentiment": by_call,
                "comments_sentiment": by_comment,
                "sentiment_score": score,
                "sentiment_bucket": min(10, math.floor(score * 10) + 1),
            }
        )
    return result


def pres_journeys(touches: list[Row]) -> list[Row]:
    conversions: dict[Any, list[Row]] = defaultdict(list)
    for touch in touches:
        conversions[touch["customer_id"], touch["converted_at"], touch["revenue"]].append(touch)
    paths: dict[str, list[tuple[Decimal, int, float]]] = defaultdict(list)
    for (_, converted_at, revenue), own in conversions.items():
        own.sort(key=lambda t: t["session_index"])
        names = [t["utm_source"] or "(none)" for t in own]
        steps = [name for place, name in enumerate(names) if not place or names[place - 1] != name]
        days = (converted_at - own[0]["started_at"]).total_seconds() / 86400
        paths[" > ".join(steps)].append((revenue, len(own), days))
    return [
        {
            "path": path,
            "conversions": len(found),
            "revenue": sum((f[0] for f in found), Decimal(0)),
            "median_touches": float(statistics.median(f[1] for f in found)),
            "median_days": float(statistics.median(f[2] for f in found)),
        }
        for path, found in paths.items()
    ]


def pres_at_risk(
    customers: list[Row], mrr: list[Row], ltv: list[Row], comments: list[Row], calls: list[Row], horizon_days: int
) -> list[Row]:
    known = {c["customer_id"]: c for c in customers}
    months, wrote, called = _by_customer(mrr), _by_customer(comments), _by_customer(calls)
    predicted = {p["customer_id"]: p for p in ltv}
    newest_comment = max((c["date"].date() for c in comments), default=dt.date.min)
    newest_order = max((c["most_recent_order"] for c in customers if c["most_recent_order"]), default=dt.date.min)
    result = []
    for customer in {**known, **months}:
        person, prediction = known.get(customer, {}), predicted.get(customer)
        own = sorted(months.get(customer, []), key=lambda r: r["date_month"])
        latest_order = person.get("most_recent_order")
        shops = latest_order is not None and newest_order - latest_order < RECENT
        if not (own[-1]["is_active"] if own else shops):
            continue
        said = wrote.get(customer, [])
        recent = _mean(c["sentiment"] for c in said if newest_comment - c["date"].date() < RECENT)
        earlier = _mean(c["sentiment"] for c in said if newest_comment - c["date"].date() >= RECENT)
        pays = own[-1]["mrr"] if own else None
        trend = own[-1]["mrr"] - own[-4:][0]["mrr"] if own else None
        on_the_phone = _mean(c["sentiment"] for c in called.get(customer, []))
        reasons = _reasons(recent, earlier, on_the_phone, trend, prediction)
        if reasons:
            result.append(
                {
                    "customer_id": customer,
                    "first_name": person.get("first_name"),
                    "last_name": person.get("last_name"),
                    "clv": person.get("customer_lifetime_value"),
                    "predicted_ltv": prediction and prediction["predicted_ltv"],
                    "mrr": pays,
                    "mrr_trend": trend,
                    "recent_sentiment": recent,
                    "earlier_sentiment": earlier,
                    "value_at_risk": (prediction["predicted_ltv"] if prediction else 0.0)
                    + float(pays or 0) * horizon_days / 30.4375,
                    "reasons": "; ".join(reasons),
                }
            )
    return result


def _reasons(
    recent: float | None,
    earlier: float | None,
    on_the_phone: float | None,
    trend: Decimal | None,
    prediction: Row | None,
) -> list[str]:
    reasons = []
    if recent is not None and earlier is not None and recent < earlier - 0.1:
        reasons.append(f"sentiment fell from {_percent(earlier)} to {_percent(recent)}")
    elif recent is not None and recent < 0.4:
        reasons.append(f"unhappy lately, sentiment {_percent(recent)}")
    if on_the_phone is not None and on_the_phone < 0.4:
        reasons.append(f"unhappy on the phone, sentiment {_percent(on_the_phone)}")
    if trend is not None and trend < 0:
        reasons.append(f"MRR down ${(-trend).quantize(Decimal(1), ROUND_HALF_UP)} in three months")
    if prediction and prediction["frequency"]:
        usual = prediction["recency_days"] / prediction["frequency"]
        silent = prediction["tenure_days"] - prediction["recency_days"]
        if silent > 3 * usual:
            reasons.append(f"no order for {silent} days, usually every {math.ceil(usual)}")
    return reasons


def _percent(share: float) -> str:
    return f"{math.floor(share * 100 + 0.5)}%"


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.fmean(found) if found else None


def _by_customer(rows: list[Row]) -> dict[int, list[Row]]:
    result: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        result[row["customer_id"]].append(row)
    return result
