"""A home folder with a large business in it, for `benchmarks/dashboard.py --customers N`.

The structured tables come from the real job on generated files. Predictions and comments, which would
take models and hours, are filled in by SQL; the presentation tables come from the real transforms.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.structured import AS_OF, generate
from customer_analytics import tables as T

COMMENTS_EACH = 5
ROOT = Path(__file__).resolve().parents[1]


def fill(home: Path, customers: int) -> None:
    """Write everything but vectors and recordings for `customers` customers into `home`."""
    files = home / "files"
    generate(files, customers)
    environment = {"CUSTOMER_ANALYTICS_HOME": str(home), "SOURCE_URI": str(files), "AS_OF": AS_OF}
    command = [sys.executable, "-m", "benchmarks.structured", "--in-process"]
    subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.settings import Settings

    warehouse = warehouse_from(Settings(customer_analytics_home=home, _env_file=None))  # type: ignore[call-arg]
    session = warehouse.session()
    for table, sql in _stand_ins(customers).items():
        columns = ", ".join(f"{c.name} {c.type}" for c in table.columns)
        session.sql(f"create or replace table {table.name} ({columns})").collect()
        if sql:
            session.sql(f"insert into {table.name} {sql}").collect()
    _present(session)
    warehouse.close()


def _stand_ins(customers: int) -> dict[T.Table, str]:
    """For each table that models make, a query of its rows; an empty text for none."""
    comments = customers * COMMENTS_EACH
    number = f"(select row_number() over (order by seq4()) - 1 as i from table(generator(rowcount => {comments})))"
    ltv = {
        "customer_id": "customer_id",
        "reference_date": f"'{AS_OF}'::date",
        "horizon_days": "182",
        "predicted_ltv": "customer_lifetime_value / 3",
        "p10": "0",
        "p90": "customer_lifetime_value",
        "probability_active": "0.5",
        "frequency": "number_of_orders - 1",
        "recency_days": "datediff('day', first_order, most_recent_order)",
        "tenure_days": f"datediff('day', first_order, '{AS_OF}'::date)",
        "monetary_value": "customer_lifetime_value / number_of_orders",
        "model_version": "'V1'",
    }
    comment = {
        "id": "'comment-' || i",
        "customer_id": f"1 + mod(i * 7919, {customers})",
        "date": "dateadd('minute', 0 - mod(i * 104729, 700000), '2026-11-20'::timestamp)",
        "review_text": "'It broke after ' || mod(i, 97) || ' days, and nobody answers'",
        "content_hash": "'' || i",
        "in_training": "false",
        "sentiment": "mod(i * 31, 1000) / 1000.0",
        "model_version": "'V1'",
    }
    return {
        T.PRED_CUSTOMER_LTV: _select(
            T.PRED_CUSTOMER_LTV, ltv, "CUSTOMERS where customer_lifetime_value is not null and number_of_orders > 0"
        ),
        T.PRED_TWITTER_COMMENTS: _select(T.PRED_TWITTER_COMMENTS, comment, f"{number} as numbers"),
        T.PRED_CUSTOMER_CALLS: "",
        T.CALL_TRANSCRIPTS: "",
        T.PRES_THEMES: "",
    }


def _select(table: T.Table, values: dict[str, str], source: str) -> str:
    columns = ", ".join(f"{values.get(c.name, 'null')} as {c.name}" for c in table.columns)
    return f"select {columns} from {source}"


def _present(session: Any) -> None:
    """The presentation tables about customers and channels, by the real transforms."""
    from customer_analytics.transforms import presentation, presentation_marketing, presentation_risk

    def table(t: T.Table) -> Any:
        return session.table(t.name)

    def keep(t: T.Table, frame: Any) -> None:
        session.sql(f"create or replace table {t.name} as {frame.queries['queries'][-1]}").collect()

    comments, mrr, ltv = table(T.PRED_TWITTER_COMMENTS), table(T.MRR), table(T.PRED_CUSTOMER_LTV)
    keep(T.PRES_SENTIMENT, presentation.combine_sentiment(comments, table(T.PRED_CUSTOMER_CALLS)))
    feeling, customers = table(T.PRES_SENTIMENT), table(T.CUSTOMERS)
    keep(T.PRES_CLV, presentation.rank_lifetime_values(customers, ltv, feeling))
    keep(T.PRES_CHURN, presentation.list_churned(mrr, customers, feeling))
    keep(T.PRES_AT_RISK, presentation_risk.find_customers_at_risk(customers, mrr, ltv, comments, feeling, 182))
    touches = table(T.ATTRIBUTION_TOUCHES)
    spend = (table(T.STG_CUSTOMER_CONVERSIONS), table(T.STG_AD_SPEND))
    keep(T.PRES_AD_SPEND, presentation_marketing.relate_spend_to_revenue(touches, *spend))
    keep(T.PRES_JOURNEYS, presentation_marketing.trace_journeys(touches))
