"""Values as Snowflake computes them, where DuckDB silently computes others.

Division and averages of NUMBERs are exact decimals, a division by zero is an error, a DATE stays a DATE,
SUM of integers is a NUMBER(38,0), a cast to VARCHAR(n) cuts. See `docs/local-snowflake.md`.
"""

from __future__ import annotations

import snowflake.connector.errors as sfe
from sqlglot import exp
from sqlglot import parse_one as parse

from customer_analytics.local_snowflake import conversions
from customer_analytics.local_snowflake.column_types import Describe, Types
from customer_analytics.local_snowflake.snowflake_types import (
    DATE,
    INTEGER,
    TEXT,
    TIMESTAMP,
    Type,
    division,
    product,
)

SESSION_MACROS = """
CREATE OR REPLACE TEMP MACRO local_divisor(x) AS CASE WHEN x = 0 THEN error('Division by zero') ELSE x END;
CREATE OR REPLACE TEMP MACRO local_quotient(n, d) AS
    (n + CASE WHEN n < 0 THEN -(abs(d) // 2) ELSE abs(d) // 2 END) // local_divisor(d);
"""
_CONCERNED = (
    *(exp.Div, exp.Mod, exp.Mul, exp.Sum, exp.Avg, exp.TimestampTrunc, exp.DateTrunc, exp.DateAdd, exp.AddMonths),
    *(exp.Median, exp.WithinGroup, exp.Cast, exp.Add, exp.Sub, exp.TimeSlice, *conversions.CONCERNED),
)
_AGGREGATES = (exp.Sum, exp.Avg, exp.Median, exp.WithinGroup)


def correct(statement: exp.Expr, describe: Describe) -> exp.Expr:
    """Replace what DuckDB would compute otherwise. Changes the tree."""
    found = [node for node in statement.find_all(*_CONCERNED) if not _inside_definition(node)]
    if not found:
        return statement
    types = Types(statement, describe)
    alive: list[exp.Expr] = list(statement.walk())  # so that no id is used twice
    known = {id(e): types.of(e) for node in found for e in (node, *node.iter_expressions())}  # before any is replaced
    inputs = {id(node): (known.get(id(node.this)), known.get(id(node.args.get("expression")))) for node in found}

    def of(node: exp.Expr | None) -> Type | None:
        return known.get(id(node))

    for node in reversed(found):  # from the leaves up, so that what is replaced is whole
        own = known[id(node)]
        replacement = conversions.replacement(node, of)
        if replacement is None:
            conversions.convert(node, of)
            replacement = _corrected(node, own, *inputs[id(node)])
        if replacement is not None:
            alive.append(replacement)
            known[id(replacement)] = own
            if node is statement:
                return replacement
            _put(node, replacement)
    return statement


def name_projections(statement: exp.Expr) -> None:
    """An unnamed projection is named by its text, before it is rewritten into something longer."""
    for select in statement.find_all(exp.Select):
        for item in select.expressions:
            named = isinstance(item, exp.Alias | exp.Column | exp.Star | exp.Aliases | exp.Subquery | exp.Parameter)
            if not named and item.find(exp.Div, exp.Mod, exp.Func, exp.Cast, exp.Binary) and not item.is_star:
                text = item.sql(dialect="snowflake").upper()
                item.replace(exp.alias_(item.copy(), text, quoted=True))


def _inside_definition(node: exp.Expr) -> bool:
    return node.find_ancestor(exp.ColumnDef) is not None


def _corrected(node: exp.Expr, own: Type | None, one: Type | None, other: Type | None) -> exp.Expr | None:
    if isinstance(node, exp.Div):
        return _divided(node, one, other)
    if isinstance(node, exp.Mod):
        divisor = exp.Anonymous(this="local_divisor", expressions=[node.expression.copy()])
        return exp.Mod(this=node.this.copy(), expression=divisor)
    if isinstance(node, exp.Mul) and one and other and one.kind == other.kind == "NUMBER":
        scale = product(one, other).scale
        return _decimal(node.copy(), scale) if scale < one.scale + other.scale else None
    if isinstance(node, exp.Sub) and one == other == TIMESTAMP:
        raise sfe.ProgrammingError(
            msg="SQL compilation error:\nInvalid argument types for function '-': (TIMESTAMP_NTZ(9), TIMESTAMP_NTZ(9))",
            errno=1044,
            sqlstate="42P13",
        )
    if (
        isinstance(node, exp.Ceil | exp.Floor)
        and one
        and one.kind == "NUMBER"
        and (digits := node.args.get("decimals"))
    ):
        return _rounded_up_or_down(node, one, digits)
    if isinstance(node, exp.Sum) and own == INTEGER:
        return _decimal(_windowed(node, node.copy()), 0)
    if isinstance(node, exp.Sum | exp.Avg) and one == TEXT:
        number = node.copy()
        number.set("this", exp.cast(node.this.copy(), "DOUBLE"))
        return _windowed(node, number)
    if isinstance(node, exp.Avg) and one and one.kind == "NUMBER":
        return _average(node, one)
    middle = isinstance(node, exp.Median) or (
        isinstance(node, exp.WithinGroup) and isinstance(node.this, exp.PercentileCont)
    )
    if middle and own and own.kind == "NUMBER":
        return _decimal(_windowed(node, node.copy()), own.scale)
    if isinstance(node, exp.DateAdd) and isinstance(node.expression, exp.Literal) and "." in node.expression.name:
        node.set("expression", exp.Round(this=node.expression.copy()))  # Snowflake adds whole units
    if isinstance(node, exp.TimeSlice) and one == DATE:
        return exp.cast(node.copy(), "DATE")
    if isinstance(node, exp.TimestampTrunc | exp.DateTrunc | exp.DateAdd | exp.AddMonths) and own == DATE:
        return exp.cast(node.copy(), "DATE")
    if isinstance(node, exp.Add | exp.Sub) and own == DATE and isinstance(node.expression, exp.Interval):
        return exp.cast(node.copy(), "DATE")
    if isinstance(node, exp.Cast) and node.to.this in exp.DataType.TEXT_TYPES and node.to.expressions:
        return exp.Left(this=node.copy(), expression=node.to.expressions[0].this.copy())
    return None


