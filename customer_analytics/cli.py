"""The command line. Thin: each command reads the settings and calls the room that does the work."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="customer-analytics",
    help="GroundTruth: one picture of every customer.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
warehouse_app = typer.Typer(help="The local Snowflake: start, stop, status, connection.", no_args_is_help=True)
vectors_app = typer.Typer(help="The vector collections: snapshot, restore, backup.", no_args_is_help=True)
models_app = typer.Typer(help="The models: list, promote, rollback.", no_args_is_help=True)
snowflake_app = typer.Typer(help="A Snowflake account: set-up and teardown.", no_args_is_help=True)
app.add_typer(warehouse_app, name="warehouse")
app.add_typer(vectors_app, name="vectors")
app.add_typer(models_app, name="models")
app.add_typer(snowflake_app, name="snowflake")


@app.callback()
def main() -> None:
    """GroundTruth: one picture of every customer."""
