"""Identifiers and object names in statements that are read as text."""

from __future__ import annotations

import re
from typing import Protocol

import snowflake.connector.errors as sfe

IDENTIFIER = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
NAME = rf"{IDENTIFIER}(?:\.{IDENTIFIER}){{0,2}}"
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


def without_comments(sql: str) -> str:
    """The statement without leading comments and trailing semicolons."""
    return re.sub(r"^\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)+", "", sql, flags=re.S).rstrip("; \n\t")


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
