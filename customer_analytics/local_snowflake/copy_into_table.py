"""COPY INTO a table from staged files: one transaction, one INSERT for each file.

See https://docs.snowflake.com/en/sql-reference/sql/copy-into-table
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import csv_files, errors, file_formats, load_history, staged_files, stages
from customer_analytics.local_snowflake.file_formats import FileFormat
from customer_analytics.local_snowflake.names import NAME, STAGE, bracketed, normal, qualified, quoted
from customer_analytics.local_snowflake.table_definitions import Column, columns

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_STAGE = rf"('@(?:[^']|'')*'|@{STAGE}(?:/[^\s,()']*)?)"
_HEAD = re.compile(rf"copy\s+into\s+({NAME})\s*(\((?:[^()\"]|\"[^\"]*\")*\))?\s*from\s+(\(|{_STAGE})", re.I)
_FROM = re.compile(rf"\bfrom\s+{_STAGE}(?:\s+(?:as\s+)?(?!where\b)([A-Za-z_]\w*))?", re.I)
_ITEM = re.compile(r"\$1:(?P<key>\"(?:[^\"]|\"\")+\"|\w+)(?P<cast>\s*::\s*[\w ]+(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?)?$")
_PIECES = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|(/\*.*?\*/|--[^\n]*)"
    r"|(\bidentifier\s*\(\s*(?:\?|'[^']*')\s*\)|\?)",
    re.I | re.S,
)
_NUMBERS = ("rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error_line", "first_error_character")
_RESULT = (
    *("file", "status", "rows_parsed", "rows_loaded", "error_limit", "errors_seen", "first_error", "first_error_line"),
    *("first_error_character", "first_error_column_name"),
)
_FOLLOWED = {"FILE_FORMAT", "FILES", "PATTERN", "FORCE", "PURGE", "MATCH_BY_COLUMN_NAME", "TRUNCATECOLUMNS", "ON_ERROR"}
_ONLY = {
    "RETURN_FAILED_ONLY": "FALSE",
    "ENFORCE_LENGTH": "TRUE",
    "LOAD_UNCERTAIN_FILES": "FALSE",
}
"""Options of which this value alone is followed."""
_FORMATS = {"DATE": "DATE_FORMAT", "TIME": "TIME_FORMAT", "TIMESTAMP": "TIMESTAMP_FORMAT"}


def dispatch(session: Connection, cursor: Cursor, sql: str, params: Any) -> int | None:
    """COPY INTO a table; None for anything else."""
    if not re.match(r"copy\s+into\b", sql, re.I):
        return None
    sql = _with_values(sql, params)
    head = _HEAD.match(sql)
    if head is None:
        return None
    if head[3] == "(":
        query, tail = bracketed(sql[head.start(3) :])
        source = _FROM.search(query)
        if source is None:
            raise sfe.ProgrammingError(
                msg="SQL compilation error:\nCOPY INTO with a query needs FROM a stage", errno=1003, sqlstate="42000"
            )
        reference = source[1]
    else:
        query, tail, reference = "", sql[head.end() :], head[3]
    options = _options(tail)
    table = qualified(session, head[1])
    known = columns(session, table)
    paths = _paths(session, reference, options)
    declared = file_formats.file_format(session, options.get("FILE_FORMAT"), stages.named(session, reference))
    declared.check_reading()
    if not _true(options, "FORCE"):
        paths = [path for path in paths if not load_history.is_loaded(session, table, path)]
    if not paths:
        return cursor.answer(["status"], [("Copy executed with 0 files processed.",)])
    names = [normal(n) for n in _identifiers(head[2])] or [column.name for column in known]
    on_error = file_formats.plain(options.get("ON_ERROR", "ABORT_STATEMENT")).upper()
    results: list[tuple[Any, ...]] = []
    loaded = []
    with _transaction(session):
        for path in paths:
            mark = session.duck.mark()
            try:
                rows = _load(session, cursor, (head[1], known, names), path, declared, query, options)
            except sfe.ProgrammingError as error:
                if on_error == "ABORT_STATEMENT":
                    raise
                if on_error != "SKIP_FILE":
                    raise file_formats.unsupported(
                        f"ON_ERROR = {on_error} with a row that is wrong: {error.raw_msg}"
                    ) from error
                session.duck.undo(mark)
                text = str(error.raw_msg).partition("\n")[0]
                results.append((_shown(session, path), "LOAD_FAILED", 0, 0, 1, 1, text, None, None, None))
                continue
            load_history.record(session, table, path, rows)
            loaded.append(path)
            results.append((_shown(session, path), "LOADED", rows, rows, 1, 0, None, None, None, None))
    if _true(options, "PURGE"):
        for path in loaded:
            Path(path).unlink(missing_ok=True)
    reply = cursor.answer([(c, "fixed") if c in _NUMBERS else c for c in _RESULT], results)
    cursor._rowcount = sum(result[3] for result in results)
    return reply


def _with_values(sql: str, params: Any) -> str:
    """The statement without comments, IDENTIFIER(...) and `?` replaced by what is bound."""
    values = iter(params if isinstance(params, list | tuple) else [])

    def piece(match: re.Match[str]) -> str:
        if match[1]:
            return " "
        if not match[2]:
            return match[0]
        text = str(next(values)) if "?" in match[2] else match[2].partition("'")[2].rpartition("'")[0]
        return text if match[2] != "?" else "'" + text.replace("'", "''") + "'"

    return _PIECES.sub(piece, sql)


def _options(tail: str) -> dict[str, str]:
    """The options after the source. Raises ProgrammingError for one that would not be followed."""
    options = file_formats.options_in(tail)
    for name, value in options.items():
        if name in _FOLLOWED or file_formats.plain(value).upper() == _ONLY.get(name):
            continue
        raise file_formats.unsupported(f"{name} = {value} of COPY INTO")
    return options


def _true(options: dict[str, str], name: str) -> bool:
    return options.get(name, "").upper() == "TRUE"


def _identifiers(bracketed: str | None) -> list[str]:
    return re.findall(r'"(?:[^"]|"")+"|[A-Za-z_][\w$]*', bracketed or "")


def _paths(session: Connection, reference: str, options: dict[str, str]) -> list[str]:
    folder, below, prefix = stages.locate(session, reference)
    pattern = file_formats.plain(options["PATTERN"]) if "PATTERN" in options else None
    if "FILES" not in options:
        return [str(path) for _, path in stages.files(folder, below, pattern, prefix)]
    found = []
    for name in re.findall(r"'((?:[^']|'')*)'", options["FILES"]):
        path = folder / below / name.replace("''", "'")
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise sfe.ProgrammingError(msg=f"Remote file '{name}' was not found", errno=91016, sqlstate="22000")
        found.append(str(path))
    return found


@contextmanager
def _transaction(session: Connection) -> Iterator[None]:
    """All files or none; part of the session's transaction when one is open."""
    duck = session.duck
    if duck.in_transaction or not session._autocommit:
        yield
        return
    duck.begin()
    try:
        yield
        duck.commit()
    except BaseException:
        duck.rollback()
        raise


