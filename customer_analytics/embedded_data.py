"""The embedded default's data: everything under the home folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from customer_analytics.settings import Settings

# Only what this project keeps there: a home folder set to the wrong place loses nothing else.
PARTS = ("warehouse", "vectors", "dagster", "sample", "cache", "logs")


def size_bytes(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and not f.is_symlink())


def remove(settings: Settings) -> None:
    """Stop the local Snowflake and remove the project's own folders; the home folder too when nothing else is in it."""
    from customer_analytics.local_snowflake.lifecycle import stop

    stop(settings.home / "warehouse")
    for part in PARTS:
        shutil.rmtree(settings.home / part, ignore_errors=True)
    (settings.home / ".sample.lock").unlink(missing_ok=True)
    if not any(settings.home.iterdir()):
        settings.home.rmdir()
