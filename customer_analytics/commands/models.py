"""`customer-analytics models`: the versions in the registry, and which of them is the champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from customer_analytics.commands import fail, load_settings, one_sentence_errors

if TYPE_CHECKING:
    from customer_analytics.resources.model_registry import ModelRegistry, ModelVersion


models_app = typer.Typer(help="The models: list, promote, rollback, prune.", no_args_is_help=True)


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
    _crown(model.upper(), lambda registry: registry.promote(model.upper(), version))


@models_app.command("rollback")
def models_rollback(model: Annotated[str, typer.Argument(help="Such as SENTIMENT_CLASSIFIER")]) -> None:
    """Make the champion before the present one the champion again."""
    _crown(model.upper(), lambda registry: registry.rollback(model.upper()))


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


def _crown(model: str, change: Callable[[ModelRegistry], ModelVersion]) -> None:
    """Change the champion, and let Dagster know."""
    with one_sentence_errors():
        registry = _model_registry()
        before = registry.champion(model)
        now = change(registry)
        if before is not None and before.version == now.version:
            typer.echo(f"{now.version} is the champion of {model} already.")
            return
        from customer_analytics.dagster_home import instance
        from customer_analytics.pipeline import report_champion

        report_champion(instance(load_settings()), model, now.version)
    typer.echo(
        f"{now.version} is the champion of {model}. `customer-analytics run` judges it and scores everything with it; "
        "a running service does so by itself."
    )


def _model_registry() -> ModelRegistry:
    from customer_analytics.resources.model_registry import model_registry_from
    from customer_analytics.resources.warehouse import warehouse_from

    settings = load_settings()
    return model_registry_from(settings, warehouse_from(settings))
