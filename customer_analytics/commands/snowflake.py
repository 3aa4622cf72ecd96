"""`customer-analytics snowflake`: what the project needs in an account, and its removal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from customer_analytics.commands import load_settings, one_sentence_errors

if TYPE_CHECKING:
    from customer_analytics.settings import Settings


snowflake_app = typer.Typer(help="A Snowflake account: set-up and teardown.", no_args_is_help=True)


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
        setup(warehouse_from(settings, query_tag="customer-analytics snowflake setup"), statements, typer.echo)
        typer.echo(
            f"Done. Now set SNOWFLAKE_ROLE={names.role} and SNOWFLAKE_WAREHOUSE={names.warehouse} where the pipeline "
            f"runs; the dashboard needs only {names.reader}."
        )


@snowflake_app.command("teardown")
def snowflake_teardown(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only print the SQL; nothing connects, but to look, with --leftovers"),
    ] = False,
    only_leftovers: Annotated[bool, typer.Option("--leftovers", help="Only what failed runs left behind")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    role_admin: Annotated[str, typer.Option(help="Role that owns the roles")] = "USERADMIN",
    object_admin: Annotated[str, typer.Option(help="Role that owns warehouse and database")] = "SYSADMIN",
) -> None:
    """Remove what setup made, with all data in it, and what failed runs left. What setup did not make stays."""
    settings = load_settings()
    with one_sentence_errors():
        from customer_analytics.resources.warehouse import warehouse_from
        from customer_analytics.snowflake_setup import Names, leftovers, teardown, teardown_script

        names = Names.of(settings)
        warehouse = warehouse_from(settings, query_tag="customer-analytics snowflake teardown")
        if dry_run and only_leftovers:
            for what in leftovers(warehouse, names):
                typer.echo(f"DROP {what};")
            return
        if dry_run:
            typer.echo(teardown_script(names, role_admin, object_admin), nl=False)
            return
        _say_which_account(settings)
        if not (yes or only_leftovers):
            typer.confirm(f"Drop database {names.database} with everything in it, if setup made it?", abort=True)
        removed = teardown(
            warehouse,
            names,
            typer.echo,
            only_leftovers=only_leftovers,
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
