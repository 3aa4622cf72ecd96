"""A source file becomes the rows of its staging table and the rows that broke the contract."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from customer_analytics.sources import SourceError, rules
from customer_analytics.sources.csv_rows import Header, Record, checked_header, read_header, records
from customer_analytics.sources.files import FetchedFile
from customer_analytics.tables import STG_REJECTED, Table

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

PARSER_VERSION = "1"
"""Part of each data version: raise it when the same file would give other rows."""
MEMORY_LIMIT = "400MB"
_BATCH_ROWS, _BATCH_CHARACTERS = 20_000, 8_000_000
_BATCH_BYTES = 32 * 1024 * 1024
_LONGEST_ROW_TEXT = 4_000_000  # characters, at most 16 MB of UTF-8
_Q = '"'


@dataclass
class StagedSource:
    """A file read and checked. `rows` and `rejected` are streamed; `close` frees what they read from."""

    table: Table
    file: FetchedFile
    row_count: int
    rejected_count: int
    reasons: dict[str, int]
    """How many rows were rejected for each reason, without their values; the commonest first."""
    extra_columns: tuple[str, ...]
    connection: duckdb.DuckDBPyConnection

    def rows(self) -> pa.RecordBatchReader:
        """The good rows, with the columns of the table; `close` is called after the last."""
        import pyarrow as pa

        columns = ", ".join(f'v{i} AS "{c.name.upper()}"' for i, c in enumerate(self.table.columns))
        reader = self.connection.sql(f"SELECT {columns} FROM checked WHERE reason IS NULL").to_arrow_reader(
            self._rows_at_once
        )

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                yield from reader
            finally:
                self.close()

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    @property
    def _rows_at_once(self) -> int:
        """Rows in one batch: about _BATCH_BYTES, however long the texts are."""
        mean = self.file.size / max(self.row_count + self.rejected_count, 1)
        return int(min(50_000, max(1, _BATCH_BYTES / max(mean, 1))))

    def rejected(self, loaded_at: dt.datetime) -> pa.RecordBatchReader:
        """The rows of STG_REJECTED, in order of line; read them before `rows`."""
        columns = [
            f"{rules.literal(self.file.source.name)} AS source_file",
            "CAST(line AS BIGINT) AS line",
            f"{rules.literal(self.table.name)} AS table_name",
            "reason",
            f"left(text, {_LONGEST_ROW_TEXT}) AS row_text",
            f"TIMESTAMP '{loaded_at:%Y-%m-%d %H:%M:%S}' AS loaded_at",
        ]
        upper = ", ".join(f'{c.name} AS "{c.name.upper()}"' for c in STG_REJECTED.columns)
        query = f"SELECT {upper} FROM (SELECT {', '.join(columns)} FROM rejects) ORDER BY line"
        return self.connection.sql(query).to_arrow_reader(self._rows_at_once)

    def close(self) -> None:
        from customer_analytics.sources.files import discard

        self.connection.close()
        discard(self.file)


def data_version(file: FetchedFile) -> str:
    """The content and the reader that gave the rows: what follows is stale only when this changes."""
    return f"{file.fingerprint[:32]}.{PARSER_VERSION}"


def stage(file: FetchedFile, table: Table, work: Path) -> StagedSource:
    """Read `file` as `table` and check every row. A file that cannot be the table raises `SourceError`."""
    import duckdb

    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(work / "spill")})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        extra = _read(connection, file, table)
        _reject_repeated(connection, table)
        _collect_rejects(connection, file, table)
        row_count, rejected = connection.execute("SELECT count(*), count(reason) FROM checked").fetchone() or (0, 0)
        reasons = connection.execute(
            "SELECT regexp_replace(reason, '''[^'']*''', '…', 'g') AS r, count(*) AS n FROM rejects "
            "GROUP BY r ORDER BY n DESC, r LIMIT 20"
        ).fetchall()
    except BaseException:
        connection.close()
        raise
    return StagedSource(table, file, row_count - rejected, rejected, dict(reasons), extra, connection)


# ---------------------------------------------------------------------- reading


def _read(connection: duckdb.DuckDBPyConnection, file: FetchedFile, table: Table) -> tuple[str, ...]:
    """Fill `checked` (line, text, v0, v1, ..., reason); the columns of the file that the table does not know."""
    import duckdb

    if file.source.format == "parquet":
        return _read_parquet(connection, file, table)
    header = read_header(file.path, table, file.source.shown)
    places = header.places(table)
    if file.plain and len(header.names) > 1 and header.lines == 1:
        try:
            _check(connection, table, _plain_lines(file, header), places, line=None)
            if connection.execute("SELECT count(*) FROM checked").fetchone() == (file.lines - 1,):
                return header.unknown(table)  # no line end in quotes: a row's place is its line
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            pass  # a row of too many fields, a broken quote: read it with care
        connection.execute("DROP VIEW IF EXISTS numbered; DROP TABLE IF EXISTS checked")
    connection.register("given", _strict_batches(file, header))
    _check(connection, table, "given", places, line="line", text="text", error="error")
    connection.unregister("given")
    return header.unknown(table)


def _plain_lines(file: FetchedFile, header: Header) -> str:
    """DuckDB's own reader, for a file in which each line is a row. A longer line than the header, a quote that is
    broken and a line end in quotes raise."""
    columns = ", ".join(f"c{i}: 'VARCHAR'" for i in range(len(header.names)))
    return (
        f"read_csv({rules.literal(str(file.path))}, auto_detect = false, header = false, skip = 1, delim = ',', "
        f"quote = '\"', escape = '\"', null_padding = true, strict_mode = true, columns = {{{columns}}})"
    )


def _strict_batches(file: FetchedFile, header: Header) -> pa.RecordBatchReader:
    import pyarrow as pa

    width = len(header.names)
    names = [f"c{i}" for i in range(width)]
    schema = pa.schema(
        [("line", pa.int64()), ("text", pa.string()), ("error", pa.string())] + [(n, pa.string()) for n in names]
    )

    def batch(rows: list[Record]) -> pa.RecordBatch:
        padded = [((r.fields or []) + [None] * width)[:width] for r in rows]
        columns = [[r.line for r in rows], [r.text for r in rows], [_width_error(r, width) for r in rows]]
        columns += [[p[i] for p in padded] for i in range(width)]
        return pa.RecordBatch.from_arrays(
            [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
        )

    def batches() -> Iterator[pa.RecordBatch]:
        rows, characters = [], 0
        for record in records(file.path):
            rows.append(record)
            characters += len(record.text)
            if len(rows) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
                yield batch(rows)
                rows, characters = [], 0
        if rows:
            yield batch(rows)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _width_error(record: Record, width: int) -> str | None:
    """More fields than columns are an error, unless the surplus is empty, as spreadsheets leave it."""
    if record.fields is not None and any(record.fields[width:]):
        return f"it has {len(record.fields)} fields, the header {width}"
    return record.error


def _read_parquet(connection: duckdb.DuckDBPyConnection, file: FetchedFile, table: Table) -> tuple[str, ...]:
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        scan = f"read_parquet({rules.literal(str(file.path))}, file_row_number = true)"
        described = connection.execute(f"DESCRIBE SELECT * EXCLUDE (file_row_number) FROM {scan}").fetchall()
        # The file's own names: DuckDB gives a second `label` another name.
        header = checked_header(pq.read_schema(file.path).names, table, file.source.shown)
        places = header.places(table)
        for name, place in places.items():
            kind = described[place][1]
            if kind in ("BLOB", "BIT", "INTERVAL") or kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]"):
                raise SourceError(
                    f"{file.source.shown} column {name} is of type {kind}: write it as text, number or time"
                )
        columns = ", ".join(
            f"CAST({_quoted(described[p][0])} AS VARCHAR) AS c{p}" for p in sorted(set(places.values()))
        )
        _check(connection, table, f"(SELECT file_row_number + 1 AS line, {columns} FROM {scan})", places, line="line")
    except duckdb.OutOfMemoryException:
        raise
    except (duckdb.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{file.source.shown} cannot be read as Parquet ({reason}): write it again") from error
    return header.unknown(table)


def _quoted(name: str) -> str:
    return _Q + name.replace(_Q, _Q * 2) + _Q


# --------------------------------------------------------------------- checking


def _check(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    raw: str,
    places: dict[str, int],
    *,
    line: str | None,
    text: str = "NULL",
    error: str = "NULL",
) -> None:
    """Make `checked` from the relation `raw`, whose fields are texts. Without `line`, rows are lines from 2."""
    typed = {c.name: f"v{i}" for i, c in enumerate(table.columns)}
    fields = {c.name: f"c{places[c.name]}" for c in table.columns}
    values = ", ".join(f"{rules.value(c, fields[c.name])} AS {typed[c.name]}" for c in table.columns)
    faults = ", ".join(rules.faults(table, fields, typed))
    more = "" if text == "text" else f", {text} AS text, CAST({error} AS VARCHAR) AS error"
    # What is wrong with the whole line comes alone: its fields may stand in wrong places.
    connection.execute(
        f"CREATE TEMP TABLE checked AS SELECT {line or 'CAST(NULL AS BIGINT)'} AS line, CAST(text AS VARCHAR) AS text, "
        f"{', '.join(typed.values())}, "
        f"coalesce(error, nullif(concat_ws('; ', {faults}), '')) AS reason FROM "
        f"(SELECT *{more}, {values} FROM {raw})"
    )
    if line is None:
        connection.execute("ALTER TABLE checked DROP COLUMN line")
        connection.execute("CREATE TEMP VIEW numbered AS SELECT *, rowid + 2 AS line FROM checked")
    else:
        connection.execute("CREATE TEMP VIEW numbered AS SELECT * FROM checked")


def _reject_repeated(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Of rows with one key the first good one stays; where such rows contradict each other, none does."""
    if not table.key:
        return
    typed = {c.name: f"v{i}" for i, c in enumerate(table.columns)}
    keys = [typed[k] for k in table.key]
    others = [v for name, v in typed.items() if name not in table.key]
    varied = f"count(DISTINCT ({', '.join(others)}))" if table.contradictions_are_rejected else "1"
    connection.execute(
        f"CREATE TEMP TABLE repeated AS SELECT {', '.join(keys)}, min(line) AS first_line, {varied} AS variants "
        f"FROM numbered WHERE reason IS NULL GROUP BY {', '.join(keys)} HAVING count(*) > 1"
    )
    if not (connection.execute("SELECT count(*) FROM repeated").fetchone() or (0,))[0]:
        return
    same = " AND ".join(f"n.{k} = r.{k}" for k in keys)
    name = "the row" if len(keys) == len(typed) else ", ".join(table.key)
    connection.execute(
        "CREATE TEMP TABLE repeats AS SELECT n.line, CASE WHEN r.variants > 1 "
        f"THEN {rules.literal(f'{name} comes with different values, first on line ')} "
        f"ELSE {rules.literal(f'{name} is repeated, first on line ')} END || r.first_line AS reason "
        f"FROM numbered n JOIN repeated r ON {same} "
        "WHERE n.reason IS NULL AND (n.line > r.first_line OR r.variants > 1)"
    )
    line = "checked.line" if _keeps_lines(connection) else "checked.rowid + 2"
    connection.execute(f"UPDATE checked SET reason = repeats.reason FROM repeats WHERE repeats.line = {line}")