def _load(
    session: Connection,
    cursor: Cursor,
    target: tuple[str, list[Column], list[str]],
    path: str,
    declared: FileFormat,
    query: str,
    options: dict[str, str],
) -> int:
    """One file's rows into the table; how many."""
    table, known, names = target
    by_name = {column.name: column for column in known}
    if missing := [name for name in names if name not in by_name]:
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\ninvalid identifier '{missing[0]}'", errno=904, sqlstate="42000"
        )
    if query:
        select = _of_query(session, path, declared, query)
    else:
        select = _of_columns(session, path, declared, [by_name[name] for name in names], options)
    inner = session.cursor()
    inner.query_id = cursor.query_id
    try:
        inner.execute(f"INSERT INTO {table} ({', '.join(map(quoted, names))}) {select}")
    except Exception as error:
        failure = errors.as_snowflake(error)
        raise sfe.ProgrammingError(
            msg=f"{failure.message}\n  File '{_shown(session, path)}'", errno=failure.errno, sqlstate=failure.sqlstate
        ) from error
    assert inner._arrow_table is not None
    return int(inner._arrow_table.column(0)[0].as_py())


def _of_query(session: Connection, path: str, declared: FileFormat, query: str) -> str:
    """The statement's own SELECT over the file. Plain names of a Parquet file's columns are read as they are."""
    source = _FROM.search(query)
    assert source is not None
    if source[2]:
        query = re.sub(rf"\b{source[2]}\.(?=\$|metadata\$)", "", query, flags=re.I)
    items = _plain_items(query) if declared.type == "PARQUET" else []
    if not items:
        return _FROM.sub(f"FROM {staged_files.view_of(session, [path], declared)}", query, count=1)
    view, there = staged_files.parquet_view(session, path)
    chosen = []
    for item in items:
        key = item["key"]
        name = key[1:-1].replace('""', '"') if key[0] == '"' else key
        chosen.append((quoted(name) if name in there else "NULL") + (item["cast"] or ""))
    return f"SELECT {', '.join(chosen)} FROM {view}"


