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
CREATE OR REPLACE TEMP MACRO local_random() AS CAST((random() - 0.5) * 18446744073709549568 AS BIGINT);
CREATE OR REPLACE TEMP MACRO local_today() AS CAST(now() AT TIME ZONE 'UTC' AS DATE);
CREATE OR REPLACE TEMP MACRO local_sqrt(x) AS
    CASE WHEN x < 0 THEN error('Invalid floating point operation: sqrt(' || x || ')') ELSE sqrt(x) END;
CREATE OR REPLACE TEMP MACRO local_ln(x) AS
    CASE WHEN x <= 0 THEN error('Invalid floating point operation: ln(' || x || ')') ELSE ln(x) END;
CREATE OR REPLACE TEMP MACRO hash_agg(x) AS CAST(bit_xor(hash(x))::HUGEINT - 9223372036854775808 AS BIGINT);
CREATE OR REPLACE TEMP MACRO local_at_zone(zone, x) AS x AT TIME ZONE zone;
CREATE OR REPLACE TEMP MACRO vector_l1_distance(a, b) AS
    list_sum(list_transform(list_zip(a::FLOAT[], b::FLOAT[]), lambda p: abs(p[1] - p[2])))::DOUBLE;
CREATE OR REPLACE TEMP MACRO current_client() AS 'customer-analytics local';
CREATE OR REPLACE TEMP MACRO current_available_roles() AS '["SYSADMIN"]';
CREATE OR REPLACE TEMP MACRO current_secondary_roles() AS '{"roles":"","value":""}';
CREATE OR REPLACE TEMP MACRO current_ip_address() AS '127.0.0.1';
CREATE OR REPLACE TEMP MACRO current_role_type() AS 'ROLE';
CREATE OR REPLACE TEMP MACRO current_warehouse() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_user() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_role() AS 'SYSADMIN';
CREATE OR REPLACE TEMP MACRO current_account() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_account_name() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_organization_name() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_region() AS 'LOCAL';
CREATE OR REPLACE TEMP MACRO current_session() AS '1';
CREATE OR REPLACE TEMP MACRO "system$cancel_all_queries"(x) AS 'ok';
CREATE OR REPLACE TEMP MACRO "system$client_version_info"() AS '[]';
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
    for ordered in list(tree.find_all(exp.Ordered)):
        if isinstance(ordered.this, exp.Column) and ordered.this.sql().upper() == "ALL":
            ordered.this.replace(exp.var("ALL"))
    for with_ in list(tree.find_all(exp.With)):  # RECURSIVE may be left out
        if any(t.name.upper() == c.alias.upper() for c in with_.expressions for t in c.this.find_all(exp.Table)):
            with_.set("recursive", True)
    for select in list(tree.find_all(exp.Select)):
        _generators(select)
    return tree.transform(_function, copy=False)


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    # transform() does not descend into a node that was replaced
    return exp.Anonymous(this=name, expressions=[a.transform(_function) for a in arguments])


def columns_by_position(tree: exp.Expr) -> None:
    """SELECT $1 FROM VALUES (...), or from staged files: the column's name."""
    for values in tree.find_all(exp.Values):  # FROM VALUES (1) AS t: its columns are t.COLUMN1, ...
        alias = values.args.get("alias")
        if alias and not alias.args.get("columns") and values.expressions:
            width = len(values.expressions[0].expressions)
            alias.set("columns", [exp.to_identifier(f"COLUMN{i}", quoted=True) for i in range(1, width + 1)])
    for select in list(tree.find_all(exp.Select)):
        _values_by_position(select)


def _values_by_position(select: exp.Select) -> None:
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
        if isinstance(relation, exp.Subquery | exp.Paren) and isinstance(relation.this, exp.TableFromRows):
            relation.replace(relation.this)  # Snowpark puts it into brackets
            relation = relation.this
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
    if isinstance(node, exp.CurrentDate):
        return _call("local_today")
    if isinstance(node, exp.Sqrt | exp.Ln):
        return _call("local_sqrt" if isinstance(node, exp.Sqrt) else "local_ln", node.this)
    if isinstance(node, exp.Rand):
        return _call("local_random")
    if isinstance(node, exp.RegexpReplace):
        return _replaced_everywhere(node)
    if isinstance(node, exp.ParseJSON):  # an empty text is NULL
        node.this.replace(exp.Nullif(this=_call("trim", node.this), expression=exp.Literal.string("")))
        return node
    if isinstance(node, exp.ApproxQuantile) and not isinstance(node.parent, exp.Window):
        return exp.cast(_call("approx_quantile", node.this, node.args["quantile"]), "DOUBLE")
    if isinstance(node, exp.Trim) and (node.expression or node.args.get("position")):
        name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(str(node.args.get("position") or "").upper(), "TRIM")
        return _call(name, exp.cast(node.this.copy(), "TEXT"), *([node.expression] if node.expression else []))
    if isinstance(node, exp.Extract):
        return _extracted(node)
    if isinstance(node, exp.Interval) and node.args.get("unit") is None and isinstance(node.this, exp.Literal):
        return _interval(node)
    if isinstance(node, exp.Hll):
        return _call("approx_count_distinct", node.this)
    if isinstance(node, exp.ByteLength):
        return _call("strlen", node.this)
    if isinstance(node, exp.ManhattanDistance):
        return _call("vector_l1_distance", node.this, node.expression)
    if isinstance(node, exp.ConvertTimezone) and not node.args.get("source_tz"):
        return _at_zone(node)
    if isinstance(node, exp.ApproxTopK):
        raise _unsupported("APPROX_TOP_K")
    if isinstance(node, exp.CurrentUser):
        return exp.Literal.string("LOCAL")
    if isinstance(node, exp.ToChar) and node.args.get("format"):
        return _formatted(node)
    if isinstance(node, exp.TimeToStr) and isinstance(node.args.get("format"), exp.Literal):
        # sqlglot has made the format strftime's; an element that it does not know is still in letters
        # sqlglot takes a small `dd` for a day without its zero, and a small `dy` for a number
        text = node.args["format"].name.replace("%-d", "%d").replace("%w", "%a")
        text = text.replace("%f_three", "%g").replace("%f_six", "%f").replace("%f_nine", "%n")
        node.set("format", exp.Literal.string(text))
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
        return _own_window(node)
    if isinstance(node, exp.Join) and (condition := node.args.get("match_condition")):
        node.set("match_condition", None)
        node.set("on", exp.and_(node.args["on"], condition) if node.args.get("on") else condition)
    return node


