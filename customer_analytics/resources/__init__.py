"""The outside world by role. Each role's Protocol stands first in its folder, its adapters beside it."""

from __future__ import annotations

from typing import Any

from customer_analytics.settings import Settings


def build_resources(settings: Settings) -> dict[str, Any]:
    """Every resource of the code location, by key. Nothing connects, starts or imports heavy clients before use."""
    from customer_analytics.resources.embedder import embedder_from
    from customer_analytics.resources.warehouse import warehouse_from

    return {"settings": settings, "warehouse": warehouse_from(settings), "embedder": embedder_from(settings)}
