"""SHOW and INFORMATION_SCHEMA: what fakesnow's answers lack or ignore (LIKE, STARTS WITH, LIMIT, times, row counts)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import snowflake.connector.errors as sfe
from sqlglot import exp

from customer_analytics.local_snowflake import object_times
from customer_analytics.local_snowflake.names import IDENTIFIER, NAME, normal, parts, qualified
from customer_analytics.local_snowflake.table_definitions import relation

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

_LIKE = re.compile(r"\blike\s+'((?:[^']|'')*)'", re.I)
_STARTS = re.compile(r"\bstarts\s+with\s+'((?:[^']|'')*)'", re.I)
_LIMIT = re.compile(r"\blimit\s+(\d+)(?:\s+from\s+'((?:[^']|'')*)')?\s*$", re.I)
_SCOPE = re.compile(rf"\bin\s+(schema|database)\s+({IDENTIFIER}(?:\.{IDENTIFIER})?)", re.I)
_NOTHING = re.compile(
    r"show\s+(?:terse\s+)?(tasks|streams|dynamic\s+tables|tags|grants|sessions|pipes|alerts|external\s+tables|"
    r"materialized\s+views|user\s+functions|external\s+functions|masking\s+policies|row\s+access\s+policies|secrets|"
    r"network\s+policies|integrations|shares|procedures|user\s+procedures|notebooks|streamlits|services|"
    r"compute\s+pools|image\s+repositories|git\s+repositories|locks|transactions|regions|resource\s+monitors)\b",
    re.I,
)
_DESCRIBED = re.compile(rf"desc(?:ribe)?\s+(?:table|view)\s+({NAME})", re.I)
_COLUMNS_OF = re.compile(rf"show\s+columns\b.*\bin\s+(?:table|view)\s+({NAME})", re.I)
_PRIMARY = re.compile(rf"show\s+primary\s+keys\s+in\s+(?:table\s+)?(?!schema\b|database\b|account\b)({NAME})", re.I)
_FUNCTIONS = re.compile(r"show\s+functions\b(?!\s+in\s+model)", re.I)


def nothing(cursor: Cursor, sql: str) -> int | None:
    """SHOW of kinds of objects of which there are none here; None for anything else."""
    if not (_NOTHING.match(sql) or _FUNCTIONS.match(sql)):
        return None
    columns = ["name", "database_name", "schema_name", "owner", "comment"]
    return cursor.answer([("created_on", "timestamp_tz"), *columns], [])


def primary_keys(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """SHOW PRIMARY KEYS IN a table; None for anything else."""
    match = _PRIMARY.match(sql)
    if not match:
        return None
    table = qualified(session, match[1])
    key = session.engine.times.primary_key(table)
    rows = [
        (session.engine.times.created(table), *table, column, i, f"{table[2]}_PKEY", "false", None)
        for i, column in enumerate(key, 1)
    ]
    columns = ["database_name", "schema_name", "table_name", "column_name", ("key_sequence", "fixed")]
    return cursor.answer([("created_on", "timestamp_tz"), *columns, "constraint_name", "rely", "comment"], rows)


def check_scope(session: Connection, sql: str) -> None:
    """Raises ProgrammingError 2043 when SHOW ... IN names a schema or database that is not there, 2003 for a table."""
    if (found := _COLUMNS_OF.match(sql)) and not relation(session, name := qualified(session, found[1])):
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\nTable '{'.'.join(name)}' does not exist or not authorized.",
            errno=2003,
            sqlstate="02000",
        )
    match = _SCOPE.search(sql)
    if not match:
        return
    names = parts(match[2])
    if match[1].lower() == "database":
        database, schema = names[-1], None
    else:
        database, schema = ([session.database or "", *names])[-2:]
    found = session.duck.con.execute(
        "SELECT 1 FROM duckdb_schemas() WHERE database_name = ? AND (?::VARCHAR IS NULL OR schema_name = ?)",
        [database, schema, schema],
    ).fetchall()
    if not found and schema != "INFORMATION_SCHEMA":
        raise sfe.ProgrammingError(
            msg=f"SQL compilation error:\nObject '{match[2].upper()}' does not exist, or operation cannot be performed",
            errno=2043,
            sqlstate="02000",
        )


def shown(session: Connection, sql: str, table: pa.Table) -> pa.Table:
    """The rows of a SHOW that it asks for, with times and row counts."""
    if re.match(r"show\s+columns\b", sql, re.I) and (match := _LIKE.search(sql)):
        pattern = _pattern(match[1].replace("''", "'").replace("\\\\", "\\"))
        names = table["column_name"].to_pylist()
        return table.filter(pa.array([pattern.fullmatch(name) is not None for name in names], pa.bool_()))
    if "name" not in table.column_names:
        return table
    if described := _DESCRIBED.match(sql):
        return _described(session, qualified(session, described[1]), table)
    table = _names(session, sql, table)
    if re.match(r"show\s+schemas\b", sql, re.I):
        table = _schemas(session, table)
    if match := _LIKE.search(sql):
        pattern = _pattern(match[1].replace("''", "'").replace("\\\\", "\\"))
        table = _only(table, lambda name: pattern.fullmatch(name) is not None)
    if match := _STARTS.search(sql):
        start = match[1].replace("''", "'")
        table = _only(table, lambda name: name.startswith(start))
    if match := _LIMIT.search(sql):
        if match[2]:
            after = match[2]
            table = _only(table, lambda name: name > after)
        table = table.slice(0, int(match[1]))
    return _times(session, table)


def _described(session: Connection, name: object_times.Name, table: pa.Table) -> pa.Table:
    """DESCRIBE TABLE with Snowflake's name of a vector's type, and with the declared primary key."""
    types = [re.sub(r"^FLOAT\[(\d+)\]$", r"VECTOR(FLOAT, \1)", text) for text in table["type"].to_pylist()]
    table = table.set_column(table.column_names.index("type"), "type", pa.array(types, pa.string()))
    keys = session.engine.times.primary_key(name)
    flags = ["Y" if column in keys else "N" for column in table["name"].to_pylist()]
    return table.set_column(table.column_names.index("primary key"), "primary key", pa.array(flags, pa.string()))


def _only(table: pa.Table, wanted: Callable[[str], bool]) -> pa.Table:
    return table.filter(pa.array([wanted(name) for name in table["name"].to_pylist()], pa.bool_()))


def _pattern(text: str) -> re.Pattern[str]:
    """LIKE's pattern, in any case; a backslash takes the next character as it is."""
    pieces = re.findall(r"\\.|.", text, re.S)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p) or re.escape(p[-1]) for p in pieces), re.I | re.S)


