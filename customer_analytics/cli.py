"""The command line. Thin: each command reads the settings and calls the room that does the work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion
    from customer_analytics.resources.vector_store import VectorStore
    from customer_analytics.resources.warehouse.local import LocalWarehouse
    from customer_analytics.settings import Settings

app = typer.Typer(
    name="customer-analytics",
    help="GroundTruth: one picture of every customer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
warehouse_app = typer.Typer(help="The local Snowflake: start, stop, status, connection.", no_args_is_help=True)
vectors_app = typer.Typer(help="The vector collections: snapshot, restore, backup.", no_args_is_help=True)
models_app = typer.Typer(help="The models: list, promote, rollback, prune.", no_args_is_help=True)
snowflake_app = typer.Typer(help="A Snowflake account: set-up and teardown.", no_args_is_help=True)
app.add_typer(warehouse_app, name="warehouse")
app.add_typer(vectors_app, name="vectors")
app.add_typer(models_app, name="models")
app.add_typer(snowflake_app, name="snowflake")


@app.callback()
def main() -> None:
    """GroundTruth: one picture of every customer."""


def load_settings() -> Settings:
    """The settings, or exit with the name of the wrong one."""
    from pydantic import ValidationError

    from customer_analytics.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            fail(": ".join(filter(None, [name, problem["msg"].removeprefix("Value error, ")])), code=2, leave=False)
        raise typer.Exit(2) from None


def fail(message: str, code: int = 1, leave: bool = True) -> None:
    """Say what is wrong on standard error, and leave with `code`."""
    typer.secho(" ".join(message.split()), fg="red", err=True)
    if leave:
        raise typer.Exit(code)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Whatever goes wrong inside reaches the user as one sentence."""
    try:
        yield
    except (typer.Exit, typer.Abort, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - the outermost frame: the user gets a sentence, not a traceback
        fail(f"{error}" or type(error).__name__)


@app.command()
def run(
    select: Annotated[
        str | None,
        typer.Option(help="Dagster's selection syntax, such as 'key:MRR+'; default: what is stale"),
    ] = None,
) -> None:
    """Materialise what is stale (or the selection), and print a summary."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.run_command import run_command

        raise typer.Exit(run_command(settings, select))


@app.command()
def serve(
    dagster_port: Annotated[int | None, typer.Option(help="Port of the Dagster UI; default 3000")] = None,
    dashboard_port: Annotated[int | None, typer.Option(help="Port of the dashboard; default 8501")] = None,
) -> None:
    """Serve the Dagster UI and the dashboard until Ctrl-C."""
    settings = load_settings()
    chosen = {"dagster_port": dagster_port, "dashboard_port": dashboard_port}
    with one_sentence_errors():
        from customer_analytics.serving import serve as serve_until_interrupted

        update = {name: port for name, port in chosen.items() if port is not None}
        raise typer.Exit(serve_until_interrupted(settings.model_copy(update=update), typer.echo))


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False) -> None:
    """Remove the embedded data: warehouse, vectors, runs, sample, caches. Accounts and servers are left alone."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.embedded_data import remove, size_bytes

        if not settings.home.exists():
            typer.echo(f"There is nothing at {settings.home}.")
            return
        megabytes = size_bytes(settings.home) / 2**20
        if not yes:
            typer.confirm(f"Remove everything that is kept in {settings.home} ({megabytes:.0f} MB)?", abort=True)
        remove(settings)
        typer.echo(f"Removed {settings.home}.")


@app.command()
def backup(out: Annotated[Path, typer.Argument(help="A new folder, best on another disk")]) -> None:
    """Write everything embedded (warehouse, vectors, runs, caches) to a folder, also while it is in use."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.home_backup import backup as back_up

        _say_bytes(back_up(settings, out))


@app.command()
def restore(
    source: Annotated[Path, typer.Argument(help="A folder that backup has written")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the home folder holds")] = False,
) -> None:
    """Bring a backup back into an empty home folder, or over one that may go."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.home_backup import restore as bring_back

        _say_bytes(bring_back(settings, source, yes))


def _say_bytes(parts: dict[str, int]) -> None:
    for part, size in parts.items():
        typer.echo(f"{part:<12}{size / 1e6:>10.1f} MB")


@app.command("sample-data")
def sample_data(
    out: Annotated[Path, typer.Argument(help="Folder for the source files; made where it is missing.")],
    customers: Annotated[int, typer.Option(min=60, help="How many customers the business has.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="Another seed, another business. Default: the sample's own.")] = None,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of its two years. Default: 2026-10-31.")
    ] = None,
) -> None:
    """Write the source files of a made-up toy shop, the same for the same arguments."""
    from customer_analytics.sample_data import DEFAULT_END, DEFAULT_SEED, generate

    with one_sentence_errors():
        counts = generate(out, customers, DEFAULT_SEED if seed is None else seed, end.date() if end else DEFAULT_END)
    for name, rows in counts.items():
        typer.echo(f"{name:24}{rows:>12,}")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder for the files")],
    format: Annotated[Literal["parquet", "csv"], typer.Option(help="File format")] = "parquet",
    table: Annotated[list[str] | None, typer.Option(help="Only these tables; may be given several times")] = None,
) -> None:
    """Write each built table as one file. Dollars become doubles; texts are written literally."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.export import export_tables
        from customer_analytics.resources import build_resources

        warehouse, hide = build_resources(settings)["warehouse"], settings.pseudonymise_customers
        for name, rows in export_tables(warehouse, out, format, table or (), hide).items():
            typer.echo(f"{name}: {rows:,} rows")


@app.command()
def sql(
    statement: Annotated[str, typer.Argument(help="One SQL statement, in Snowflake's dialect")],
    format: Annotated[Literal["table", "csv", "json"], typer.Option(help="How the rows are printed")] = "table",
) -> None:
    """Run one statement in the warehouse and print its rows."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.resources import build_resources
        from customer_analytics.sql_command import print_result

        print_result(build_resources(settings)["warehouse"], statement, format, sys.stdout)


@app.command()
def doctor() -> None:
    """Check every setting and backend, one line each, with the remedy. Secrets are never shown."""
    settings = load_settings()
    from customer_analytics.doctor import backend_lines, setting_lines

    ill = 0
    for finding in setting_lines(settings):
        typer.echo(f"  {finding.name:<36}{finding.detail}")
    for finding in backend_lines(settings):
        ill += not finding.healthy
        mark = typer.style("ok  ", fg="green") if finding.healthy else typer.style("FAIL", fg="red")
        remedy = f" -> {finding.remedy}" if finding.remedy and not finding.healthy else ""
        typer.echo(f"{mark}  {finding.name:<16}{finding.detail}{remedy}")
    raise typer.Exit(1 if ill else 0)


@models_app.command("list")
def models_list(model: Annotated[str | None, typer.Argument(help="Only this one")] = None) -> None:
    """Print every version of every model, newest first, with its aliases and scores."""
    from customer_analytics.resources.model_registry.listing import version_table

    with one_sentence_errors():
        registry = _model_registry()
        names = [model] if model else registry.names()
        versions = [version for name in names for version in registry.versions(name)]
    if not versions:
        fail(f"{model or 'The registry'} has no version yet: `customer-analytics run` trains the models")
    version_table(versions)


@models_app.command("promote")
def models_promote(
    model: Annotated[str, typer.Argument(help="Such as SENTIMENT_CLASSIFIER")],
    version: Annotated[str, typer.Argument(help="Such as V2 or CHALLENGER")],
) -> None:
    """Make a version the champion, whatever its figures."""
    with one_sentence_errors():
        _crowned(_model_registry().promote(model.upper(), version))


@models_app.command("rollback")
def models_rollback(model: Annotated[str, typer.Argument(help="Such as SENTIMENT_CLASSIFIER")]) -> None:
    """Make the champion before the present one the champion again."""
    with one_sentence_errors():
        _crowned(_model_registry().rollback(model.upper()))


@models_app.command("prune")
def models_prune(
    model: Annotated[str, typer.Argument(help="Such as SENTIMENT_CLASSIFIER")],
    keep: Annotated[int, typer.Option(min=0, help="How many versions to keep beside those in use")] = 5,
) -> None:
    """Delete old versions. Champion, challenger and the champion before (for rollback) always stay."""
    with one_sentence_errors():
        deleted = _model_registry().prune(model.upper(), keep)
    typer.echo(
        f"Deleted {', '.join(v.version for v in deleted)} of {model.upper()}." if deleted else "Nothing to delete."
    )


def _crowned(version: ModelVersion) -> None:
    typer.echo(
        f"{version.version} is the champion of {version.model}. "
        f"`customer-analytics run --select 'key:{version.model}+'` scores everything with it."
    )


def _model_registry() -> ModelRegistry:
    from customer_analytics.resources.model_registry import model_registry_from
    from customer_analytics.resources.warehouse import warehouse_from

    settings = load_settings()
    return model_registry_from(settings, warehouse_from(settings))


@warehouse_app.command("start")
def warehouse_start() -> None:
    """Start the local Snowflake when it is not running."""
    with one_sentence_errors():
        _local_warehouse().incarnation()
    warehouse_status()


@warehouse_app.command("stop")
def warehouse_stop() -> None:
    """Stop the local Snowflake. Its data stays."""
    from customer_analytics.local_snowflake import lifecycle

    with one_sentence_errors():
        stopped = lifecycle.stop(_local_warehouse().folder)
    typer.echo("The local Snowflake is stopped." if stopped else "The local Snowflake was not running.")


@warehouse_app.command("restart")
def warehouse_restart() -> None:
    """Stop the local Snowflake and start it again."""
    warehouse_stop()
    warehouse_start()


@warehouse_app.command("status")
def warehouse_status() -> None:
    """Say whether the local Snowflake runs, where, and for whom. Exit code 1 when it does not."""
    from customer_analytics.local_snowflake import lifecycle

    folder = _local_warehouse().folder
    with one_sentence_errors():
        state, facts = lifecycle.running(folder), lifecycle.status(folder)
    if state is None or facts is None:
        typer.echo("The local Snowflake is not running. `customer-analytics warehouse start` starts it.")
        raise typer.Exit(1)
    typer.echo(
        f"The local Snowflake runs on 127.0.0.1:{state.port} (process {state.pid}, up {facts['uptime_seconds']} s, "
        f"{facts['sessions']} sessions, {facts['memory_bytes'] // 1_000_000} MB) and keeps its data in {folder}"
    )


@warehouse_app.command("connection")
def warehouse_connection() -> None:
    """Print the arguments for `snowflake.connector.connect(**args)` as JSON. They let in whoever has them."""
    import json

    with one_sentence_errors():
        args = _local_warehouse().portable_args()
    typer.echo(json.dumps(args, indent=2))


def _local_warehouse() -> LocalWarehouse:
    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.resources.warehouse.local import LocalWarehouse

    warehouse = warehouse_from(load_settings())
    if not isinstance(warehouse, LocalWarehouse):
        typer.echo("SNOWFLAKE_ACCOUNT is set: the warehouse is that account, and there is no local one", err=True)
        raise typer.Exit(2)
    return warehouse


@snowflake_app.command("setup")
def snowflake_setup(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL; nothing connects")] = False,
    user: Annotated[
        list[str] | None, typer.Option("--user", help="User who gets the role; default SNOWFLAKE_USER")
    ] = None,
    size: Annotated[str, typer.Option(help="Size of the warehouse, when it is made")] = "XSMALL",
    role_admin: Annotated[str, typer.Option(help="Role that makes roles")] = "USERADMIN",
    object_admin: Annotated[str, typer.Option(help="Role that makes warehouse and database")] = "SYSADMIN",
) -> None:
    """Make role, warehouse, database, schema and stage in the account, with the least rights. Safe to repeat."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.resources.warehouse import warehouse_from
        from customer_analytics.snowflake_setup import Names, as_script, setup, setup_statements

        names = Names.of(settings)
        users = user or ([settings.snowflake_user] if settings.snowflake_user else [])
        statements = setup_statements(
            names,
            users=users,
            statement_timeout_seconds=settings.snowflake_statement_timeout_seconds,
            warehouse_size=size,
            role_admin=role_admin,
            object_admin=object_admin,
        )
        if dry_run:
            typer.echo(as_script(names, statements), nl=False)
            return
        _say_which_account(settings)
        setup(warehouse_from(settings, query_tag="customer-analytics snowflake setup"), names, statements, typer.echo)
        typer.echo(
            f"Done. Now set SNOWFLAKE_ROLE={names.role} and SNOWFLAKE_WAREHOUSE={names.warehouse} where the pipeline "
            f"runs; the dashboard needs only {names.reader}."
        )


@snowflake_app.command("teardown")
def snowflake_teardown(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the SQL; nothing connects")] = False,
    leftovers: Annotated[bool, typer.Option("--leftovers", help="Only what failed runs left behind")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    role_admin: Annotated[str, typer.Option(help="Role that owns the roles")] = "USERADMIN",
    object_admin: Annotated[str, typer.Option(help="Role that owns warehouse and database")] = "SYSADMIN",
) -> None:
    """Remove what setup made, with all data in it, and what failed runs left. What setup did not make stays."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.resources.warehouse import warehouse_from
        from customer_analytics.snowflake_setup import Names, teardown, teardown_script

        names = Names.of(settings)
        if dry_run:
            typer.echo(teardown_script(names, role_admin, object_admin), nl=False)
            return
        _say_which_account(settings)
        if not (yes or leftovers):
            typer.confirm(f"Drop database {names.database} with everything in it, if setup made it?", abort=True)
        removed = teardown(
            warehouse_from(settings, query_tag="customer-analytics snowflake teardown"),
            names,
            typer.echo,
            only_leftovers=leftovers,
            role_admin=role_admin,
            object_admin=object_admin,
        )
        typer.echo(f"{len(removed)} objects removed.")


def _say_which_account(settings: Settings) -> None:
    typer.echo(
        f"Account {settings.snowflake_account}:"
        if settings.snowflake_account
        else "SNOWFLAKE_ACCOUNT is not set: this is the local Snowflake, where roles and warehouses have no effect."
    )


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
