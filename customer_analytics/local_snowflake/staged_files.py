"""Staged files as relations: `SELECT $1 ... FROM @stage`, INFER_SCHEMA, and COPY INTO a stage (unload)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector.errors as sfe
from fakesnow.copy_into import handle_csv
from fakesnow.transforms.file_format import lookup_file_format

from customer_analytics.local_snowflake import csv_files, stages
from customer_analytics.local_snowflake.column_types import snowflake_name
from customer_analytics.local_snowflake.names import NAME

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_LOCATION = rf"(\?|'[^']*'|@(?:~|{NAME})(?:/[^\s,)']*)?)"
_FROM_STAGE = re.compile(
    rf"\b(from|join)\s+('@[^']*'|@(?:~|{NAME})(?:/[^\s,()']*)?)(\s*\(\s*(?:file_format|pattern)\s*=>[^)]*\))?", re.I
)
_INFER = re.compile(rf"\btable\s*\(\s*infer_schema\s*\(\s*location\s*=>\s*{_LOCATION}\s*((?:,[^)]*)?)\)\s*\)", re.I)
_UNLOAD = re.compile(rf"copy\s+into\s+('@[^']*'|@(?:~|{NAME})(?:/[^\s']*)?)\s+from\s+(.*)$", re.I | re.S)
_ARGUMENT = re.compile(r"(\w+)\s*=>\s*('(?:[^']|'')*'|\w+|\?)")
_OPTION = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|[\w.\"]+)")


def rewrite(session: Connection, sql: str, params: Any) -> tuple[str, Any]:
    """INFER_SCHEMA and stages in FROM, each replaced by a view of this session."""
    if "@" not in sql and "infer_schema" not in sql.lower():
        return sql, params
    values = list(params) if isinstance(params, list | tuple) else params
    sql = _INFER.sub(lambda match: _inferred(session, match, values), sql)
    if not re.match(r"\s*(copy|put|get|list|ls|remove|rm|create|alter|drop)\b", sql, re.I):
        sql = _FROM_STAGE.sub(lambda m: f"{m[1]} {_view(session, m[2], m[3] or '')}", sql)
    return sql, values or None


def _view(session: Connection, reference: str, arguments: str) -> str:
    """A temporary view over the files: CSV columns $1, $2, ..., or one variant $1 of Parquet and JSON."""
    given = {key.lower(): value.strip("'") for key, value in _ARGUMENT.findall(arguments)}
    paths = _paths(session, reference, given.get("pattern"))
    options = named_format(session, given.get("file_format"))
    return view_of(session, paths, options)


def view_of(session: Connection, paths: list[str], options: dict[str, Any]) -> str:
    """A temporary view over these files, read by the options of a file format."""
    kind = str(options.get("TYPE", "CSV")).upper()
    metadata = "filename AS METADATA$FILENAME, row_number() OVER () AS METADATA$FILE_ROW_NUMBER"
    if kind == "PARQUET":
        source, columns = f"read_parquet({_list(paths)}, filename = true) AS f", 'to_json(f) AS "$1"'
    elif kind == "JSON":
        source, columns = (
            f"read_json_objects({_list(paths)}, filename = true, format = '{_json_format(options)}')",
            'json AS "$1"',
        )
    else:
        source = _csv(options, paths)
        found = session.duck.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        names = [row[0] for row in found if row[0] != "filename"]
        columns = ", ".join(f'"{name}" AS "${i}"' for i, name in enumerate(names, 1))
    session.registered += 1
    name = f"LOCAL_STAGED_{session.registered % 50}"
    session.duck.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {columns}, {metadata} FROM {source}")
    return name


def _inferred(session: Connection, match: re.Match[str], values: Any) -> str:
    location = values.pop(0) if match[1] == "?" else match[1].strip("'")
    given = {key.lower(): value.strip("'") for key, value in _ARGUMENT.findall(match[2])}
    name = values.pop(0) if given.get("file_format") == "?" else given.get("file_format")
    options = named_format(session, name)
    paths = _paths(session, location, None)
    header = str(options.pop("PARSE_HEADER", False)).upper() == "TRUE"
    if str(options.get("TYPE", "PARQUET")).upper() == "CSV":
        # Types are guessed here, as INFER_SCHEMA does: the reader of the data gets them as casts
        delimiter = str(options.get("FIELD_DELIMITER", ",")).replace("'", "''")
        source = f"read_csv({_list(paths)}, header = {header}, delim = '{delimiter}')"
    else:
        source = f"read_parquet({_list(paths)})"
    columns = [
        row for row in session.duck.side.execute(f"DESCRIBE SELECT * FROM {source}").fetchall() if row[0] != "filename"
    ]
    types = [snowflake_name(row[1]) for row in columns]
    names = [row[0] if header or "parquet" in source[:12] else f"c{i}" for i, row in enumerate(columns, 1)]
    csv = source.startswith("read_csv")
    ordered = list(enumerate(zip(names, types, strict=True), 1))
    return session.register(
        pa.table(
            {
                "COLUMN_NAME": names,
                "TYPE": types,
                "NULLABLE": [True] * len(columns),
                "EXPRESSION": [f"${i}::{t}" if csv else f"$1:{n}::{t}" for i, (n, t) in ordered],
                "FILENAMES": [",".join(Path(p).name for p in paths)] * len(columns),
                "ORDER_ID": list(range(len(columns))),
            }
        )
    )


def unload(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """COPY INTO @stage FROM a table or a query; None for anything else.

    See https://docs.snowflake.com/en/sql-reference/sql/copy-into-location
    """
    match = _UNLOAD.match(sql)
    if not match:
        return None
    query, tail = _source(match[2])
    if re.search(r"\bpartition\s+by\b", tail, re.I):
        raise _unsupported("PARTITION BY when copying into a stage")
    inner = re.search(r"file_format\s*=\s*\(([^)]*)\)", tail, re.I)
    options = {key.upper(): value.strip("'") for key, value in _OPTION.findall(inner[1] if inner else "")}
    options = {**named_format(session, options.pop("FORMAT_NAME", None)), **options}
    outer = tail.replace(inner[0], "") if inner else tail
    flags = {key.upper() for key, value in _OPTION.findall(outer) if value.upper() == "TRUE"}
    if re.search(r"\bheader\b(?!\s*=)", outer, re.I):
        flags.add("HEADER")
    reader = session.cursor()
    reader.query_id = cursor.query_id
    reader.execute(query)
    table, _ = reader.reply()
    assert table is not None
    folder, below, _ = stages.locate(session, match[1].strip("'"))
    target, size = _write(session, table, folder, below, options, flags)
    stages.md5(target)
    rows = [(table.num_rows, table.nbytes, size)]
    return cursor.answer([(c, "fixed") for c in ("rows_unloaded", "input_bytes", "output_bytes")], rows)


def _write(
    session: Connection, table: pa.Table, folder: Path, below: str, options: dict[str, Any], flags: set[str]
) -> tuple[Path, int]:
    kind = str(options.get("TYPE", "CSV")).upper()
    if kind not in ("CSV", "PARQUET"):
        raise _unsupported(f"copying into a stage as {kind}")
    usual = "SNAPPY" if kind == "PARQUET" else "GZIP"
    compression = str(options.get("COMPRESSION", usual)).upper()
    compression = {"AUTO": usual, "NONE": "UNCOMPRESSED"}.get(compression, compression)
    if "SINGLE" in flags:
        name = below or "data"
    else:
        middle = ".snappy" if compression == "SNAPPY" else ""
        ending = f"{middle}.{kind.lower()}" + (".gz" if kind == "CSV" and compression == "GZIP" else "")
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
        how = f"FORMAT parquet, COMPRESSION {compression.lower()}"
    else:
        delimiter = str(options.get("FIELD_DELIMITER", ",")).replace("\\t", "\t").replace("'", "''")
        quote = str(options.get("FIELD_OPTIONALLY_ENCLOSED_BY", "NONE"))
        nulls = str(options.get("NULL_IF", "\\N")).replace("'", "''")
        how = f"FORMAT csv, HEADER {'HEADER' in flags}, DELIMITER '{delimiter}', NULLSTR '{nulls}'"
        how += f", COMPRESSION {'gzip' if compression == 'GZIP' else 'none'}"
        if quote.upper() != "NONE":
            doubled = quote.replace("'", "''")
            how += f", QUOTE '{doubled}', FORCE_QUOTE ({', '.join(_texts(table))})" if _texts(table) else ""
    destination = str(partial).replace("'", "''")
    session.duck.con.execute(f"COPY (SELECT * FROM {relation}) TO '{destination}' ({how})")
    partial.replace(target)
    return target, target.stat().st_size


def _json_format(options: dict[str, Any]) -> str:
    return "array" if str(options.get("STRIP_OUTER_ARRAY", False)).upper() == "TRUE" else "auto"


def _texts(table: pa.Table) -> list[str]:
    return ['"' + f.name.replace('"', '""') + '"' for f in table.schema if pa.types.is_string(f.type)]


def _source(text: str) -> tuple[str, str]:
    """What is unloaded, as a query, and the options after it."""
    if not text.lstrip().startswith("("):
        match = re.match(rf"\s*({NAME})(.*)$", text, re.S)
        if not match:
            raise sfe.ProgrammingError(msg="SQL compilation error: COPY INTO needs a table or a query", errno=1003)
        return f"SELECT * FROM {match[1]}", match[2]
    return bracketed(text)


def bracketed(text: str) -> tuple[str, str]:
    """What is in the first pair of brackets, and what comes after it."""
    start = text.index("(")
    depth, at, quoted = 0, start, ""
    while True:
        char = text[at]
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"":
            quoted = char
        else:
            depth += (char == "(") - (char == ")")
        if not depth:
            return text[start + 1 : at], text[at + 1 :]
        at += 1


def _paths(session: Connection, reference: str, pattern: str | None) -> list[str]:
    folder, below, prefix = stages.locate(session, reference)
    found = [str(path) for _, path in stages.files(folder, below, pattern, prefix)]
    if not found:
        raise sfe.ProgrammingError(
            msg=f"Remote file {reference} was not found: no file of the stage has this name",
            errno=91016,
            sqlstate="22000",
        )
    return found


def named_format(session: Connection, name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    found = lookup_file_format(session.duck.side, name, session.database, session.schema)  # type: ignore[arg-type]
    return {key.upper(): value for key, value in found.items()}


def _csv(options: dict[str, Any], paths: list[str]) -> str:
    return csv_files.relation(handle_csv(options), paths, query=True)


def _list(paths: list[str]) -> str:
    return "[" + ", ".join("'" + path.replace("'", "''") + "'" for path in paths) + "]"


def _unsupported(what: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(msg=f"Unsupported feature of the local Snowflake: {what}", errno=2, sqlstate="0A000")
