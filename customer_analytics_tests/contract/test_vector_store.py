"""The contract of the vector store: one suite, which every adapter passes."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from customer_analytics.resources.vector_store import (
    And,
    Filter,
    In,
    IsNull,
    Range,
    VectorStore,
    VectorStoreError,
    hybrid,
    object_id,
    restore,
    snapshot,
    sync,
)
from customer_analytics.resources.vector_store.lancedb import LanceVectorStore
from customer_analytics.resources.vector_store.rows import NIL, matrix_of, vector_array
from customer_analytics_tests.contract.vectors import (
    DIMENSION,
    MODEL,
    NOTES,
    brute_force,
    embed,
    objects,
    source,
    with_vector,
)

COUNT = 300


@pytest.fixture(
    scope="module",
    params=["lancedb", pytest.param("weaviate", marks=pytest.mark.heavy), pytest.param("key", marks=pytest.mark.heavy)],
)
def connect(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], VectorStore]:
    """A way to open the store, again and again, as other processes would."""
    if request.param == "lancedb":
        folder = tmp_path_factory.mktemp("lance")
        return lambda: LanceVectorStore(folder)
    from customer_analytics.resources.vector_store.weaviate import WeaviateVectorStore

    server = request.getfixturevalue("weaviate_server" if request.param == "weaviate" else "weaviate_server_with_key")
    return lambda: WeaviateVectorStore(server.url, server.grpc_url, server.api_key)


@pytest.fixture
def store(connect: Callable[[], VectorStore]) -> Iterator[VectorStore]:
    """The store with an empty collection."""
    store = connect()
    store.drop(NOTES)
    store.ensure(NOTES, DIMENSION)
    yield store
    store.close()


@pytest.fixture(scope="module")
def full(connect: Callable[[], VectorStore]) -> Iterator[VectorStore]:
    """The store with COUNT objects, which tests only read, after everything that writes."""
    store = connect()
    yield store
    store.close()


@pytest.fixture
def filled(full: VectorStore) -> VectorStore:
    if not full.exists(NOTES) or full.count(NOTES) != COUNT:
        full.drop(NOTES)
        full.ensure(NOTES, DIMENSION)
        full.upsert(NOTES, objects(COUNT))
        full.maintain(NOTES)
    return full


def everything(store: VectorStore) -> list[dict]:
    rows = [row for batch in store.scan(NOTES, batch_size=70) for row in batch.to_pylist()]
    return sorted(rows, key=lambda r: r["id"])


def same(left: list[dict], right: list[dict]) -> None:
    for a, b in itertools.zip_longest(left, right, fillvalue={}):
        assert {k: v for k, v in a.items() if k != "vector"} == {k: v for k, v in b.items() if k != "vector"}
        np.testing.assert_allclose(a["vector"], b["vector"], atol=1e-6)


def bits_of(rows: pa.Table) -> dict[str, bytes]:
    return dict(zip(rows.column("id").to_pylist(), (v.tobytes() for v in matrix_of(rows)), strict=True))


def bits(store: VectorStore) -> dict[str, bytes]:
    """Every vector to the last bit, by id."""
    return bits_of(pa.Table.from_batches(store.scan(NOTES)))


# ---------------------------------------------------------------- reading


def test_every_value_name_and_type_comes_back(filled: VectorStore) -> None:
    same(everything(filled), sorted(objects(COUNT).to_pylist(), key=lambda r: r["id"]))
    batch = next(filled.scan(NOTES))
    assert batch.schema.names == objects(1).schema.names
    assert [f.type for f in batch.schema] == [f.type for f in objects(1).schema]


def test_scan_takes_columns_filter_and_batch_size(filled: VectorStore) -> None:
    batches = list(filled.scan(NOTES, ["The Text", "id"], In("customer_id", (3,)), batch_size=7))
    assert max(b.num_rows for b in batches) <= 7
    assert batches[0].schema.names == ["The Text", "id"]
    wanted = [r["id"] for r in objects(COUNT).to_pylist() if r["customer_id"] == 3]
    assert sorted(i for b in batches for i in b.column("id").to_pylist()) == sorted(wanted)
    assert sorted(filled.ids(NOTES)) == sorted(objects(COUNT).column("id").to_pylist())


UTC = dt.UTC
FILTERS: list[tuple[Filter, Callable[[dict], bool]]] = [
    (In("customer_id", (1, 2)), lambda r: r["customer_id"] in (1, 2)),
    (In("customer_id", ()), lambda r: False),
    (In("name_x", ("",)), lambda r: r["name_x"] == ""),
    (In("name_x", ("blank",)), lambda r: False),
    (In("name_x", (" blank ", 'o\'brien "x" \\')), lambda r: r["name_x"] in (" blank ", 'o\'brien "x" \\')),
    (In("name_x", ("-- ; DROP", "ünïcödé 😀")), lambda r: r["name_x"] in ("-- ; DROP", "ünïcödé 😀")),
    (
        In("The Text", (source(COUNT).column("The Text")[3].as_py(),)),
        lambda r: r["The Text"] == source(COUNT).column("The Text")[3].as_py(),
    ),
    (In("The Text", ("broke",)), lambda r: False),
    (In("flag", (True,)), lambda r: r["flag"] is True),
    (In("day", (dt.date(2018, 1, 5),)), lambda r: r["day"] == dt.date(2018, 1, 5)),
    (In("id", (object_id(NOTES, [5]),)), lambda r: r["NOTE_ID"] == 5),
    (In("embedding_model", (MODEL,)), lambda r: True),
    (IsNull("customer_id"), lambda r: r["customer_id"] is None),
    (IsNull("customer_id", negate=True), lambda r: r["customer_id"] is not None),
    (IsNull("name_x"), lambda r: r["name_x"] is None),
    (IsNull("name_x", negate=True), lambda r: r["name_x"] is not None),
    (IsNull("said at"), lambda r: r["said at"] is None),
    (IsNull("flag"), lambda r: r["flag"] is None),
    (Range("NOTE_ID", 10, 20), lambda r: 10 <= r["NOTE_ID"] < 20),
    (Range("customer_id", low=3), lambda r: r["customer_id"] is not None and r["customer_id"] >= 3),
    (Range("Größe", high=0), lambda r: r["Größe"] is not None and r["Größe"] < 0),
    (Range("Größe"), lambda r: r["Größe"] is not None),
    (
        Range("said at", dt.datetime(2018, 1, 3, tzinfo=UTC), dt.datetime(2018, 1, 4, 0, 0, 0, 7, tzinfo=UTC)),
        lambda r: (
            r["said at"] is not None
            and dt.datetime(2018, 1, 3, tzinfo=UTC) <= r["said at"] < dt.datetime(2018, 1, 4, 0, 0, 0, 7, tzinfo=UTC)
        ),
    ),
    (
        Range("said at", dt.date(2018, 1, 3)),
        lambda r: r["said at"] is not None and r["said at"] >= dt.datetime(2018, 1, 3, tzinfo=UTC),
    ),
    (
        Range("day", dt.date(2018, 1, 3), dt.date(2018, 1, 9)),
        lambda r: r["day"] is not None and dt.date(2018, 1, 3) <= r["day"] < dt.date(2018, 1, 9),
    ),
    (And(()), lambda r: True),
    (
        And((In("customer_id", (1, 2)), And((Range("NOTE_ID", 100), IsNull("day", negate=True))))),
        lambda r: r["customer_id"] in (1, 2) and r["NOTE_ID"] >= 100 and r["day"] is not None,
    ),
    (And((In("customer_id", (1,)), In("NOTE_ID", ()))), lambda r: False),
]


@pytest.mark.parametrize(("where", "matches"), FILTERS, ids=lambda v: str(v)[:60] if not callable(v) else "")
def test_filters_mean_the_same_in_every_call(
    filled: VectorStore, where: Filter, matches: Callable[[dict], bool]
) -> None:
    rows = objects(COUNT)
    wanted = sorted(r["id"] for r in rows.to_pylist() if matches(r))
    assert filled.count(NOTES, where) == len(wanted)
    assert sorted(i for b in filled.scan(NOTES, ["id"], where) for i in b.column("id").to_pylist()) == wanted
    query = embed(["anything"])[0]
    near = filled.near(NOTES, query, COUNT, where, ["id"])
    assert sorted(near.column("id").to_pylist()) == wanted
    words = filled.keyword(NOTES, " ".join(("broke", "after", "week", "toy", "happy", "the")), COUNT, where, ["id"])
    assert set(words.column("id").to_pylist()) <= set(wanted)


@pytest.mark.parametrize(
    ("where", "named"),
    [
        (In("no_such", (1,)), "no_such"),
        (In("customer_id", ("1",)), "customer_id"),
        (In("customer_id", (None,)), "IsNull"),
        (In("customer_id", (1.5,)), "customer_id"),
        (In("flag", (1,)), "flag"),
        (Range("name_x", "a", "b"), "name_x"),
        (Range("said at", dt.datetime(2018, 1, 1)), "zone"),
        (IsNull("id; DROP"), "id; DROP"),
    ],
)
def test_a_wrong_filter_is_named(filled: VectorStore, where: Filter, named: str) -> None:
    with pytest.raises(VectorStoreError, match=named):
        filled.count(NOTES, where)


@pytest.mark.parametrize("k", [1, 10, 50, COUNT + 5])
def test_near_is_brute_force_with_ties_by_id(filled: VectorStore, k: int) -> None:
    rows = objects(COUNT)
    for text in ("anything", "broke after a week", rows.column("The Text")[0].as_py()):
        query = embed([text])[0]
        found = filled.near(NOTES, query, k)
        assert found.column("id").to_pylist() == brute_force(rows, query.astype(np.float64), k)
        assert "vector" not in found.column_names
        distances = found.column("distance").to_numpy()
        assert found.num_rows == min(k, COUNT)
        assert (np.diff(distances) > -2e-6).all()


def test_near_scales_with_neither_the_length_nor_the_dtype_of_the_query(filled: VectorStore) -> None:
    query = embed(["anything"])[0]
    wanted = filled.near(NOTES, query, 5).column("id").to_pylist()
    assert filled.near(NOTES, (7 * query).astype(np.float64), 5).column("id").to_pylist() == wanted


@pytest.mark.parametrize("vector", [np.zeros(DIMENSION), np.full(DIMENSION, np.nan), np.ones(DIMENSION + 1)])
def test_a_wrong_query_vector_is_refused(filled: VectorStore, vector: np.ndarray) -> None:
    with pytest.raises(VectorStoreError, match="query vector"):
        filled.near(NOTES, vector)


def test_keyword_finds_the_objects_with_the_words(filled: VectorStore) -> None:
    texts = {r["id"]: r["The Text"].lower() for r in objects(COUNT).to_pylist()}
    for query in ("BROKE", "plane wonderful", "Café", "the"):
        found = filled.keyword(NOTES, query, COUNT)
        words = query.lower().split()
        assert set(found.column("id").to_pylist()) == {
            i for i, t in texts.items() if any(w in t.split() for w in words)
        }
        assert (np.diff(found.column("score").to_numpy()) < 2e-6).all()
    assert filled.keyword(NOTES, "broke", 3).num_rows == 3


@pytest.mark.parametrize("query", ["", "   ", "!!! ... \"' \\", "nowhereinthere"])
def test_a_query_without_known_words_finds_nothing(filled: VectorStore, query: str) -> None:
    found = filled.keyword(NOTES, query, columns=["The Text"])
    assert found.num_rows == 0
    assert found.column_names == ["The Text", "score"]


@pytest.mark.parametrize("query", ['"broke" AND (week OR -toy)', "broke' OR 1=1 --", "broke:* ~2 ^3 \\"])
def test_operators_in_a_query_are_data(filled: VectorStore, query: str) -> None:
    assert filled.keyword(NOTES, query).num_rows > 0


def test_hybrid_is_the_fusion_of_both(filled: VectorStore) -> None:
    query = embed(["anything"])[0]
    scores: dict[str, float] = {}
    near, words = filled.near(NOTES, query, 50), filled.keyword(NOTES, "broke week", 50)
    for found in (near, words):
        for rank, id_ in enumerate(found.column("id").to_pylist(), start=1):
            scores[id_] = scores.get(id_, 0) + 1 / (60 + rank)
    wanted = sorted(scores, key=lambda i: (-scores[i], i))[:10]
    found = hybrid(filled, NOTES, "broke week", query, columns=["id", "customer_id"])
    assert found.column("id").to_pylist() == wanted
    assert found.column_names == ["id", "customer_id", "score"]
    only_near = hybrid(filled, NOTES, "", query)
    assert only_near.column("id").to_pylist() == near.column("id").to_pylist()[:10]


# ---------------------------------------------------------------- writing


def test_upsert_replaces_whole_objects_and_repeats_change_nothing(store: VectorStore) -> None:
    rows = objects(30)
    for _ in range(3):
        assert store.upsert(NOTES, rows) == 30
    assert store.count(NOTES) == 30
    changed = rows.slice(0, 1).set_column(8, rows.schema.field(8), pa.array([None], rows.schema.field(8).type))
    store.upsert(NOTES, changed)
    same(everything(store), sorted([*changed.to_pylist(), *rows.slice(1).to_pylist()], key=lambda r: r["id"]))
    assert store.upsert(NOTES, rows.slice(0, 0)) == 0


def test_delete_says_how_many_were_there(store: VectorStore) -> None:
    rows = objects(30)
    store.upsert(NOTES, rows)
    ids = rows.column("id").to_pylist()
    assert store.delete(NOTES, [*ids[:10], ids[0], object_id(NOTES, [999_999])]) == 10
    assert store.delete(NOTES, []) == 0
    assert sorted(store.ids(NOTES)) == sorted(ids[10:])


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda r: with_vector(r, 3, [np.nan] * DIMENSION), "NaN"),
        (lambda r: with_vector(r, 3, [np.inf] + [0.0] * (DIMENSION - 1)), "infinity"),
        (lambda r: with_vector(r, 3, [0.0] * DIMENSION), "zeros"),
        (lambda r: with_vector(r, 3, [2.0] + [0.0] * (DIMENSION - 1)), "unit length"),
        (lambda r: r.set_column(1, "vector", vector_array(np.ones((r.num_rows, 3), np.float32))), "length"),
        (lambda r: r.set_column(1, "vector", vector_array(np.ones((r.num_rows, DIMENSION)))), "double"),
        (lambda r: pa.concat_tables([r, r.slice(2, 1)]), "more than once"),
        (lambda r: r.drop_columns(["customer_id"]), "customer_id"),
        (lambda r: r.append_column("more", pa.array(range(r.num_rows))), "more"),
        (lambda r: r.set_column(0, "id", pa.array(["x"] * r.num_rows)), "object_id"),
        (lambda r: r.slice(0, 1).set_column(0, "id", pa.array([NIL])), "object_id"),
        (lambda r: r.set_column(7, "said at", r.column("said at").cast(pa.timestamp("us"))), "zone"),
        (
            lambda r: r.set_column(9, "Größe", pa.array([float("nan")] * r.num_rows)),
            "NaN",
        ),
        (lambda r: r.set_column(4, "NOTE_ID", pa.array([None] * r.num_rows, pa.int64())), "NOTE_ID"),
    ],
)
def test_what_may_not_be_stored_is_refused_whole(
    store: VectorStore, spoil: Callable[[pa.Table], pa.Table], named: str
) -> None:
    with pytest.raises(VectorStoreError, match=named):
        store.upsert(NOTES, spoil(objects(20)))
    assert store.count(NOTES) == 0


def test_another_dimension_needs_a_drop(store: VectorStore) -> None:
    store.ensure(NOTES, DIMENSION)
    assert store.dimension(NOTES) == DIMENSION
    with pytest.raises(VectorStoreError, match="drop it"):
        store.ensure(NOTES, DIMENSION + 1)


def test_a_collection_that_is_not_there_is_said_so(store: VectorStore) -> None:
    store.drop(NOTES)
    store.drop(NOTES)
    assert not store.exists(NOTES)
    for call in (
        lambda: store.count(NOTES),
        lambda: store.upsert(NOTES, objects(1)),
        lambda: list(store.scan(NOTES)),
        lambda: store.near(NOTES, embed(["x"])[0]),
        lambda: store.keyword(NOTES, "x"),
        lambda: store.delete(NOTES, [object_id(NOTES, [1])]),
    ):
        with pytest.raises(VectorStoreError, match="not there"):
            call()


def test_another_connection_is_seen_at_once_even_after_drop(store: VectorStore, connect) -> None:
    store.upsert(NOTES, objects(5))
    other = connect()
    try:
        other.upsert(NOTES, objects(5, first=5))
        assert store.count(NOTES) == 10
        assert store.near(NOTES, embed(["x"])[0], 20).num_rows == 10
        other.drop(NOTES)
        other.ensure(NOTES, DIMENSION)
        other.upsert(NOTES, objects(3))
        assert store.count(NOTES) == 3
        assert store.near(NOTES, embed(["x"])[0], 20).num_rows == 3
    finally:
        other.close()


def test_a_second_model_is_refused_by_whichever_way_it_comes(store: VectorStore) -> None:
    rows, other = objects(10), objects(10, first=10, model="test:other")
    with pytest.raises(VectorStoreError, match="mix the models test:model, test:other"):
        store.upsert(NOTES, pa.concat_tables([rows, other]))
    store.upsert(NOTES, rows)
    for second in (other, objects(10, model="test:other")):
        with pytest.raises(VectorStoreError, match="embedded by test:model and these rows by test:other"):
            store.upsert(NOTES, second)
    same(everything(store), sorted(rows.to_pylist(), key=lambda r: r["id"]))


def test_replace_leaves_the_new_objects_alone(store: VectorStore) -> None:
    store.upsert(NOTES, objects(40))
    new = objects(30, first=20, model="test:other")
    assert store.replace(NOTES, DIMENSION, iter([new.slice(0, 12), new.slice(12)])) == 30
    same(everything(store), sorted(new.to_pylist(), key=lambda r: r["id"]))
    assert store.keyword(NOTES, "broke week toy happy", 50, columns=["id"]).num_rows > 0
    store.drop(NOTES)
    assert store.replace(NOTES, DIMENSION, iter([])) == 0
    assert store.count(NOTES) == 0
    assert store.replace(NOTES, DIMENSION, [objects(5)]) == 5
    with pytest.raises(VectorStoreError, match="zeros"):
        store.replace(NOTES, DIMENSION, [with_vector(objects(5, first=50), 2, [0.0] * DIMENSION)])


@pytest.mark.parametrize(
    "text",
    [
        "word " * 200_000 + "lastword",
        "😀 👩‍👩‍👧 שלום \u202e abc",
        "x",
        "nul\x01 tab\t line\nend",
        "'\"; DROP TABLE x; --",
    ],
    ids=["1 MB", "emoji", "one letter", "control characters", "quotes"],
)
def test_any_text_comes_back_to_the_letter(store: VectorStore, text: str) -> None:
    row = source(1).set_column(1, "The Text", pa.array([text])).set_column(6, "name_x", pa.array([text[-1000:]]))
    for _ in range(2):
        report = sync(store, NOTES, row, embed, model=MODEL, dimension=DIMENSION)
    assert report.unchanged == 1
    (stored,) = everything(store)
    assert (stored["The Text"], stored["name_x"]) == (text, text[-1000:])
    assert store.count(NOTES, In("name_x", (text[-1000:],))) == 1
    assert store.near(NOTES, embed([text])[0], 1).column("The Text").to_pylist() == [text]


# ------------------------------------------------- sync, snapshot, restore


class Counting:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts) -> np.ndarray:
        self.texts += texts
        return embed(texts)


def test_sync_embeds_only_what_is_new_or_changed(store: VectorStore) -> None:
    store.drop(NOTES)
    first = Counting()
    report = sync(store, NOTES, source(60), first, model=MODEL, dimension=DIMENSION, batch_size=17)
    assert (report.inserted, report.total, len(first.texts)) == (60, 60, 60)
    same(everything(store), sorted(objects(60).to_pylist(), key=lambda r: r["id"]))

    again = Counting()
    assert sync(store, NOTES, source(60), again, model=MODEL, dimension=DIMENSION).unchanged == 60
    assert again.texts == []

    table = source(60)
    texts = table.column("The Text").to_pylist()
    flags = table.column("flag").to_pylist()
    texts[5], flags[7] = "quite another text", not flags[7]
    table = table.set_column(1, "The Text", pa.array(texts)).set_column(7, "flag", pa.array(flags)).slice(3)
    doubled = pa.concat_tables([table, table.slice(0, 4)])
    report = sync(store, NOTES, doubled, again, model=MODEL, dimension=DIMENSION)
    assert (report.changed, report.deleted, report.inserted, report.duplicates, report.total) == (2, 3, 0, 4, 57)
    assert sorted(again.texts) == sorted([texts[5], texts[7]])
    stored = {r["NOTE_ID"]: r for r in everything(store)}
    assert sorted(stored) == list(range(3, 60))
    assert stored[5]["The Text"] == texts[5]
    assert stored[7]["flag"] is flags[7]


def test_another_model_replaces_everything_and_a_failure_leaves_the_old(store: VectorStore) -> None:
    store.upsert(NOTES, objects(25))

    def broken(texts) -> np.ndarray:
        broken.calls += 1  # type: ignore[attr-defined]
        if broken.calls == 2:  # type: ignore[attr-defined]
            raise RuntimeError("the embedder went away")
        return embed(texts)

    broken.calls = 0  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="went away"):
        sync(store, NOTES, source(25), broken, model="test:other", dimension=DIMENSION, batch_size=10)
    assert {r["embedding_model"] for r in everything(store)} == {MODEL}
    report = sync(store, NOTES, source(24), embed, model="test:other", dimension=DIMENSION)
    assert report.rebuilt
    assert (report.total, report.changed, report.deleted) == (24, 24, 1)
    assert {r["embedding_model"] for r in everything(store)} == {"test:other"}
    wide = sync(
        store, NOTES, source(9), lambda t: np.tile(np.eye(1, 5, dtype=np.float32), (len(t), 1)), model="m", dimension=5
    )
    assert wide.rebuilt
    assert store.dimension(NOTES) == 5
    assert store.count(NOTES) == 9


def test_one_key_with_two_contents_is_refused(store: VectorStore) -> None:
    rows = source(3)
    other = rows.set_column(7, "flag", pa.array([None, None, False], pa.bool_()))
    with pytest.raises(VectorStoreError, match="NOTE_ID"):
        sync(store, NOTES, pa.concat_tables([rows, other]), embed, model=MODEL, dimension=DIMENSION)
    assert store.count(NOTES) == 0


def test_sync_reaches_any_source_from_any_state(store: VectorStore) -> None:
    """A model-based test: random sources one after another; the collection always equals the last."""
    chooser = random.Random(5)
    for _ in range(6):
        rows = source(40).take(sorted(chooser.sample(range(40), chooser.randrange(0, 40))))
        report = sync(store, NOTES, rows, embed, model=MODEL, dimension=DIMENSION, batch_size=11)
        assert report.total == rows.num_rows == store.count(NOTES)
        assert [r["NOTE_ID"] for r in sorted(everything(store), key=lambda r: r["NOTE_ID"])] == rows[
            "NOTE_ID"
        ].to_pylist()


def test_a_snapshot_goes_into_either_store(store: VectorStore, tmp_path: Path) -> None:
    store.upsert(NOTES, objects(50))
    assert snapshot(store, tmp_path / "out", [NOTES]) == {NOTES.name: 50}
    lance = LanceVectorStore(tmp_path / "lance")
    assert restore(lance, tmp_path / "out", [NOTES]) == {NOTES.name: 50}
    same(everything(lance), everything(store))
    snapshot(lance, tmp_path / "back", [NOTES])
    with pytest.raises(VectorStoreError, match="--replace"):
        restore(store, tmp_path / "back", [NOTES])
    store.delete(NOTES, objects(5).column("id").to_pylist())
    restore(store, tmp_path / "back", [NOTES], replace=True)
    same(everything(store), sorted(objects(50).to_pylist(), key=lambda r: r["id"]))
    assert bits(store) == bits(lance) == bits_of(objects(50))
    none = Counting()
    assert sync(store, NOTES, source(50), none, model=MODEL, dimension=DIMENSION).unchanged == 50
    assert none.texts == []
