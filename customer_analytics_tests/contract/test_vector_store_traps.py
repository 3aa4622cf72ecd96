"""What goes wrong in practice: several writers, kills, silent limits, growth, servers that are down or refuse."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from customer_analytics.resources.vector_store import VectorStore, VectorStoreError, content_hash, sync
from customer_analytics.resources.vector_store.lancedb import LanceVectorStore
from customer_analytics.resources.vector_store.protocol import Range
from customer_analytics.resources.vector_store.rows import schema_of, vector_array
from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore
from customer_analytics.tables import TEXT, Collection, Column
from customer_analytics_tests.contract.vectors import DIMENSION, MODEL, NOTES, embed, objects, source
from customer_analytics_tests.contract.writer import opened

if TYPE_CHECKING:
    from customer_analytics_tests.weaviate_server import WeaviateServer

MANY = Collection("ContractMany", "Small objects.", text="text", key=("text",), properties=(Column("text", TEXT, ""),))


@pytest.fixture(params=["lancedb", pytest.param("weaviate", marks=pytest.mark.heavy)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is, as `writer.opened` takes it; without the test's collections."""
    if request.param == "lancedb":
        return str(tmp_path / "vectors")
    server = request.getfixturevalue("weaviate_server")
    place = f"{server.url},{server.grpc_url}"
    store = opened(place)
    store.drop(NOTES)
    store.drop(MANY)
    store.close()
    return place


@pytest.fixture
def store(place: str) -> Iterator[VectorStore]:
    store = opened(place)
    yield store
    store.close()


def writer(place: str, first: int, count: int, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "customer_analytics_tests.contract.writer", place, *map(str, (first, count, times))],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )


def many(count: int, *, equal: bool = False) -> pa.Table:
    """Objects of MANY, cheap to make; equal vectors tie, and cost Weaviate three times the time to write."""
    import uuid

    vectors = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if equal:
        vectors[:] = [1, 0, 0, 0]
    ids = pa.array([str(uuid.UUID(int=i)) for i in range(1, count + 1)])
    text = pa.array([f"text {i}" for i in range(count)])
    return pa.Table.from_arrays(
        [ids, vector_array(vectors), text, pa.array([MODEL] * count), text], schema=schema_of(MANY, 4)
    )


def test_processes_that_write_the_same_new_ids_leave_one_of_each(place: str, store: VectorStore) -> None:
    processes = [writer(place, first, 200, 3) for first in (0, 0, 100, 100)]
    assert [p.wait(200) for p in processes] == [0] * 4
    ids = list(store.ids(NOTES))
    assert sorted(ids) == sorted(objects(300).column("id").to_pylist())
    assert store.near(NOTES, embed(["x"])[0], 1000).num_rows == 300


def test_more_than_ten_thousand_objects_make_no_difference(store: VectorStore) -> None:
    store.ensure(MANY, 4)
    rows = many(25_000)
    assert store.upsert(MANY, rows) == store.count(MANY) == 25_000
    assert sum(b.num_rows for b in store.scan(MANY)) == 25_000
    ids = list(store.ids(MANY))
    assert len(set(ids)) == 25_000
    assert store.delete(MANY, ids[:21_000]) == 21_000
    assert sorted(store.ids(MANY)) == sorted(ids[21_000:])


def test_vectors_that_all_tie_come_by_id(store: VectorStore) -> None:
    store.ensure(MANY, 4)
    rows = many(500, equal=True)
    store.upsert(MANY, rows.take(np.random.default_rng(0).permutation(500)))
    found = store.near(MANY, np.array([1, 0, 0, 0]), 7)
    assert found.column("id").to_pylist() == rows.column("id").to_pylist()[:7]
    assert store.keyword(MANY, "text", 7).num_rows == 7


