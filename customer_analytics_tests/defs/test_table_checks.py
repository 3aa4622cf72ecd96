"""Every check of the structured tables can fail: each table is broken in each way that a check is there for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.tables import FLOAT, SOURCES, TABLES, Table
from customer_analytics_tests.defs.test_structured import MODULES, Shop, _Schema
from customer_analytics_tests.end_to_end.hostile import Business

CHECKS = list(dg.load_asset_checks_from_modules(MODULES))
BROKEN = {
    "every_payment_is_counted_once": "UPDATE ORDERS SET AMOUNT = AMOUNT + 0.01",
    "every_order_is_kept": "DELETE FROM ORDERS",
    "every_customer_is_kept": "DELETE FROM CUSTOMERS",
    "changes_sum_to_the_last_mrr": "UPDATE MRR SET MRR_CHANGE = MRR_CHANGE + 0.000000001",
    "customers_have_one_row_a_month": "INSERT INTO MRR SELECT * FROM MRR",
    "first_touch_points_sum_to_1_per_conversion": "UPDATE ATTRIBUTION_TOUCHES SET FIRST_TOUCH_POINTS = 0",
    "last_touch_points_sum_to_1_per_conversion": "UPDATE ATTRIBUTION_TOUCHES SET LAST_TOUCH_POINTS = 1.001",
    "forty_twenty_forty_points_sum_to_1_per_conversion": (
        "UPDATE ATTRIBUTION_TOUCHES SET FORTY_TWENTY_FORTY_POINTS = FORTY_TWENTY_FORTY_POINTS * 1.0000001"
    ),
    "linear_points_sum_to_1_per_conversion": "UPDATE ATTRIBUTION_TOUCHES SET LINEAR_POINTS = 1 / (TOTAL_SESSIONS + 1)",
    "every_conversion_dollar_is_attributed_or_counted_as_not": (
        "UPDATE ATTRIBUTION_TOUCHES SET LINEAR_REVENUE = LINEAR_REVENUE * 1.000001"
    ),
    "every_dollar_of_spend_is_counted_once": "UPDATE CPA_AND_ROAS SET TOTAL_SPEND = TOTAL_SPEND + 0.01",
    "payment_method_is_known": "UPDATE STG_PAYMENTS SET PAYMENT_METHOD = 'barter'",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, warehouse: Warehouse, module_session: Session) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("sources")
    Business(seed=12, customers=12, hostility=0).write_csv(folder)
    (folder / "comment_training.csv").write_text("review_text,label\ngood,1\n")
    (folder / "twitter_comments.csv").write_text("customer_id,date,review_text\n1,2020-01-01,good\n")
    with dg.DagsterInstance.ephemeral() as instance:
        schema = str(module_session.get_current_schema()).strip('"')
        shop = Shop(folder, _Schema(warehouse, schema), instance)
        assert shop.run().success
        yield shop


def breakage(table: Table, check: str) -> str:
    """SQL after which the check must fail."""
    name = f'"{table.name}"'
    if check in BROKEN:
        return BROKEN[check]
    if check.endswith(("_are_unique", "_is_unique")):
        return f"INSERT INTO {name} SELECT * FROM {name}"
    if check in ("rejected_rows_are_few", "no_row_is_rejected"):
        rejected = f"SELECT 'f', 2, '{table.name}', 'bad', 'x', CURRENT_TIMESTAMP()::TIMESTAMP_NTZ"
        return f"INSERT INTO STG_REJECTED {rejected} FROM {name}"
    if check == "source_has_rows":
        return f"DELETE FROM {name}"
    for c in table.columns:
        column = f'"{c.name.upper()}"'
        if check == f"{c.name}_is_never_null":
            return f"UPDATE {name} SET {column} = NULL"
        if check == f"{c.name}_is_known":
            return f"UPDATE {name} SET {column} = 'nobody knows'"
        if c.minimum is not None and check == f"{c.name}_is_at_least_{c.minimum:g}":
            return f"UPDATE {name} SET {column} = {c.minimum:g} - {0.001 if c.type == FLOAT else 1}"
        if c.not_before and check == f"{c.name}_is_never_before_{c.not_before}":
            return f"UPDATE {name} SET {column} = '1000-01-01'"
        if c.parent and check == f"{c.name}_stands_in_{c.parent.split('.')[0].lower()}":
            return f"UPDATE {name} SET {column} = -987654"
    pytest.fail(f"{table.name}: nothing here breaks {check}")


@pytest.mark.parametrize("definition", CHECKS, ids=lambda d: d.node_def.name)
def test_each_check_fails_when_its_truth_is_broken(built: Shop, definition: dg.AssetChecksDefinition) -> None:
    settings = Settings(source_uri=str(built.folder), as_of=dt.date(2026, 11, 23))  # type: ignore[call-arg]

    def passed() -> dict[str, bool]:
        results: Any = definition(warehouse=built.warehouse, settings=settings)
        return {r.check_name: r.passed for r in results}

    session = built.warehouse.session()
    before = passed()
    for spec in definition.check_specs:
        table = TABLES[spec.asset_key.to_user_string()]
        for statement in (breakage(table, spec.name),):
            session.sql("BEGIN TRANSACTION").collect()
            try:
                session.sql(statement).collect()
                assert not passed()[spec.name], f"{spec.name} holds after {statement}"
            finally:
                session.sql("ROLLBACK").collect()
    assert passed() == before
    warned = {name for name, good in before.items() if not good}
    # The business has unknown customers, orders and methods on purpose.
    assert all("_stands_in_" in name or name == "payment_method_is_known" for name in warned)


def test_empty_text_counts_as_missing(built: Shop) -> None:
    [definition] = [d for d in CHECKS if d.node_def.name == "check_stg_payments"]
    session = built.warehouse.session()
    session.sql("BEGIN TRANSACTION").collect()
    try:
        session.sql("UPDATE STG_PAYMENTS SET PAYMENT_METHOD = ''").collect()
        results: Any = definition(warehouse=built.warehouse, settings=Settings())
        assert "payment_method_is_never_null" in {r.check_name for r in results if not r.passed}
    finally:
        session.sql("ROLLBACK").collect()


def test_every_table_asset_says_who_what_and_from_where() -> None:
    """Owners, kinds, group, code version, schema with descriptions, lineage: on each asset that builds a table."""
    from customer_analytics.definitions import definitions

    graph = definitions().resolve_asset_graph()
    known = {*TABLES, "STG_REJECTED"}
    for table in TABLES.values():
        key = dg.AssetKey(table.name)
        if not graph.has(key):
            assert table.name == "STG_REJECTED"
            continue
        node = graph.get(key)
        assert node.owners, table.name
        assert node.kinds, table.name
        assert node.group_name == table.group
        assert node.code_version, table.name
        assert node.description == table.description
        columns = node.metadata["dagster/column_schema"].columns
        assert [c.name for c in columns] == [c.name.upper() for c in table.columns]
        assert all(c.description and c.type for c in columns), table.name
        lineage = node.metadata["dagster/column_lineage"]
        if table not in SOURCES and table.group in ("customers", "revenue", "marketing"):
            assert set(lineage.deps_by_column) == {c.name.upper() for c in table.columns}
        for sources in lineage.deps_by_column.values():
            for dep in sources:
                parent = dep.asset_key.to_user_string()
                if parent in known:
                    assert dep.column_name.lower() in TABLES[parent].column_names


def test_a_check_against_a_table_that_is_not_built_warns_and_says_so(warehouse: Warehouse, session: Session) -> None:
    table = TABLES["STG_ORDERS"]
    (check,) = [c for c in CHECKS if c.node_def.name == "check_stg_orders_against_others"]
    schema = str(session.get_current_schema()).strip('"')
    session.sql("CREATE TABLE STG_ORDERS (ORDER_ID NUMBER(38, 0), CUSTOMER_ID NUMBER(38, 0))").collect()
    result = dg.materialize(
        [dg.AssetSpec(table.name), dg.AssetSpec("STG_CUSTOMERS"), check],
        resources={"warehouse": _Schema(warehouse, schema), "settings": Settings()},
        selection=dg.AssetSelection.checks(check),
    )
    (found,) = result.get_asset_check_evaluations()
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert "STG_CUSTOMERS is not built yet" in (found.description or "")
