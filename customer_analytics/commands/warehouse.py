"""`customer-analytics warehouse`: the local Snowflake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from customer_analytics.commands import load_settings, one_sentence_errors

if TYPE_CHECKING:
    from customer_analytics.resources.warehouse.local import LocalWarehouse


warehouse_app = typer.Typer(help="The local Snowflake: start, stop, status, connection.", no_args_is_help=True)


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
