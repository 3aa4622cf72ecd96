"""Partitions: which rows of a table belong to the partitions at hand, as an SQL predicate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from .names import literal

EXPRESSION_KEY = "partition_expr"


def partition_predicate(context: dg.InputContext | dg.OutputContext, metadata: Mapping[str, Any]) -> str | None:
    """The rows of the context's partitions; None for the whole table.

    `partition_expr` in the asset's metadata is the SQL expression that holds the partition: one
    string, or for multi-partitions one for each dimension, by its name. A time window is
    `start <= expression < end`, by the wall clock of the partitions' own time zone.
    """
    if not context.has_asset_partitions:
        return None
    definition, keys = context.asset_partitions_def, list(context.asset_partition_keys)
    expression = metadata.get(EXPRESSION_KEY)
    if not expression:
        raise dg.DagsterInvalidDefinitionError(
            f"Asset {context.asset_key.to_user_string()} is partitioned, but its metadata has no `partition_expr`: "
            'add the column that holds the partition, such as metadata={"partition_expr": "ORDER_DATE"}.'
        )
    if not keys:
        return "FALSE"
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return _dimension(str(expression), definition, keys)
    dimensions = definition.partitions_defs
    if not isinstance(expression, Mapping) or (missing := {d.name for d in dimensions} - set(expression)):
        names = sorted(d.name for d in dimensions) if not isinstance(expression, Mapping) else sorted(missing)
        raise dg.DagsterInvalidDefinitionError(
            f"Asset {context.asset_key.to_user_string()} is partitioned by several dimensions, but its "
            f"`partition_expr` does not name a column for {names}: give a mapping from dimension to column."
        )
    first, second = dimensions
    cells = [k.keys_by_dimension for k in keys if isinstance(k, dg.MultiPartitionKey)]
    # Cells are gathered into rectangles, so that a whole grid is one short condition.
    columns: dict[str, list[str]] = {}
    for cell in cells:
        columns.setdefault(cell[first.name], []).append(cell[second.name])
    rectangles: dict[tuple[str, ...], list[str]] = {}
    for key, others in columns.items():
        rectangles.setdefault(tuple(sorted(others)), []).append(key)
    return _any_of(
        f"{_dimension(str(expression[first.name]), first.partitions_def, those)}"
        f" AND {_dimension(str(expression[second.name]), second.partitions_def, these)}"
        for these, those in rectangles.items()
    )


def _any_of(conditions: Iterable[str]) -> str:
    """OR over conditions, each in brackets."""
    return "(" + " OR ".join(f"({c})" for c in conditions) + ")"


def _dimension(expression: str, definition: dg.PartitionsDefinition, keys: Sequence[str]) -> str:
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return f"{expression} IN ({', '.join(literal(str(k)) for k in dict.fromkeys(keys))})"
    windows: list[list[Any]] = []
    for window in sorted(definition.time_window_for_partition_key(k) for k in keys):
        if windows and window.start <= windows[-1][1]:
            windows[-1][1] = max(windows[-1][1], window.end)
        else:
            windows.append([window.start, window.end])
    return _any_of(f"{expression} >= {_time(start)} AND {expression} < {_time(end)}" for start, end in windows)


def _time(moment: Any) -> str:
    return f"'{moment:%Y-%m-%d %H:%M:%S}'::TIMESTAMP_NTZ"
