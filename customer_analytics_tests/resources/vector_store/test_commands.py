"""`customer-analytics vectors`, as a user types it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from customer_analytics.cli import app
from customer_analytics.resources.vector_store import sync, vector_store_from
from customer_analytics.settings import Settings
from customer_analytics.tables import COMMENT_TRAINING
from customer_analytics_tests.contract.vectors import DIMENSION, embed


def vectors(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["vectors", *map(str, arguments)])
    return result.exit_code, result.output


def fill() -> None:
    store = vector_store_from(Settings())  # type: ignore[call-arg]
    texts = pa.table({"review_text": ["good", "bad"], "label": ["1", "0"]})
    sync(store, COMMENT_TRAINING, texts, embed, model="test", dimension=DIMENSION)


def test_snapshot_and_restore(tmp_path: Path) -> None:
    code, said = vectors("snapshot", tmp_path / "out")
    assert code == 1
    assert "no vector collection yet" in said
    fill()
    assert vectors("snapshot", tmp_path / "out") == (0, "CommentTraining: 2 objects\n")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["CommentTraining.parquet"]
    code, said = vectors("restore", tmp_path / "out")
    assert code == 1
    assert "--replace" in said
    assert vectors("restore", tmp_path / "out", "--replace") == (0, "CommentTraining: 2 objects\n")


def test_a_restore_that_cannot_be_whole_changes_nothing(tmp_path: Path) -> None:
    fill()
    vectors("snapshot", tmp_path)
    file = tmp_path / "CommentTraining.parquet"
    whole = pq.read_table(file)
    mixed = whole.set_column(3, whole.schema.field(3), pa.array(["test", "other"]))
    doubled = pa.concat_tables([whole, whole])
    texts = whole.column("review_text")
    edited = whole.set_column(4, "review_text", pa.array([f"{texts[0].as_py()}!", texts[1].as_py()]))
    exchanged = whole.set_column(0, whole.schema.field(0), whole.column("id").take(pa.array([1, 0])))
    for bad, named in (
        (mixed, "mixes"),
        (doubled, "more than once"),
        (edited, "was changed after it was written"),
        (exchanged, "was changed after it was written"),
        (whole.drop_columns(["label"]), "no snapshot of"),
    ):
        pq.write_table(bad, file)
        code, said = vectors("restore", tmp_path, "--replace")
        assert (code, named in said) == (1, True), said
    file.write_bytes(b"PAR1 broken")
    assert vectors("restore", tmp_path, "--replace")[0] == 1
    code, said = vectors("restore", tmp_path / "nowhere")
    assert (code, "no snapshot" in said) == (1, True)
    store = vector_store_from(Settings())  # type: ignore[call-arg]
    assert store.count(COMMENT_TRAINING) == 2


def test_a_snapshot_goes_to_any_file_system(tmp_path: Path) -> None:
    import fsspec

    fill()
    assert vectors("snapshot", "memory://snapshots/today") == (0, "CommentTraining: 2 objects\n")
    assert fsspec.filesystem("memory").ls("/snapshots/today", detail=False) == [
        "/snapshots/today/CommentTraining.parquet"
    ]
    assert vectors("restore", "memory://snapshots/today", "--replace") == (0, "CommentTraining: 2 objects\n")
    fsspec.filesystem("memory").rm("/snapshots", recursive=True)
    assert vectors("snapshot", f"file://{tmp_path}/as uri") == (0, "CommentTraining: 2 objects\n")
    assert (tmp_path / "as uri" / "CommentTraining.parquet").is_file()


def test_a_place_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    fill()
    (tmp_path / "file").write_text("x")
    for place, words in ((str(tmp_path / "file"), "cannot be written"), ("nosuch://a", "cannot be reached")):
        code, said = vectors("snapshot", place)
        assert (code, words in said) == (1, True), said
    code, said = vectors("restore", "nosuch://user:secret@a")
    assert (code, "cannot be reached" in said, "secret" in said) == (1, True, False), said


def test_lancedb_has_no_backup_of_its_own() -> None:
    fill()
    code, said = vectors("backup", "x")
    assert code == 1
    assert "vectors snapshot" in said
