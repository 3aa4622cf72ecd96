"""Snowflake's data types: of DuckDB's columns, of casts, and of what arithmetic gives."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

MAX_PRECISION = 38


@dataclass(frozen=True)
class Type:
    """A Snowflake type; precision and scale of NUMBER."""

    kind: str
    precision: int = MAX_PRECISION
    scale: int = 0


FLOAT, TEXT, BOOLEAN, DATE, TIMESTAMP = (Type(k) for k in ("FLOAT", "TEXT", "BOOLEAN", "DATE", "TIMESTAMP"))
TIMESTAMP_TZ, TIME, BINARY, VARIANT = (Type(k) for k in ("TIMESTAMP_TZ", "TIME", "BINARY", "VARIANT"))
INTEGER = Type("NUMBER")

_DUCK_INTEGERS = {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT"}
_DUCK = {
    "DOUBLE": FLOAT,
    "FLOAT": FLOAT,
    "VARCHAR": TEXT,
    "BOOLEAN": BOOLEAN,
    "DATE": DATE,
    "TIMESTAMP WITH TIME ZONE": TIMESTAMP_TZ,
    "TIMESTAMPTZ_NS": TIMESTAMP_TZ,
    "TIME": TIME,
    "BLOB": BINARY,
    "JSON": VARIANT,
}


def from_duck(name: str) -> Type | None:
    """The type of a DuckDB column."""
    if name in _DUCK_INTEGERS:
        return INTEGER
    if name.startswith("DECIMAL("):
        precision, scale = name[8:-1].split(",")
        return Type("NUMBER", int(precision), int(scale))
    return _DUCK.get(name) or (TIMESTAMP if name.startswith("TIMESTAMP") else None)


def snowflake_name(duck_type: str) -> str:
    """Snowflake's name of a DuckDB type, as INFER_SCHEMA gives it."""
    if "TIME ZONE" in duck_type or duck_type.startswith("TIMESTAMPTZ"):
        return "TIMESTAMP_TZ"
    known = from_duck(duck_type)
    if known is None:
        return {"UUID": "TEXT"}.get(duck_type, "VARIANT")
    if known.kind == "NUMBER":
        return f"NUMBER({known.precision}, {known.scale})"
    return {"FLOAT": "REAL", "TIMESTAMP": "TIMESTAMP_NTZ"}.get(known.kind, known.kind)


def from_cast(data_type: exp.DataType) -> Type | None:
    """The type that a CAST names."""
    kind = data_type.this
    if kind in (exp.DType.DECIMAL, exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT):
        sizes = [int(p.name) for p in data_type.expressions]
        return Type("NUMBER", *(sizes or [MAX_PRECISION, 0])) if len(sizes) != 1 else Type("NUMBER", sizes[0], 0)
    if kind in (exp.DType.DOUBLE, exp.DType.FLOAT):
        return FLOAT
    if kind in exp.DataType.TEXT_TYPES:
        return TEXT
    if kind == exp.DType.DATE:
        return DATE
    if kind == exp.DType.BOOLEAN:
        return BOOLEAN
    if kind in (exp.DType.VARIANT, exp.DType.OBJECT, exp.DType.ARRAY, exp.DType.JSON):
        return VARIANT
    if kind in (exp.DType.BINARY, exp.DType.VARBINARY):
        return BINARY
    if kind == exp.DType.TIME:
        return TIME
    if kind in (exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPLTZ):
        return TIMESTAMP_TZ
    return TIMESTAMP if kind in exp.DataType.TEMPORAL_TYPES else None


def division(one: Type, other: Type) -> Type:
    """NUMBER / NUMBER. See https://docs.snowflake.com/en/sql-reference/operators-arithmetic#division"""
    scale = max(one.scale, min(one.scale + 6, 12))
    return Type("NUMBER", MAX_PRECISION, scale)


def product(one: Type, other: Type) -> Type:
    """NUMBER * NUMBER. See https://docs.snowflake.com/en/sql-reference/operators-arithmetic#multiplication"""
    scale = min(one.scale + other.scale, max(one.scale, other.scale, 12))
    digits = one.precision - one.scale + other.precision - other.scale
    return Type("NUMBER", min(MAX_PRECISION, digits + scale), scale)


def average(argument: Type) -> Type:
    return division(argument, INTEGER)


def summed(argument: Type | None) -> Type:
    return Type("NUMBER", MAX_PRECISION, argument.scale) if argument and argument.kind == "NUMBER" else FLOAT


def median(argument: Type | None) -> Type | None:
    """MEDIAN and PERCENTILE_CONT of a NUMBER have three more decimals."""
    if argument is None or argument.kind != "NUMBER":
        return argument and FLOAT
    return Type("NUMBER", MAX_PRECISION, min(argument.scale + 3, MAX_PRECISION))


def of_number(text: str) -> Type:
    if "e" in text.lower():
        return FLOAT
    whole, _, fraction = text.partition(".")
    return Type("NUMBER", max(1, len(whole.lstrip("0")) + len(fraction)), len(fraction))


def unified(types: list[Type | None]) -> Type | None:
    """The type that holds them all."""
    if not types or None in types:
        return None
    found = [t for t in types if t is not None]
    if all(t == found[0] for t in found):
        return found[0]
    kinds = {t.kind for t in found}
    if "VARIANT" in kinds:
        return VARIANT
    if kinds == {"NUMBER"}:
        scale = max(t.scale for t in found)
        return Type("NUMBER", min(MAX_PRECISION, max(t.precision - t.scale for t in found) + scale), scale)
    if kinds <= {"NUMBER", "FLOAT", "TEXT"} and "FLOAT" in kinds:
        return FLOAT
    return TIMESTAMP if kinds == {"DATE", "TIMESTAMP"} else None
