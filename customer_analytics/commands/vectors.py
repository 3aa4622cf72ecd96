"""`customer-analytics vectors`: snapshot, restore and backup of the collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from customer_analytics.commands import fail, load_settings, one_sentence_errors

if TYPE_CHECKING:
    from customer_analytics.resources.vector_store import VectorStore


vectors_app = typer.Typer(help="The vector collections: snapshot, restore, backup.", no_args_is_help=True)


@vectors_app.command("snapshot")
def vectors_snapshot(
    out: Annotated[str, typer.Argument(help="Folder, or fsspec URI, for one <Collection>.parquet each")],
) -> None:
    """Write every vector collection as portable Parquet: vectors, properties, model."""
    with _vector_store() as store, _vector_progress("Writing") as progress:
        from customer_analytics.resources.vector_store import snapshot

        written = snapshot(store, out, progress=progress)
    if not written:
        fail("There is no vector collection yet: run the pipeline first, or restore a snapshot.")
    for name, objects in written.items():
        typer.echo(f"{name}: {objects:,} objects")


@vectors_app.command("restore")
def vectors_restore(
    source: Annotated[str, typer.Argument(metavar="IN", help="Folder, or fsspec URI, with <Collection>.parquet files")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace collections that hold objects")] = False,
) -> None:
    """Fill the vector collections from a snapshot of either store. Nothing is embedded again."""
    with _vector_store() as store, _vector_progress("Restoring") as progress:
        from customer_analytics.resources.vector_store import restore

        restored = restore(store, source, replace=replace, progress=progress)
    for name, objects in restored.items():
        typer.echo(f"{name}: {objects:,} objects")


@vectors_app.command("backup")
def vectors_backup(
    backup_id: Annotated[str, typer.Argument(metavar="ID", help="Name of the backup, lower case")],
    restore: Annotated[bool, typer.Option("--restore", help="Bring the backup back instead of making it")] = False,
    backend: Annotated[
        Literal["filesystem", "s3", "gcs", "azure"], typer.Option(help="Where the server keeps backups")
    ] = "filesystem",
) -> None:
    """Weaviate's own backup of the vector collections, and back with --restore. LanceDB: use snapshot."""
    with _vector_store() as store:
        from customer_analytics.resources.vector_store import backup, restore_backup

        names = (restore_backup if restore else backup)(store, backup_id, backend)
    typer.echo(f"{'Restored' if restore else 'Backed up'} {', '.join(names)}")


@contextmanager
def _vector_store() -> Iterator[VectorStore]:
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.resources.vector_store import vector_store_from

        store = vector_store_from(settings)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _vector_progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(f"{what} {name}", total=total)
            bar.update(tasks[name], completed=done)

        yield show
