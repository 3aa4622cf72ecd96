"""CSV text as rows, each with its line and its text: the header, and the strict reader for files that need care.

The strict reader follows RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180). Where a quote is
broken it rejects that one line and goes on with the next, so that nothing is swallowed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from customer_analytics.sources import SourceError
from customer_analytics.tables import Table

LONGEST_VALUE_BYTES = 16 * 1024 * 1024
"""Snowflake's VARCHAR: https://docs.snowflake.com/en/sql-reference/data-types-text"""
LONGEST_RECORD_CHARACTERS = 4 * LONGEST_VALUE_BYTES
_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Header:
    """The columns of a file by place. `lines` are those that the header takes."""

    names: tuple[str, ...]
    lines: int = 1

    def places(self, table: Table) -> dict[str, int]:
        """Where each of `table`'s columns stands, by name and whatever the case of its letters."""
        folded = [n.strip().lower() for n in self.names]
        return {c.name: folded.index(c.name) for c in table.columns}

    def unknown(self, table: Table) -> tuple[str, ...]:
        """The columns that the table does not know; they are not loaded."""
        known = set(table.column_names)
        return tuple(n for n in self.names if n.strip().lower() not in known)


def checked_header(names: Sequence[str], table: Table, shown: str, lines: int = 1) -> Header:
    """The header, or `SourceError` when one of `table`'s columns is missing or comes twice."""
    folded = [n.strip().lower() for n in names]
    if missing := [c for c in table.column_names if c not in folded]:
        present = ", ".join(n if len(n) <= 60 else n[:60] + "…" for n in names[:20]) or "none"
        raise SourceError(
            f"{shown} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} (it has: {present}): "
            "add or rename it in the header"
        )
    if twice := sorted({c for c in table.column_names if folded.count(c) > 1}):
        raise SourceError(f"{shown} has the column {twice[0]} more than once: remove one")
    return Header(tuple(names), lines)


def read_header(path: Path, table: Table, shown: str) -> Header:
    """The header of a CSV file, checked. `SourceError` names what is wrong with it."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        record = next(_records(file), None)
    if record is None:
        raise SourceError(f"{shown} has no header: write the column names into its first line")
    if "\r" in record.text and "\n" not in record.text:
        raise SourceError(f"{shown} ends its lines by carriage returns alone: save it with line feeds")
    if "," not in record.text:
        for mark, word in _DELIMITERS.items():
            if mark in record.text:
                raise SourceError(f"{shown} line 1 separates its columns by {word}: save it with commas")
    if record.fields is None:
        raise SourceError(f"{shown} line 1 is not a CSV header ({record.error}): mend its quotes or line ends")
    return checked_header(record.fields, table, shown, record.line + record.text.count("\n"))


@dataclass(frozen=True)
class Record:
    """One row of a CSV file: its first line, its text, and its fields, or what is wrong with it."""

    line: int
    text: str
    fields: list[str] | None
    error: str | None = None


def records(path: Path) -> Iterator[Record]:
    """Every row after the header, in order. Blank lines are none."""
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        rows = _records(file)
        next(rows, None)
        yield from rows


class _Lines:
    """The lines of a file, numbered from 1; some can be given back to be read again."""

    def __init__(self, file: io.TextIOBase) -> None:
        self._file, self._back, self.number = file, [], 0

    def take(self) -> str:
        self.number += 1
        # Bounded: a line without end (random bytes, one huge value) must not fill the memory.
        return self._back.pop() if self._back else self._file.readline(LONGEST_RECORD_CHARACTERS)

    def give_back(self, lines: Sequence[str]) -> None:
        self._back.extend(reversed(lines))
        self.number -= len(lines)


def _records(file: io.TextIOBase) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_RECORD_CHARACTERS)
    lines = _Lines(file)
    while text := lines.take():
        if not text.strip("\r\n"):
            continue
        yield _record(text, lines)


def _record(first: str, lines: _Lines) -> Record:
    """The record that begins with the line `first`; a broken one is that line alone."""
    line, taken, length = lines.number, [first], len(first)
    inside = _ends_inside_quotes(first, inside=False)
    while inside and length < LONGEST_RECORD_CHARACTERS and (more := lines.take()):
        taken.append(more)
        length += len(more)
        inside = _ends_inside_quotes(more, inside=True)
    if inside:
        error = "a quote is opened and never closed"
    else:
        text = "".join(taken)
        try:
            return Record(line, _without_end(text), next(csv.reader([text], strict=True)))
        except csv.Error as broken:
            error = f"its quotes or line ends are broken: {broken}"
    lines.give_back(taken[1:])
    return Record(line, _without_end(first), None, error)


def _ends_inside_quotes(text: str, inside: bool) -> bool:
    """Whether a quoted value is still open after `text`. A quote inside an unquoted value is only a character."""
    at_start, i = not inside, 0
    while i < len(text):
        if inside:
            i = text.find('"', i)
            if i < 0:
                return True
            if text[i + 1 : i + 2] == '"':
                i += 2
            else:
                inside, i = False, i + 1
        elif at_start and text[i] == '"':
            inside, at_start, i = True, False, i + 1
        else:
            comma = text.find(",", i)
            if comma < 0:
                return False
            at_start, i = True, comma + 1
    return inside


def _without_end(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