def test_a_reader_beside_a_writer_always_sees_whole_objects(place: str, store: VectorStore) -> None:
    store.ensure(NOTES, DIMENSION)
    store.upsert(NOTES, objects(100))
    process = writer(place, 0, 100, 8)
    try:
        while process.poll() is None:
            assert store.count(NOTES) == 100
            assert sum(b.num_rows for b in store.scan(NOTES)) == 100
            store.maintain(NOTES)
    finally:
        process.kill()
    assert process.wait() == 0


# ------------------------------------------------------------------ LanceDB


def test_more_than_a_hundred_thousand_objects_make_no_difference(tmp_path: Path) -> None:
    store = LanceVectorStore(tmp_path)
    store.ensure(MANY, 4)
    rows = many(120_000)
    assert store.upsert(MANY, rows) == store.count(MANY) == 120_000
    assert sum(b.num_rows for b in store.scan(MANY)) == len(set(store.ids(MANY))) == 120_000
    texts = rows.select(["text"])
    report = sync(store, MANY, texts, lambda t: np.eye(1, 4, dtype=np.float32).repeat(len(t), 0), model=MODEL,
                  dimension=4, batch_size=50_000)  # fmt: skip
    assert report.total == 120_000
    assert store.count(MANY) == 120_000


def test_readers_see_the_old_collection_or_the_new_and_a_failure_leaves_the_old(tmp_path: Path) -> None:
    store = LanceVectorStore(tmp_path)
    store.replace(NOTES, DIMENSION, [objects(100)])
    seen: set[tuple[int, int, str]] = set()

    def batches(until: int) -> Iterator[pa.Table]:
        for start in range(0, 60, 20):
            other = LanceVectorStore(tmp_path)
            read = pa.Table.from_batches(other.scan(NOTES))
            found = other.keyword(NOTES, "broke week toy happy the plane", 200).num_rows
            seen.add((read.num_rows, min(found, 50), read.column("embedding_model")[0].as_py()))
            if start == until:
                raise RuntimeError("the disk went away")
            yield objects(60, model="test:other").slice(start, 20)

    with pytest.raises(RuntimeError, match="the disk went away"):
        store.replace(NOTES, DIMENSION, batches(until=40))
    assert store.count(NOTES) == 100
    assert store.replace(NOTES, DIMENSION, batches(until=-1)) == 60
    assert seen == {(100, 50, MODEL)}
    assert store.count(NOTES) == store.near(NOTES, embed(["x"])[0], 100).num_rows == 60


def size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def test_rewrites_do_not_grow_the_folder_once_maintained(tmp_path: Path) -> None:
    store = LanceVectorStore(tmp_path, keep=timedelta(milliseconds=1))
    store.ensure(NOTES, DIMENSION)
    store.upsert(NOTES, objects(300))
    store.maintain(NOTES)
    once = size(tmp_path)
    for _ in range(10):
        store.upsert(NOTES, objects(300))
    assert size(tmp_path) > 3 * once
    store.maintain(NOTES)
    assert size(tmp_path) < 1.5 * once
    assert store.count(NOTES) == 300


def test_a_killed_writer_leaves_neither_half_objects_nor_files(tmp_path: Path) -> None:
    store = LanceVectorStore(tmp_path, keep=timedelta(milliseconds=1))
    store.ensure(NOTES, DIMENSION)
    for pause in (0.0, 0.05, 0.2):
        process = writer(str(tmp_path), 0, 400, 1000)
        assert process.stdout is not None
        assert process.stdout.readline() == "400\n"
        time.sleep(pause)
        process.kill()
        process.communicate()
        assert sorted(store.ids(NOTES)) == sorted(objects(400).column("id").to_pylist())
    leftover = tmp_path / f"{NOTES.name}.lance" / "data" / ".tmp-left-by-a-kill"
    leftover.write_bytes(b"x")
    os.utime(leftover, (0, 0))
    store.upsert(NOTES, objects(400))
    store.maintain(NOTES)
    assert not list(tmp_path.rglob(".tmp*"))
    assert store.count(NOTES) == 400


