"""How the command line shows versions."""

from __future__ import annotations

from collections.abc import Sequence

from customer_analytics.resources.model_registry import ModelVersion

_MOST_SCORES = 3


def version_table(versions: Sequence[ModelVersion]) -> None:
    """Print one line for each version."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", "alias", "logged", "scores on the holdout", "comment", box=None)
    for version in versions:
        logged = version.created_on.strftime("%Y-%m-%d %H:%M") if version.created_on else ""
        table.add_row(
            version.model, version.version, ", ".join(version.aliases), logged, _scores(version), version.comment
        )
    Console().print(table)


def _scores(version: ModelVersion) -> str:
    """The first few numbers that were logged as scores on the holdout."""
    found = {k.removeprefix("holdout_"): v for k, v in version.metrics.items() if k.startswith("holdout_")}
    numbers = [f"{name} {value:.4f}" for name, value in found.items() if isinstance(value, float)]
    return ", ".join(numbers[:_MOST_SCORES])
