"""Everything that the pages read: tables, vectors and recordings. Nothing else in the dashboard reads any of them.

Queries aggregate, page and limit in the warehouse. Table names come from tables.py, values are bound,
a column to sort by is one of the table's own. Results are remembered until a table in them changes.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from customer_analytics import tables as T
from customer_analytics.addresses import without_credentials
from dashboard.connection import NothingBuilt, at_once, backends, read, table_versions, warm_up
from dashboard.one_customer import comments_of_customer, customer, records_of_customer
from dashboard.retrieval import Conditions, search

if TYPE_CHECKING:
    import pandas as pd

    from customer_analytics.resources.chat import Chat
    from customer_analytics.settings import Settings

__all__ = [
    "Conditions",
    "NothingBuilt",
    "at_once",
    "comments_of_customer",
    "customer",
    "records_of_customer",
    "search",
    "warm_up",
]

DOWNLOAD_ROWS = 100_000
"""A download holds at most so many rows."""


def settings() -> Settings:
    return backends().settings


def chat() -> Chat:
    """What answers questions."""
    return backends()["chat"]


def _read(sql: str, *used: T.Table, params: tuple = ()) -> pd.DataFrame:
    return read(sql, params, tuple(t.name for t in used))


def data_up_to(*columns: str) -> dt.date | None:
    """The latest day in the given "TABLE.column"s, of those tables that exist and are not empty."""
    there = table_versions()
    parts = [c.split(".") for c in columns]
    parts = [(T.TABLES[table], T.TABLES[table].column(column)) for table, column in parts if table in there]
    if not parts:
        return None
    union = " union all ".join(f"select max({c.name})::date as latest from {t.name}" for t, c in parts)
    frame = _read(f"select max(latest) as latest from ({union}) as days", *(t for t, _ in parts))
    value = frame["latest"].iloc[0]
    return None if value is None or value != value else value


# ------------------------------------------------------------------- marketing


def ad_months() -> list[dt.date]:
    """The months of PRES_AD_SPEND, newest first."""
    t = T.PRES_AD_SPEND
    return list(_read(f"select distinct date_month from {t.name} order by 1 desc", t)["date_month"])


def _figures(model: str) -> tuple[str, str]:
    if model not in T.ATTRIBUTION_MODELS:
        raise ValueError(f"{model} is not an attribution model")
    return f"{model}_conversions", f"{model}_revenue"


def channels(model: str, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Per source and medium: spend, conversions, revenue; months `first` to `last`, both included."""
    t = T.PRES_AD_SPEND
    conversions, revenue = _figures(model)
    return _read(
        f"select utm_source, utm_medium, sum(spend) as spend, sum({conversions}) as conversions, "
        f"sum({revenue}) as revenue from {t.name} where date_month between %s and %s "
        "group by utm_source, utm_medium order by revenue desc nulls last, spend desc nulls last limit 500",
        t,
        params=(first, last),
    )


def channels_by_month(model: str, first: dt.date, last: dt.date) -> pd.DataFrame:
    """Per month, source and medium: spend, conversions, revenue."""
    t = T.PRES_AD_SPEND
    conversions, revenue = _figures(model)
    return _read(
        f"select date_month, utm_source, utm_medium, spend, {conversions} as conversions, {revenue} as revenue "
        f"from {t.name} where date_month between %s and %s order by 1, 2, 3 limit 20000",
        t,
        params=(first, last),
    )


def journeys(limit: int = 25) -> pd.DataFrame:
    """The paths that lead to most conversions."""
    t = T.PRES_JOURNEYS
    return _read(f"select * from {t.name} order by conversions desc, revenue desc, path limit {int(limit)}", t)


