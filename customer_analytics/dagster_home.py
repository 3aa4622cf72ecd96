"""Dagster's own storage: SQLite under the home folder, or PostgreSQL by DAGSTER_POSTGRES_URL."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from customer_analytics.settings import Settings

_COMMON = """\
# Written by customer-analytics at every start: change settings, not this file.
telemetry:
  enabled: false
nux: # Dagster's question for a newcomer's e-mail address
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
concurrency:
  runs:
    # One folder holds the embedded warehouse: a second run would mostly wait for the first.
    max_concurrent_runs: {runs}
run_monitoring:
  enabled: true
"""
_SQLITE = """\
event_log_storage:
  module: customer_analytics.event_log
  class: KeptSqliteEventLogStorage
  config:
    base_dir: {folder}
"""
_POSTGRES = """\
storage:
  postgres:
    postgres_url:
      env: DAGSTER_POSTGRES_URL
"""


def prepare(settings: Settings) -> Path:
    """Make DAGSTER_HOME with its `dagster.yaml`, and return it. Safe to repeat, and by several processes at once.

    With PostgreSQL, its URL is put into this process's environment, where Dagster looks for it.
    """
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    text = _COMMON.format(runs=settings.max_concurrent_runs or (10 if settings.snowflake_account else 1))
    if settings.dagster_postgres_url:
        # The password stays in the environment: the file only names the variable.
        text += _POSTGRES
        os.environ["DAGSTER_POSTGRES_URL"] = _with_driver(settings.dagster_postgres_url.get_secret_value())
    else:
        text += _SQLITE.format(folder=json.dumps(str(folder / "history" / "runs")))
    target = folder / "dagster.yaml"
    if not target.exists() or target.read_text() != text:
        partial = folder / f".dagster.yaml.{os.getpid()}.{uuid4().hex}"
        partial.write_text(text)
        partial.replace(target)
    return folder


def _with_driver(url: str) -> str:
    """The URL with the driver that dagster-postgres brings: SQLAlchemy 2.1 would look for another one."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg2{separator}{rest}" if scheme in ("postgresql", "postgres") else url


def instance(settings: Settings) -> DagsterInstance:
    """Dagster's instance over that storage."""
    from dagster import DagsterInstance

    return DagsterInstance.from_config(str(prepare(settings)))
