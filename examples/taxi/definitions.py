"""What does a taxi ride cost? The whole pattern of this project, in one file, to be read from top to bottom.

    TAXI_FILES ─→ TAXI_TRIPS ─→ TAXI_FEATURES ─→ TAXI_FARE_MODEL ─→ TAXI_PREDICTIONS
    CSV files     as they are   in Snowflake     in its registry     back in Snowflake

Each function is an asset: it is named after what exists afterwards, and its parameters name what it
is made from. It reads and writes no table itself: what it returns is stored by the IO manager, and
what it asks for comes as the type that it asks for.

    dagster dev                                          and materialise the group `taxi`, or
    dagster asset materialize -m examples.taxi.definitions --select '*'

With no setting this runs on the local Snowflake, under `.customer_analytics`; with SNOWFLAKE_ACCOUNT
set, the same code runs on that account.
"""

import csv
import datetime as dt
import random
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
from snowflake.snowpark import DataFrame, Session
from snowflake.snowpark import functions as F

from customer_analytics.resources.warehouse import Warehouse, warehouse_from
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager

SCHEMA = "TAXI"  # the tables and the model live in a schema of their own
MODEL = "TAXI_FARE"
MONTHS = ("2024-01", "2024-02", "2024-03")
TEST_MONTH = dt.date(2024, 3, 1)  # the model learns from the months before, and is judged on this one
INPUTS = ["DISTANCE_KM", "MINUTES", "PASSENGERS", "IS_NIGHT", "IS_WEEKEND"]


# 1. Files. The asset is a side effect (files on disk), so it returns no value: only what is worth knowing of them.
@dg.asset(name="TAXI_FILES", group_name="taxi", kinds={"csv"})
def taxi_files(settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    """One CSV file of 2,000 made-up trips for each month. The same seed makes the same trips."""
    folder = settings.home / "taxi"
    folder.mkdir(parents=True, exist_ok=True)
    for month in MONTHS:
        write_sample(folder / f"trips-{month}.csv", dt.datetime.fromisoformat(f"{month}-01"), trips=2_000)
    return dg.MaterializeResult(metadata={"folder": dg.MetadataValue.path(folder), "files": len(MONTHS)})


# 2. From files to a table. The declared schema decides names, order and types in Snowflake, not a guess.
#    `deps` says "after the files" without asking for a value; the return type could as well be pandas.
@dg.asset(
    name="TAXI_TRIPS",
    group_name="taxi",
    kinds={"snowflake", "arrow"},
    deps=["TAXI_FILES"],
    metadata={
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn("TRIP_ID", "NUMBER(38,0)", "Trip"),
                dg.TableColumn("PICKUP_AT", "TIMESTAMP_NTZ", "Start of the ride, local time"),
                dg.TableColumn("DROPOFF_AT", "TIMESTAMP_NTZ", "End of the ride, local time"),
                dg.TableColumn("DISTANCE_KM", "FLOAT", "Kilometres driven"),
                dg.TableColumn("PASSENGERS", "NUMBER(38,0)", "People in the car"),
                dg.TableColumn("FARE", "NUMBER(10,2)", "Dollars paid"),
            ]
        )
    },
)
def taxi_trips(settings: dg.ResourceParam[Settings]) -> pa.Table:
    """One trip, as in the files."""
    from pyarrow.csv import read_csv

    return pa.concat_tables([read_csv(path) for path in sorted((settings.home / "taxi").glob("trips-*.csv"))])


# 3. Feature engineering. `taxi_trips` is a lazy Snowpark frame: nothing is fetched, the work is one
#    statement inside Snowflake, and the table is replaced by it in one step.
@dg.asset(name="TAXI_FEATURES", group_name="taxi", kinds={"snowpark"}, ins={"taxi_trips": dg.AssetIn("TAXI_TRIPS")})
def taxi_features(taxi_trips: DataFrame) -> DataFrame:
    """One trip that really took place, with what its fare may depend on."""
    hour = F.hour("PICKUP_AT")
    # DAYOFWEEKISO counts from Monday, whatever the account's week starts with.
    weekday = F.call_function("DAYOFWEEKISO", F.col("PICKUP_AT"))
    return (
        taxi_trips.with_column("MINUTES", F.datediff("second", "PICKUP_AT", "DROPOFF_AT") / F.lit(60.0))
        .where((F.col("MINUTES") > 0) & (F.col("DISTANCE_KM") > 0))  # the meter was started by mistake
        .select(
            "TRIP_ID",
            F.to_date("PICKUP_AT").alias("DAY"),
            "DISTANCE_KM",
            F.col("MINUTES").cast("FLOAT").alias("MINUTES"),
            "PASSENGERS",
            F.when((hour >= 22) | (hour < 6), 1).otherwise(0).alias("IS_NIGHT"),
            F.when(weekday >= 6, 1).otherwise(0).alias("IS_WEEKEND"),
            "FARE",
        )
    )


