"""The IO manager from configuration, as dagster-snowflake's is configured; where tables go; mapped partitions."""

from __future__ import annotations

from typing import Any, cast

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.snowpark_io import ConfigurableSnowparkIOManager, ConnectionArguments, SnowparkIOManager

from .conftest import content, schema_of


def configured(warehouse: Warehouse, session: Session, schema: str | None) -> ConfigurableSnowparkIOManager:
    """The fields that a real account needs by name; how the local server is reached, as further arguments."""
    given = cast("Any", warehouse).portable_args() | {"schema": schema_of(session)}
    named = {name: given.pop(name) for name in ("account", "user", "password", "database")}
    more: dict[str, Any] = {"schema": schema} if schema else {}
    return ConfigurableSnowparkIOManager(**named, additional_snowflake_connection_args=given, **more)


def test_it_works_from_configuration_alone(
    warehouse: Warehouse, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    @dg.asset
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"V": [1, 2]})

    @dg.asset
    def total(numbers: pa.Table) -> None:
        seen.extend(numbers.column("V").to_pylist())

    opened = []
    connect = ConnectionArguments.session

    def noted(self: ConnectionArguments) -> Session:
        opened.append(connect(self))
        return opened[-1]

    monkeypatch.setattr(ConnectionArguments, "session", noted)
    io = configured(warehouse, session, schema_of(session))
    assert dg.materialize([numbers, total], resources={"io_manager": io}).success
    assert opened
    assert all(s.connection.is_closed() for s in opened)  # a run leaves no connection behind
    assert sorted(seen) == [1, 2]
    assert content(session, "NUMBERS") == [(1,), (2,)]


def test_secrets_can_come_from_the_environment_and_nothing_connects_before_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IO_TEST_PASSWORD", "from the environment")
    io = ConfigurableSnowparkIOManager(
        account="nowhere", user="me", password=dg.EnvVar("IO_TEST_PASSWORD"), database="D", private_key_path="key.p8"
    )
    with dg.build_resources({"io": io}) as resources:
        made = resources.io
    assert isinstance(made, SnowparkIOManager)
    assert made._sessions._arguments == {  # type: ignore[union-attr]
        "account": "nowhere",
        "user": "me",
        "password": "from the environment",
        "private_key_file": "key.p8",
        "database": "D",
    }


def test_a_key_prefix_is_the_schema_and_metadata_wins(warehouse: Warehouse, session: Session) -> None:
    io = configured(warehouse, session, None)
    first, second = f"{schema_of(session)}_A", f"{schema_of(session)}_B"

    @dg.asset(key_prefix=["raw", first])
    def by_prefix() -> pd.DataFrame:
        return pd.DataFrame({"V": [1]})

    @dg.asset(key_prefix=first, metadata={"schema": second})
    def by_metadata(by_prefix: pd.DataFrame) -> pd.DataFrame:
        return by_prefix + 1

    try:
        assert dg.materialize([by_prefix, by_metadata], resources={"io_manager": io}).success
        assert session.sql(f"SELECT V FROM {first}.BY_PREFIX").collect()[0][0] == 1
        assert session.sql(f"SELECT V FROM {second}.BY_METADATA").collect()[0][0] == 2
    finally:
        for schema in (first, second):
            session.sql(f"DROP SCHEMA IF EXISTS {schema}").collect()


def test_mapped_partitions_bring_the_rows_that_are_mapped(warehouse: Warehouse, session: Session) -> None:
    """A day reads the day before; a week reads its days; an unpartitioned asset reads all."""
    days = dg.DailyPartitionsDefinition("2020-02-03")
    weeks = dg.WeeklyPartitionsDefinition("2020-02-03", day_offset=1)
    seen: dict[str, list[int]] = {}

    @dg.asset(partitions_def=days, metadata={"partition_expr": "DAY"})
    def visits(context) -> pd.DataFrame:
        day = pd.Timestamp(context.partition_key)
        return pd.DataFrame({"DAY": [day.date()], "V": [day.day]})

    @dg.asset(
        partitions_def=days,
        ins={"visits": dg.AssetIn(partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1))},
    )
    def next_day(visits: pd.DataFrame) -> None:
        seen["day before"] = sorted(visits["V"])

    @dg.asset(partitions_def=weeks)
    def week(visits: pa.Table) -> None:
        seen["week"] = sorted(visits.column("V").to_pylist())

    @dg.asset
    def all_days(visits: pd.DataFrame) -> None:
        seen["all"] = sorted(visits["V"])

    resources = {"io_manager": configured(warehouse, session, schema_of(session))}
    assets = [visits, next_day, week, all_days]
    with dg.DagsterInstance.ephemeral() as instance:
        for key in ("2020-02-03", "2020-02-04", "2020-02-10"):
            dg.materialize(assets, selection=["visits"], resources=resources, partition_key=key, instance=instance)
        for name, key in (("next_day", "2020-02-04"), ("week", "2020-02-03")):
            dg.materialize(assets, selection=[name], resources=resources, partition_key=key, instance=instance)
        # Dagster asks that all partitions that are read exist, for an asset without partitions.
        dg.materialize(assets, selection=["all_days"], resources=resources, instance=instance)
    assert seen == {"day before": [3], "week": [3, 4], "all": [3, 4, 10]}
