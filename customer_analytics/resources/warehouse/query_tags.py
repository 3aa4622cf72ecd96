"""The query tag: which run and which asset a statement in Snowflake's query history was for."""

from __future__ import annotations

import json
import sys

APPLICATION = "customer-analytics"
_LONGEST = 2000  # Snowflake's limit, in characters


def current_tag(default: str | None = None) -> str:
    """JSON with run and asset inside of a Dagster step; `default`, or the project's name, elsewhere."""
    return _step_tag() or default or json.dumps({"application": APPLICATION})


def _step_tag() -> str | None:
    # Nothing runs in a step where Dagster is not loaded, and the dashboard need not load it for this.
    if "dagster" not in sys.modules:
        return None
    from dagster._core.execution.context.compute import current_execution_context

    context = current_execution_context.get()
    if context is None:
        return None
    step = context.op_execution_context
    tag = {"application": APPLICATION, "dagster_run_id": step.run.run_id, "step": str(step.op_handle)}
    if step.has_assets_def and (keys := step.selected_asset_keys):
        tag["asset"] = ", ".join(sorted(key.to_user_string() for key in keys))
    return json.dumps(tag)[:_LONGEST]
