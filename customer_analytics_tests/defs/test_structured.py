"""The structured half of the graph through Dagster, on the local Snowflake: figures, reruns, bad and missing files."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from customer_analytics import pipeline
from customer_analytics.defs.customers import tables as customers
from customer_analytics.defs.marketing import tables as marketing
from customer_analytics.defs.revenue import tables as revenue
from customer_analytics.defs.sources import reference_date, staging
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager
from customer_analytics.tables import SOURCES

MODULES = [reference_date, staging, customers, revenue, marketing]


@dataclass
class Shop:
    """A folder of sources, a schema of its own, and a Dagster instance that remembers the runs."""

    folder: Path
    warehouse: Any
    instance: dg.DagsterInstance

    def definitions(self, as_of: dt.date = dt.date(2026, 11, 23), **options: Any) -> dg.Definitions:
        settings = Settings(source_uri=str(self.folder), as_of=as_of, **options)  # type: ignore[call-arg]
        return dg.Definitions(
            assets=dg.load_assets_from_modules(MODULES),
            asset_checks=dg.load_asset_checks_from_modules(MODULES),
            resources={
                "settings": settings,
                "warehouse": self.warehouse,
                "io_manager": SnowparkIOManager(self.warehouse, schema=self.warehouse.schema),
            },
        )

    def run(self, *keys: str, **options: Any) -> dg.ExecuteInProcessResult:
        definitions = self.definitions(**options)
        selection = dg.AssetSelection.assets(*keys) if keys else dg.AssetSelection.all()
        job = dg.define_asset_job("job", selection)
        resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job])).resolve_job_def("job")
        return resolved.execute_in_process(instance=self.instance, raise_on_error=False)

    def stale(self, **options: Any) -> set[str]:
        """What has to be built anew once the sources have been looked at."""
        definitions = self.definitions(**options)
        roots = {key.to_user_string() for key in pipeline.roots(definitions)}
        assert self.run(*roots, **options).success
        return {key.to_user_string() for key in pipeline.stale_assets(definitions, self.instance)}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.warehouse.session().sql(query).collect()]


class _Schema:
    """The warehouse of the tests, with a schema of this test's own."""

    def __init__(self, warehouse: Warehouse, schema: str) -> None:
        from snowflake.snowpark import Session

        self.schema = schema
        self._session = Session.builder.configs({**warehouse.connection_args(), "schema": schema}).create()
        self._session.telemetry_enabled = False  # as in conftest

    def session(self) -> Any:
        return self._session


@pytest.fixture
def shop(tmp_path: Path, warehouse: Warehouse, session: Any) -> Iterator[Shop]:
    folder = tmp_path / "sources"
    folder.mkdir()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(folder, _Schema(warehouse, session.get_current_schema().strip('"')), instance)


@pytest.fixture
def customers_file(shop: Shop) -> Callable[[str], None]:
    def write(body: str) -> None:
        (shop.folder / "customers.csv").write_text("customer_id,first_name,last_name\n" + body)

    return write


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    events = [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(key)]
    assert len(events) == 1
    return {k: v.value for k, v in events[0].materialization.metadata.items()}


