"""Start one service of a deployment: `python -m customer_analytics.service COMMAND…` becomes the command.

Before, it checks the settings, writes Dagster's configuration, sets DAGSTER_HOME and, with LOG_FORMAT=json, sees to it
that every line of the log is a JSON object. Where SERVICE_NEEDS_WAREHOUSE is
true and no account is set, it waits for the local Snowflake, which is a service of its own there.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pydantic import ValidationError

from customer_analytics.service_logs import in_json, secrets_of, write_as_json
from customer_analytics.settings import Settings

WAIT_SECONDS = 60.0
CODE_SERVER = ["dagster", "api", "grpc"]


def main(command: list[str], wait_seconds: float = WAIT_SECONDS) -> None:
    """Replace this process by `command`; SystemExit with one sentence when something that it needs is missing."""
    from customer_analytics.dagster_home import prepare

    if not command:
        sys.exit("Say which command to start: python -m customer_analytics.service COMMAND")
    try:
        settings = Settings()
    except ValidationError as error:
        # Never the whole error: it shows what the values were.
        problems = error.errors(include_input=False, include_url=False)
        sys.exit("; ".join(f"{'.'.join(map(str, p['loc'])).upper()} {p['msg']}".strip() for p in problems))
    if settings.log_format == "json":
        write_as_json(Path(command[0]).name, secrets_of(settings))
        command = in_json(command)
    if settings.service_needs_warehouse and not settings.snowflake_account:
        _wait_for_local_snowflake(settings.home / "warehouse", wait_seconds)
    environment = os.environ | {"DAGSTER_HOME": str(prepare(settings))}
    if command[:3] == CODE_SERVER:
        fail_orphaned_runs(settings)
    os.execvpe(command[0], command, environment)  # noqa: S606 - the command is the deployment's own


def fail_orphaned_runs(settings: Settings) -> list[str]:
    """Mark the runs of an earlier code server as failed: they were its processes, and ended with it.

    Dagster's run monitoring does not look after such runs; left as they are, they hold a place in the queue for ever.
    """
    import dagster as dg
    from dagster._core.storage.tags import GRPC_INFO_TAG

    from customer_analytics.dagster_home import instance

    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING]
    orphaned = []
    with instance(settings) as storage:
        for run in storage.get_runs(dg.RunsFilter(statuses=unfinished)):
            if GRPC_INFO_TAG in run.tags:
                storage.report_run_failed(run, "The code server that ran it has ended: run again.")
                orphaned.append(run.run_id)
    return orphaned


def _wait_for_local_snowflake(folder: Path, seconds: float) -> None:
    from customer_analytics.local_snowflake import lifecycle

    end = time.monotonic() + seconds
    while lifecycle.running(folder) is None:
        if time.monotonic() > end:
            sys.exit(
                "There is no warehouse: set SNOWFLAKE_ACCOUNT, or start the local Snowflake beside this service "
                "(docker compose --profile local up)"
            )
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1:])
