"""Time as a source: what depends on the day, or only on the month, is stale when that changes, and else it is not."""

from __future__ import annotations

import dagster as dg

from customer_analytics.settings import Settings
from customer_analytics.table_assets import OWNERS

AS_OF = dg.AssetKey("AS_OF")
AS_OF_MONTH = dg.AssetKey("AS_OF_MONTH")


@dg.asset(
    key=AS_OF,
    group_name="sources",
    owners=OWNERS,
    code_version="1",
    description="The day from which everything is seen (setting AS_OF, default today); its data version is the day.",
)
def as_of(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    day = settings.reference_date.isoformat()
    return dg.MaterializeResult(data_version=dg.DataVersion(day), metadata={"as_of": day})


@dg.asset(
    key=AS_OF_MONTH,
    group_name="sources",
    owners=OWNERS,
    code_version="1",
    description="The month of AS_OF: months before it are complete; its data version is the month.",
)
def as_of_month(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    month = settings.reference_date.strftime("%Y-%m")
    return dg.MaterializeResult(data_version=dg.DataVersion(month), metadata={"month": month})
