"""CSV files read as declared, nothing guessed: DuckDB's own detection skips lines and turns '007' into 7."""

from __future__ import annotations

import csv
import gzip
import itertools
from pathlib import Path
from typing import IO

from fakesnow.copy_into import ReadCSV

_LOOKED_AT = 1000
"""Records at the start of each file whose widest says how many columns there are; a wider one later is an error."""


def relation(reader: ReadCSV, paths: list[str], *, query: bool = False) -> str:
    """DuckDB's call that reads these files: every column a text, named column0, column1, ...

    In a query short records are filled with NULL and there is a column `filename`; COPY refuses them.
    """
    width = max((_width(reader, path) for path in paths), default=1)
    windows = any(_first_line(reader, path).endswith("\r\n") for path in paths)
    columns = ", ".join(f"'column{i}': 'VARCHAR'" for i in range(width))
    nulls = ", ".join(_literal(n) for n in reader.null_if or [])
    options = [
        *("header = false", "auto_detect = false", f"skip = {reader.skip_header}"),
        f"delim = {_literal(reader.sep)}",
        f"quote = {_literal(reader.quote or '')}",
        f"escape = {_literal(reader.quote or '')}",
        f"nullstr = [{nulls}]",
        f"columns = {{{columns}}}",
    ]
    if windows:
        options.append("new_line = '\\r\\n'")
    if reader.compression:
        options.append(f"compression = {_literal(reader.compression)}")
    if query:
        options += ["filename = true", "null_padding = true", "parallel = false"]
    return f"read_csv([{', '.join(_literal(p) for p in paths)}], {', '.join(options)})"


def _open(reader: ReadCSV, path: str) -> IO[str]:
    zipped = reader.compression == "gzip" or (reader.compression is None and path.endswith(".gz"))
    if zipped:
        return gzip.open(path, "rt", errors="replace", newline="")
    return Path(path).open(errors="replace", newline="")


def _first_line(reader: ReadCSV, path: str) -> str:
    with _open(reader, path) as file:
        return file.readline()


def _width(reader: ReadCSV, path: str) -> int:
    quoting = csv.QUOTE_MINIMAL if reader.quote else csv.QUOTE_NONE
    csv.field_size_limit(2**31 - 1)
    with _open(reader, path) as file:
        records = csv.reader(file, delimiter=reader.sep, quotechar=reader.quote or '"', quoting=quoting)
        data = itertools.islice(records, reader.skip_header, reader.skip_header + _LOOKED_AT)
        return max((len(record) for record in data), default=1) or 1


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
