"""CSV files read as declared, nothing guessed: DuckDB's own detection skips lines and turns '007' into 7."""

from __future__ import annotations

import csv
import glob
import gzip
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from customer_analytics.local_snowflake.file_formats import FileFormat, unsupported

_LOOKED_AT = 1000
"""Records at the start of each file whose widest says how many columns there are; a wider one later is an error."""


def relation(declared: FileFormat, paths: list[str], *, padded: bool = False) -> str:
    """DuckDB's call that reads these files: every column a text, named column0, column1, ..., and `filename`.

    `padded`: short records are filled with NULL; otherwise they are errors.
    """
    nulls = declared.texts("NULL_IF", ["\\N"])
    if declared.true("EMPTY_FIELD_AS_NULL", True):
        nulls = ["", *(n for n in nulls if n)]
    elif "" in nulls:
        raise unsupported("EMPTY_FIELD_AS_NULL = FALSE with NULL_IF of ''")
    width = max((len(record) for path in paths for record in _records(declared, path)), default=1) or 1
    columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(width))
    quote = _literal(_quote(declared))
    options = [
        *(
            "header = false",
            "auto_detect = false",
            f"skip = {_skipped(declared)}",
            f"delim = {_literal(_sep(declared))}",
        ),
        *(f"quote = {quote}", f"escape = {quote}", f"nullstr = [{', '.join(map(_literal, nulls))}]"),
        *(f"columns = {{{columns}}}", "filename = true", f"compression = {_literal(_compression(declared))}"),
    ]
    ends = {_line_end(declared, path) for path in paths}
    if end := next((end for end in ("\\r\\n", "\\n") if end in ends), None):  # DuckDB takes a quoted one for it
        options.append(f"new_line = '{end}'")
    if padded:
        options += ["null_padding = true", "parallel = false"]
    return f"read_csv({path_list(paths)}, {', '.join(options)})"


def path_list(paths: list[str]) -> str:
    """The paths as DuckDB's readers take them: a `[` or `*` in a name is no pattern."""
    return f"[{', '.join(_literal(glob.escape(path)) for path in paths)}]"


def header(declared: FileFormat, path: str) -> list[str]:
    """The column names in the file's first record (PARSE_HEADER)."""
    return next(_records(declared, path, skip=0), [])


def _skipped(declared: FileFormat) -> int:
    return int(declared.text("SKIP_HEADER", "0")) or int(declared.true("PARSE_HEADER"))


def _sep(declared: FileFormat) -> str:
    given = declared.text("FIELD_DELIMITER", ",")
    return "\x01" if given.upper() == "NONE" else given


def _quote(declared: FileFormat) -> str:
    given = declared.text("FIELD_OPTIONALLY_ENCLOSED_BY", "NONE")
    return "" if given.upper() == "NONE" else given


def _compression(declared: FileFormat) -> str:
    given = declared.text("COMPRESSION", "AUTO").upper()
    known = {"AUTO": "auto_detect", "AUTO_DETECT": "auto_detect", "GZIP": "gzip", "NONE": "none", "ZSTD": "zstd"}
    if given not in known:
        raise unsupported(f"COMPRESSION = {given}")
    return known[given]


def _open(declared: FileFormat, path: str) -> IO[str]:
    kind = _compression(declared)
    if kind == "gzip" or (kind == "auto_detect" and path.endswith(".gz")):
        return gzip.open(path, "rt", errors="replace", newline="")
    return Path(path).open(errors="replace", newline="")


def _line_end(declared: FileFormat, path: str) -> str | None:
    """How the first record ends, as DuckDB's reader is told it; None where no line feed stands outside of quotes."""
    with _open(declared, path) as file:
        text = file.read(1_000_000)
    if quote := _quote(declared):
        text = re.sub(f"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", text)
    at = text.find("\n")
    return None if at < 0 else "\\r\\n" if text[at - 1 : at] == "\r" else "\\n"


def _records(declared: FileFormat, path: str, skip: int | None = None) -> Iterator[list[str]]:
    """The first records after those that are skipped."""
    quote, first = _quote(declared), _skipped(declared) if skip is None else skip
    quoting = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    csv.field_size_limit(2**31 - 1)
    with _open(declared, path) as file:
        separator = _sep(declared)
        lines = (line.replace(separator, "\x01") for line in file) if len(separator) > 1 else file
        one = "\x01" if len(separator) > 1 else separator
        records = csv.reader(lines, delimiter=one, quotechar=quote or '"', quoting=quoting)
        yield from itertools.islice(records, first, first + _LOOKED_AT)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
