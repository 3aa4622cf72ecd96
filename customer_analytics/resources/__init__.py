"""The outside world by role. Each role's Protocol stands first in its folder, its adapters beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # Pydantic is not imported by the processes that only transcribe.
    from customer_analytics.settings import Settings


def build_resources(settings: Settings) -> dict[str, Any]:
    """Every resource of the code location, by key. Nothing connects, starts or imports heavy clients before use."""
    from customer_analytics.resources.chat import chat_from
    from customer_analytics.resources.embedder import embedder_from
    from customer_analytics.resources.model_registry import model_registry_from
    from customer_analytics.resources.transcriber import transcriber_from
    from customer_analytics.resources.vector_store import vector_store_from
    from customer_analytics.resources.warehouse import warehouse_from
    from customer_analytics.snowpark_io import SnowparkIOManager

    warehouse = warehouse_from(settings)
    return {
        "settings": settings,
        "warehouse": warehouse,
        "embedder": embedder_from(settings),
        "model_registry": model_registry_from(settings, warehouse),
        "transcriber": transcriber_from(settings),
        "vector_store": vector_store_from(settings),
        "chat": chat_from(settings),
        "io_manager": SnowparkIOManager(
            warehouse, database=settings.snowflake_database, schema=settings.snowflake_schema
        ),
    }
