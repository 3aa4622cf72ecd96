"""CUSTOMER_LTV and PRED_CUSTOMER_LTV through Dagster, from orders and payments alone, on the local Snowflake."""

from __future__ import annotations

import datetime as dt
import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from customer_analytics.defs.customers import tables as customers
from customer_analytics.defs.lifetime_value import model, predictions
from customer_analytics.defs.revenue import tables as revenue
from customer_analytics.defs.sources import reference_date, staging
from customer_analytics.lifetime_value import candidates
from customer_analytics.resources.model_registry.snowflake import SnowflakeModelRegistry
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager
from customer_analytics_tests.lifetime_value.history import synthetic_orders
from customer_analytics_tests.resources.model_registry.test_snowflake_model_registry import InSchema

MODULES = [reference_date, staging, customers, revenue, model, predictions]
AS_OF = dt.date(2024, 10, 1)


@dg.asset(name="PRED_TWITTER_COMMENTS")
def no_comments() -> pa.Table:
    """The comments come by way of the vector store, which this test leaves out."""
    types = {"CUSTOMER_ID": pa.int64(), "DATE": pa.timestamp("us"), "SENTIMENT": pa.float64()}
    return pa.table({name: pa.array([], of) for name, of in types.items()})


@dg.asset(name="PRED_CUSTOMER_CALLS")
def no_scored_calls() -> pa.Table:
    types = {"CALL_ID": pa.string(), "CUSTOMER_ID": pa.int64(), "SENTIMENT": pa.float64()}
    return pa.table({name: pa.array([], of) for name, of in types.items()})


@dg.asset(name="CALL_TRANSCRIPTS")
def no_calls() -> pa.Table:
    types = {"CALL_ID": pa.string(), "CUSTOMER_ID": pa.int64(), "TRANSCRIBED_AT": pa.timestamp("us")}
    return pa.table({name: pa.array([], of) for name, of in types.items()})


