"""Staged files as relations: `SELECT $1 ... FROM @stage` and INFER_SCHEMA."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import csv_files, file_formats, stages
from customer_analytics.local_snowflake.file_formats import FileFormat
from customer_analytics.local_snowflake.names import NAME, STAGE, quoted
from customer_analytics.local_snowflake.snowflake_types import snowflake_name

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_LOCATION = rf"(\?|'[^']*'|@{STAGE}(?:/[^\s,)']*)?)"
_FROM_STAGE = re.compile(
    rf"\b(from|join)\s+('@[^']*'|@{STAGE}(?:/[^\s,()']*)?)(\s*\(\s*(?:file_format|pattern)\s*=>(?:[^()']|'(?:[^']|'')*')*\))?",
    re.I,
)
_INFER = re.compile(rf"\btable\s*\(\s*infer_schema\s*\(\s*location\s*=>\s*{_LOCATION}\s*((?:,[^)]*)?)\)\s*\)", re.I)
_ARGUMENT = re.compile(rf"(\w+)\s*=>\s*('(?:[^']|'')*'|{NAME}|\?)")


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
    given = {key.lower(): value for key, value in _ARGUMENT.findall(arguments)}
    paths = paths_of(session, reference, file_formats.plain(given["pattern"]) if "pattern" in given else None)
    stage = stages.named(session, reference)
    return view_of(session, paths, file_formats.file_format(session, given.get("file_format"), stage))


def view_of(session: Connection, paths: list[str], declared: FileFormat, *, padded: bool = True) -> str:
    """A temporary view over these files: CSV columns $1, $2, ..., or one variant $1 of Parquet and JSON."""
    declared.check_reading()
    below = len(str(stages.folder_of(session, Path(paths[0])))) + 2
    each = "" if len(paths) == 1 else "PARTITION BY filename"
    metadata = f"substr(filename, {below}) AS METADATA$FILENAME, row_number() OVER ({each}) AS METADATA$FILE_ROW_NUMBER"
    if declared.type == "PARQUET":
        source, columns = f"read_parquet({csv_files.path_list(paths)}, filename = true) AS f", 'to_json(f) AS "$1"'
    elif declared.type == "JSON":
        source, columns = json_relation(paths, declared), 'json AS "$1"'
    else:
        source = csv_files.relation(declared, paths, padded=padded)
        found = session.duck.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        names = [row[0] for row in found if row[0] != "filename"]
        trimmed = declared.true("TRIM_SPACE")
        columns = ", ".join(
            f'trim("{name}") AS "${i}"' if trimmed else f'"{name}" AS "${i}"' for i, name in enumerate(names, 1)
        )
    return _new_view(session, f"SELECT {columns}, {metadata} FROM {source}")


def parquet_view(session: Connection, path: str) -> tuple[str, list[str]]:
    """A temporary view over one Parquet file with its own columns, and their names."""
    source = f"read_parquet({csv_files.path_list([path])})"
    found = session.duck.con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    micro = {"TIMESTAMPTZ_NS": "TIMESTAMPTZ", "TIMESTAMP_NS": "TIMESTAMP"}
    columns = [
        f"CAST({quoted(name)} AS {micro[kind]}) AS {quoted(name)}" if kind in micro else quoted(name)
        for name, kind, *_ in found
    ]
    return _new_view(session, f"SELECT {', '.join(columns)} FROM {source}"), [row[0] for row in found]


def json_relation(paths: list[str], declared: FileFormat) -> str:
    """DuckDB's call that reads JSON files: one column `json`, one row for each value."""
    layout = "array" if declared.true("STRIP_OUTER_ARRAY") else "auto"
    return f"read_json_objects({csv_files.path_list(paths)}, filename = true, format = '{layout}')"


def _new_view(session: Connection, query: str) -> str:
    session.registered += 1
    name = f"LOCAL_STAGED_{session.registered % 50}"
    session.duck.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
    return name


def _inferred(session: Connection, match: re.Match[str], values: Any) -> str:
    location = values.pop(0) if match[1] == "?" else file_formats.plain(match[1])
    given = {key.lower(): value for key, value in _ARGUMENT.findall(match[2])}
    name = values.pop(0) if given.get("file_format") == "?" else given.get("file_format")
    declared = file_formats.file_format(session, name, stages.named(session, location), "PARQUET")
    declared.check_reading()
    paths = paths_of(session, location, None)
    header = declared.true("PARSE_HEADER")
    if declared.type == "CSV":
        # Types are guessed here, as INFER_SCHEMA does: the reader of the data gets them as casts
        delimiter = declared.text("FIELD_DELIMITER", ",").replace("'", "''")
        source = f"read_csv({csv_files.path_list(paths)}, header = {header}, delim = '{delimiter}')"
    elif declared.type == "JSON":
        raise file_formats.unsupported("INFER_SCHEMA of JSON files")
    else:
        source = f"read_parquet({csv_files.path_list(paths)})"
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


def paths_of(session: Connection, reference: str, pattern: str | None) -> list[str]:
    """The files of a stage reference. Raises ProgrammingError 91016 when there is none."""
    folder, below, prefix = stages.locate(session, reference)
    found = [str(path) for _, path in stages.files(folder, below, pattern, prefix)]
    if not found:
        raise sfe.ProgrammingError(
            msg=f"Remote file {reference} was not found: no file of the stage has this name",
            errno=91016,
            sqlstate="22000",
        )
    return found
