"""COPY INTO a stage (unload): a table or a query as one CSV, JSON or Parquet file.

See https://docs.snowflake.com/en/sql-reference/sql/copy-into-location
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import file_formats, stages
from customer_analytics.local_snowflake.file_formats import FileFormat
from customer_analytics.local_snowflake.names import NAME, STAGE, bracketed, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_UNLOAD = re.compile(rf"copy\s+into\s+('@(?:[^']|'')*'|@{STAGE}(?:/[^\s']*)?)\s+from\s+(.*)$", re.I | re.S)
_FLAGS = {"SINGLE", "OVERWRITE", "HEADER"}
_FOLLOWED = {"SINGLE", "OVERWRITE", "HEADER", "FILE_FORMAT", "MAX_FILE_SIZE"}
_OF_FORMAT = {
    "CSV": {"FIELD_DELIMITER", "FIELD_OPTIONALLY_ENCLOSED_BY", "NULL_IF", "SKIP_HEADER"},
    "JSON": set(),
    "PARQUET": {"SNAPPY_COMPRESSION"},
}
_USUAL = {
    *("TYPE", "FORMAT_NAME", "COMPRESSION", "EMPTY_FIELD_AS_NULL", "ESCAPE_UNENCLOSED_FIELD", "PARSE_HEADER"),
    *("FILE_EXTENSION", "USE_LOGICAL_TYPE"),
}
"""Of every format; what concerns loading alone has no effect."""


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """Run one; None for anything else."""
    match = _UNLOAD.match(sql)
    if not match:
        return None
    query, tail = _source(match[2])
    if re.search(r"\bpartition\s+by\b", tail, re.I):
        raise file_formats.unsupported("PARTITION BY when copying into a stage")
    given = file_formats.options_in(tail)
    if unknown := set(given) - _FOLLOWED:
        raise file_formats.unsupported(f"{min(unknown)} when copying into a stage")
    declared = file_formats.file_format(session, given.get("FILE_FORMAT"), stages.named(session, match[1]))
    _check(declared)
    flags = {name for name in _FLAGS if given.get(name, "").upper() == "TRUE"}
    outer = tail.replace(given.get("FILE_FORMAT", "()"), "")
    if re.search(r"\bheader\b(?!\s*=)", outer, re.I):
        flags.add("HEADER")
    folder, below, _ = stages.locate(session, match[1])
    reader = session.cursor()
    reader.query_id = cursor.query_id
    reader.execute(query)
    table, _ = reader.reply()
    assert table is not None
    target = _write(session, table, folder, below, declared, flags)
    stages.md5(target)
    rows = [(table.num_rows, table.nbytes, target.stat().st_size)]
    return cursor.answer([(c, "fixed") for c in ("rows_unloaded", "input_bytes", "output_bytes")], rows)


def _check(declared: FileFormat) -> None:
    """Raises ProgrammingError for an option that would not be followed."""
    if declared.type not in _OF_FORMAT:
        raise file_formats.unsupported(f"copying into a stage as {declared.type}")
    for name, value in declared.options.items():
        if name.endswith("_FORMAT") and str(value).upper() == "AUTO":
            continue
        if name not in _USUAL | _OF_FORMAT[declared.type] and str(value).upper() not in ("NONE", "FALSE"):
            raise file_formats.unsupported(f"FILE_FORMAT option {name} = {value} when copying into a stage")


def _write(
    session: Connection, table: pa.Table, folder: Path, below: str, declared: FileFormat, flags: set[str]
) -> Path:
    kind = declared.type
    usual = "SNAPPY" if kind == "PARQUET" else "GZIP"
    compression = declared.text("COMPRESSION", usual).upper()
    compression = {"AUTO": usual, "NONE": "UNCOMPRESSED"}.get(compression, compression)
    if kind != "PARQUET" and compression not in ("GZIP", "UNCOMPRESSED"):
        raise file_formats.unsupported(f"COMPRESSION = {compression} when copying into a stage")
    if "SINGLE" in flags:
        name = below or "data"
    else:
        middle = ".snappy" if compression == "SNAPPY" else ""
        ending = f"{middle}.{kind.lower()}" + (".gz" if kind != "PARQUET" and compression == "GZIP" else "")
        name = (f"{below}data_" if not below or below.endswith("/") else f"{below}_") + f"0_0_0{ending}"
    target = folder / name
    if target.exists() and "OVERWRITE" not in flags:
        raise sfe.ProgrammingError(
            msg=f"Files already existing at the unload destination: {name}. Use overwrite option to force unloading.",
            errno=1030,
            sqlstate="22000",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    if kind == "PARQUET" and "HEADER" not in flags:
        table = table.rename_columns([f"_COL_{i}" for i in range(table.num_columns)])
    relation = session.register(table)
    if kind == "PARQUET":
        query, how = f"SELECT * FROM {relation}", f"FORMAT parquet, COMPRESSION {compression.lower()}"
    else:
        zipped = "gzip" if compression == "GZIP" else "none"
        if kind == "CSV":
            query, how = f"SELECT {_as_texts(table)} FROM {relation}", _csv_options(table, declared, flags)
        else:
            query, how = _json_lines(table, relation)
        how += f", COMPRESSION {zipped}"
    destination = str(partial).replace("'", "''")
    session.duck.con.execute(f"COPY ({query}) TO '{destination}' ({how})")
    partial.replace(target)
    return target


def _csv_options(table: pa.Table, declared: FileFormat, flags: set[str]) -> str:
    delimiter = declared.text("FIELD_DELIMITER", ",").replace("'", "''")
    quote = declared.text("FIELD_OPTIONALLY_ENCLOSED_BY", "NONE")
    nulls = (declared.texts("NULL_IF", ["\\N"]) or [""])[0].replace("'", "''")
    how = f"FORMAT csv, HEADER {'HEADER' in flags}, DELIMITER '{delimiter}', NULLSTR '{nulls}'"
    texts = [quoted(f.name) for f in table.schema if pa.types.is_string(f.type)]
    if quote.upper() != "NONE":
        doubled = quote.replace("'", "''")
        how += f", QUOTE '{doubled}', ESCAPE '{doubled}'" + (f", FORCE_QUOTE ({', '.join(texts)})" if texts else "")
    return how


def _as_texts(table: pa.Table) -> str:
    """Each column as Snowflake writes its values."""
    written = []
    for field in table.schema:
        name, kind = quoted(field.name), field.type
        function = ""
        if pa.types.is_floating(kind):
            function = "local_text_float"
        elif pa.types.is_timestamp(kind):
            function = "local_text_timestamp_tz" if kind.tz else "local_text_timestamp"
        elif pa.types.is_time(kind):
            function = "local_text_time"
        elif pa.types.is_binary(kind):
            function = "local_text_binary"
        written.append(f"{function}({name}) AS {name}" if function else name)
    return ", ".join(written)


def _json_lines(table: pa.Table, relation: str) -> tuple[str, str]:
    """One VARIANT, OBJECT or ARRAY a line: the rows, and how DuckDB writes them as they are."""
    if table.num_columns != 1:
        raise sfe.ProgrammingError(
            msg="SQL compilation error:\nJSON file format can produce one and only one column of type variant or "
            "object or array. Use CSV file format if you want to load more than one column.",
            errno=2019,
            sqlstate="0A000",
        )
    name = quoted(table.column_names[0])
    return f"SELECT {name} FROM {relation}", "FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', NULLSTR 'null'"


def _source(text: str) -> tuple[str, str]:
    """What is unloaded, as a query, and the options after it."""
    if not text.lstrip().startswith("("):
        match = re.match(rf"\s*({NAME})(.*)$", text, re.S)
        if not match:
            raise sfe.ProgrammingError(msg="SQL compilation error: COPY INTO needs a table or a query", errno=1003)
        return f"SELECT * FROM {match[1]}", match[2]
    return bracketed(text)
