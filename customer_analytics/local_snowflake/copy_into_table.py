"""COPY INTO a table: what fakesnow's own cannot do, which is a PATTERN and a query over the files' columns.

See https://docs.snowflake.com/en/sql-reference/sql/copy-into-table
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import staged_files, stages
from customer_analytics.local_snowflake.fakesnow_patches import NO_FILE
from customer_analytics.local_snowflake.names import NAME, qualified, quoted
from customer_analytics.local_snowflake.table_definitions import one_transaction

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_STAGE = rf"('@[^']*'|@(?:~|{NAME})(?:/[^\s,()']*)?)"
_FORMAT_NAME = re.compile(r"(\bformat_name\s*=\s*)([A-Za-z_\"][\w.$\"]*)", re.I)
_PATTERN = re.compile(r"\bpattern\s*=\s*'((?:[^']|'')*)'", re.I)
_HEAD = re.compile(rf"copy\s+into\s+({NAME})\s*(\([^)]*\))?\s*from\s+", re.I)
_FROM = re.compile(rf"\bfrom\s+{_STAGE}(?:\s+(?:as\s+)?(?!where\b)([A-Za-z_]\w*))?", re.I)
_PLAIN = re.compile(r"\$1:(?:\"(?:[^\"]|\"\")+\"|\w+)\s*(?:::\s*[\w ]+(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?)?$")
_OPTION = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|[\w.\"]+|\((?:[^()']|'(?:[^']|'')*')*\))", re.S)
_RESULT = "file status rows_parsed rows_loaded error_limit errors_seen first_error first_error_line"
_HISTORY = "_fs_information_schema._fs_load_history"


def dispatch(session: Connection, cursor: Cursor, sql: str, params: Any) -> int | None:
    """A COPY INTO table with a query that is more than names of Parquet columns; None for anything else."""
    head = _HEAD.match(sql)
    if not head or params or sql[head.end() :][:1] != "(":
        return None
    query, tail = staged_files.bracketed(sql[head.end() :])
    stage = _FROM.search(query)
    if stage is None:
        return None
    options = {key.upper(): value for key, value in _OPTION.findall(tail)}
    file_format = _file_format(session, options.get("FILE_FORMAT", ""))
    if str(file_format.get("TYPE", "CSV")).upper() == "PARQUET" and _plain(query):
        return None
    if (
        "VALIDATION_MODE" in options
        or options.get("ON_ERROR", "ABORT_STATEMENT").strip("'").upper() != "ABORT_STATEMENT"
    ):
        raise sfe.ProgrammingError(
            msg="Unsupported feature of the local Snowflake: ON_ERROR and VALIDATION_MODE of a COPY with a query",
            errno=2,
            sqlstate="0A000",
        )
    if stage[2]:
        query = re.sub(rf"\b{stage[2]}\.(?=\$|metadata\$)", "", query, flags=re.I)
    paths = _paths(session, stage[1], options)
    if not paths:
        return cursor.answer(["status"], [("Copy executed with 0 files processed.",)])
    table, force = qualified(session, head[1]), options.get("FORCE", "").upper() == "TRUE"
    results = []
    with one_transaction(session):
        for path in paths:
            if not force and _loaded(session, table, path):
                results.append((path, 0, "LOAD_SKIPPED"))
                continue
            view = staged_files.view_of(session, [path], file_format)
            part = _FROM.sub(f"FROM {view}", query, count=1)
            inner = session.cursor()
            inner.query_id = cursor.query_id
            inner.execute(f"INSERT INTO {head[1]} {head[2] or ''} {part}")
            rows = int(inner._arrow_table.column(0)[0].as_py())
            results.append((path, rows, "LOADED"))
            _record(session, table, path, rows)
    if options.get("PURGE", "").upper() == "TRUE":
        for path, _, status in results:
            if status == "LOADED":
                Path(path).unlink(missing_ok=True)
    answer = [(_shown(session, p), s, n, n, 1, 0, None, None) for p, n, s in results]
    numbers = ("rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error_line")
    return cursor.answer([(c, "fixed") if c in numbers else c for c in _RESULT.split()], answer)


def target(session: Connection, sql: str) -> tuple[str, str, str] | None:
    """The table that a COPY loads; None for any other statement."""
    head = _HEAD.match(sql)
    return qualified(session, head[1]) if head else None


def rewrite(session: Connection, sql: str) -> str:
    """FORMAT_NAME as a text, PATTERN as the FILES that match it."""
    if not re.match(r"\s*copy\b", sql, re.I):
        return sql
    sql = _FORMAT_NAME.sub(lambda m: f"{m[1]}'{m[2]}'", sql)
    if re.search(r"\bvalidation_mode\b", sql, re.I):
        raise sfe.ProgrammingError(
            msg="Unsupported feature of the local Snowflake: VALIDATION_MODE", errno=2, sqlstate="0A000"
        )
    pattern, head = _PATTERN.search(sql), _HEAD.match(sql.lstrip())
    stage = re.search(rf"\bfrom\s+\(?\s*{_STAGE}", sql, re.I) or _FROM.search(sql)
    if not pattern or not head or not stage:
        return sql
    folder, below, prefix = stages.locate(session, stage[1].strip("'"))
    text = pattern[1].replace("''", "'").replace("\\\\", "\\")
    names = [name[len(below) :].lstrip("/") for name, _ in stages.files(folder, below, text, prefix)]
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names or [NO_FILE])
    return sql[: pattern.start()] + f"FILES = ({listed})" + sql[pattern.end() :]


def _plain(query: str) -> bool:
    """Only columns of the files by their names, as write_pandas sends: the files are read as they are."""
    match = re.match(r"\s*select\s+(.*?)\s+from\s+\S+\s*$", query, re.I | re.S)
    return bool(match) and all(_PLAIN.match(item.strip()) for item in re.split(r",(?![^(]*\))", match[1]))


def _file_format(session: Connection, text: str) -> dict[str, Any]:
    given = {key.upper(): value.strip("'") for key, value in _OPTION.findall(text.strip("()"))}
    return {**staged_files.named_format(session, given.pop("FORMAT_NAME", None)), **given}


def _paths(session: Connection, reference: str, options: dict[str, str]) -> list[str]:
    folder, below, prefix = stages.locate(session, reference.strip("'"))
    pattern = options["PATTERN"].strip("'").replace("\\\\", "\\") if "PATTERN" in options else None
    found = stages.files(folder, below, pattern, prefix)
    if wanted := re.findall(r"'((?:[^']|'')*)'", options.get("FILES", "")):
        found = [(name, path) for name, path in found if any(name.endswith(w) for w in wanted)]
    return [str(path) for _, path in found]


def _loaded(session: Connection, table: tuple[str, str, str], path: str) -> bool:
    rows = session.duck.con.execute(
        f"SELECT max(last_load_time) FROM {quoted(table[0])}.{_HISTORY}"
        " WHERE schema_name = ? AND table_name = ? AND file_name = ?",
        [table[1], table[2], path],
    ).fetchall()
    loaded = rows[0][0]
    return loaded is not None and dt.datetime.fromtimestamp(Path(path).stat().st_mtime, dt.UTC) <= loaded


def _record(session: Connection, table: tuple[str, str, str], path: str, rows: int) -> None:
    session.duck.con.execute(
        f"INSERT INTO {quoted(table[0])}.{_HISTORY} (schema_name, file_name, table_name, last_load_time, status,"
        " row_count, row_parsed, error_count, error_limit) VALUES (?, ?, ?, now(), 'LOADED', ?, ?, 0, 1)",
        [table[1], path, table[2], rows, rows],
    ).fetchall()


def _shown(session: Connection, path: str) -> str:
    parts = Path(path).relative_to(session.engine.stages_folder).parts
    return "/".join((parts[2].lower(), *parts[3:])) if len(parts) > 3 else Path(path).name
