"""LanceDB in a folder: the embedded vector store. No server; several processes may read and write it at once.

What this adapter takes care of, because LanceDB does not by itself: the id is declared the primary
key (two writers of the same new ids would both insert), every call opens the table anew (a handle
goes stale when another process drops the collection), rewritten rows are compacted and old versions
removed by `maintain`, and commit conflicts are tried again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from customer_analytics.resources.vector_store import ranking
from customer_analytics.resources.vector_store import rows as objects
from customer_analytics.resources.vector_store.protocol import And, Filter, In, IsNull, VectorStoreError
from customer_analytics.tables import Collection

if TYPE_CHECKING:
    import numpy as np
    from lancedb.db import DBConnection
    from lancedb.table import Table

# Lance deduplicates inserts of concurrent writers only by a key that both table and source declare.
_PRIMARY_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
_IDS_PER_STATEMENT = 5_000
_ATTEMPTS = 20
_SOURCE_PLACE = re.compile(r",? ?/\S*\.cargo/\S+")
"""Lance ends its messages with the place in its own source."""
T = TypeVar("T")


class LanceVectorStore:
    """The `VectorStore` in a folder, exact at every size: search looks at every vector.

    `keep` is how long replaced versions stay for readers that still use them; `maintain` removes older ones.
    """

    def __init__(self, folder: Path, keep: dt.timedelta = dt.timedelta(hours=1)) -> None:
        self.folder = folder
        self.name = f"lancedb:{folder}"
        self._keep = keep
        self._connection: DBConnection | None = None

    def ensure(self, collection: Collection, dimension: int) -> None:
        schema = _lance_schema(collection, dimension)
        if not self.exists(collection):
            # Another process may make it in this moment: exist_ok, then look at what stands there.
            self._retry(collection, lambda: self._db().create_table(collection.name, schema=schema, exist_ok=True))
        table = self._open(collection)
        there = _dimension(table.schema)
        if there != dimension:
            raise VectorStoreError(
                f"{collection.name} holds vectors of length {there}, not {dimension}: drop it, then fill it anew."
            )
        if table.schema.names != schema.names:
            raise VectorStoreError(
                f"{collection.name} in {self.folder} has the columns {', '.join(table.schema.names)} instead of "
                f"{', '.join(schema.names)}: drop it, then fill it anew."
            )
        self._index(collection, table)

    def exists(self, collection: Collection) -> bool:
        with _errors(collection):
            try:
                self._db().open_table(collection.name)
            except ValueError as error:
                if "was not found" in str(error):
                    return False
                raise
        return True

    def dimension(self, collection: Collection) -> int:
        return _dimension(self._open(collection).schema)

    def upsert(self, collection: Collection, rows: pa.Table) -> int:
        dimension = self.dimension(collection)
        checked = objects.check_rows(collection, dimension, rows)
        if checked.num_rows == 0:
            return 0
        objects.refuse_other_model(collection, checked, self._model(collection))
        source = pa.Table.from_arrays(checked.columns, schema=_lance_schema(collection, dimension))

        def write() -> None:
            merge = self._open(collection).merge_insert(objects.ID)
            merge.when_matched_update_all().when_not_matched_insert_all().execute(source)

        self._retry(collection, write)
        return checked.num_rows

    def replace(self, collection: Collection, dimension: int, batches: Iterable[pa.Table]) -> int:
        schema = _lance_schema(collection, dimension)
        failure: list[BaseException] = []
        written = 0

        def checked() -> Iterator[pa.RecordBatch]:
            nonlocal written
            try:
                for rows in batches:
                    table = objects.check_rows(collection, dimension, rows)
                    written += table.num_rows
                    yield from pa.Table.from_arrays(table.columns, schema=schema).to_batches()
            except BaseException as error:
                failure.append(error)  # Lance would make it a text
                raise

        source = pa.RecordBatchReader.from_batches(schema, checked())
        try:
            with _errors(collection):
                # One commit, whatever stood there: until it, and after a failure, readers see the old content.
                mode = "overwrite" if self.exists(collection) else "create"
                table = self._db().create_table(collection.name, data=source, schema=schema, mode=mode)
        except VectorStoreError:
            if failure:
                raise failure[0] from None
            raise
        self._index(collection, table)
        return written

    def _model(self, collection: Collection) -> str | None:
        """The model of any object: all are by the same one."""
        with _errors(collection):
            found = self._open(collection).search().select([objects.EMBEDDING_MODEL]).limit(1).to_arrow()
        return found.column(0)[0].as_py() if found.num_rows else None

    def delete(self, collection: Collection, ids: Sequence[str]) -> int:
        deleted = 0
        distinct = list(dict.fromkeys(ids))
        for start in range(0, len(distinct), _IDS_PER_STATEMENT):
            condition = _sql(In(objects.ID, tuple(distinct[start : start + _IDS_PER_STATEMENT])))
            deleted += self._retry(collection, lambda c=condition: self._delete(collection, c))
        return deleted

    def _delete(self, collection: Collection, condition: str) -> int:
        table = self._open(collection)
        there = table.count_rows(condition)
        if there:
            table.delete(condition)
        return there

    def ids(self, collection: Collection) -> Iterator[str]:
        for batch in self.scan(collection, [objects.ID], batch_size=10_000):
            yield from batch.column(0).to_pylist()

    def count(self, collection: Collection, where: Filter | None = None) -> int:
        condition = _condition(collection, where)
        with _errors(collection):
            return self._open(collection).count_rows(condition)

    def scan(
        self,
        collection: Collection,
        columns: Sequence[str] | None = None,
        where: Filter | None = None,
        batch_size: int = 1000,
    ) -> Iterator[pa.RecordBatch]:
        names = objects.names_of(collection, columns, vector=True)
        condition = _condition(collection, where)
        with _errors(collection):
            table = self._open(collection)
            schema = _plain(table.schema, names)
            query = table.search().select(names)
            if condition:
                query = query.where(condition)
            for batch in query.to_batches(batch_size):
                if batch.num_rows:
                    yield pa.RecordBatch.from_arrays([batch.column(n) for n in names], schema=schema)

    def near(
        self,
        collection: Collection,
        vector: np.ndarray,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        names = objects.names_of(collection, columns, vector=False)
        table = self._open(collection)
        query = objects.check_query(collection, _dimension(table.schema), vector, k)
        condition = _condition(collection, where)
        fetched = list(dict.fromkeys([objects.ID, objects.VECTOR, *names]))

        def fetch(limit: int) -> pa.Table:
            search: Any = table.search(query, vector_column_name=objects.VECTOR, query_type="vector")
            # `_distance` is named because leaving it out is announced to change its meaning.
            search = search.distance_type("cosine").bypass_vector_index().limit(limit).select([*fetched, "_distance"])
            found = (search.where(condition, prefilter=True) if condition else search).to_arrow()
            return found.select(fetched).cast(_plain(table.schema, fetched))

        with _errors(collection):
            return ranking.nearest(fetch, query, k, names)

    def keyword(
        self,
        collection: Collection,
        query: str,
        k: int = 10,
        where: Filter | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        from lancedb.query import MatchQuery

        objects.check_k(k)
        names = objects.names_of(collection, columns, vector=False)
        table = self._open(collection)
        condition = _condition(collection, where)
        fetched = list(dict.fromkeys([objects.ID, *names]))
        schema = _plain(table.schema, fetched).append(pa.field("_score", pa.float32()))

        def fetch(limit: int) -> pa.Table:
            # MatchQuery takes the words literally: quotes and operators are data.
            words: Any = MatchQuery(query, collection.text)  # pyright: ignore[reportCallIssue]
            search: Any = table.search(words, query_type="fts")
            search = search.limit(limit).select([*fetched, "_score"])
            found = (search.where(condition, prefilter=True) if condition else search).to_arrow()
            return found.select(schema.names).cast(schema)

        with _errors(collection):
            return ranking.best(fetch, k, names, "_score")

    def maintain(self, collection: Collection) -> None:
        def compact() -> None:
            table = self._open(collection)
            table.optimize(cleanup_older_than=self._keep)

        self._retry(collection, compact)
        self._remove_leftovers(collection)

    def drop(self, collection: Collection) -> None:
        if self.exists(collection):
            with _errors(collection):
                self._db().drop_table(collection.name)
        # A process killed while it made the collection leaves a folder that LanceDB does not list.
        shutil.rmtree(self._path(collection), ignore_errors=True)

    def close(self) -> None:
        self._connection = None

    def _db(self) -> DBConnection:
        if self._connection is None:
            import lancedb

            self.folder.mkdir(parents=True, exist_ok=True)
            # Interval zero: what another process wrote is seen by the next call.
            self._connection = lancedb.connect(self.folder, read_consistency_interval=dt.timedelta(0))
        return self._connection

    def _path(self, collection: Collection) -> Path:
        return self.folder / f"{collection.name}.lance"

    def _open(self, collection: Collection) -> Table:
        with _errors(collection):
            return self._db().open_table(collection.name)

    def _index(self, collection: Collection, table: Table) -> None:
        """Make the indexes that are missing: by words on the text, by value on the id."""
        from lancedb.index import FTS, BTree

        # Words as Weaviate's: no stemming, no stop words, no folding of accents, long words kept.
        words = FTS(stem=False, remove_stop_words=False, ascii_folding=False, max_token_length=None)
        there = {name for index in table.list_indices() for name in index.columns}
        for column, config in ((collection.text, words), (objects.ID, BTree())):
            if column not in there:
                self._retry(collection, lambda c=column, f=config: table.create_index(c, config=f, replace=True))

    def _remove_leftovers(self, collection: Collection) -> None:
        """Delete the temporary files of writers that were killed; Lance never looks at them again."""
        oldest = time.time() - max(self._keep.total_seconds(), 0)
        for path in self._path(collection).rglob(".tmp*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < oldest:
                    path.unlink()

    def _retry(self, collection: Collection, action: Callable[[], T]) -> T:
        """Run a write; when another writer committed in between, run it again on top of theirs."""
        for attempt in range(_ATTEMPTS):
            try:
                with _errors(collection):
                    return action()
            except VectorStoreError as error:
                if attempt == _ATTEMPTS - 1 or not _is_conflict(error.__cause__):
                    raise
                time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 5)))  # noqa: S311 (spreads writers, no secret)
        raise AssertionError("unreachable")


def _is_conflict(error: BaseException | None) -> bool:
    text = str(error).lower()
    return "conflict" in text or "concurrent" in text or "too many" in text


@contextlib.contextmanager
def _errors(collection: Collection) -> Iterator[None]:
    """LanceDB raises ValueError, RuntimeError and OSError; callers get one kind, in a sentence."""
    try:
        yield
    except (ValueError, RuntimeError, OSError) as error:
        text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if "was not found" in text or "does not exist" in text:
            text = f"The collection {collection.name} is not there: materialise it, or restore a snapshot of it."
        else:
            text = (
                f"LanceDB failed on {collection.name}: {_SOURCE_PLACE.sub('', text)}. If its files are damaged, bring "
                "them back with `customer-analytics vectors restore`, or remove their folder and run `make run`."
            )
        raise VectorStoreError(text) from error


def _lance_schema(collection: Collection, dimension: int) -> pa.Schema:
    schema = objects.schema_of(collection, dimension)
    return schema.set(0, schema.field(0).with_metadata(_PRIMARY_KEY))


def _plain(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    """The columns as the rest of the project sees them, without Lance's own metadata."""
    return pa.schema([schema.field(n).remove_metadata() for n in names])


def _dimension(schema: pa.Schema) -> int:
    return schema.field(objects.VECTOR).type.list_size


def _condition(collection: Collection, where: Filter | None) -> str | None:
    checked = objects.check_filter(collection, where)
    return None if checked is None else _sql(checked)


def _sql(where: Filter) -> str:
    """The filter in DataFusion's SQL; names and values are literals."""
    if isinstance(where, And):
        return " AND ".join(f"({_sql(part)})" for part in where.filters) or "true"
    name = f"`{where.property}`"
    if isinstance(where, IsNull):
        return f"{name} IS {'NOT ' if where.negate else ''}NULL"
    if isinstance(where, In):
        return f"{name} IN ({', '.join(map(_literal, where.values))})" if where.values else "false"
    ends = [(">=", where.low), ("<", where.high)]
    return " AND ".join(f"{name} {operator} {_literal(value)}" for operator, value in ends if value is not None)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, dt.datetime):
        return f"timestamp '{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}+00:00'"
    if isinstance(value, dt.date):
        return f"date '{value.isoformat()}'"
    return repr(value)
