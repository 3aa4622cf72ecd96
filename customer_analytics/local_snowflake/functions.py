"""Functions that fakesnow lacks or gets wrong: DuckDB macros, and the trees that call them."""

from __future__ import annotations

import re

import snowflake.connector.errors as sfe
from sqlglot import exp
from sqlglot import parse_one as parse

SESSION_MACROS = """
CREATE OR REPLACE TEMP MACRO local_width_bucket(e, a, b, n) AS
    CASE WHEN e < a THEN 0 WHEN e >= b THEN n + 1 ELSE 1 + CAST(floor((e - a) * n / ((b - a) * 1.0)) AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO local_generator(n) AS TABLE SELECT range AS local_seq FROM range(n);
CREATE OR REPLACE TEMP MACRO current_warehouse() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_user() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_role() AS 'SYSADMIN';
CREATE OR REPLACE TEMP MACRO current_account() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_account_name() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_organization_name() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_region() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_session() AS '1';
CREATE OR REPLACE TEMP MACRO "system$cancel_all_queries"(x) AS 'ok';
CREATE OR REPLACE TEMP MACRO "system$ml_platform_capabilities"() AS '{}';
CREATE OR REPLACE TEMP MACRO "system$get_default_python_artifact_repository"(a, b, c) AS NULL::VARCHAR;
"""

_RENAMED = {
    "VECTOR_L2_DISTANCE": "ARRAY_DISTANCE",
    "VECTOR_INNER_PRODUCT": "ARRAY_INNER_PRODUCT",
    "VECTOR_COSINE_SIMILARITY": "ARRAY_COSINE_SIMILARITY",
}


def translate(tree: exp.Expr) -> exp.Expr:
    """Replace Snowflake's functions by DuckDB's, wherever they are in the statement."""
    for select in list(tree.find_all(exp.Select)):
        _values_by_position(select)
        _generators(select)
    return tree.transform(_function, copy=False)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    # transform() does not descend into a node that was replaced
    return exp.Anonymous(this=name, expressions=[a.transform(_function) for a in arguments])


def _values_by_position(select: exp.Select) -> None:
    """SELECT $1 FROM VALUES (...), or from staged files"""
    source = select.args.get("from_")
    if source and isinstance(source.this, exp.Values):
        name = "COLUMN{}"
    elif source and source.this.name.startswith("LOCAL_STAGED_"):
        name = "${}"
    else:
        return
    for parameter in list(select.find_all(exp.Parameter)):
        if isinstance(parameter.this, exp.Literal):
            parameter.replace(exp.column(name.format(parameter.this.this), quoted=True))


def _generators(select: exp.Select) -> None:
    """TABLE(GENERATOR(ROWCOUNT => n)) with SEQ4() and its like."""
    source = select.args.get("from_")
    for relation in [source and source.this, *(j.this for j in select.args.get("joins") or [])]:
        if not (isinstance(relation, exp.TableFromRows) and isinstance(relation.this, exp.Generator)):
            continue
        alias = relation.alias or "LOCAL_GENERATOR"
        rows = relation.this.args["rowcount"].sql()
        numbers = exp.select("local_seq").from_(exp.Table(this=exp.func("local_generator", exp.Literal.number(rows))))
        relation.replace(numbers.subquery(alias))
        for sequence in list(select.find_all(exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8)):
            if sequence.find_ancestor(exp.Select) is select:
                sequence.replace(exp.column("local_seq", table=alias))


def _function(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.WidthBucket):
        return _call(
            "local_width_bucket", node.this, *(node.args[k] for k in ("min_value", "max_value", "num_buckets"))
        )
    if isinstance(node, exp.CurrentUser):
        return exp.Literal.string("LOCAL")
    if isinstance(node, exp.ToChar) and node.args.get("format"):
        return _formatted(node)
    if isinstance(node, exp.TimeToStr) and isinstance(node.args.get("format"), exp.Literal):
        # sqlglot has made the format strftime's; an element that it does not know is still in letters
        if re.search(r"[A-SU-Za-z]", re.sub(r"%-?[A-Za-z]", "", node.args["format"].name)):
            raise _unknown_format(node.args["format"].name)
        return node
    if isinstance(node, exp.CosineDistance):  # sqlglot reads VECTOR_COSINE_SIMILARITY as a distance
        return _call("ARRAY_COSINE_SIMILARITY", node.this, node.expression)
    if isinstance(node, exp.EuclideanDistance):
        return _call("ARRAY_DISTANCE", node.this, node.expression)
    if isinstance(node, exp.Func) and type(node).__name__ == "DotProduct":
        return _call("ARRAY_INNER_PRODUCT", node.this, node.expression)
    if isinstance(node, exp.DataType) and node.this == exp.DType.VECTOR:
        # Not ARRAY: fakesnow makes JSON of that
        return exp.DataType(this=exp.DType.USERDEFINED, kind=f"FLOAT[{node.expressions[1].name}]")
    if isinstance(node, exp.Anonymous) and node.name.upper() in _RENAMED:
        return _call(_RENAMED[node.name.upper()], *node.expressions)
    if isinstance(node, exp.Anonymous) and node.name.upper() == "HASH" and not isinstance(node.parent, exp.Cast):
        # Snowflake's is a signed 64-bit number
        signed = parse("CAST(CAST(LOCAL_X AS HUGEINT) - 9223372036854775808 AS BIGINT)", read="duckdb")
        signed.find(exp.Column).replace(_call("HASH", *node.expressions))  # type: ignore[union-attr]
        return signed
    if isinstance(node, exp.Window) and isinstance(node.this, exp.Anonymous):
        return _ratio_to_report(node)
    if isinstance(node, exp.Join) and (condition := node.args.get("match_condition")):
        node.set("match_condition", None)
        node.set("on", exp.and_(node.args["on"], condition) if node.args.get("on") else condition)
    return node


_FORMAT = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "MMMM": "%B",
    "MON": "%b",
    "DD": "%d",
    "DY": "%a",
    "HH24": "%H",
    "HH12": "%I",
    "AM": "%p",
    "PM": "%p",
    "MI": "%M",
    "SS": "%S",
    "FF3": "%g",
    "FF6": "%f",
}


def _formatted(node: exp.ToChar) -> exp.Expr:
    """TO_CHAR of a date or time. See https://docs.snowflake.com/en/sql-reference/date-time-input-output"""
    text = node.args["format"]
    pieces = re.findall(
        r"YYYY|YY|MMMM|MM|MON|DD|DY|HH24|HH12|AM|PM|MI|SS|FF3|FF6|[A-Za-z]+|[^A-Za-z]+", text.name.upper()
    )
    unknown = [p for p in pieces if p[0].isalpha() and p not in _FORMAT and p != "T"]
    if not text.is_string or unknown:
        raise _unknown_format(text.name)
    pattern = exp.Literal.string("".join(_FORMAT.get(piece) or piece for piece in pieces))
    return _call("strftime", node.this, pattern)


def _unknown_format(text: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"The local Snowflake does not know the format {text!r} of TO_CHAR", errno=2, sqlstate="0A000"
    )


def _ratio_to_report(window: exp.Window) -> exp.Expr:
    if window.this.name.upper() != "RATIO_TO_REPORT":
        return window
    value = window.this.expressions[0]
    total = window.copy()
    total.set("this", exp.Sum(this=value.copy()))
    return exp.Div(this=exp.Cast(this=value, to=exp.DataType.build("DOUBLE")), expression=total)