def _names(session: Connection, sql: str, table: pa.Table) -> pa.Table:
    if "database_name" in table.column_names:
        table = table.filter(pa.array([d != "_fs_global" for d in table["database_name"].to_pylist()], pa.bool_()))
    names = table["name"].to_pylist()
    if re.match(r"show\s+(?:terse\s+)?schemas\b", sql, re.I):
        hidden = {"main", "_fs_information_schema", "pg_catalog"}
        table = table.filter(pa.array([name not in hidden for name in names]))
        shown = ["INFORMATION_SCHEMA" if n == "information_schema" else n for n in table["name"].to_pylist()]
        table = table.set_column(table.column_names.index("name"), "name", pa.array(shown, pa.string()))
    if re.match(r"show\s+(?:terse\s+)?stages\b", sql, re.I) and {"database_name", "schema_name"} <= {
        *table.column_names
    }:
        others = session.engine.temporary_stages - set(session.temporary_stages)
        keys = zip(*(table[c].to_pylist() for c in ("database_name", "schema_name", "name")), strict=True)
        table = table.filter(pa.array([key not in others for key in keys], pa.bool_()))
    return table


def _schemas(session: Connection, table: pa.Table) -> pa.Table:
    """SHOW SCHEMAS: fakesnow has the columns of SHOW TERSE SCHEMAS.

    See https://docs.snowflake.com/en/sql-reference/sql/show-schemas#output
    """
    rows = table.to_pylist()
    here = (session.database, session.schema)
    texts = {
        "name": [row["name"] for row in rows],
        "is_default": ["N"] * len(rows),
        "is_current": ["Y" if (row["database_name"], row["name"]) == here else "N" for row in rows],
        "database_name": [row["database_name"] for row in rows],
        "owner": ["" if row["name"] == "INFORMATION_SCHEMA" else "SYSADMIN" for row in rows],
        "comment": [session.engine.times.comment((row["database_name"], row["name"], "")) for row in rows],
        "options": [""] * len(rows),
        "retention_time": ["1"] * len(rows),
        "owner_role_type": ["ROLE"] * len(rows),
    }
    columns = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    return pa.table({"created_on": table["created_on"], **columns})


def _times(session: Connection, table: pa.Table) -> pa.Table:
    """created_on and rows of tables, views, schemas and databases, and the comments of databases."""
    columns = table.column_names
    if "created_on" not in columns or not table.num_rows:
        return table
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    given = table["created_on"].to_pylist()
    if any(moment is not None and moment != epoch for moment in given):
        return table  # stages and models have their own
    rows = table.to_pylist()
    times = session.engine.times
    keys = [_key(row) for row in rows]
    created = pa.array([times.created(key) for key in keys], pa.timestamp("us", "UTC"))
    table = table.set_column(columns.index("created_on"), "created_on", created)
    if "comment" in columns and not {"database_name", "schema_name"} & set(columns):
        comments = pa.array([times.comment(key) for key in keys], pa.string())
        table = table.set_column(columns.index("comment"), "comment", comments)
    if "rows" in columns:
        known = object_times.facts(session).to_pylist()
        counts = {(f["db"], f["sc"], f["name"]): f["row_count"] for f in known}
        counted = pa.array([counts.get(key) for key in keys], pa.int64())
        table = table.set_column(columns.index("rows"), "rows", counted)
    return table


