"""Identifiers and object names in statements that are read as text."""

from __future__ import annotations

import re
from typing import Protocol

import snowflake.connector.errors as sfe

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
NAME = rf"{IDENTIFIER}(?:\.{IDENTIFIER}){{0,2}}"
LONGEST_BYTES = 200
STAGE = rf"(?:~|(?:{IDENTIFIER}\.){{0,2}}%?{IDENTIFIER})"
"""A stage's name, the user's own (`~`) or a table's (`%t`)."""


class Where(Protocol):
    """What a session knows about where it is."""

    database: str | None

    @property
    def schema(self) -> str | None: ...


def normal(identifier: str) -> str:
    """`abc` is ABC; `"abc"` stays abc."""
    return identifier[1:-1].replace('""', '"') if identifier[:1] == '"' else identifier.upper()


def parts(name: str) -> list[str]:
    """The identifiers of a dotted name, normal."""
    return [normal(part) for part in re.findall(IDENTIFIER, name)]


def qualified(where: Where, name: str) -> tuple[str, str, str]:
    """Database, schema and name, completed from the session."""
    found = parts(name)
    full = [where.database or "", where.schema or ""][: 3 - len(found)] + found
    return full[0], full[1], full[2]


def quoted(*identifiers: str) -> str:
    """The dotted name, each identifier in double quotes."""
    return ".".join('"' + i.replace('"', '""') + '"' for i in identifiers)


def check_kept(kind: str, identifier: str) -> str:
    """The name of a database, schema, stage or model, which is a file or folder here. Raises ProgrammingError.

    A schema's, stage's or model's may hold blanks and dashes too; fakesnow writes a database's without quotes.
    """
    if not identifier:
        raise sfe.ProgrammingError(
            msg=f"Cannot find the {kind}. This session does not have a current database and schema. Call 'USE SCHEMA', "
            "or use a qualified name.",
            errno=90106,
            sqlstate="22000",
        )
    others = "" if kind == "database" else r" \-"
    if re.fullmatch(rf"(?:[\w${others}]|[^\x00-\x7f])+", identifier) and len(identifier.encode()) <= LONGEST_BYTES:
        return identifier
    allowed = "letters, digits, _ and $" if kind == "database" else "letters, digits, _, $, blanks and dashes"
    shown = identifier if len(identifier) <= 60 else identifier[:60] + "..."
    raise sfe.ProgrammingError(
        msg=f"The local Snowflake keeps a {kind} under its name: {shown!r} must be at most {LONGEST_BYTES} bytes of "
        f"{allowed}",
        errno=2,
        sqlstate="0A000",
    )


def without_comments(sql: str) -> str:
    """The statement without leading comments and trailing semicolons."""
    return re.sub(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)+", "", sql, flags=re.S).lstrip().rstrip("; \n\t")


def bracketed(text: str) -> tuple[str, str]:
    """What is in the first pair of brackets, and what comes after it. Raises ProgrammingError when none closes."""
    start = text.index("(")
    depth, quote = 0, ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        else:
            depth += (char == "(") - (char == ")")
        if not depth:
            return text[start + 1 : at], text[at + 1 :]
    raise sfe.ProgrammingError(
        msg="SQL compilation error:\nsyntax error: a bracket is not closed", errno=1003, sqlstate="42000"
    )
