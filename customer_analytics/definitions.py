"""The code location: the assets of `defs/`, with the resources that the settings choose."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from customer_analytics import defs
from customer_analytics.built_with import built_with
from customer_analytics.defs import automation
from customer_analytics.resources import build_resources
from customer_analytics.settings import Settings


@dg.definitions
def definitions() -> dg.Definitions:
    # Not `load_from_defs_folder`: it looks through every installed component plugin, and so imports
    # dagster_snowflake (about 6 s) although no component is used here.
    settings = Settings()
    return dg.Definitions(
        assets=with_policies(dg.load_assets_from_package_module(defs), settings),
        asset_checks=dg.load_asset_checks_from_package_module(defs),
        jobs=automation.JOBS,
        schedules=[automation.daily],
        sensors=automation.SENSORS,
        resources=build_resources(settings),
        executor=executor(settings),
    )


def with_policies(assets: Sequence[Any], settings: Settings) -> list[Any]:
    """Automation, freshness, and what they are built with, for all assets at once. A source is only looked at."""
    ours = [asset for asset in assets if isinstance(asset, dg.AssetsDefinition) and asset.is_executable]
    built = [asset for asset in ours if asset.is_materializable]
    rest = [asset for asset in assets if not any(asset is one for one in built)]
    ours_with = dg.map_asset_specs(built_with(settings), built)
    return [*dg.map_asset_specs(automation.follows_its_inputs, ours_with), *rest]


def executor(settings: Settings) -> dg.ExecutorDefinition:
    """One process suits the embedded default; several or Kubernetes suit an account, by EXECUTOR."""
    if settings.executor == "multiprocess":
        return dg.multiprocess_executor.configured({"start_method": {"forkserver": {}}})
    if settings.executor == "k8s":
        try:
            from dagster_k8s import k8s_job_executor  # pyright: ignore[reportMissingImports] - not in the default set
        except ImportError as error:
            raise ImportError("EXECUTOR=k8s needs the package dagster-k8s: install it beside this project") from error
        return k8s_job_executor
    return dg.in_process_executor
