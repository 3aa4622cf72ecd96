"""Every statement says which run and asset it was for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from customer_analytics.local_snowflake import lifecycle
from customer_analytics.local_snowflake.lifecycle import Options
from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.resources.warehouse.local import LocalWarehouse


@dg.asset
def ASKING(warehouse: dg.ResourceParam[Warehouse]) -> None:
    warehouse.session().sql("SELECT 'in the asset'").collect()


@dg.asset_check(asset=ASKING)
def it_was_asked(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    warehouse.session().sql("SELECT 'in the check'").collect()
    return dg.AssetCheckResult(passed=True)


def test_run_and_asset_are_in_the_tag_and_gone_after_the_step(tmp_path: Path) -> None:
    log = tmp_path / "statements.jsonl"
    warehouse = LocalWarehouse(tmp_path / "w", Options(tmp_path / "log", 5, log), "D", "S")
    try:
        warehouse.session().sql("SELECT 'before'").collect()
        job = dg.Definitions([ASKING], asset_checks=[it_was_asked], resources={"warehouse": warehouse})
        result = job.resolve_implicit_global_asset_job_def().execute_in_process()
        warehouse.session().sql("SELECT 'it''s over'").collect()
        with warehouse.connect() as connection:
            connection.cursor().execute("SELECT 'by the connector'")
    finally:
        warehouse.close()
        lifecycle.stop(tmp_path / "w")
    tags: dict[str, Any] = {}
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        tags[entry["sql"]] = json.loads(entry["query_tag"])
    assert tags["SELECT 'in the asset'"]["asset"] == "ASKING"
    assert tags["SELECT 'in the asset'"]["dagster_run_id"] == result.run_id
    assert tags["SELECT 'in the check'"]["dagster_run_id"] == result.run_id
    for outside in ("SELECT 'before'", "SELECT 'it''s over'", "SELECT 'by the connector'"):
        assert tags[outside] == {"application": "customer-analytics"}
