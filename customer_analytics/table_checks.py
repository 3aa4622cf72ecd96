"""The checks of a table, derived from `tables.py`: what they count is computed in the warehouse, in one query.

Blocking: keys unique, required columns not null, accepted values, minimum, order of two columns.
Warning: foreign keys without their parent. They are a step of their own, because they wait for
the parent's table, and what follows this one must not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.tables import TEXT, Table

if TYPE_CHECKING:
    from snowflake.snowpark import Session


@dataclass(frozen=True)
class Measure:
    """One check: a figure that must not exceed a threshold. `name` states the truth that is checked."""

    name: str
    description: str
    sql: str
    """A scalar expression over the table, or with `scalar` a subquery of its own in parentheses."""
    scalar: bool = False
    blocking: bool = True
    """Whether it stops what follows; otherwise it warns."""
    threshold: float | Callable[[Settings], float] = 0
    parents: tuple[str, ...] = ()
    """Other tables that it reads, and so waits for."""
    parameters: tuple[Any, ...] = ()
    """Values bound to the question marks of `sql`, in order."""
    remedy: str = ""
    """What to do when it fails, where its name does not say so."""

    def limit(self, settings: Settings) -> float:
        return self.threshold(settings) if callable(self.threshold) else self.threshold


def identifier(name: str) -> str:
    """A name of `tables.py` as Snowflake stores it, quoted: some are also types, such as DATE."""
    return f'"{name.upper()}"'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(identifier, names))


def table_measures(table: Table) -> Iterator[Measure]:
    """The checks that the declaration of `table` asks for."""
    name = identifier(table.name)
    if table.key:
        key = _listed(table.key)
        subject = f"{table.key[0]}s" if len(table.key) == 1 else "rows"
        yield Measure(
            f"{subject}_are_unique",
            f"No two rows have the same {', '.join(table.key)}; counts the rows too many.",
            f"(SELECT COALESCE(SUM(N - 1), 0) FROM (SELECT COUNT(*) AS N FROM {name} GROUP BY {key}) WHERE N > 1)",
            scalar=True,
        )
    for c in table.columns:
        column = identifier(c.name)
        if not c.nullable:
            empty = f" OR {column} = ''" if c.type == TEXT else ""
            yield Measure(
                f"{c.name}_is_never_null",
                f"Every row has its {c.name}; counts the rows without.",
                f"COUNT(CASE WHEN {column} IS NULL{empty} THEN 1 END)",
            )
        if c.accepted:
            marks = ", ".join("?" for _ in c.accepted)
            yield Measure(
                f"{c.name}_is_known",
                f"{c.name} is one of {', '.join(c.accepted)}; counts the other rows.",
                f"COUNT(CASE WHEN {column} NOT IN ({marks}) THEN 1 END)",
                parameters=c.accepted,
            )
        if c.minimum is not None:
            yield Measure(
                f"{c.name}_is_at_least_{c.minimum:g}",
                f"{c.name} is never below {c.minimum:g}; counts the rows below.",
                f"COUNT(CASE WHEN {column} < {c.minimum:g} THEN 1 END)",
            )
        if c.not_before:
            yield Measure(
                f"{c.name}_is_never_before_{c.not_before}",
                f"{c.name} does not lie before {c.not_before}; counts the rows where it does.",
                f"COUNT(CASE WHEN {column} < {identifier(c.not_before)} THEN 1 END)",
            )
        if c.parent:
            parent, parent_column = c.parent.split(".")
            yield Measure(
                f"{c.name}_stands_in_{parent.lower()}",
                f"Every {c.name} stands in {c.parent}; counts the rows without their parent, which are kept.",
                f"(SELECT COUNT(*) FROM {name} WHERE {column} IS NOT NULL AND NOT EXISTS (SELECT 1 "
                f"FROM {identifier(parent)} P WHERE P.{identifier(parent_column)} = {name}.{column}))",
                scalar=True,
                blocking=False,
                parents=(parent,),
            )


def table_checks(table: Table, *extra: Measure) -> list[dg.AssetChecksDefinition]:
    """The checks of `table`, and any `extra` ones, which take the place of its own by the same name.

    One step and one query for those that need this table alone, another for those that wait for other tables as well.
    """
    measures = list({m.name: m for m in [*table_measures(table), *extra]}.values())
    groups = {
        f"check_{table.name.lower()}": [m for m in measures if not m.parents],
        f"check_{table.name.lower()}_against_others": [m for m in measures if m.parents],
    }
    return [_checks(name, table, group) for name, group in groups.items() if group]


def _checks(name: str, table: Table, measures: Sequence[Measure]) -> dg.AssetChecksDefinition:
    key = dg.AssetKey(table.name)
    specs = [
        dg.AssetCheckSpec(
            m.name,
            asset=key,
            description=m.description,
            blocking=m.blocking,
            additional_deps=[dg.AssetKey(p) for p in m.parents],
        )
        for m in measures
    ]

    @dg.multi_asset_check(name=name, specs=specs, description=f"{table.name} keeps its contract.")
    def check(warehouse: dg.ResourceParam[Warehouse], settings: dg.ResourceParam[Settings]):
        from snowflake.snowpark.exceptions import SnowparkSQLException

        session = warehouse.session()
        parents = {parent for m in measures for parent in m.parents}
        try:
            absent, values = set(), measured(session, table, measures)
        except SnowparkSQLException as error:
            if not parents or "does not exist" not in str(error):
                raise
            absent = _absent(session, parents)
            values = measured(session, table, [m for m in measures if not absent & set(m.parents)])
        for measure in measures:
            if missing := absent & set(measure.parents):
                yield dg.AssetCheckResult(
                    check_name=measure.name,
                    asset_key=key,
                    passed=False,
                    severity=dg.AssetCheckSeverity.WARN,
                    description=f"{', '.join(sorted(missing))} is not built yet: build it, and this can be told.",
                )
        judged = [m for m in measures if not absent & set(m.parents)]
        for measure, value in zip(judged, values, strict=True):
            limit = measure.limit(settings)
            yield dg.AssetCheckResult(
                check_name=measure.name,
                asset_key=key,
                passed=value <= limit,
                severity=dg.AssetCheckSeverity.ERROR if measure.blocking else dg.AssetCheckSeverity.WARN,
                description=f"{value:.3g} found, {limit:g} allowed: {measure.remedy}"
                if measure.remedy and value > limit
                else None,
                metadata={"observed": value, "threshold": limit},
            )

    return check


def _absent(session: Session, tables: set[str]) -> set[str]:
    """Those that are not there: a run of one branch in a fresh warehouse builds no other."""
    from snowflake.snowpark.exceptions import SnowparkSQLException

    absent = set()
    for table in tables:
        try:
            session.sql(f"SELECT 1 FROM {identifier(table)} LIMIT 0").collect()
        except SnowparkSQLException as error:
            if "does not exist" not in str(error):
                raise
            absent.add(table)
    return absent


def measured(session: Session, table: Table, measures: Sequence[Measure]) -> list[float]:
    """The figures of the measures, by one query."""
    if not measures:
        return []
    aggregates = [(i, m) for i, m in enumerate(measures) if not m.scalar]
    inner = ", ".join(f"{m.sql} AS M{i}" for i, m in aggregates)
    outer = ", ".join(f"{m.sql} AS M{i}" if m.scalar else f"A.M{i}" for i, m in enumerate(measures))
    # Bound values stand in the order of the text: the outer list comes first.
    ordered = [m for m in measures if m.scalar] + [m for _, m in aggregates]
    parameters = [value for m in ordered for value in m.parameters]
    source = f" FROM (SELECT {inner} FROM {identifier(table.name)}) A" if aggregates else ""
    row = session.sql(f"SELECT {outer}{source}", params=parameters or None).collect()[0]
    return [int(v) if v == int(v) else float(v) for v in (float(v or 0) for v in row)]
