"""Rewrites of a statement's text, before it is parsed: only what sqlglot or fakesnow cannot read."""

from __future__ import annotations

import importlib.metadata
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from customer_analytics.local_snowflake import model_methods, models, staged_files, stages
from customer_analytics.local_snowflake.names import IDENTIFIER, NAME, qualified, quoted

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection

_IDENTIFIER_CALL = re.compile(r"\bidentifier\s*\(\s*(\?|'[^']*')\s*\)", re.I)
_DIRECTORY = re.compile(rf"\bdirectory\s*\(\s*@({NAME})\s*\)", re.I)
_LINK = re.compile(rf"\b(get_presigned_url|build_scoped_file_url|build_stage_file_url)\s*\(\s*'?@({NAME})'?\s*,", re.I)
_TAG_REFERENCES = re.compile(
    rf"\btable\s*\(\s*(?:{IDENTIFIER}\.)?information_schema\.tag_references\s*"
    r"\(\s*(?:'|\$\$)(.*?)(?:'|\$\$)\s*,\s*'module'\s*\)\s*\)",
    re.I,
)
_PACKAGES = re.compile(rf"\b(?:{IDENTIFIER}\.)?information_schema\.packages\b", re.I)
_IMMEDIATE = re.compile(r"\s*execute\s+immediate\s+(?:\$\$(.*)\$\$|'((?:[^']|'')*)')\s*;?\s*$", re.I | re.S)
_NAMED_TABLE = re.compile(r"\btable\s*\(\s*'([^']+)'\s*\)", re.I)
_LAST_QUERY = re.compile(r"\blast_query_id\s*\(\s*(?:-1)?\s*\)", re.I)
_CURRENT_TRANSACTION = re.compile(r"\bcurrent_transaction\s*\(\s*\)", re.I)
_MANAGED_SCHEMA = re.compile(
    rf"\A(\s*create\s+(?:or\s+replace\s+)?(?:transient\s+)?schema\s+(?:if\s+not\s+exists\s+)?{NAME})\s+with\s+managed\s+access\b",
    re.I,
)
"""sqlglot cannot read it, and who may grant has no effect here."""
# Snowpark writes CREATE TABLE t IF NOT EXISTS (...), which Snowflake takes as well
_IF_MISSING = re.compile(rf"^(\s*create\s+(?:\w+\s+)*?table\s+)({NAME})\s+if\s+not\s+exists\b", re.I)
_LITERAL = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|(\b(?:date|time|timestamp)\s+'[^']*')(?=\s*::)", re.I | re.S
)
_QUOTED_STAGE = re.compile(rf"'@({NAME})((?:/[^'\s]*)?)'")


def immediate(sql: str) -> str:
    """EXECUTE IMMEDIATE of one statement's text: that statement."""
    match = _IMMEDIATE.match(sql)
    if not match or re.match(r"\s*(begin\s*\w|declare)", match[1] or match[2], re.I):
        return sql
    return match[1] if match[1] is not None else match[2].replace("''", "'")


def rewrite(session: Connection, sql: str, params: Any) -> tuple[str, Any]:
    """The statement and its parameters as the parser can take them."""
    sql = _IF_MISSING.sub(r"\1IF NOT EXISTS \2 ", sql)
    if "::" in sql:  # DATE '2024-01-01'::TEXT is the text of a date; the parser makes it a date of a text
        sql = _LITERAL.sub(lambda m: f"({m[1]})" if m[1] else m[0], sql)
    if "(" in sql:
        sql = _NAMED_TABLE.sub(lambda m: m[1], sql)
        sql = _LAST_QUERY.sub(f"'{session.last_query_id or ''}'", sql)
        sql = _CURRENT_TRANSACTION.sub("'1'" if session.duck.in_transaction else "NULL", sql)
    sql, params = _identifiers(sql, params)
    sql = _MANAGED_SCHEMA.sub(r"\1", sql)
    sql, params = staged_files.rewrite(session, sql, params)
    sql = re.sub(r"\bscoped\s+temp(orary)?\b", "TEMPORARY", sql, flags=re.I)
    if "@" in sql:
        sql = _QUOTED_STAGE.sub(lambda m: "@" + quoted(*qualified(session, m[1])) + m[2], sql)
        sql = _DIRECTORY.sub(lambda m: session.register(_directory(session, m[1])), sql)
        sql = _links(session, sql)
    if "!" in sql:
        sql = model_methods.inline(session, sql)
    sql = _TAG_REFERENCES.sub(lambda m: session.register(models.tag_references(session, m[1])), sql)
    sql = _PACKAGES.sub(lambda _: session.register(_packages()), sql)
    return sql, params


def _identifiers(sql: str, params: Any) -> tuple[str, Any]:
    """IDENTIFIER(?) and IDENTIFIER('name')."""
    while match := _IDENTIFIER_CALL.search(sql):
        if match[1] == "?":
            params = list(params)
            name = params.pop(sql[: match.start()].count("?"))
            params = params or None
        else:
            name = match[1][1:-1]
        sql = sql[: match.start()] + name + sql[match.end() :]
    return sql, params


def _directory(session: Connection, name: str) -> pa.Table:
    """See https://docs.snowflake.com/en/user-guide/data-load-dirtables-query"""
    folder, _, _ = stages.locate(session, "@" + name)
    found = stages.files(folder)
    digests = pa.array([stages.md5(path) for _, path in found], pa.string())
    return pa.table(
        {
            "RELATIVE_PATH": pa.array([relative for relative, _ in found], pa.string()),
            "SIZE": pa.array([path.stat().st_size for _, path in found], pa.int64()),
            "LAST_MODIFIED": pa.array(
                [int(path.stat().st_mtime * 1e6) for _, path in found], pa.timestamp("us", "UTC")
            ),
            "MD5": digests,
            "ETAG": digests,
            "FILE_URL": pa.array([session.links.plain(path) for _, path in found], pa.string()),
        }
    )


def _links(session: Connection, sql: str) -> str:
    """GET_PRESIGNED_URL(@stage, path [, seconds]) -> a function of path and seconds alone."""
    out, start = "", 0
    while match := _LINK.search(sql, start):
        folder, _, _ = stages.locate(session, "@" + match[2])
        function = session.links.function(session, folder)
        end, commas = _call_end(sql, match.end())
        out += sql[start : match.start()] + f"{function}(" + sql[match.end() : end]
        out += ")" if commas else ", 3600)"
        start = end + 1
    return out + sql[start:]


def _call_end(sql: str, start: int) -> tuple[int, int]:
    """Where the call's bracket closes, and how many commas stand at its own level from `start` on."""
    depth, commas, quoted, at = 1, 0, False, start
    while True:
        char = sql[at]
        if char == "'":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
            commas += char == "," and depth == 1
        if not depth:
            return at, commas
        at += 1


def _packages() -> pa.Table:
    """The model registry checks a model's dependencies here: what this environment has."""
    found = [(d.metadata["Name"], d.version) for d in importlib.metadata.distributions() if d.metadata["Name"]]
    return pa.table(
        {
            "PACKAGE_NAME": [name for name, _ in found],
            "VERSION": [version for _, version in found],
            "LANGUAGE": ["python"] * len(found),
            "RUNTIME_VERSION": pa.nulls(len(found), pa.string()),
        }
    )
