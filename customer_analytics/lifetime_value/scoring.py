"""Every customer's prediction, in batches, in the shape of PRED_CUSTOMER_LTV."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BATCH = 100_000


def scored(batches: Iterable[pd.DataFrame], model: Any, reference: dt.date | None, version: str) -> pa.Table:
    """The rows of PRED_CUSTOMER_LTV for batches of features (columns in any case). No batch: no row."""
    import pyarrow as pa

    tables = []
    for batch in batches:
        features = batch.rename(columns=str.lower)
        parts = (features.iloc[start : start + BATCH] for start in range(0, len(features), BATCH))
        tables.extend(_rows(part.reset_index(drop=True), model, reference, version) for part in parts)
    schema = pa.schema(
        [
            ("CUSTOMER_ID", pa.int64()),
            ("REFERENCE_DATE", pa.date32()),
            ("HORIZON_DAYS", pa.int64()),
            *((name, pa.float64()) for name in ("PREDICTED_LTV", "P10", "P90", "PROBABILITY_ACTIVE")),
            *((name, pa.int64()) for name in ("FREQUENCY", "RECENCY_DAYS", "TENURE_DAYS")),
            *((name, pa.float64()) for name in ("MONETARY_VALUE", "MRR", "SENTIMENT", "CALL_SENTIMENT")),
            ("FIRST_TOUCH_CHANNEL", pa.string()),
            ("MODEL_VERSION", pa.string()),
        ]
    )
    return pa.Table.from_batches([b for table in tables for b in table.cast(schema).to_batches()], schema)


def _rows(features: pd.DataFrame, model: Any, reference: dt.date | None, version: str) -> pa.Table:
    import pyarrow as pa

    predicted = model.predict(features)
    same = ("frequency", "recency_days", "tenure_days", "monetary_value", "mrr", "sentiment", "call_sentiment")
    numbers = {name: pa.array(features[name].astype("float64"), from_pandas=True) for name in same}
    return pa.table(
        {
            "CUSTOMER_ID": pa.array(features["customer_id"].astype("int64")),
            "REFERENCE_DATE": pa.array([reference] * len(features), pa.date32()),
            "HORIZON_DAYS": pa.array([model.horizon_days] * len(features)),
            **{name.upper(): pa.array(predicted[name].astype("float64")) for name in predicted.columns},
            **{name.upper(): column for name, column in numbers.items()},
            "FIRST_TOUCH_CHANNEL": pa.array(features["first_touch_channel"], pa.string(), from_pandas=True),
            "MODEL_VERSION": pa.array([version] * len(features)),
        }
    )