# 4. A model is an asset too. It asks for the same table as a pandas frame, and keeps its result where
#    models live: in Snowflake's model registry, with the scores that it earned on a month it never saw.
@dg.asset(name="TAXI_FARE_MODEL", group_name="taxi", kinds={"scikitlearn"}, ins={"trips": dg.AssetIn("TAXI_FEATURES")})
def taxi_fare_model(trips: pd.DataFrame, warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    """A linear regression of the fare, the default version of TAXI_FARE in the registry."""
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error, r2_score

    trips = trips.sort_values("TRIP_ID").astype(dict.fromkeys([*INPUTS, "FARE"], "float64"))
    test = trips["DAY"] >= TEST_MONTH
    model = LinearRegression().fit(trips.loc[~test, INPUTS], trips.loc[~test, "FARE"])
    actual, predicted = trips.loc[test, "FARE"], model.predict(trips.loc[test, INPUTS])
    metrics = {"r2": float(r2_score(actual, predicted)), "mae": float(mean_absolute_error(actual, predicted))}
    models = registry(warehouse.session())
    version = models.log_model(
        model,
        model_name=MODEL,
        metrics=metrics,
        sample_input_data=trips.loc[~test, INPUTS].head(100),
        options={"enable_explainability": False, "relax_version": True},
    )
    models.get_model(MODEL).default = version
    coefficients = dict(zip(INPUTS, map(float, model.coef_), strict=True))
    return dg.MaterializeResult(metadata={**metrics, "version": version.version_name, "coefficients": coefficients})


# 5. A check states a truth. It blocks: without it, nothing after the model is built.
@dg.asset_check(asset="TAXI_FARE_MODEL", blocking=True)
def the_model_explains_most_of_the_fare(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    r2 = float(registry(warehouse.session()).get_model(MODEL).default.get_metric("r2"))
    return dg.AssetCheckResult(passed=r2 > 0.5, metadata={"r2": r2, "at_least": 0.5})


# 6. Predictions, written back beside what they were made from.
@dg.asset(
    name="TAXI_PREDICTIONS",
    group_name="taxi",
    kinds={"snowflake", "pandas"},
    ins={"trips": dg.AssetIn("TAXI_FEATURES")},
    deps=["TAXI_FARE_MODEL"],
)
def taxi_predictions(trips: pd.DataFrame, warehouse: dg.ResourceParam[Warehouse]) -> pd.DataFrame:
    """One trip, its fare, and what the model says it should have been."""
    version = registry(warehouse.session()).get_model(MODEL).default
    fares = version.load(force=True).predict(trips[INPUTS].astype("float64"))
    return trips[["TRIP_ID", "FARE"]].assign(PREDICTED_FARE=fares, MODEL_VERSION=version.version_name)


# Resources are the outside world. Only here is it said that the tables go to Snowflake, and where.
@dg.definitions
def definitions() -> dg.Definitions:
    settings = Settings()
    warehouse = warehouse_from(settings)
    return dg.Definitions(
        assets=[taxi_files, taxi_trips, taxi_features, taxi_fare_model, taxi_predictions],
        asset_checks=[the_model_explains_most_of_the_fare],
        resources={
            "settings": settings,
            "warehouse": warehouse,
            "io_manager": SnowparkIOManager(warehouse, database=settings.snowflake_database, schema=SCHEMA),
        },
        executor=dg.in_process_executor,
    )


def registry(session: Session) -> Any:
    """Snowflake's model registry in our schema. Imported late: it is heavy, and loading the file should not be."""
    from snowflake.ml.registry import Registry

    return Registry(session, schema_name=SCHEMA, options={"enable_monitoring": False})


def write_sample(path: Path, month: dt.datetime, trips: int) -> None:
    """Trips whose fare is 3 dollars, 1.80 a kilometre and 0.40 a minute, 20 % more at night, and some noise."""
    chance = random.Random(f"taxi {month:%Y-%m}")  # noqa: S311 - a sample, not a secret
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["trip_id", "pickup_at", "dropoff_at", "distance_km", "passengers", "fare"])
        for number in range(trips):
            start = month + dt.timedelta(seconds=chance.randrange(28 * 86_400))
            distance = round(chance.lognormvariate(1.2, 0.7), 2)
            seconds = 0 if number % 200 == 0 else round(120 + distance * 160 * chance.uniform(0.7, 1.6))
            fare = (3 + 1.8 * distance + 0.4 * seconds / 60) * (1.2 if start.hour >= 22 or start.hour < 6 else 1)
            fare = max(3, round(fare + chance.gauss(0, 1), 2))
            trip_id = int(f"{month:%Y%m}") * 100_000 + number
            rows.writerow(
                [trip_id, start, start + dt.timedelta(seconds=seconds), distance, chance.randint(1, 4), f"{fare:.2f}"]
            )
