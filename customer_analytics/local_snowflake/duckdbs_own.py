"""What DuckDB would run and Snowflake has not: refused here, with Snowflake's error, before anything of it is run.

Statements (PRAGMA, ATTACH, COPY t TO 'file'), functions (read_csv, list_value), files and catalogues as tables. Behind
this, `Engine` lets DuckDB open files of the data folder only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import snowflake.connector.errors as sfe
from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake

from customer_analytics.local_snowflake.names import qualified

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_STATEMENTS = re.compile(
    r"select|with|values|\(|insert|update|delete|merge|truncate|create|alter|drop|undrop|describe|desc|show|comment"
    r"|use\b(?!\s+(?:memory|system|temp|_fs_global)\b)|set\s+(?!(?:global|local|session)\s)\S+\s*=|set\s*\(|unset"
    r"|begin|start\s+transaction|commit|rollback|declare|let|copy\s+(?:into|files)|put|get|list|ls|remove|rm"
    r"|grant|revoke|call|execute\s+(?:immediate|task|alert|notebook|job|service|dbt)|explain|\Z",
    re.I,
)
_OBJECT = re.compile(
    r"(?P<verb>create|drop|alter)\s+(?:or\s+(?:replace|alter)\s+)?"
    r"(?:(?:local|global|scoped|temp|temporary|transient|volatile|secure|recursive)\s+)*(?P<kind>\w+)",
    re.I,
)
_HERE = {
    *("TABLE", "VIEW", "SCHEMA", "DATABASE", "STAGE", "FILE", "SEQUENCE", "MODEL", "WAREHOUSE", "ROLE", "USER", "TAG"),
    *("NETWORK", "RESOURCE", "ACCOUNT", "ARTIFACT", "SESSION"),
}
_ELSEWHERE = {
    *("TASK", "STREAM", "PIPE", "FUNCTION", "AGGREGATE", "PROCEDURE", "ALERT", "SERVICE", "EXTERNAL", "HYBRID"),
    *("EVENT", "DYNAMIC", "ICEBERG", "MATERIALIZED", "SHARE", "INTEGRATION", "SECRET", "INDEX", "MASKING", "ROW"),
    *("PASSWORD", "NOTEBOOK", "STREAMLIT", "GIT", "IMAGE", "COMPUTE", "APPLICATION", "CONNECTION", "REPLICATION"),
    *("FAILOVER", "AUTHENTICATION", "PROJECTION", "AGGREGATION", "CORTEX", "SEMANTIC", "DATASET", "NOTIFICATION"),
    *("STORAGE", "API", "SECURITY", "CATALOG", "DATA", "ORGANIZATION", "MANAGED", "INTERACTIVE", "BACKUP"),
    *("PRIVACY", "JOIN", "PACKAGES"),
}
"""Kinds of objects that Snowflake has and that are not here."""
_QUERY_DESCRIBED = re.compile(r"show\s+all\b|(?:describe|desc)\s+(?:select|with|from|values|\()", re.I)
_BOTH_HAVE = {"HASH", "NEXTVAL", "POSITION", "DATE_PART", "LISTAGG", "STRING_AGG"}
"""DuckDB's functions that Snowflake has too, and that sqlglot does not know by a class of their own."""
_PLACES = {"MEMORY", "SYSTEM", "TEMP", "_FS_GLOBAL"}
_SCHEMAS = {"_FS_INFORMATION_SCHEMA", "PG_CATALOG"}
_SUSPICIOUS = re.compile(r"(?:duckdb|sqlite|pragma|pg)_|_fs_|.*[./\\*?\[:]", re.I | re.S)


def functions(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The names of DuckDB's functions that Snowflake has not; `con` has no macros of ours yet."""
    found = con.execute("SELECT DISTINCT upper(function_name) FROM duckdb_functions()").fetchall()
    # What sqlglot knows it writes in DuckDB's way, or leaves to us: TO_TIMESTAMP
    return frozenset(name for (name,) in found) - _BOTH_HAVE - set(Snowflake.Parser.FUNCTIONS)


def check_statement(text: str) -> None:
    """Raises ProgrammingError for a kind of statement that Snowflake has not. `text` has no leading comment."""
    if not _STATEMENTS.match(text) or _QUERY_DESCRIBED.match(text):
        raise _syntax_error(text.split(None, 1)[0])
    if (found := _OBJECT.match(text)) and (kind := found["kind"].upper()) not in _HERE:
        if kind not in _ELSEWHERE:
            raise _syntax_error(found["kind"], found.start("kind"))
        raise sfe.ProgrammingError(
            msg=f"Unsupported feature of the local Snowflake: {' '.join(text.split()[:4])}", errno=2, sqlstate="0A000"
        )


def check_names(session: Connection, tree: exp.Expr) -> None:
    """Raises ProgrammingError when the statement reads a file or a catalogue of DuckDB's, or calls its functions."""
    foreign = session.engine.duckdbs_functions
    made = tree.this if isinstance(tree, exp.Create) else None
    created = made.find(exp.Table) if isinstance(made, exp.Expr) else None
    if created is not None and created.name.upper().startswith("DUCKDB_"):  # DuckDB's catalogue would be behind it
        raise sfe.ProgrammingError(
            msg=f"The local Snowflake cannot have an object called {created.name}", errno=2, sqlstate="0A000"
        )
    for node in tree.find_all(exp.Table, exp.Anonymous, exp.TableFromRows, exp.Lateral):
        if isinstance(node, exp.Anonymous):
            if node.name.upper() in foreign and isinstance(node.this, str):
                raise _unknown_function(node.name)
        elif isinstance(node, exp.Table):
            if isinstance(node.this, exp.Identifier):
                if node is not made and node.parent is not made and not isinstance(tree, exp.Drop):
                    _check_table(session, tree, node)
            elif isinstance(node.this, exp.Literal):
                raise _syntax_error(f"'{node.name}'")
            elif isinstance(node.this, exp.Func):
                raise _unknown_function(node.this.name or type(node.this).__name__)
        elif isinstance(node.this, exp.Anonymous) and node.this.name.upper() != "RESULT_SCAN":
            raise _unknown_function(node.this.name)


def _check_table(session: Connection, tree: exp.Expr, table: exp.Table) -> None:
    place = table.catalog.upper() in _PLACES or table.db.upper() in _SCHEMAS
    if not place and not _SUSPICIOUS.match(table.name):
        return
    name = qualified(session, ".".join(part.sql(dialect="snowflake") for part in table.parts))
    if not place:
        if any(table.name == cte.alias for cte in tree.find_all(exp.CTE)):
            return
        query = (
            "SELECT 1 FROM duckdb_columns() WHERE NOT internal AND table_name = ? AND"
            " ((database_name, schema_name) = (?, ?) OR database_name = 'temp') LIMIT 1"
        )
        if session.duck.con.execute(query, [name[2], *name[:2]]).fetchall():
            return
    raise sfe.ProgrammingError(
        msg=f"SQL compilation error:\nObject '{'.'.join(name)}' does not exist or not authorized.",
        errno=2003,
        sqlstate="42S02",
    )


def _syntax_error(what: str, at: int = 0) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"SQL compilation error:\nsyntax error line 1 at position {at} unexpected '{what}'.",
        errno=1003,
        sqlstate="42000",
    )


def _unknown_function(name: str) -> sfe.ProgrammingError:
    return sfe.ProgrammingError(
        msg=f"SQL compilation error:\nUnknown function {name.upper()}", errno=2140, sqlstate="42601"
    )
