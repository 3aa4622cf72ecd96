"""Partitions: replaced on their own, read on their own, whatever their kind."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest
from snowflake.snowpark import DataFrame, Session

from customer_analytics.snowpark_io import ColumnMismatch, PartitionConflict, SnowparkIOManager

from .conftest import TYPES, content, metadata_of, write

STATIC = dg.StaticPartitionsDefinition(["north", "it's \\"])
DAILY = dg.DailyPartitionsDefinition("2020-02-28")
MULTI = dg.MultiPartitionsDefinition({"region": STATIC, "day": DAILY})
COLUMN = {"static": "REGION", "daily": "DAY", "multi": {"region": "REGION", "day": "DAY"}}
DEFINITION: dict[str, dg.PartitionsDefinition] = {"static": STATIC, "daily": DAILY, "multi": MULTI}
FIRST: dict[str, Any] = {
    "static": "north",
    "daily": "2020-02-29",
    "multi": dg.MultiPartitionKey({"region": "north", "day": "2020-02-29"}),
}
SECOND: dict[str, Any] = {
    "static": "it's \\",
    "daily": "2020-03-01",
    "multi": dg.MultiPartitionKey({"region": "north", "day": "2020-03-01"}),
}


def rows(partitions: str, key: Any, values: list[int]) -> pa.Table:
    region, day = "north", "2020-02-29"
    if partitions == "static":
        region = key
    elif partitions == "daily":
        day = key
    else:
        region, day = key.keys_by_dimension["region"], key.keys_by_dimension["day"]
    return pa.table(
        {
            "REGION": pa.array([region] * len(values), pa.string()),
            "DAY": pa.array([dt.date.fromisoformat(day)] * len(values), pa.date32()),
            "V": pa.array(values, pa.int64()),
        }
    )


def as_kind(kind: str, session: Session, table: pa.Table) -> Any:
    if kind == "arrow":
        return table
    if kind == "pandas":
        return table.to_pandas() if len(table) else table.to_pandas().astype({"REGION": object, "DAY": object})
    from snowflake.snowpark.types import DateType, LongType, StringType, StructField, StructType

    struct = StructType(
        [StructField("REGION", StringType()), StructField("DAY", DateType()), StructField("V", LongType())]
    )
    return session.create_dataframe([list(r.values()) for r in table.to_pylist()], schema=struct)


SCHEMA = dg.TableSchema(
    [dg.TableColumn("REGION", "VARCHAR"), dg.TableColumn("DAY", "DATE"), dg.TableColumn("V", "NUMBER(38,0)")]
)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("partitions", DEFINITION)
def test_a_partition_replaces_only_itself(io: SnowparkIOManager, session: Session, kind: str, partitions: str) -> None:
    options: Any = {
        "partitions_def": DEFINITION[partitions],
        "metadata": {"partition_expr": COLUMN[partitions], "dagster/column_schema": SCHEMA},
    }
    first, second = FIRST[partitions], SECOND[partitions]

    def put(key: Any, values: list[int]) -> Any:
        return write(io, as_kind(kind, session, rows(partitions, key, values)), partition=key, **options)

    def values() -> list[int]:
        return sorted(r[2] for r in content(session))

    put(first, [1, 2])
    put(second, [10])
    assert values() == [1, 2, 10]
    for _ in range(2):
        written = put(first, [3])
        assert values() == [3, 10]
    assert metadata_of(written)["dagster/partition_row_count"] == 1
    put(first, [])
    assert values() == [10]
    seen: list[Any] = []

    def downstream(T: Any) -> None:
        seen.append(T)

    downstream.__annotations__["T"] = TYPES[kind]
    upstream = dg.AssetSpec("T", metadata=options["metadata"], partitions_def=options["partitions_def"])
    asset = dg.asset(name="D", partitions_def=options["partitions_def"])(downstream)
    for key, expected in ((first, 0), (second, 1)):
        dg.materialize([upstream, asset], selection=["D"], resources={"io_manager": io}, partition_key=key)
        frame = seen.pop()
        assert (frame.count() if isinstance(frame, DataFrame) else len(frame)) == expected


def test_dynamic_partitions_and_the_whole_upstream(io: SnowparkIOManager, session: Session) -> None:
    dynamic = dg.DynamicPartitionsDefinition(name="files")
    options: Any = {"partitions_def": dynamic, "metadata": {"partition_expr": "FILE"}}
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("files", ["a", "b"])
    for key in ("a", "b", "a"):
        write(io, pd.DataFrame({"FILE": [key], "V": [1]}), partition=key, instance=instance, **options)
    assert content(session) == [("a", 1), ("b", 1)]
    seen: list[int] = []

    @dg.asset
    def whole(T: pd.DataFrame) -> None:
        seen.append(len(T))

    upstream = dg.AssetSpec("T", **options)
    dg.materialize([upstream, whole], selection=["whole"], resources={"io_manager": io}, instance=instance)
    assert seen == [2]


def test_a_single_run_writes_many_partitions(io: SnowparkIOManager, session: Session) -> None:
    frame = pd.DataFrame({"DAY": [dt.date(2020, 2, 28), dt.date(2020, 2, 29), dt.date(2020, 3, 1)], "V": [1, 2, 3]})

    @dg.asset(
        name="T",
        partitions_def=DAILY,
        metadata={"partition_expr": "DAY"},
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def many() -> pd.DataFrame:
        return frame

    tags = {"dagster/asset_partition_range_start": "2020-02-28", "dagster/asset_partition_range_end": "2020-03-01"}
    for _ in range(2):
        assert dg.materialize([many], resources={"io_manager": io}, tags=tags).success
    assert [r[1] for r in content(session)] == [1, 2, 3]


def test_rows_of_another_partition_are_refused(io: SnowparkIOManager, session: Session) -> None:
    options: Any = {"partitions_def": STATIC, "metadata": {"partition_expr": "REGION"}}
    write(io, pd.DataFrame({"REGION": ["north"], "V": [1]}), partition="north", **options)
    for stray in ("south", None):
        with pytest.raises(PartitionConflict, match="1 rows"):
            write(io, pd.DataFrame({"REGION": ["north", stray], "V": [2, 3]}), partition="north", **options)
    assert content(session) == [("north", 1)]


def test_columns_of_partitions_are_added_but_never_lost(io: SnowparkIOManager, session: Session) -> None:
    options: Any = {"partitions_def": STATIC, "metadata": {"partition_expr": "REGION"}}
    write(io, pd.DataFrame({"REGION": ["north"], "V": [1]}), partition="north", **options)
    write(io, pd.DataFrame({"V": [2], "REGION": ["it's \\"], "W": ["new"]}), partition="it's \\", **options)
    assert content(session) == [("it's \\", 2, "new"), ("north", 1, None)]
    with pytest.raises(ColumnMismatch, match="lacks"):
        write(io, pd.DataFrame({"REGION": ["north"], "V": [3]}), partition="north", **options)
    with pytest.raises(ColumnMismatch, match="V of"):
        write(io, pd.DataFrame({"REGION": ["north"], "V": [3.5], "W": [""]}), partition="north", **options)
    assert content(session) == [("it's \\", 2, "new"), ("north", 1, None)]


def test_a_partition_of_nulls_or_of_nothing_fits_the_table(io: SnowparkIOManager, session: Session) -> None:
    options: Any = {"partitions_def": STATIC, "metadata": {"partition_expr": "REGION"}}
    write(io, pd.DataFrame({"REGION": ["north"], "V": [1.5], "D": [dt.date(2020, 1, 1)]}), partition="north", **options)
    other = "it's \\"
    write(io, pd.DataFrame({"REGION": [other], "V": [None], "D": [None]}), partition=other, **options)
    assert content(session) == [(other, None, None), ("north", 1.5, dt.date(2020, 1, 1))]
    write(io, pd.DataFrame(columns=["REGION", "V", "D"]), partition=other, **options)
    assert content(session) == [("north", 1.5, dt.date(2020, 1, 1))]


def test_partitions_without_a_column_are_named(io: SnowparkIOManager) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="partition_expr"):
        write(io, pd.DataFrame({"V": [1]}), partition="north", partitions_def=STATIC)
