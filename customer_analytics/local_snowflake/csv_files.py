"""CSV files read as declared, nothing guessed: DuckDB's own detection skips lines and turns '007' into 7."""

from __future__ import annotations

import csv
import gzip
import itertools
import sys
from pathlib import Path

from fakesnow.copy_into import ReadCSV

_LOOKED_AT = 1000
"""Records at the start of each file whose widest says how many columns there are; a wider one later is an error."""


def relation(reader: ReadCSV, paths: list[str], *, filename: bool = False) -> str:
    """DuckDB's call that reads these files: every column a text, named column0, column1, ..."""
    width = max((_width(reader, path) for path in paths), default=1)
    columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(width))
    nulls = ", ".join(_literal(n) for n in reader.null_if or [])
    options = [
        *("header = false", "auto_detect = false", "null_padding = true", f"skip = {reader.skip_header}"),
        f"delim = {_literal(reader.sep)}",
        f"quote = {_literal(reader.quote or '')}",
        f"escape = {_literal(reader.quote or '')}",
        f"nullstr = [{nulls}]",
        f"columns = {{{columns}}}",
    ]
    if reader.compression:
        options.append(f"compression = {_literal(reader.compression)}")
    if filename:
        options.append("filename = true")
    return f"read_csv([{', '.join(_literal(p) for p in paths)}], {', '.join(options)})"


def _width(reader: ReadCSV, path: str) -> int:
    zipped = reader.compression == "gzip" or (reader.compression is None and path.endswith(".gz"))
    opened = gzip.open(path, "rt", errors="replace") if zipped else Path(path).open(errors="replace", newline="")
    quoting = csv.QUOTE_MINIMAL if reader.quote else csv.QUOTE_NONE
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with opened as file:
        records = csv.reader(file, delimiter=reader.sep, quotechar=reader.quote or '"', quoting=quoting)
        found = itertools.islice(records, reader.skip_header + _LOOKED_AT)
        return max((len(r) for r in itertools.islice(found, reader.skip_header, None)), default=1) or 1


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
