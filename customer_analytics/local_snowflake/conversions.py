"""Casts and coercions as Snowflake does them, by the types of what is converted.

Texts become dates, times and booleans in all of Snowflake's automatic formats; values become texts in its output
formats; a VARIANT takes part in an expression as its content.
See https://docs.snowflake.com/en/sql-reference/data-type-conversion
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from customer_analytics.local_snowflake.snowflake_types import (
    BINARY,
    DATE,
    FLOAT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMP_TZ,
    VARIANT,
    Type,
    from_cast,
)

SESSION_MACROS = r"""
CREATE OR REPLACE TEMP MACRO local_text_float(x) AS regexp_replace(CAST(x AS VARCHAR), '\.0$', '');
CREATE OR REPLACE TEMP MACRO local_text_timestamp(x) AS strftime(x, '%Y-%m-%d %H:%M:%S.%g');
CREATE OR REPLACE TEMP MACRO local_text_timestamp_tz(x) AS strftime(x, '%Y-%m-%d %H:%M:%S.%g') || ' +0000';
CREATE OR REPLACE TEMP MACRO local_text_time(x) AS strftime(DATE '2000-01-01' + x, '%H:%M:%S');
CREATE OR REPLACE TEMP MACRO local_on_a_day(x) AS DATE '2000-01-01' + x;
CREATE OR REPLACE TEMP MACRO local_text_binary(x) AS upper(hex(x));
CREATE OR REPLACE TEMP MACRO local_try_boolean(x) AS CASE
    WHEN lower(trim(x)) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
    WHEN lower(trim(x)) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false END;