def _plain_items(query: str) -> list[re.Match[str]]:
    """What is selected, when it is nothing but columns by their names, as write_pandas sends; otherwise nothing."""
    match = re.match(r"\s*select\s+(.*?)\s+from\s+\S+\s*$", query, re.I | re.S)
    if not match:
        return []
    items = [_ITEM.match(item.strip()) for item in re.split(r",(?=\s*\$1:)", match[1])]
    return [item for item in items if item] if all(items) else []


def _of_columns(
    session: Connection, path: str, declared: FileFormat, into: list[Column], options: dict[str, str]
) -> str:
    """A SELECT of one value for each column: by its place, or by its name."""
    match = file_formats.plain(options.get("MATCH_BY_COLUMN_NAME", "NONE")).upper()
    if match not in ("NONE", "CASE_SENSITIVE", "CASE_INSENSITIVE"):
        raise file_formats.unsupported(f"MATCH_BY_COLUMN_NAME = {match}")
    cut = _true(options, "TRUNCATECOLUMNS")
    if declared.type == "CSV":
        padded = not declared.true("ERROR_ON_COLUMN_COUNT_MISMATCH", True) or match != "NONE"
        view = staged_files.view_of(session, [path], declared, padded=padded)
        width = len(session.duck.con.execute(f"DESCRIBE {view}").fetchall()) - 2
        given = [f'"${i}"' for i in range(1, width + 1)]
        if match != "NONE":
            found = _by_name(dict(zip(csv_files.header(declared, path), given, strict=False)), into, match)
        elif len(given) != len(into) and not padded:
            raise sfe.ProgrammingError(
                msg=f"Number of columns in file ({width}) does not match that of the corresponding table"
                f" ({len(into)}), use file format option error_on_column_count_mismatch=false to ignore this error\n"
                f"  File '{_shown(session, path)}'",
                errno=100080,
                sqlstate="22000",
            )
        else:
            found = (given + ["NULL"] * len(into))[: len(into)]
        values = [_value(v, column, declared, cut) for v, column in zip(found, into, strict=True)]
        return f"SELECT {', '.join(values)} FROM {view}"
    if match == "NONE":
        if len(into) != 1 or into[0].type != "JSON":
            raise sfe.ProgrammingError(
                msg=f"SQL compilation error:\n{declared.type} file format can produce one and only one column of type "
                "variant, object, or array. Load data into separate columns using the MATCH_BY_COLUMN_NAME copy "
                "option or copy with transformation.",
                errno=2019,
                sqlstate="0A000",
            )
        return f'SELECT "$1" FROM {staged_files.view_of(session, [path], declared)}'
    if declared.type == "PARQUET":
        view, there = staged_files.parquet_view(session, path)
        return f"SELECT {', '.join(_by_name({name: quoted(name) for name in there}, into, match))} FROM {view}"
    view = staged_files.view_of(session, [path], declared)
    keys = session.duck.con.execute(f'SELECT DISTINCT unnest(json_keys("$1")) FROM {view}').fetchall()
    found = _by_name({key: f'"$1":{quoted(key)}' for (key,) in keys}, into, match)
    casts = [f"{value}::{_cast_name(column)}" for value, column in zip(found, into, strict=True)]
    return f"SELECT {', '.join(casts)} FROM {view}"


def _by_name(there: dict[str, str], into: list[Column], match: str) -> list[str]:
    """For each column what the file has of its name; NULL where it has none."""
    if match == "CASE_INSENSITIVE":
        upper = {name.upper(): value for name, value in there.items()}
        return [upper.get(column.name.upper(), "NULL") for column in into]
    return [there.get(column.name, "NULL") for column in into]


def _value(text: str, column: Column, declared: FileFormat, cut: bool) -> str:
    """A text of a CSV file as the column's type."""
    kind = _cast_name(column)
    if kind == "VARCHAR":
        return f"LEFT({text}, {column.length})" if cut and column.length else text
    form = declared.text(_FORMATS.get(kind.partition("_")[0], ""), "AUTO")
    if form.upper() != "AUTO" and text != "NULL":
        return f"TO_{kind}({text}, '{form}')"
    return f"{text}::{kind}"


def _cast_name(column: Column) -> str:
    """Snowflake's name of the column's type."""
    kind = column.type
    if kind.startswith("DECIMAL"):
        return "NUMBER" + kind[7:]
    if kind.startswith("TIMESTAMP"):
        return "TIMESTAMP_TZ" if "TIME ZONE" in kind else "TIMESTAMP_NTZ"
    return {"BIGINT": "NUMBER(38,0)", "DOUBLE": "FLOAT", "BLOB": "BINARY", "JSON": "VARIANT"}.get(kind, kind)


def _shown(session: Connection, path: str) -> str:
    found = Path(path).relative_to(session.engine.stages_folder).parts
    return "/".join((found[2].lower(), *found[3:])) if len(found) > 3 else Path(path).name