class Place:
    """A folder with orders.csv and payments.csv, a schema of its own, and a way to run everything up to the LTV."""

    def __init__(self, session: Any, folder: Path) -> None:
        self.session, self.folder, self.instance = session, folder, dg.DagsterInstance.ephemeral()
        warehouse = InSchema(session)
        self.registry = SnowflakeModelRegistry(warehouse, folder / "models")
        schema = session.get_current_schema().strip('"')
        io_manager = SnowparkIOManager(warehouse, schema=schema)
        self.resources = {"warehouse": warehouse, "model_registry": self.registry, "io_manager": io_manager}

    def write(self, orders: pd.DataFrame) -> None:
        ids = range(1, len(orders) + 1)
        written = orders.assign(order_id=ids, status="completed", payment_id=ids, payment_method="credit_card")
        written["cents"] = (orders["amount"].astype(float) * 100).round().astype("Int64")
        written[["order_id", "customer_id", "order_date", "status"]].to_csv(self.folder / "orders.csv", index=False)
        paid = written.dropna(subset="cents")[["payment_id", "order_id", "payment_method", "cents"]]
        paid.rename(columns={"cents": "amount"}).to_csv(self.folder / "payments.csv", index=False)

    def run(self, as_of: dt.date = AS_OF, floor: float = 0.0, horizon: int = 60) -> dict[str, Any]:
        """The metadata of CUSTOMER_LTV, and under "passed" whether its gate let the predictions happen."""
        settings = Settings.model_validate(
            {"source_uri": str(self.folder), "as_of": as_of, "ltv_horizon_days": horizon, "ltv_min_gini": floor}
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = dg.materialize(
                [*dg.load_assets_from_modules(MODULES), no_comments, no_scored_calls, no_calls],
                resources={**self.resources, "settings": settings},
                instance=self.instance,
                selection=dg.AssetSelection.assets("PRED_CUSTOMER_LTV").upstream(),
                raise_on_error=False,
            )
        metadata = result.asset_materializations_for_node("CUSTOMER_LTV")[0].metadata
        (gate,) = [e for e in result.get_asset_check_evaluations() if e.check_name == model.GATE]
        assert result.success is gate.passed
        told = {key: value.value for key, value in metadata.items()}
        return {**told, "passed": gate.passed, "gate": gate.description}

    def predictions(self) -> pd.DataFrame:
        return self.session.sql("SELECT * FROM PRED_CUSTOMER_LTV ORDER BY CUSTOMER_ID").to_pandas()


@pytest.fixture
def place(session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(candidates, "TREE_SEEDS", 2)
    monkeypatch.setattr(candidates, "TREE_ROUNDS", 30)
    return Place(session, tmp_path)


def test_orders_and_payments_alone_are_enough_and_later_orders_are_never_looked_at(place):
    orders = synthetic_orders(420, 366, seed=2)
    place.write(orders[orders["order_date"] < AS_OF])
    figures = place.run()
    before = place.predictions()
    assert "Best of" in figures["reason"]
    assert figures["reference_date"] == AS_OF.isoformat()
    assert len(before) == orders[orders["order_date"] < AS_OF]["customer_id"].nunique()
    assert not before[["PREDICTED_LTV", "P10", "P90", "PROBABILITY_ACTIVE"]].isna().any().any()
    assert (before["P10"] <= before["PREDICTED_LTV"]).all()
    assert (before["PREDICTED_LTV"] <= before["P90"]).all()

    place.write(orders)  # the same business, and what came after AS_OF
    again = place.run()
    pd.testing.assert_frame_equal(place.predictions(), before)
    assert again["trained_version"] == "V1"
    assert [v.version for v in place.registry.versions("CUSTOMER_LTV")] == ["V1"]


def test_what_somebody_rolled_back_stays_until_something_changes(place):
    orders = synthetic_orders(60, 200, seed=2)
    place.write(orders)
    place.run(dt.date(2024, 5, 1))
    assert place.run(dt.date(2024, 6, 1))["model_version"] == "V2"
    place.registry.rollback("CUSTOMER_LTV")
    assert place.run(dt.date(2024, 6, 1))["model_version"] == "V1"
    assert set(place.predictions()["MODEL_VERSION"]) == {"V1"}
    assert place.run(dt.date(2024, 6, 2))["model_version"] == "V3"
    # Back in time, nothing may predict that was trained on later orders.
    assert place.run(dt.date(2024, 5, 1))["model_version"] == "V1"


def test_a_model_below_the_floor_predicts_nothing_and_a_champion_that_is_there_goes_on(place):
    orders = synthetic_orders(420, 366, seed=2)
    place.write(orders)
    refused = place.run(floor=0.99)
    assert not refused["passed"]
    assert "below the floor 0.990" in refused["gate"]
    assert place.registry.champion("CUSTOMER_LTV") is None
    # Another floor is another question to the same version.
    promoted = place.run(floor=0.1)
    assert (promoted["passed"], promoted["model_version"]) == (True, "V1")
    assert "no rival" in promoted["decision"]

    # Who buys is drawn by lot: nothing can rank them, and the champion of better days goes on.
    by_lot = np.random.default_rng(0).integers(0, 420, len(orders))
    place.write(orders.assign(customer_id=by_lot))
    worse = place.run(floor=0.4)
    assert worse["trained_version"] == "V2"
    assert "V2 is not promoted" in worse["decision"]
    assert (worse["passed"], worse["model_version"]) == (True, "V1")
    assert set(place.predictions()["MODEL_VERSION"]) == {"V1"}
    assert len(place.predictions()) > 400


def test_a_champion_that_knew_later_orders_may_not_predict(place):
    place.write(synthetic_orders(420, 366, seed=2))
    assert place.run(dt.date(2024, 9, 1))["passed"]
    told = place.run(dt.date(2024, 8, 1), floor=0.99)
    assert told["model_version"] == "V1", "the new version is below the floor"
    assert not told["passed"]


def test_old_data_is_judged_from_its_own_end_and_few_customers_by_the_baseline(place):
    orders = synthetic_orders(50, 120, seed=2)
    place.write(orders)
    figures = place.run(dt.date(2026, 1, 1))
    newest = orders["order_date"].max()
    assert figures["reference_date"] == newest.isoformat()
    assert "Too little to compare models by" in figures["reason"]
    assert set(place.predictions()["REFERENCE_DATE"]) == {newest}
    # Another day changes nothing: what was known is the same.
    assert place.run(dt.date(2026, 1, 2))["trained_version"] == "V1"


def test_no_order_at_all_predicts_nobody(place):
    place.write(pd.DataFrame({"customer_id": [], "order_date": [], "amount": []}))
    assert "nothing to learn from" in place.run()["reason"]
    assert place.predictions().empty


def test_one_order_without_a_payment(place):
    place.write(pd.DataFrame({"customer_id": [1], "order_date": [dt.date(2024, 9, 30)], "amount": [None]}))
    assert "No order has a payment" in place.run()["reason"]
    only = place.predictions().iloc[0]
    assert (only["PREDICTED_LTV"], only["P10"], only["P90"]) == (0, 0, 0)


@pytest.mark.parametrize(
    "rows",
    [
        [(1, 1, 50.0)],
        [(1, 1, -50.0), (2, 5, -20.0)],
        [(1, 1, 50.0), (1, 1, -50.0)],
        [(customer, 20, 30.0) for customer in range(1200)],
        [(customer, 1 + customer % 15, 30.0) for customer in range(1200)],
        [(1, 3000, 40_000.0), (2, 2900, 9_000.0), (3, 2, 1.0)],
    ],
    ids=["one", "refunds", "nothing left", "one day", "all once", "years of silence"],
)
def test_any_shop_gets_predictions(place, rows):
    """Rows are (customer, days before AS_OF, dollars)."""
    days = [AS_OF - dt.timedelta(days=before) for _, before, _ in rows]
    amounts = [amount for *_, amount in rows]
    place.write(pd.DataFrame({"customer_id": [r[0] for r in rows], "order_date": days, "amount": amounts}))
    told = place.run(horizon=182)
    assert told["passed"], told["gate"]
    found = place.predictions()
    assert len(found) == len({row[0] for row in rows})
    assert (found["PREDICTED_LTV"] >= 0).all()
    assert (found["P10"] <= found["PREDICTED_LTV"]).all()
    assert (found["PREDICTED_LTV"] <= found["P90"]).all()