CREATE OR REPLACE TEMP MACRO local_boolean(x) AS CASE WHEN x IS NULL THEN NULL
    WHEN local_try_boolean(x) IS NULL THEN error('Boolean value ''' || x || ''' is not recognized')
    ELSE local_try_boolean(x) END;
CREATE OR REPLACE TEMP MACRO local_epoch(n) AS make_timestamp(CASE WHEN abs(n) < 31536000000 THEN n * 1000000
    WHEN abs(n) < 31536000000000 THEN n * 1000 WHEN abs(n) < 31536000000000000 THEN n ELSE n // 1000 END);
CREATE OR REPLACE TEMP MACRO local_try_timestamp(x) AS coalesce(TRY_CAST(x AS TIMESTAMP),
    local_epoch(TRY_CAST(CASE WHEN regexp_full_match(trim(x), '-?[0-9]+') THEN x END AS BIGINT)),
    try_strptime(x, ['%d-%b-%Y', '%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%a %b %d %H:%M:%S %z %Y', '%a, %d %b %Y %H:%M:%S %z',
        '%a, %d %b %Y %H:%M:%S', '%Y-%m-%dT%H', '%Y-%m-%d %H'])::TIMESTAMP);
CREATE OR REPLACE TEMP MACRO local_timestamp(x) AS CASE WHEN x IS NULL THEN NULL
    WHEN local_try_timestamp(x) IS NULL THEN error('Timestamp ''' || x || ''' is not recognized')
    ELSE local_try_timestamp(x) END;
CREATE OR REPLACE TEMP MACRO local_try_date(x) AS coalesce(TRY_CAST(x AS DATE), CAST(local_try_timestamp(x) AS DATE));
CREATE OR REPLACE TEMP MACRO local_date(x) AS CASE WHEN x IS NULL THEN NULL
    WHEN local_try_date(x) IS NULL THEN error('Date ''' || x || ''' is not recognized') ELSE local_try_date(x) END;
CREATE OR REPLACE TEMP MACRO local_try_time(x) AS coalesce(TRY_CAST(x AS TIME),
    try_strptime(x, ['%H:%M', '%I:%M %p', '%I:%M:%S %p'])::TIME);
CREATE OR REPLACE TEMP MACRO local_time(x) AS CASE WHEN x IS NULL THEN NULL
    WHEN local_try_time(x) IS NULL THEN error('Time ''' || x || ''' is not recognized') ELSE local_try_time(x) END;
CREATE OR REPLACE TEMP MACRO local_binary(x) AS
    CASE WHEN x IS NULL OR regexp_full_match(x, '([0-9A-Fa-f]{2})*') THEN unhex(x)
    ELSE error('The following string is not a legal hex-encoded value: ''' || x || '''') END;
"""

CONCERNED = (
    *(exp.Cast, exp.TryCast, exp.ToChar, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike),
    *(exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Between, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg),
    *(exp.Concat, exp.DPipe, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Ordered, exp.ToBoolean, exp.ToBinary),
    *(exp.ToDouble, exp.ToNumber, exp.TsOrDsToDate, exp.TsOrDsToTime, exp.Time, exp.Anonymous, exp.UnixToTime),
    *(exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length, exp.Replace, exp.SplitPart, exp.Initcap, exp.Left),
    *(exp.Right, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract),
    *(exp.Split, exp.StrPosition, exp.GroupConcat, exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Coalesce, exp.Case),
    *(exp.MD5, exp.TimeToStr, exp.Extract, exp.DateDiff, exp.DateAdd, exp.TimestampTrunc, exp.DateTrunc, exp.LastDay),
    *(exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.Week),
    *(exp.WeekOfYear, exp.YearOfWeek, exp.YearOfWeekIso, exp.Quarter, exp.Hour, exp.Minute, exp.Second, exp.Dayname),
    *(exp.Monthname, exp.AddMonths),
)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_OF_TEXT = (
    *(exp.Upper, exp.Lower, exp.Trim, exp.Substring, exp.Length, exp.Replace, exp.SplitPart, exp.Initcap, exp.Left),
    *(exp.Right, exp.StartsWith, exp.EndsWith, exp.Contains, exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract),
    *(exp.Split, exp.StrPosition, exp.GroupConcat, exp.Like, exp.ILike, exp.MD5),
)
_OF_MOMENT = (
    *(exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.Week),
    *(exp.WeekOfYear, exp.YearOfWeek, exp.YearOfWeekIso, exp.Quarter, exp.Hour, exp.Minute, exp.Second, exp.Dayname),
    *(exp.Monthname, exp.AddMonths, exp.Extract, exp.DateDiff, exp.DateAdd, exp.TimestampTrunc, exp.DateTrunc),
    exp.LastDay,
)
_MOMENTS = {exp.DateAdd: ("this",), exp.AddMonths: ("this",), exp.Extract: ("expression",)}
_OF_NUMBER = (exp.Sum, exp.Avg, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil)
_TO_TEXT = {
    "FLOAT": "local_text_float",
    "TIMESTAMP": "local_text_timestamp",
    "TIMESTAMP_TZ": "local_text_timestamp_tz",
    "TIME": "local_text_time",
    "BINARY": "local_text_binary",
    "VARIANT": "local_text",
}
_FROM_TEXT = {"BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "TIME": "time"}
_TO_TIMESTAMP_TZ = {"TO_TIMESTAMP_TZ", "TO_TIMESTAMP_LTZ", "TRY_TO_TIMESTAMP_TZ", "TRY_TO_TIMESTAMP_LTZ"}
_TRY_TIMESTAMP = {"TRY_TO_TIMESTAMP", "TRY_TO_TIMESTAMP_NTZ"}

_NUMERIC = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")

TypeOf = Callable[[exp.Expr | None], Type | None]


def convert(node: exp.Expr, of: TypeOf) -> None:
    """Make the node's operands, or the node itself, what Snowflake would. Changes the tree below the node.

    `of` gives the types of the node's own children as they were before anything was changed.
    """
    if isinstance(node, _COMPARISONS):
        _alike(node, [(node, "this"), (node, "expression")], of)
    elif isinstance(node, exp.Between):
        _alike(node, [(node, "this"), (node, "low"), (node, "high")], of)
    elif isinstance(node, exp.In) and node.expressions:
        _members(node, of)
    elif isinstance(node, _ARITHMETIC):
        _operands(node, of)
    elif isinstance(node, exp.Concat | exp.DPipe):
        for child in [node.this, node.args.get("expression"), *node.expressions]:
            if isinstance(child, exp.Expr) and (kind := of(child)) is not None and kind.kind in _TO_TEXT:
                child.replace(_call(_TO_TEXT[kind.kind], child))
    elif isinstance(node, _OF_TEXT):
        kind = of(node.this)
        if kind is not None and kind not in (TEXT, BINARY):
            node.this.replace(_as_text(node.this, kind))
    elif isinstance(node, exp.ToChar | exp.TimeToStr) and of(node.this) == TIME and node.args.get("format"):
        node.this.replace(_call("local_on_a_day", node.this))
    elif isinstance(node, _OF_MOMENT):
        for key in _MOMENTS.get(type(node), ("this", "expression")):
            child = node.args.get(key)
            if child is not None and of(child) == TEXT:
                child.replace(_from_text(child, TIMESTAMP, False))
    elif isinstance(node, _OF_NUMBER) and of(node.this) == VARIANT:
        node.this.replace(exp.cast(_call("local_text", node.this), "DOUBLE"))
    elif isinstance(node, exp.Coalesce):
        parts = [node.this, *node.expressions]
        if VARIANT in map(of, parts):
            for part in parts:
                if of(part) not in (VARIANT, None):
                    part.replace(_call("to_json", part))
    elif isinstance(node, exp.Ordered) and of(node.this) == VARIANT:
        node.this.replace(_call("local_order", node.this))


def replacement(node: exp.Expr, of: TypeOf) -> exp.Expr | None:
    """What stands for a conversion; None when DuckDB's own is right."""
    safe = bool(node.args.get("safe")) or isinstance(node, exp.TryCast)
    if isinstance(node, exp.Min | exp.Max) and of(node.this) == VARIANT:
        return _call("ARG_MAX" if isinstance(node, exp.Max) else "ARG_MIN", node.this, _call("local_order", node.this))
    if isinstance(node, exp.ToChar) and not node.args.get("format"):
        kind = of(node.this)
        return _call(_TO_TEXT[kind.kind], node.this) if kind is not None and kind.kind in _TO_TEXT else None
    if isinstance(node, exp.Neg) and type(node.this) is exp.Cast and node.this.this.is_number:
        # -9223372036854775808 :: INT: `::` binds first, and the number without its sign is beyond 64 bits
        return exp.Cast(this=exp.Neg(this=node.this.this.copy()), to=node.this.to.copy())
    if isinstance(node, exp.Cast):
        return _cast(node, of(node.this), from_cast(node.to), safe)
    if isinstance(node, exp.ToBoolean) and of(node.this) == TEXT:
        return _from_text(node.this, Type("BOOLEAN"), safe)
    if isinstance(node, exp.ToBinary) and not node.args.get("format"):
        return _call("unhex" if safe else "local_binary", node.this)
    if isinstance(node, exp.TsOrDsToDate) and not node.args.get("format") and of(node.this) == TEXT:
        return _from_text(node.this, DATE, safe)
    if isinstance(node, exp.TsOrDsToTime | exp.Time) and not node.args.get("format") and of(node.this) == TEXT:
        return _from_text(node.this, TIME, safe)
    if isinstance(node, exp.UnixToTime) and of(node.this) == TEXT and not node.args.get("scale"):
        return _from_text(node.this, TIMESTAMP, safe)
    if isinstance(node, exp.ToNumber | exp.ToDouble) and of(node.this) == VARIANT:
        changed = node.copy()
        changed.set("this", _call("local_text", node.this))
        return changed
    if isinstance(node, exp.Anonymous) and len(node.expressions) == 1:
        name, argument = node.name.upper(), node.expressions[0]
        if name in _TRY_TIMESTAMP:
            return _from_text(argument, TIMESTAMP, True)
        if name == "TO_DATE" and of(argument) == TEXT:
            return _from_text(argument, DATE, False)
        if name in _TO_TIMESTAMP_TZ:
            given = of(argument)
            inner = _call("local_text", argument) if given == VARIANT else argument.copy()
            if given is not None and given.kind == "NUMBER":
                inner = _call("local_epoch", argument)
            return _with_zone(inner, safe=name.startswith("TRY_"))
        if name in ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ") and of(argument) in (TEXT, VARIANT):
            text = _call("local_text", argument) if of(argument) == VARIANT else argument
            return _from_text(text, TIMESTAMP, False)
    return None


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[a.copy() for a in arguments])


def _cast(node: exp.Cast, source: Type | None, target: Type | None, safe: bool) -> exp.Expr | None:
    if source is None or target is None or node.find_ancestor(exp.ColumnDef):
        return None
    if target == VARIANT:
        plain = source != VARIANT and node.to.this == exp.DType.VARIANT
        return _call("to_json", node.this) if plain else None
    if source == VARIANT:
        text = _call("local_text", node.this)
        if target == TEXT:
            return _cut(text, node.to)
        if target.kind in _FROM_TEXT:
            content = _from_text(text, target, True)
        elif target.kind in ("NUMBER", "FLOAT"):
            content = exp.TryCast(this=_call("local_number_text", node.this), to=node.to.copy())
        else:
            changed = node.copy()
            changed.set("this", text)
            return changed
        if safe:
            return content
        kind = {"NUMBER": "FIXED", "FLOAT": "REAL", "TIMESTAMP": "TIMESTAMP_NTZ"}.get(target.kind, target.kind)
        return _call("local_content", node.this, content, exp.Literal.string(kind))
    if source == FLOAT and target.kind == "NUMBER" and not target.scale:  # DuckDB rounds half to even
        changed = node.copy()
        changed.set("this", _call("round", node.this))
        return changed
    if target == TEXT and source.kind in _TO_TEXT:
        return _cut(_call(_TO_TEXT[source.kind], node.this), node.to)
    if source == TEXT and target.kind in _FROM_TEXT:
        return _from_text(node.this, target, safe)
    if source == TEXT and target == BINARY:
        return _call("unhex" if safe else "local_binary", node.this)
    return None


def _as_text(node: exp.Expr, kind: Type) -> exp.Expr:
    return _call(_TO_TEXT[kind.kind], node) if kind.kind in _TO_TEXT else exp.cast(node.copy(), "TEXT")


def _with_zone(text: exp.Expr, safe: bool) -> exp.Expr:
    """A TIMESTAMP_TZ of a text, a date or a timestamp."""
    kind = exp.DataType.build("TIMESTAMPTZ")
    return exp.TryCast(this=text, to=kind) if safe else exp.Cast(this=text, to=kind)


def _cut(text: exp.Expr, to: exp.DataType) -> exp.Expr:
    """A cast to VARCHAR(n) cuts."""
    return exp.Left(this=text, expression=to.expressions[0].this.copy()) if to.expressions else text


def _from_text(text: exp.Expr, target: Type, safe: bool) -> exp.Expr:
    return _call(f"local_{'try_' if safe else ''}{_FROM_TEXT[target.kind]}", text)


def _alike(node: exp.Expr, places: list[tuple[exp.Expr, str]], of: TypeOf) -> None:
    """The sides of a comparison are brought to one type."""
    kinds = [of(parent.args[key]) for parent, key in places]
    others = {kind.kind for kind in kinds if kind is not None and kind != VARIANT}
    for (parent, key), kind in zip(places, kinds, strict=True):
        child = parent.args[key]
        if kind == VARIANT and len(others) == 1 and None not in kinds:
            child.replace(_content(child, next(iter(others))))
        elif kind == TEXT and not isinstance(child, exp.Literal) and len(others - {"TEXT"}) == 1 and None not in kinds:
            child.replace(_coerced(child, next(iter(others - {"TEXT"}))))


def _members(node: exp.In, of: TypeOf) -> None:
    kinds = {kind.kind for kind in map(of, node.expressions) if kind is not None}
    if of(node.this) == VARIANT and len(kinds) == 1:
        node.this.replace(_content(node.this, kinds.pop()))


def _content(variant: exp.Expr, kind: str) -> exp.Expr:
    """What is in a VARIANT, to be compared with a value of this kind."""
    text = _call("local_text", variant)
    return text if kind == "TEXT" else _coerced(text, kind)


def _coerced(text: exp.Expr, kind: str) -> exp.Expr:
    if kind in _FROM_TEXT:
        return _call(f"local_{_FROM_TEXT[kind]}", text)
    if kind == "NUMBER":
        return exp.cast(text.copy(), "DECIMAL(38, 12)")
    return exp.cast(text.copy(), "DOUBLE") if kind == "FLOAT" else text.copy()


def _operands(node: exp.Expr, of: TypeOf) -> None:
    """Texts and VARIANTs in arithmetic are numbers."""
    kinds = {key: of(node.args[key]) for key in ("this", "expression")}
    if any(kind in (DATE, TIMESTAMP, TIMESTAMP_TZ) for kind in kinds.values()) or node.find(exp.Interval):
        return
    for key, kind in kinds.items():
        child = node.args[key]
        if kind == VARIANT:
            child.replace(exp.cast(_call("local_text", child), "DOUBLE"))
        elif kind == TEXT and isinstance(child, exp.Literal) and _NUMERIC.fullmatch(child.name.strip()):
            child.replace(exp.Literal.number(child.name.strip()))
        elif kind == TEXT and FLOAT in kinds.values():
            child.replace(exp.cast(child.copy(), "DOUBLE"))
        elif kind == TEXT:
            child.replace(exp.cast(child.copy(), "DECIMAL(18, 5)"))
