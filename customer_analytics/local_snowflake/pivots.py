"""PIVOT over values that only the data knows, and with a default for NULLs: both become what DuckDB has.

See https://docs.snowflake.com/en/sql-reference/constructs/pivot
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe
from sqlglot import exp

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection


def translate(session: Connection, tree: exp.Expr) -> None:
    """IN (ANY) and IN (SELECT ...) become lists of the values that there are; DEFAULT ON NULL a COALESCE."""
    for pivot in list(tree.find_all(exp.Pivot)):
        if pivot.args.get("unpivot") or not pivot.args.get("fields"):
            continue
        field = pivot.args["fields"][0]
        if len(field.expressions) == 1 and isinstance(field.expressions[0], exp.PivotAny | exp.Query):
            _list_values(session, tree, pivot, field)
        if isinstance(default := pivot.args.get("default_on_null"), exp.Expr):
            _coalesce(pivot, default)


def _list_values(session: Connection, tree: exp.Expr, pivot: exp.Pivot, field: exp.In) -> None:
    chosen = field.expressions[0]
    if isinstance(chosen, exp.Query):
        query = chosen.copy()
    else:
        source = pivot.parent.copy()  # type: ignore[union-attr]
        source.set("pivots", None)
        order = chosen.this.expressions if isinstance(chosen.this, exp.Order) else [exp.Ordered(this=field.this)]
        query = exp.select(field.this.copy()).distinct().from_(source).order_by(*(o.copy() for o in order))
    if isinstance(tree, exp.Query) and (named := tree.args.get("with_")):
        query.set("with_", named.copy())
    reader = session.cursor()
    reader.query_id = session.last_query_id or ""
    reader.execute(query.sql(dialect="snowflake"))
    table, _ = reader.reply()
    assert table is not None
    literals = [_literal(value) for value in table.column(0).to_pylist()]
    if not literals:
        raise sfe.ProgrammingError(
            msg="SQL compilation error:\nPIVOT ... IN found no value to make a column of", errno=2, sqlstate="0A000"
        )
    field.set("expressions", literals)
    names = [exp.to_identifier(literal.sql(dialect="snowflake"), quoted=True) for literal in literals]
    pivot.set("columns", names)


def _literal(value: Any) -> exp.Expr:
    if value is None:
        raise sfe.ProgrammingError(
            msg="Unsupported feature of the local Snowflake: PIVOT ... IN over a value that is NULL",
            errno=2,
            sqlstate="0A000",
        )
    return exp.convert(value if isinstance(value, bool | int | float) else str(value))


def _coalesce(pivot: exp.Pivot, default: exp.Expr) -> None:
    alias, relation = pivot.args.get("alias"), pivot.parent
    columns = [name for name in pivot.args.get("columns") or [] if isinstance(name, exp.Identifier)]
    if relation is None or (isinstance(alias, exp.TableAlias) and alias.columns) or len(pivot.expressions) > 1:
        raise sfe.ProgrammingError(
            msg="Unsupported feature of the local Snowflake: DEFAULT ON NULL with named columns or several aggregates",
            errno=2,
            sqlstate="0A000",
        )
    pivot.set("default_on_null", None)
    pivot.set("alias", None)
    filled = [
        exp.alias_(exp.Coalesce(this=exp.column(name.copy()), expressions=[default.copy()]), name.copy())
        for name in columns
    ]
    query = exp.Select(expressions=[exp.Star(replace=filled)]).from_(relation.copy())
    relation.replace(query.subquery(alias.name if alias is not None else None, copy=False))