def failing(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Failing checks, by name, with their severity."""
    return {e.check_name: e.severity.value for e in result.get_asset_check_evaluations() if not e.passed}


def error(result: dg.ExecuteInProcessResult) -> str:
    failures = [e for e in result.all_events if e.is_step_failure]
    assert failures
    cause = failures[0].step_failure_data.error
    while cause is not None and cause.cause is not None:
        cause = cause.cause
    return cause.message if cause else ""


def test_the_seeds_figures(shop: Shop, seed_data: Path) -> None:
    shutil.copytree(seed_data, shop.folder, dirs_exist_ok=True)
    result = shop.run()
    assert result.success
    assert failing(result) == {"customer_id_stands_in_stg_customers": "WARN"}
    assert shop.rows(
        "SELECT COUNT(*), COUNT(CUSTOMER_LIFETIME_VALUE), SUM(CUSTOMER_LIFETIME_VALUE) FROM CUSTOMERS"
    ) == [(100, 62, 1672)]
    sums = "SUM(CREDIT_CARD_AMOUNT), SUM(COUPON_AMOUNT), SUM(BANK_TRANSFER_AMOUNT), SUM(GIFT_CARD_AMOUNT)"
    assert shop.rows(f"SELECT COUNT(*), {sums} FROM ORDERS") == [(99, 871, 185, 411, 205)]
    touches = shop.rows(
        "SELECT COUNT(*), COUNT(DISTINCT CUSTOMER_ID, CONVERTED_AT), SUM(FIRST_TOUCH_REVENUE), "
        "SUM(LAST_TOUCH_REVENUE), SUM(FORTY_TWENTY_FORTY_REVENUE), SUM(LINEAR_REVENUE) FROM ATTRIBUTION_TOUCHES"
    )[0]
    assert touches == pytest.approx((39, 21, 275, 275, 275, 275))
    cpa = {
        r[0]: r[1:] for r in shop.rows("SELECT UTM_SOURCE, TOTAL_SPEND, RETURN_ON_ADVERTISING_SPEND FROM CPA_AND_ROAS")
    }
    assert cpa.pop("adwords") == (47, pytest.approx(0.40653, abs=1e-5))
    assert cpa.pop("facebook_ads") == (312, pytest.approx(0.22493, abs=1e-5))
    assert list(cpa.values()) == [(None, None)] * 3
    said = metadata(result, "ATTRIBUTION_TOUCHES")
    assert said["dagster/row_count"] == 39
    assert said["conversions_without_touch"] == 0
    assert said["query_ids"]


def test_a_source_that_was_never_there_is_an_empty_table_and_a_warning(shop: Shop) -> None:
    for _ in range(2):  # still so the second time, when the empty table is there
        result = shop.run()
        assert result.success
        assert failing(result) == {"source_has_rows": "WARN"}
        for table in SOURCES:
            assert shop.rows(f"SELECT COUNT(*) FROM {table.name}") == [(0,)]


def test_a_source_that_is_gone_fails_and_the_table_stays(shop: Shop, customers_file: Callable[[str], None]) -> None:
    customers_file("1,Ann,B.\n")
    assert shop.run("STG_CUSTOMERS").success
    (shop.folder / "customers.csv").unlink()
    result = shop.run("STG_CUSTOMERS")
    assert not result.success
    assert "no customers.csv or customers.parquet any more" in error(result)
    assert shop.rows("SELECT * FROM STG_CUSTOMERS") == [(1, "Ann", "B.")]


def test_a_file_that_cannot_be_the_table_fails_and_the_table_stays(
    shop: Shop, customers_file: Callable[[str], None]
) -> None:
    customers_file("1,Ann,B.\nx,Bob,C.\n")
    assert shop.run("STG_CUSTOMERS", max_rejected_share=0.5).success
    (shop.folder / "customers.csv").write_text("id,first_name,last_name\n1,Zed,Z.\n")
    result = shop.run("STG_CUSTOMERS")
    assert not result.success
    assert "customers.csv lacks the column customer_id" in error(result)
    assert shop.rows("SELECT * FROM STG_CUSTOMERS") == [(1, "Ann", "B.")]
    assert shop.rows("SELECT LINE, ROW_TEXT FROM STG_REJECTED") == [(3, "x,Bob,C.")]


def test_an_unchanged_file_is_not_loaded_again(shop: Shop, customers_file: Callable[[str], None]) -> None:
    customers_file("1,Ann,B.\nx,Bob,C.\n")
    first = shop.run("STG_CUSTOMERS", max_rejected_share=0.5)
    again = shop.run("STG_CUSTOMERS", max_rejected_share=0.5)
    assert metadata(first, "STG_CUSTOMERS")["reloaded"] is True
    said = metadata(again, "STG_CUSTOMERS")
    assert (said["reloaded"], said["dagster/row_count"], said["rejected_rows"]) == (False, 1, 1)
    versions = {
        e.materialization.tags["dagster/data_version"]
        for r in (first, again)
        for e in r.get_asset_materialization_events()
    }
    assert len(versions) == 1
    shop.rows("DELETE FROM STG_CUSTOMERS")  # what the table holds counts, not only what was loaded once
    assert metadata(shop.run("STG_CUSTOMERS", max_rejected_share=0.5), "STG_CUSTOMERS")["reloaded"] is True
    assert shop.rows("SELECT CUSTOMER_ID FROM STG_CUSTOMERS") == [(1,)]


def test_too_many_rejected_rows_block_what_follows(shop: Shop, customers_file: Callable[[str], None]) -> None:
    customers_file("1,Ann,B.\nx,Bob,C.\n")
    result = shop.run("STG_CUSTOMERS", "CUSTOMERS", "ORDERS", "STG_ORDERS", "STG_PAYMENTS")
    assert not result.success
    assert failing(result)["rejected_rows_are_few"] == "ERROR"
    assert failing(result)["no_row_is_rejected"] == "WARN"
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey("CUSTOMERS")]
    assert shop.run(
        "STG_CUSTOMERS", "CUSTOMERS", "ORDERS", "STG_ORDERS", "STG_PAYMENTS", max_rejected_share=0.5
    ).success


def test_each_source_replaces_its_own_rejected_rows(shop: Shop, customers_file: Callable[[str], None]) -> None:
    customers_file('1,Ann,B.\n"x","=1+1 <b>","👍"\n')
    (shop.folder / "orders.csv").write_text("order_id,customer_id,order_date,status\n1,1,2018-02-30,a\n")
    shop.run("STG_CUSTOMERS", "STG_ORDERS")
    found = shop.rows("SELECT TABLE_NAME, SOURCE_FILE, LINE, REASON, ROW_TEXT FROM STG_REJECTED ORDER BY TABLE_NAME")
    assert found == [
        (
            "STG_CUSTOMERS",
            "customers.csv",
            3,
            "customer_id 'x' is not a whole number within 64 bits",
            '"x","=1+1 <b>","👍"',
        ),
        ("STG_ORDERS", "orders.csv", 2, "order_date '2018-02-30' is not a day like 2018-01-31", "1,1,2018-02-30,a"),
    ]
    customers_file("1,Ann,B.\n")
    shop.run("STG_CUSTOMERS", "STG_ORDERS")
    assert shop.rows("SELECT TABLE_NAME FROM STG_REJECTED") == [("STG_ORDERS",)]


def test_orphans_and_unknown_methods_warn_and_never_block(shop: Shop, customers_file: Callable[[str], None]) -> None:
    customers_file("1,Ann,B.\n")
    (shop.folder / "orders.csv").write_text(
        "order_id,customer_id,order_date,status\n1,1,2018-02-03,a\n2,7,2018-02-03,a\n"
    )
    (shop.folder / "payments.csv").write_text(
        "payment_id,order_id,payment_method,amount\n1,1,bitcoin,250\n2,1,coupon,-50\n3,99,coupon,1000\n"
    )
    result = shop.run("STG_CUSTOMERS", "STG_ORDERS", "STG_PAYMENTS", "ORDERS", "CUSTOMERS")
    assert result.success
    assert failing(result) == {
        "customer_id_stands_in_stg_customers": "WARN",
        "order_id_stands_in_stg_orders": "WARN",
        "payment_method_is_known": "WARN",
    }
    assert shop.rows("SELECT CUSTOMER_LIFETIME_VALUE FROM CUSTOMERS") == [(2,)]
    assert shop.rows("SELECT COUPON_AMOUNT, CREDIT_CARD_AMOUNT, AMOUNT FROM ORDERS ORDER BY ORDER_ID")[0] == (
        pytest.approx(-0.5),
        0,
        2,
    )


def a_small_business(folder: Path) -> None:
    from customer_analytics_tests.end_to_end.hostile import Business

    Business(seed=11, customers=12, hostility=0).write_csv(folder)


def test_only_new_content_and_a_new_month_make_what_follows_stale(shop: Shop) -> None:
    a_small_business(shop.folder)
    assert shop.run().success
    assert shop.stale() == set()
    orders = shop.folder / "orders.csv"
    content = orders.read_bytes()
    orders.unlink()
    orders.write_bytes(content)
    os.utime(orders, (0, 0))  # another file, another time, the same content
    assert shop.stale() == set()
    orders.write_bytes(content.replace(b"placed", b"shipped"))
    assert shop.stale() == {"ORDERS", "CUSTOMERS"}
    orders.write_bytes(content)
    assert shop.stale() == set()  # ORDERS was built from just this
    assert shop.stale(as_of=dt.date(2026, 11, 24)) == set()  # the same month is the present one
    by_month = {"CUSTOMER_REVENUE_BY_MONTH", "CUSTOMER_CHURN_MONTH", "MRR"}
    assert shop.stale(as_of=dt.date(2026, 12, 1)) == by_month
    assert shop.run(*by_month, as_of=dt.date(2026, 12, 1)).success
    assert shop.stale(as_of=dt.date(2026, 12, 31)) == set()


def test_running_twice_changes_nothing(shop: Shop) -> None:
    a_small_business(shop.folder)
    tables = ["CUSTOMERS", "ORDERS", "CUSTOMER_REVENUE_BY_MONTH", "CUSTOMER_CHURN_MONTH", "MRR"]
    tables += ["ATTRIBUTION_TOUCHES", "CPA_AND_ROAS", *(t.name for t in SOURCES if t.name != "STG_REJECTED")]
    contents = []
    for _ in range(2):
        assert shop.run().success
        contents.append({t: sorted(shop.rows(f"SELECT * FROM {t}"), key=repr) for t in tables})
        for table in tables[7:]:
            shop.rows(f"DELETE FROM {table}")  # so that the second run loads each again
    assert contents[0] == contents[1]
    assert all(contents[0][t] for t in tables[:7])


def test_a_spend_of_zero_is_no_division(shop: Shop) -> None:
    (shop.folder / "ad_spend.csv").write_text(
        "date_day,utm_source,utm_medium,utm_campaign,spend\n2020-02-01,a,,,0\n2020-02-02,a,,,0.00\n2020-02-02,b,,,5\n"
    )
    (shop.folder / "sessions.csv").write_text(
        "session_id,customer_id,started_at,ended_at,utm_source,utm_medium,utm_campaign\n1,1,2020-02-03,,a\n"
    )
    (shop.folder / "customer_conversions.csv").write_text("customer_id,converted_at,revenue\n1,2020-02-03,7\n")
    assert shop.run().success
    columns = "UTM_SOURCE, ATTRIBUTION_REVENUE, TOTAL_SPEND, COST_PER_ACQUISITION, RETURN_ON_ADVERTISING_SPEND"
    assert shop.rows(f"SELECT {columns} FROM CPA_AND_ROAS ORDER BY 1") == [
        ("a", 7, 0, None, None),
        ("b", None, 5, None, None),
    ]
