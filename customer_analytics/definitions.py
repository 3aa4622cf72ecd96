"""The code location: the assets of `defs/`, with the resources that the settings choose."""

import dagster as dg

from customer_analytics import defs
from customer_analytics.resources import build_resources
from customer_analytics.settings import Settings


@dg.definitions
def definitions() -> dg.Definitions:
    # Not `load_from_defs_folder`: it looks through every installed component plugin, and so imports
    # dagster_snowflake (about 6 s) although no component is used here.
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(defs),
        asset_checks=dg.load_asset_checks_from_package_module(defs),
        resources=build_resources(Settings()),
    )