def _keeps_lines(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether `checked` holds each row's line; otherwise a row's place gives it."""
    return any(row[0] == "line" for row in connection.execute("DESCRIBE checked").fetchall())


def _collect_rejects(connection: duckdb.DuckDBPyConnection, file: FetchedFile, table: Table) -> None:
    """Make `rejects` (line, text, reason), reading the text of a row again where it was not kept."""
    connection.execute("CREATE TEMP TABLE rejects AS SELECT line, text, reason FROM numbered WHERE reason IS NOT NULL")
    if not (connection.execute("SELECT count(*) FROM rejects").fetchone() or (0,))[0]:
        return
    path = rules.literal(str(file.path))
    if file.source.format == "parquet":
        again = (
            f"(SELECT p.file_row_number + 1 AS line, CAST(to_json(p) AS VARCHAR) AS text "
            f"FROM read_parquet({path}, file_row_number = true) p)"
        )
    elif not _keeps_lines(connection):
        again = (
            "(SELECT row_number() OVER () + 1 AS line, text "
            f"FROM read_csv({path}, auto_detect = false, header = false, "
            "skip = 1, delim = '\\x01', quote = '', escape = '', columns = {text: 'VARCHAR'}))"
        )
    else:
        return
    connection.execute(f"UPDATE rejects SET text = again.text FROM {again} AS again WHERE again.line = rejects.line")
