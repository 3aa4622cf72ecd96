"""The contract of a source row as SQL for DuckDB: what each text becomes, and what is wrong with it.

Types come from `tables.py`, never from a guess. A pattern decides first, because a cast alone is
too kind: DuckDB reads '1_000' as 1000, '1.5' as 2 and 'infinity' as a date.
"""

from __future__ import annotations

from customer_analytics.sources.csv_rows import LONGEST_VALUE_BYTES
from customer_analytics.tables import DATE, INTEGER, MONEY, TEXT, TIMESTAMP, Column, Table

_DAY = r"\d{4}-\d{1,2}-\d{1,2}"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?"
_ZONE = r" ?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)"
_PATTERNS = {
    INTEGER: r"[+-]?\d+(\.0*)?",
    MONEY: r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?",
    TIMESTAMP: rf"{_DAY}([ Tt]{_CLOCK}({_ZONE})?)?",
}
_PATTERNS[DATE] = _PATTERNS[TIMESTAMP]
_ZONED = rf".*:\d{{2}}(\.\d+)?{_ZONE}"
_EXPECTED = {
    INTEGER: "a whole number within 64 bits",
    MONEY: "a number of at most 19 digits before the point, without separators",
    DATE: "a day like 2018-01-31",
    TIMESTAMP: "a time like 2018-01-31 09:30:00",
}
DUCKDB_TYPES = {INTEGER: "BIGINT", MONEY: "DECIMAL(28,9)", DATE: "DATE", TIMESTAMP: "TIMESTAMP", TEXT: "VARCHAR"}
_SHOWN_CHARACTERS = 60


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def value(column: Column, raw: str) -> str:
    """The value of `column` from the text `raw` (both SQL); NULL where it is empty or breaks the type."""
    if column.type == TEXT:
        return f"nullif({raw}, '')"
    text = f"trim({raw})"
    pattern = literal(_PATTERNS[column.type])
    by_pattern = f"CASE WHEN regexp_full_match({text}, {pattern}) THEN {_cast(column, text)} END"
    if column.type == MONEY:
        return by_pattern
    # A text that is what its own value prints needs no pattern: most are, and it costs a third.
    cast = f"TRY_CAST({raw} AS {DUCKDB_TYPES[column.type]})"
    in_range = "" if column.type == INTEGER else f" AND {_in_range(cast)}"
    return f"CASE WHEN CAST({cast} AS VARCHAR) = {raw}{in_range} THEN {cast} ELSE {by_pattern} END"


def _cast(column: Column, text: str) -> str:
    if column.type == INTEGER:
        return f"TRY_CAST(split_part({text}, '.', 1) AS BIGINT)"
    if column.type == MONEY:  # beyond nine decimals it is rounded: what a float's print adds
        return f"TRY_CAST({text} AS DECIMAL(28,9))"
    zoned = f"TRY_CAST(regexp_replace({text}, ' ([+-])', '\\1') AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    has_zone = f"regexp_full_match({text}, {literal(_ZONED)})"
    moment = f"(CASE WHEN {has_zone} THEN {zoned} ELSE TRY_CAST({text} AS TIMESTAMP) END)"
    if column.type == TIMESTAMP:
        return f"CASE WHEN {_in_range(moment)} THEN {moment} END"
    # A day with a time of day is not cut to the day: that would drop something.
    return f"CASE WHEN {_in_range(moment)} AND date_trunc('day', {moment}) = {moment} THEN CAST({moment} AS DATE) END"


def _in_range(moment: str) -> str:
    """Years 1 to 9999, and no infinity."""
    return f"{moment} >= TIMESTAMP '0001-01-01' AND {moment} < TIMESTAMP '10000-01-01'"


def faults(table: Table, raw: dict[str, str], typed: dict[str, str]) -> list[str]:
    """SQL expressions, each NULL or what is wrong with the row; `raw` and `typed` give each column's SQL."""
    found = [fault for c in table.columns for fault in _column_faults(c, raw[c.name], typed[c.name])]
    for c in table.columns:
        if c.not_before:
            text = literal(f"{c.name} is before {c.not_before}")
            found.append(f"CASE WHEN {typed[c.name]} < {typed[c.not_before]} THEN {text} END")
    return found


def _column_faults(column: Column, raw: str, typed: str) -> list[str]:
    shown = f"'''' || left({raw}, {_SHOWN_CHARACTERS}) || ''''"
    found = []

    def fault(when: str, what: str) -> None:
        found.append(f"CASE WHEN {when} THEN {literal(column.name + ' ')} || {what} END")

    if not column.nullable:
        fault(f"{raw} IS NULL OR trim({raw}) = ''", "'is empty'")
    if column.type == TEXT:
        fault(f"strlen({raw}) > {LONGEST_VALUE_BYTES}", "'is longer than 16 MB'")
    else:
        fault(f"trim({raw}) <> '' AND {typed} IS NULL", f"{shown} || {literal(f' is not {_EXPECTED[column.type]}')}")
    if column.minimum is not None:
        fault(f"{typed} < {column.minimum}", f"{shown} || {literal(f' is below {column.minimum:g}')}")
    if column.accepted:
        values = ", ".join(map(literal, column.accepted))
        fault(
            f"{raw} <> '' AND {typed} NOT IN ({values})",
            f"{shown} || {literal(' is not one of ' + ', '.join(column.accepted))}",
        )
    if column.has_letters:
        fault(f"trim({raw}) <> '' AND NOT regexp_matches({raw}, '\\p{{L}}')", f"{shown} || ' has no letters'")
    return found
