"""PRES_CHURN and PRES_CLV of a hostile business, cell by cell against the reference."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
from snowflake.snowpark import DataFrame, Session

from customer_analytics import tables as T
from customer_analytics.transforms.presentation import list_churned, rank_lifetime_values
from customer_analytics_tests.dashboard.rows import frame
from customer_analytics_tests.end_to_end import reference
from customer_analytics_tests.end_to_end.hostile import Business


def rows(made: DataFrame) -> list[dict[str, Any]]:
    return [{k.lower(): v for k, v in row.as_dict().items()} for row in made.collect()]


@pytest.mark.parametrize(("seed", "as_of"), [(21, dt.date(2026, 11, 23)), (22, dt.date(2019, 12, 31))])
def test_churn_and_lifetime_values(tmp_path: Path, module_session: Session, seed: int, as_of: dt.date) -> None:
    staged, _ = Business(seed, customers=60).write_csv(tmp_path)
    tables = reference.figures(staged, as_of)
    # A present month of a customer that began in 1990 would only make the upload long.
    months = [r for r in tables["MRR"] if r["first_active_month"].year > 2000]
    everybody = sorted({r["customer_id"] for r in tables["CUSTOMERS"] + months})
    drawn = random.Random(seed)
    scores = {c: drawn.random() for c in everybody if drawn.random() < 0.5}
    predicted = {c: drawn.random() * 100 for c in everybody if drawn.random() < 0.8}
    customers = frame(module_session, T.CUSTOMERS, *tables["CUSTOMERS"])
    sentiment = frame(
        module_session, T.PRES_SENTIMENT, *({"customer_id": c, "sentiment_score": s} for c, s in scores.items())
    )
    ltv = frame(
        module_session, T.PRED_CUSTOMER_LTV, *({"customer_id": c, "predicted_ltv": p} for c, p in predicted.items())
    )
    mrr = frame(module_session, T.MRR, *({"id": str(n)} | row for n, row in enumerate(months)))

    churned = rows(list_churned(mrr, customers, sentiment))
    expected = reference.pres_churn(months, tables["CUSTOMERS"], dict(scores))
    assert any(r["reactivated"] for r in expected)
    assert any(not r["reactivated"] for r in expected)
    assert reference.differences(expected, churned) == []

    valued = rows(rank_lifetime_values(customers, ltv, sentiment))
    expected = reference.pres_clv(tables["CUSTOMERS"], dict(predicted), dict(scores))
    assert reference.differences(expected, valued) == []
    assert [r["clv"] for r in valued] == sorted((r["clv"] for r in valued), reverse=True)