def test_a_collection_whose_making_was_killed_can_be_made(tmp_path: Path) -> None:
    (tmp_path / f"{NOTES.name}.lance" / "data").mkdir(parents=True)
    store = LanceVectorStore(tmp_path)
    assert not store.exists(NOTES)
    report = sync(store, NOTES, source(5), embed, model=MODEL, dimension=DIMENSION)
    assert report.total == store.count(NOTES) == 5


# ------------------------------------------------------------------ Weaviate


@pytest.fixture
def closed_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_a_server_that_is_down_is_named_within_seconds(closed_port: int) -> None:
    store = WeaviateVectorStore(f"http://127.0.0.1:{closed_port}", "127.0.0.1:1", "a-secret-key")
    failure: list[BaseException] = []

    def call() -> None:
        try:
            store.count(NOTES)
        except VectorStoreError as error:
            failure.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(30)
    assert failure
    assert "WEAVIATE_URL" in str(failure[0])
    assert "a-secret-key" not in str(failure[0])


def test_a_server_that_is_no_weaviate_is_named() -> None:
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Quiet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        store = WeaviateVectorStore(f"http://user:a-secret-key@127.0.0.1:{port}", "127.0.0.1:1")
        with pytest.raises(VectorStoreError, match=f"http://127.0.0.1:{port} does not answer.*WEAVIATE_URL") as raised:
            store.count(NOTES)
        server.shutdown()
    assert "a-secret-key" not in f"{raised.value}{store.name}"


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://x:port"])
def test_a_malformed_url_is_named(url: str) -> None:
    with pytest.raises(VectorStoreError, match="WEAVIATE_URL"):
        WeaviateVectorStore(url)


@pytest.mark.heavy
@pytest.mark.parametrize("key", ["wrong-key", None])
def test_a_wrong_key_is_named_and_not_shown(weaviate_server_with_key: WeaviateServer, key: str | None) -> None:
    store = WeaviateVectorStore(weaviate_server_with_key.url, weaviate_server_with_key.grpc_url, key)
    for call in (lambda: store.exists(NOTES), lambda: store.ensure(NOTES, DIMENSION), lambda: store.count(NOTES)):
        with pytest.raises(VectorStoreError, match="WEAVIATE_API_KEY") as raised:
            call()
        assert "wrong-key" not in str(raised.value)
    store.close()