def last_steps() -> pd.DataFrame:
    """third_last, second_last and last step of the journeys (empty where there is none), and conversions."""
    t = T.PRES_JOURNEYS
    parts = ", ".join(
        f"split_part(path, ' > ', {place}) as {name}"
        for place, name in ((-3, "third_last"), (-2, "second_last"), (-1, "last_step"))
    )
    frame = _read(
        f"select third_last, second_last, last_step, sum(conversions) as conversions from (select {parts}, conversions "
        f"from {t.name}) as steps group by 1, 2, 3 order by 4 desc, 1, 2, 3 limit 5000",
        t,
    )
    return frame.rename(columns={"last_step": "last"})


def journey_totals() -> pd.Series:
    """paths, conversions, revenue, of all journeys."""
    t = T.PRES_JOURNEYS
    return _read(
        f"select count(*) as paths, sum(conversions) as conversions, sum(revenue) as revenue from {t.name}", t
    ).iloc[0]


def touch_positions() -> pd.DataFrame:
    """How often each source is the first, a middle, the last or the only touch of a conversion."""
    t = T.ATTRIBUTION_TOUCHES
    return _read(
        "select coalesce(utm_source, '(none)') as source, case when total_sessions = 1 then 'only' "
        "when session_index = 1 then 'first' when session_index = total_sessions then 'last' else 'middle' end "
        f"as place, count(*) as touches from {t.name} group by 1, 2 order by 1, 2 limit 400",
        t,
    )


def mrr_months() -> pd.DataFrame:
    """Per month: date_month, mrr, active customers.

    Without a last month that is not over: it holds who churned, and nothing yet of those who stay.
    """
    t = T.MRR
    return _read(
        "select date_month, mrr, customers from (select date_month, mrr, customers, present, "
        "lag(customers) over (order by date_month) as before from (select date_month, sum(mrr) as mrr, "
        "sum(case when is_active then 1 else 0 end) as customers, count(*) as present "
        f"from {t.name} group by date_month) as months) as compared "
        "where customers > 0 or present >= coalesce(before, 0) order by date_month",
        t,
    )


def last_month_with_revenue() -> dt.date | None:
    """The latest month with an active subscription."""
    t = T.MRR
    value = _read(f"select max(date_month) as latest from {t.name} where is_active", t)["latest"].iloc[0]
    return value or None


def mrr_movements() -> pd.DataFrame:
    """Per month and category of change: amount (dollars), customers."""
    t = T.MRR
    return _read(
        f"select date_month, change_category, sum(mrr_change) as amount, count(*) as customers from {t.name} "
        "where change_category is not null group by 1, 2 order by 1, 2",
        t,
    )


# ----------------------------------------------------------------------- sales


def _listed(table: T.Table, search: str, where: list[str], params: list[Any]) -> tuple[str, tuple]:
    """The WHERE of a list of customers: conditions, and a name or number that contains `search`."""
    conditions, values = list(where), list(params)
    if search.strip():
        conditions.append(
            "(contains(lower(coalesce(first_name, '') || ' ' || coalesce(last_name, '')), lower(%s)) "
            "or to_varchar(customer_id) = %s)"
        )
        values += [search.strip(), search.strip()]
    return (" where " + " and ".join(conditions) if conditions else ""), tuple(values)


def _order(table: T.Table, sort: str, descending: bool) -> str:
    column = table.column(sort).name
    return f" order by {column} {'desc' if descending else 'asc'} nulls last, customer_id"


def top_customers(search: str, sort: str, descending: bool, limit: int, offset: int = 0) -> pd.DataFrame:
    """A page of PRES_CLV with the interval of the prediction: p10, p90, probability_active."""
    t, ltv = T.PRES_CLV, T.PRED_CUSTOMER_LTV
    where, params = _listed(t, search, [], [])
    return _read(
        f"select c.*, l.p10, l.p90, l.probability_active from (select * from {t.name}{where}"
        f"{_order(t, sort, descending)} limit {int(limit)} offset {int(offset)}) as c "
        f"left join {ltv.name} as l on l.customer_id = c.customer_id"
        + _order(t, sort, descending).replace(" customer_id", " c.customer_id").replace(f"by {sort}", f"by c.{sort}"),
        t,
        ltv,
        params=params,
    )