def _key(row: dict[str, Any]) -> object_times.Name:
    if row.get("schema_name"):
        return row["database_name"], row["schema_name"], row["name"]
    return (row["database_name"], row["name"], "") if "database_name" in row else (row["name"], "", "")


def with_times(session: Connection, tree: exp.Expr) -> None:
    """INFORMATION_SCHEMA.TABLES, VIEWS and SCHEMATA with their times, rows and kinds."""
    for table in list(tree.find_all(exp.Table)):
        name = table.name.upper()
        own_schema = table.db.upper() == "INFORMATION_SCHEMA"
        if not own_schema or name not in ("TABLES", "VIEWS", "SCHEMATA", "STAGES", "SEQUENCES", "FILE_FORMATS"):
            continue
        if isinstance(table.parent, exp.Describe):
            continue
        database = normal(table.args["catalog"].sql(dialect="snowflake")) if table.catalog else session.database
        inner = _query(session, name, database or "")
        table.replace(exp.maybe_parse(inner, dialect="duckdb").subquery(table.alias or table.name, copy=False))


def _query(session: Connection, name: str, database: str) -> str:
    place = f'"{database}"._fs_information_schema'
    everywhere = "_fs_global._fs_information_schema"
    text = database.replace("'", "''")
    if name == "STAGES":
        return (
            "SELECT database_name AS STAGE_CATALOG, schema_name AS STAGE_SCHEMA, name AS STAGE_NAME, url AS STAGE_URL,"
            " 'Internal Named' AS STAGE_TYPE, owner AS STAGE_OWNER, comment AS COMMENT, created_on AS CREATED,"
            f" created_on AS LAST_ALTERED FROM {everywhere}._fs_stages WHERE database_name = '{text}'"
        )
    if name == "FILE_FORMATS":
        return (
            "SELECT database_name AS FILE_FORMAT_CATALOG, schema_name AS FILE_FORMAT_SCHEMA, name AS FILE_FORMAT_NAME,"
            " type AS FILE_FORMAT_TYPE, comment AS COMMENT, created_on AS CREATED"
            f" FROM {everywhere}._fs_file_formats WHERE database_name = '{text}'"
        )
    if name == "SEQUENCES":
        return (
            "SELECT database_name AS SEQUENCE_CATALOG, schema_name AS SEQUENCE_SCHEMA, sequence_name AS SEQUENCE_NAME,"
            ' start_value AS START_VALUE, increment_by AS "INCREMENT", 38 AS NUMERIC_PRECISION'
            f" FROM duckdb_sequences() WHERE database_name = '{text}' AND schema_name <> '_fs_information_schema'"
        )
    if name == "SCHEMATA":
        schemas = [row[0] for row in session.duck.con.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ?", [database]).fetchall()]  # fmt: skip
        times = session.engine.times
        facts = session.register(
            pa.table(
                {
                    "sc": pa.array(schemas, pa.string()),
                    "created": pa.array([times.created((database, s, "")) for s in schemas], pa.timestamp("us", "UTC")),
                    "altered": pa.array([times.altered((database, s, "")) for s in schemas], pa.timestamp("us", "UTC")),
                }
            )
        )
        return (
            "SELECT v.* REPLACE (coalesce(f.created, v.CREATED) AS CREATED, coalesce(f.altered, v.LAST_ALTERED) AS"
            f" LAST_ALTERED) FROM {place}._fs_schemata AS v LEFT JOIN {facts} AS f ON f.sc = v.SCHEMA_NAME"
            " WHERE lower(v.SCHEMA_NAME) <> 'information_schema' OR v.SCHEMA_NAME = 'INFORMATION_SCHEMA'"
        )
    facts = session.register(object_times.facts(session))
    replaced = "f.created AS CREATED, f.altered AS LAST_ALTERED, f.altered AS LAST_DDL"
    if name == "TABLES":
        replaced += ", f.transient AS IS_TRANSIENT, f.row_count AS ROW_COUNT, f.row_count * 8 AS BYTES"
    join = f"LEFT JOIN {facts} AS f ON f.db = v.TABLE_CATALOG AND f.sc = v.TABLE_SCHEMA AND f.name = v.TABLE_NAME"
    query = f"SELECT v.* REPLACE ({replaced}) FROM {place}._fs_{name.lower()} AS v {join}"
    if name == "TABLES":  # views are listed too
        view = (
            "TABLE_CATALOG, TABLE_SCHEMA, TABLE_NAME, TABLE_OWNER, 'VIEW' AS TABLE_TYPE, f.created AS CREATED,"
            " f.altered AS LAST_ALTERED, f.altered AS LAST_DDL, v.COMMENT"
        )
        query += f" UNION ALL BY NAME SELECT {view} FROM {place}._fs_views AS v {join}"
    return query
