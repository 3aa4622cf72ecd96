"""The example materialises on the local Snowflake, twice, and finds what its sample holds."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager
from examples.taxi import definitions as taxi


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_example_runs_and_runs_again(warehouse: Warehouse) -> None:
    definitions = taxi.definitions()
    assert isinstance(definitions, dg.Definitions)
    resources = {
        "settings": Settings(),
        "warehouse": warehouse,
        "io_manager": SnowparkIOManager(warehouse, schema=taxi.SCHEMA),
    }
    session = warehouse.session()
    for _ in range(2):
        result = dg.materialize(
            [*(definitions.assets or []), *(definitions.asset_checks or [])],  # type: ignore[list-item]
            resources=resources,
        )
        assert result.success
        assert all(check.passed for check in result.get_asset_check_evaluations())
        [model] = result.asset_materializations_for_node("TAXI_FARE_MODEL")
        coefficients = model.metadata["coefficients"].value
        assert coefficients["DISTANCE_KM"] == pytest.approx(1.9, abs=0.3)  # type: ignore[index]
        assert coefficients["MINUTES"] == pytest.approx(0.42, abs=0.1)  # type: ignore[index]
        assert session.table("TAXI.TAXI_TRIPS").count() == 6_000
        assert session.table("TAXI.TAXI_FEATURES").count() == 6_000 - 30
        [row] = session.sql(
            "SELECT COUNT(*) N, COUNT(DISTINCT TRIP_ID) TRIPS, AVG(ABS(FARE - PREDICTED_FARE)) MAE "
            "FROM TAXI.TAXI_PREDICTIONS"
        ).collect()
        assert (row["N"], row["TRIPS"]) == (5_970, 5_970)
        assert row["MAE"] < 2


def test_it_is_short_enough_to_be_read() -> None:
    assert taxi.__file__
    assert len(Path(taxi.__file__).read_text().splitlines()) < 200


def test_the_sample_is_the_same_every_time(tmp_path: Path) -> None:
    import datetime as dt

    for name in "ab":
        taxi.write_sample(tmp_path / name, dt.datetime(2024, 1, 1), trips=50)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