def clv_totals(search: str = "") -> pd.Series:
    """customers, clv, predicted_ltv, sentiment of those that `search` finds."""
    t = T.PRES_CLV
    where, params = _listed(t, search, [], [])
    return _read(
        "select count(*) as customers, sum(clv) as clv, sum(predicted_ltv) as predicted_ltv, "
        f"avg(sentiment_score) as sentiment from {t.name}{where}",
        t,
        params=params,
    ).iloc[0]


def ltv_horizon() -> pd.Series | None:
    """horizon_days, reference_date and model_version of the predictions; None when there are none."""
    t = T.PRED_CUSTOMER_LTV
    frame = _read(f"select horizon_days, reference_date, model_version from {t.name} limit 1", t)
    return frame.iloc[0] if len(frame) else None


def ltv_reason() -> str | None:
    """Why the lifetime-value model predicts as it does, as its last run said; None where no run has recorded it."""
    t = T.PRES_HEALTH
    if t.name not in table_versions():
        return None
    frame = _read(f"select detail from {t.name} where name = %s", t, params=("CUSTOMER_LTV",))
    return json.loads(frame["detail"].iloc[0] or "{}").get("reason") if len(frame) else None


def _churn_where(search: str, came_back: bool | None, least_mrr: float, since: dt.date | None) -> tuple[str, tuple]:
    where: list[str] = ["mrr_lost >= %s"]
    params: list[Any] = [least_mrr]
    if came_back is not None:
        where.append("reactivated" if came_back else "not reactivated")
    if since is not None:
        where.append("last_active_month >= %s")
        params.append(since)
    return _listed(T.PRES_CHURN, search, where, params)


def churned(
    search: str,
    came_back: bool | None,
    least_mrr: float,
    since: dt.date | None,
    sort: str,
    descending: bool,
    limit: int,
    offset: int = 0,
) -> pd.DataFrame:
    """A page of PRES_CHURN."""
    t = T.PRES_CHURN
    where, params = _churn_where(search, came_back, least_mrr, since)
    return _read(
        f"select * from {t.name}{where}{_order(t, sort, descending)} limit {int(limit)} offset {int(offset)}",
        t,
        params=params,
    )


def churn_totals(search: str, came_back: bool | None, least_mrr: float, since: dt.date | None) -> pd.Series:
    """customers, mrr_lost, came_back, clv of those found."""
    t = T.PRES_CHURN
    where, params = _churn_where(search, came_back, least_mrr, since)
    return _read(
        "select count(*) as customers, sum(mrr_lost) as mrr_lost, sum(case when reactivated then 1 else 0 end) "
        f"as came_back, sum(clv) as clv from {t.name}{where}",
        t,
        params=params,
    ).iloc[0]


def at_risk(search: str, sort: str, descending: bool, limit: int, offset: int = 0) -> pd.DataFrame:
    """A page of PRES_AT_RISK."""
    t = T.PRES_AT_RISK
    where, params = _listed(t, search, [], [])
    return _read(
        f"select * from {t.name}{where}{_order(t, sort, descending)} limit {int(limit)} offset {int(offset)}",
        t,
        params=params,
    )


def at_risk_totals(search: str = "") -> pd.Series:
    """customers, value_at_risk, falling (customers whose sentiment fell)."""
    t = T.PRES_AT_RISK
    where, params = _listed(t, search, [], [])
    return _read(
        "select count(*) as customers, sum(value_at_risk) as value_at_risk, "
        "sum(case when recent_sentiment < earlier_sentiment then 1 else 0 end) as falling "
        f"from {t.name}{where}",
        t,
        params=params,
    ).iloc[0]


# -------------------------------------------------------------------- customer