@pytest.mark.heavy
@pytest.mark.parametrize(("name", "value"), [("NOTE_ID", 2**53 + 1), ("said at", -(2**60) // 100), ("day", -200_000)])
def test_what_weaviate_would_change_silently_is_refused(weaviate_server: WeaviateServer, name: str, value: int) -> None:
    store = WeaviateVectorStore(weaviate_server.url, weaviate_server.grpc_url)
    store.ensure(NOTES, DIMENSION)
    rows = objects(1, first=1)
    place = rows.schema.get_field_index(name)
    type_ = rows.schema.field(name).type
    integers = pa.array([value], pa.int32() if pa.types.is_date32(type_) else pa.int64())
    with pytest.raises(VectorStoreError, match=name):
        store.upsert(NOTES, rows.set_column(place, name, integers.cast(type_)))
    store.drop(NOTES)
    store.close()


@pytest.mark.heavy
def test_more_than_one_message_of_grpc_holds_is_written_and_read(weaviate_server: WeaviateServer) -> None:
    store = WeaviateVectorStore(weaviate_server.url, weaviate_server.grpc_url)
    store.drop(NOTES)
    store.ensure(NOTES, DIMENSION)
    rows = objects(260)
    texts = [f"number{i} " + "x" * 500_000 for i in range(rows.num_rows)]
    place = rows.schema.get_field_index(NOTES.text)
    rows = rows.set_column(place, rows.schema.field(place), pa.array(texts))
    rows = rows.set_column(
        rows.schema.get_field_index("content_hash"),
        rows.schema.field("content_hash"),
        pa.array(map(content_hash, texts)),
    )
    assert store.upsert(NOTES, rows) == 260
    for where in (None, Range("NOTE_ID", 0, 1000)):
        seen = pa.Table.from_batches(store.scan(NOTES, ["id", NOTES.text], where, batch_size=260))
        assert sorted(seen.column(NOTES.text).to_pylist()) == sorted(texts)
        assert len(set(seen.column("id").to_pylist())) == seen.num_rows == 260
    store.drop(NOTES)
    store.close()


@pytest.mark.heavy
def test_a_server_killed_in_the_middle_of_a_sync_loses_and_doubles_nothing(
    weaviate_server_of_its_own: WeaviateServer,
) -> None:
    server = weaviate_server_of_its_own
    store = WeaviateVectorStore(server.url, server.grpc_url)
    written = threading.Event()

    def slowly(texts) -> np.ndarray:
        if written.is_set():
            server.kill()
        written.set()
        return embed(texts)

    with pytest.raises(VectorStoreError, match="WEAVIATE_URL"):
        sync(store, NOTES, source(4000), slowly, model=MODEL, dimension=DIMENSION, batch_size=1000)
    server.start()
    # The same object goes on: nobody has to restart the process that uses it.
    acknowledged = store.count(NOTES)
    assert acknowledged == 1000
    calls: list[int] = []

    def count(texts) -> np.ndarray:
        calls.append(len(texts))
        return embed(texts)

    report = sync(store, NOTES, source(4000), count, model=MODEL, dimension=DIMENSION)
    assert (report.total, sum(calls)) == (4000, 3000)
    assert sorted(store.ids(NOTES)) == sorted(objects(4000).column("id").to_pylist())
    store.close()


@pytest.mark.heavy
def test_no_acknowledged_object_is_lost_by_a_kill_under_load(weaviate_server_of_its_own: WeaviateServer) -> None:
    server = weaviate_server_of_its_own
    process = writer(f"{server.url},{server.grpc_url}", 0, 2000, 50)
    assert process.stdout is not None
    assert process.stdout.readline() == "2000\n"
    time.sleep(0.3)
    server.kill()
    assert process.wait(200) != 0
    server.start()
    store = WeaviateVectorStore(server.url, server.grpc_url)
    assert sorted(store.ids(NOTES)) == sorted(objects(2000).column("id").to_pylist())
    store.close()


@pytest.mark.heavy
def test_weaviates_own_backup_and_restore(weaviate_server: WeaviateServer) -> None:
    store = WeaviateVectorStore(weaviate_server.url, weaviate_server.grpc_url)
    store.drop(NOTES)
    store.ensure(NOTES, DIMENSION)
    store.upsert(NOTES, objects(120))
    store.backup("contract", [NOTES])
    with pytest.raises(VectorStoreError, match="drop ContractNotes"):
        store.restore_backup("contract", [NOTES])
    store.drop(NOTES)
    assert store.restore_backup("contract", [NOTES]) == [NOTES.name]
    assert sorted(store.ids(NOTES)) == sorted(objects(120).column("id").to_pylist())
    with pytest.raises(VectorStoreError):
        store.backup("contract", [NOTES])
    store.close()


@pytest.mark.heavy
def test_a_collection_of_somebody_else_is_not_touched(weaviate_server: WeaviateServer) -> None:
    import weaviate

    host, port = weaviate_server.url.removeprefix("http://").split(":")
    grpc_port = int(weaviate_server.grpc_url.split(":")[1])
    store = WeaviateVectorStore(weaviate_server.url, weaviate_server.grpc_url)
    store.drop(NOTES)
    with weaviate.connect_to_local(host, int(port), grpc_port) as client:
        client.collections.create(NOTES.name)
    for call in (lambda: store.ensure(NOTES, DIMENSION), lambda: store.upsert(NOTES, objects(1))):
        with pytest.raises(VectorStoreError, match="not made by this version"):
            call()
    store.drop(NOTES)
    store.close()
