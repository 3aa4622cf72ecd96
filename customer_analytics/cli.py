"""The command line. Thin: each command reads the settings and calls the room that does the work."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from customer_analytics.commands import load_settings, one_sentence_errors
from customer_analytics.commands.models import models_app
from customer_analytics.commands.snowflake import snowflake_app
from customer_analytics.commands.vectors import vectors_app
from customer_analytics.commands.warehouse import warehouse_app

app = typer.Typer(
    name="customer-analytics",
    help="GroundTruth: one picture of every customer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(warehouse_app, name="warehouse")
app.add_typer(vectors_app, name="vectors")
app.add_typer(models_app, name="models")
app.add_typer(snowflake_app, name="snowflake")


@app.callback()
def main() -> None:
    """GroundTruth: one picture of every customer."""


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
    import logging

    from customer_analytics.doctor import backend_lines, setting_lines

    logging.disable(logging.WARNING)  # what clients say of their attempts, in between the lines
    ill = 0
    for finding in setting_lines(settings):
        typer.echo(f"  {finding.name:<36}{finding.detail}")
    for finding in backend_lines(settings):
        ill += not finding.healthy
        mark = typer.style("ok  ", fg="green") if finding.healthy else typer.style("FAIL", fg="red")
        remedy = f" -> {finding.remedy}" if finding.remedy and not finding.healthy else ""
        typer.echo(f"{mark}  {finding.name:<16}{finding.detail}{remedy}")
    raise typer.Exit(1 if ill else 0)