_UNITS = ("YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND")


def _interval(node: exp.Interval) -> exp.Interval:
    """INTERVAL '1 day, 2 hours', or '3' for seconds. See
    https://docs.snowflake.com/en/sql-reference/data-types-datetime#interval-constants"""
    pieces = []
    for piece in node.this.name.split(","):
        number, _, unit = piece.strip().partition(" ")
        unit = (unit.strip().upper() or "SECOND").removesuffix("S")
        if not re.fullmatch(r"[+-]?\d+", number) or unit not in _UNITS:
            raise _unsupported(f"INTERVAL '{node.this.name}'")
        pieces.append(f"{number} {unit}")
    return exp.Interval(this=exp.Literal.string(" ".join(pieces)))


def _replaced_everywhere(node: exp.RegexpReplace) -> exp.Expr:
    """REGEXP_REPLACE of all occurrences. See https://docs.snowflake.com/en/sql-reference/functions/regexp_replace"""
    position, occurrence, flags = (node.args.get(key) for key in ("position", "occurrence", "modifiers"))
    if (position is not None and position.name != "1") or (occurrence is not None and occurrence.name != "0"):
        raise _unsupported("REGEXP_REPLACE with a position or an occurrence")
    pattern = node.expression.copy()
    if isinstance(pattern, exp.Literal):
        pattern = exp.Literal.string(pattern.name.replace("\\\\", "\\"))
    new = node.args.get("replacement") or exp.Literal.string("")
    how = "g" + (flags.name.replace("c", "").replace("e", "") if flags is not None else "")
    return _call("regexp_replace", node.this, pattern, new, exp.Literal.string(how))


def _extracted(node: exp.Extract) -> exp.Expr:
    """DuckDB's epoch has fractions, and it calls the days of ISO's week otherwise."""
    part = node.this.name.upper()
    if part in ("DAYOFWEEKISO", "DAYOFWEEK_ISO", "DOW_ISO", "WEEKDAY_ISO"):
        return _call("isodow", node.expression)
    if part in ("EPOCH", "EPOCH_SECOND", "EPOCH_SECONDS"):
        return exp.cast(_call("floor", _call("epoch", node.expression)), "BIGINT")
    return node


def _at_zone(node: exp.ConvertTimezone) -> exp.Expr:
    """CONVERT_TIMEZONE(zone, x): the instant for UTC, otherwise the clock of that zone (deviation 1)."""
    moment = exp.cast(node.args["timestamp"].copy(), "TIMESTAMPTZ")
    if node.args["target_tz"].name.upper() in ("UTC", "ETC/UTC", "GMT"):
        return exp.Paren(this=moment)
    return _call("local_at_zone", node.args["target_tz"], moment)


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
    if (written := {"UTF-8": "decode", "UTF8": "decode", "BASE64": "to_base64"}.get(text.name.upper())) is not None:
        return _call(written, node.this)
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


def _unsupported(what: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(msg=f"Unsupported feature of the local Snowflake: {what}", errno=2, sqlstate="0A000")


def _own_window(window: exp.Window) -> exp.Expr:
    """Window functions that DuckDB lacks."""
    if window.this.name.upper() == "CONDITIONAL_TRUE_EVENT":
        counted = window.copy()
        counted.set("this", exp.CountIf(this=window.this.expressions[0].copy()))
        counted.set("spec", exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"))
        return counted
    if window.this.name.upper() != "RATIO_TO_REPORT":
        return window
    value = window.this.expressions[0]
    total = window.copy()
    total.set("this", exp.Sum(this=value.copy()))
    return exp.Div(this=exp.Cast(this=value, to=exp.DataType.build("DOUBLE")), expression=total)