def find_customers(search: str, limit: int = 20) -> pd.DataFrame:
    """Customers by name or number: customer_id, first_name, last_name."""
    t = T.CUSTOMERS
    if settings().pseudonymise_customers:
        sql, params = f"select customer_id from {t.name} where to_varchar(customer_id) = %s", (search.strip(),)
        frame = _read(sql, t, params=params)
        return frame.assign(first_name="Customer", last_name=frame["customer_id"].astype(str))
    where, params = _listed(t, search, [], [])
    return _read(
        f"select customer_id, first_name, last_name from {t.name}{where} order by customer_id limit {int(limit)}",
        t,
        params=params,
    )


# --------------------------------------------------------------------- product


def themes() -> pd.DataFrame:
    """Per theme: label, comments, calls, negative, mean_sentiment."""
    t = T.PRES_THEMES
    return _read(
        "select theme_id, max(label) as label, sum(comments) as comments, sum(calls) as calls, "
        "sum(negative) as negative, sum(mean_sentiment * (comments + calls)) / sum(comments + calls) "
        f"as mean_sentiment from {t.name} group by theme_id order by sum(comments + calls) desc, theme_id",
        t,
    )


def theme_months(theme_id: int) -> pd.DataFrame:
    """The months of one theme with their typical passages, newest first; calls (no month) last."""
    t = T.PRES_THEMES
    return _read(
        f"select * from {t.name} where theme_id = %s order by date_month desc nulls last", t, params=(int(theme_id),)
    )


def sentiment_buckets() -> pd.DataFrame:
    """Customers per sentiment bucket, 1 to 10."""
    t = T.PRES_SENTIMENT
    return _read(
        f"select sentiment_bucket, count(*) as customers from {t.name} group by sentiment_bucket order by 1", t
    )


# ---------------------------------------------------------------------- health


def health() -> pd.DataFrame:
    """PRES_HEALTH, tables with failing checks first."""
    t = T.PRES_HEALTH
    return _read(f"select * from {t.name} order by checks_failing desc, kind, name limit 500", t)


def rejected_reasons() -> pd.DataFrame:
    """Rejected rows per source file, table and reason, most first."""
    t = T.STG_REJECTED
    frame = _read(
        "select source_file, table_name, reason, count(*) as row_count, max(loaded_at) as loaded_at "
        f"from {t.name} group by 1, 2, 3 order by row_count desc, 1, 3 limit 200",
        t,
    )
    return _without_names(frame)


def rejected_rows(limit: int = 100) -> pd.DataFrame:
    """The latest rejected rows, literally."""
    t = T.STG_REJECTED
    frame = _read(f"select * from {t.name} order by loaded_at desc, source_file, line limit {int(limit)}", t)
    return _without_names(frame)


def _without_names(rejected: pd.DataFrame) -> pd.DataFrame:
    """With pseudonyms: customers' rejected rows without the row, and without what the reason quotes of it."""
    if not settings().pseudonymise_customers:
        return rejected
    of_customers = rejected["table_name"] == T.STG_CUSTOMERS.name
    quoted = rejected["reason"].str.replace(r"'.*'", "'…'", regex=True)
    shown = rejected.assign(reason=rejected["reason"].mask(of_customers, quoted))
    return shown.assign(row_text=shown["row_text"].mask(of_customers, None)) if "row_text" in shown else shown


def backend_names() -> dict[str, str]:
    """Which backend plays each role."""
    s, source = settings(), backends()
    return {
        "Warehouse": f"Snowflake account {s.snowflake_account}" if s.snowflake_account else "local Snowflake",
        "Vector store": f"Weaviate at {without_credentials(s.weaviate_url)}" if s.weaviate_url else "LanceDB",
        "Embedder": s.embedding_model if s.embedder == "openai" else "all-MiniLM-L6-v2",
        "Transcriber": f"Whisper {s.whisper_model}" if s.transcriber == "whisper" else "pocketsphinx",
        "Answers": source["chat"].name,
    }