def _rounded_up_or_down(node: exp.Ceil | exp.Floor, argument: Type, digits: exp.Expr) -> exp.Expr | None:
    """CEIL and FLOOR to a number of decimals, exactly."""
    if not (isinstance(digits, exp.Literal) and 0 < int(digits.name) < argument.scale):
        return None
    shifted = exp.Mul(this=exp.paren(node.this.copy()), expression=exp.Literal.number(10 ** int(digits.name)))
    unit = exp.Literal.number(f"{10 ** -int(digits.name):.{int(digits.name)}f}")
    return exp.paren(exp.Mul(this=type(node)(this=shifted), expression=unit))


def _put(node: exp.Expr, replacement: exp.Expr) -> None:
    """Replace the node, or the window around it when the replacement holds that already."""
    window = node.parent
    if isinstance(node, _AGGREGATES) and isinstance(window, exp.Filter):
        node, window = window, window.parent
    if isinstance(node, (*_AGGREGATES, exp.Filter)) and isinstance(window, exp.Window) and window.this is node:
        node = window
    node.replace(replacement)


def _windowed(node: exp.Expr, inner: exp.Expr) -> exp.Expr:
    """`inner` under the FILTER and OVER that `node` stands under."""
    parent = node.parent
    if isinstance(parent, exp.Filter) and parent.this is node:
        inner = exp.Filter(this=inner, expression=parent.expression.copy())
        node, parent = parent, parent.parent
    if isinstance(parent, exp.Window) and parent.this is node:
        window = parent.copy()
        window.set("this", inner)
        return window
    return inner


def _decimal(node: exp.Expr, scale: int) -> exp.Expr:
    return exp.Cast(this=node, to=_raw_decimal(38, scale))


def _raw_decimal(precision: int, scale: int) -> exp.DataType:
    # User-defined, because fakesnow makes BIGINT of NUMBER(38,0)
    return exp.DataType(this=exp.DType.USERDEFINED, kind=f"DECIMAL({precision},{scale})")


def _divided(node: exp.Div, one: Type | None, other: Type | None) -> exp.Expr:
    if one and other and one.kind == other.kind == "NUMBER":
        return _exact_quotient(node.this.copy(), one, node.expression.copy(), other)
    divisor = exp.Anonymous(this="local_divisor", expressions=[node.expression.copy()])
    return exp.Div(this=node.this.copy(), expression=divisor, typed=node.args.get("typed"), safe=node.args.get("safe"))


def _average(node: exp.Avg, argument: Type) -> exp.Expr:
    total = _windowed(node, exp.Sum(this=node.this.copy()))
    count = _windowed(node, exp.Count(this=node.this.copy()))
    total_type = Type("NUMBER", 38, argument.scale)
    return _exact_quotient(total, total_type, exp.Nullif(this=count, expression=exp.Literal.number(0)), INTEGER)


def _exact_quotient(one: exp.Expr, one_type: Type, other: exp.Expr, other_type: Type) -> exp.Expr:
    """Both as whole numbers of 128 bits, divided, rounded half away from zero, and scaled back."""
    scale = division(one_type, other_type).scale
    template = parse(
        f"CAST(CAST(local_quotient(CAST(LOCAL_N * {10**one_type.scale} AS HUGEINT)"
        f" * CAST({10 ** (scale - one_type.scale + other_type.scale)} AS HUGEINT),"
        f" CAST(LOCAL_D * {10**other_type.scale} AS HUGEINT)) AS LOCAL_WIDE) * LOCAL_UNIT AS LOCAL_RESULT)",
        read="duckdb",
    )
    unit = exp.Cast(this=exp.Literal.string(f"{10**-scale:.{scale}f}"), to=_raw_decimal(scale, scale))
    replacements = {"LOCAL_N": exp.paren(one), "LOCAL_D": exp.paren(other), "LOCAL_UNIT": unit}
    for column in list(template.find_all(exp.Column)):
        if column.name in replacements:
            column.replace(replacements[column.name].copy())
    for data_type in list(template.find_all(exp.DataType)):
        if data_type.args.get("kind") and "LOCAL_WIDE" in str(data_type.args["kind"]):
            data_type.replace(_raw_decimal(38, 0))
        elif data_type.args.get("kind") and "LOCAL_RESULT" in str(data_type.args["kind"]):
            data_type.replace(_raw_decimal(38, scale))
    return template
