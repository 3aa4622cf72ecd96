"""A Dagster IO manager for Snowpark: lazy Snowpark frames, pandas and Arrow as Snowflake tables, written atomically.

It imports nothing from the rest of this project, so that it can be used and published on its own.

    from customer_analytics.snowpark_io import SnowparkIOManager

    defs = dg.Definitions(
        assets=[...],
        resources={"io_manager": SnowparkIOManager(warehouse, database="ANALYTICS")},  # or connection arguments
    )
"""

from .columns import ColumnMismatch
from .io_manager import ConfigurableSnowparkIOManager, SnowparkIOManager
from .names import TEMPORARY_PREFIX
from .sessions import ConnectionArguments, SessionSource
from .writing import PartitionConflict

__all__ = [
    "TEMPORARY_PREFIX",
    "ColumnMismatch",
    "ConfigurableSnowparkIOManager",
    "ConnectionArguments",
    "PartitionConflict",
    "SessionSource",
    "SnowparkIOManager",
]
