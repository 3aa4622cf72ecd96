"""The IO manager from configuration, as dagster-snowflake's is configured; where tables go; mapped partitions."""

from __future__ import annotations

import base64
from typing import Any, cast

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization as crypto
from cryptography.hazmat.primitives.asymmetric import rsa
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


@pytest.mark.parametrize("given", ["session", "connection", "resource"])
def test_a_session_or_connection_can_be_given_and_stays_its_owners(
    warehouse: Warehouse, session: Session, given: str
) -> None:
    @dg.asset
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"V": [1]})

    @dg.asset
    def same(numbers: pa.Table) -> pa.Table:
        return numbers

    schema = schema_of(session)
    resources: dict[str, Any] = {}
    with warehouse.connect() as connection:
        if given == "resource":
            from dagster_snowflake import SnowflakeResource

            @dg.io_manager(required_resource_keys={"snowflake"})
            def manager(context: dg.InitResourceContext) -> Any:
                with context.resources.snowflake.get_connection() as of_resource:
                    yield SnowparkIOManager(of_resource, schema=schema)

            resources["io_manager"] = manager
            arguments = cast("Any", warehouse).portable_args()
            named = {name: arguments.pop(name) for name in ("account", "user", "password", "database")}
            resources["snowflake"] = SnowflakeResource(**named, additional_snowflake_connection_args=arguments)
        else:
            resources["io_manager"] = SnowparkIOManager(session if given == "session" else connection, schema=schema)
        assert dg.materialize([numbers, same], resources=resources).success
        assert not connection.is_closed()
    assert content(session, "SAME") == [(1,)]


def test_what_gives_no_session_is_refused() -> None:
    with pytest.raises(TypeError, match="str gives no Snowpark session: pass connection arguments"):
        SnowparkIOManager("account")  # type: ignore[arg-type]


@pytest.mark.parametrize("passphrase", [None, "it's secret"])
@pytest.mark.parametrize("in_base64", [False, True])
def test_a_private_key_as_text_is_the_key_of_a_file(passphrase: str | None, in_base64: bool) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    serialization = crypto.PrivateFormat.PKCS8
    encryption = crypto.BestAvailableEncryption(passphrase.encode()) if passphrase else crypto.NoEncryption()
    pem = key.private_bytes(crypto.Encoding.PEM, serialization, encryption)
    text = base64.b64encode(pem).decode() if in_base64 else pem.decode()
    io = ConfigurableSnowparkIOManager(
        account="nowhere", user="me", database="D", private_key=text, private_key_password=passphrase
    )
    with dg.build_resources({"io": io}) as resources:
        arguments = resources.io._sessions._arguments
    expected = key.private_bytes(crypto.Encoding.DER, serialization, crypto.NoEncryption())
    assert arguments == {"account": "nowhere", "user": "me", "database": "D", "private_key": expected}


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
