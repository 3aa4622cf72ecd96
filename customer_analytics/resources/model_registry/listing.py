"""How the command line shows versions."""

from __future__ import annotations

from collections.abc import Sequence

from customer_analytics.resources.model_registry import ModelVersion


def version_table(versions: Sequence[ModelVersion]) -> None:
    """Print one line for each version."""
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", "alias", "logged (UTC)", "comment", box=None)
    for version in versions:
        logged = version.created_on.strftime("%Y-%m-%d %H:%M") if version.created_on else ""
        table.add_row(version.model, version.version, ", ".join(version.aliases), logged, version.comment)
    Console().print(table)
