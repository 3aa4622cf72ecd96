"""Other people's clients: dagster-snowflake and the model registry."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from snowflake.snowpark import Session

from customer_analytics.resources.warehouse import Warehouse
from customer_analytics.resources.warehouse.local import LocalWarehouse


@pytest.mark.heavy
def test_dagster_snowflakes_own_resource_and_io_manager(warehouse: Warehouse) -> None:
    from dagster_snowflake import SnowflakeResource
    from dagster_snowflake_pandas import SnowflakePandasIOManager

    if not isinstance(warehouse, LocalWarehouse):
        pytest.skip("dagster-snowflake works on an account by itself")
    args = warehouse.portable_args()
    login = {name: args[name] for name in ("account", "user", "password", "database")}
    where = {name: args[name] for name in ("host", "port", "protocol")}

    @dg.asset
    def frame() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2], "b": ["x", None]})

    @dg.asset
    def doubled(frame: pd.DataFrame, snowflake: SnowflakeResource) -> pd.DataFrame:
        with snowflake.get_connection() as connection:
            assert connection.cursor().execute("SELECT COUNT(*) FROM dagster_io.frame").fetchall() == [(2,)]
        return frame.assign(a=frame["a"] * 2)

    @dg.asset(partitions_def=dg.DailyPartitionsDefinition(start_date="2024-01-01"), metadata={"partition_expr": "DAY"})
    def daily(context: dg.AssetExecutionContext) -> pd.DataFrame:
        day = pd.Timestamp(context.partition_key)
        return pd.DataFrame({"day": [day, day], "a": [1, 2]})

    @dg.asset(partitions_def=daily.partitions_def)
    def read_back(context: dg.AssetExecutionContext, daily: pd.DataFrame) -> None:
        assert len(daily) == 2
        assert daily["day"].unique() == [pd.Timestamp(context.partition_key)]

    resources = {
        "io_manager": SnowflakePandasIOManager(
            **login, schema="DAGSTER_IO", additional_snowflake_connection_args=where
        ),
        "snowflake": SnowflakeResource(**login, additional_snowflake_connection_args=where),
    }
    for _ in range(2):
        assert dg.materialize([frame, doubled], resources=resources).success
    for key in ("2024-01-01", "2024-01-02", "2024-01-01"):
        assert dg.materialize([daily, read_back], resources=resources, partition_key=key).success
    with warehouse.connect() as connection:
        assert connection.cursor().execute("SELECT SUM(a) FROM dagster_io.doubled").fetchall() == [(6,)]
        query = "SELECT COUNT(*), COUNT(DISTINCT day) FROM dagster_io.daily"
        assert connection.cursor().execute(query).fetchall() == [(4, 2)]


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # snowflake-ml warns of versions and names of its own
def test_the_model_registry(session: Session, tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from snowflake.ml.registry import Registry

    frame = pd.DataFrame({"A": [0.0, 1.0, 2.0, 3.0], "B": [1.0, 0.0, 1.0, 0.0]})
    fitted = LogisticRegression().fit(frame, [0, 0, 1, 1])
    registry = Registry(session)
    for version in ("V1", "V2"):
        registry.log_model(
            fitted,
            model_name="M",
            version_name=version,
            sample_input_data=frame,
            metrics={"auc": 0.9},
            comment="it's",
            target_platforms=["WAREHOUSE"],
        )
    model = registry.get_model("M")
    assert model.default.version_name == "V1"
    model.default = "V2"
    model.version("V1").set_alias("CHAMPION")
    assert model.version("CHAMPION").version_name == "V1"
    model.version("V2").set_alias("CHAMPION")
    assert model.version("CHAMPION").version_name == "V2"
    first = model.version("V1")
    first.set_metric("f1", 0.5)
    assert first.show_metrics() == {"auc": 0.9, "f1": 0.5}
    assert list(registry.show_models()["name"]) == ["M"]
    assert list(first.load(force=True).predict(frame)) == list(fitted.predict(frame))
    assert list(first.run(frame, function_name="predict").iloc[:, -1]) == list(fitted.predict(frame))
    first.export(str(tmp_path))
    assert any(tmp_path.iterdir())
    model.delete_version("V1")
    registry.delete_model("M")
    assert registry.show_models().empty


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # snowflake-ml warns of versions and names of its own
def test_models_of_our_kinds_and_models_that_fail(session: Session, warehouse: Warehouse) -> None:
    import numpy as np
    from lightgbm import LGBMClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from snowflake.ml.model import custom_model, model_signature
    from snowflake.ml.registry import Registry

    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(80, 2)), columns=["A", "B"])
    labels = (frame["A"] + frame["B"] > 0).astype(int)
    registry = Registry(session)
    for name, model in {
        "LGBM": LGBMClassifier(n_estimators=5, min_child_samples=5, verbose=-1),
        "PIPELINE": make_pipeline(StandardScaler(), LogisticRegression()),
    }.items():
        fitted = model.fit(frame, labels)
        version = registry.log_model(
            fitted, model_name=name, sample_input_data=frame, metrics={"n": 80}, target_platforms=["WAREHOUSE"]
        )
        assert list(version.load(force=True).predict(frame)) == list(fitted.predict(frame))
        assert list(version.run(frame, function_name="predict").iloc[:, -1]) == list(fitted.predict(frame))

    if not isinstance(warehouse, LocalWarehouse):
        pytest.skip("a model that takes its process down is the local Snowflake's own matter")

    class Fatal(custom_model.CustomModel):
        @custom_model.inference_api
        def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
            import os

            if frame["A"].iloc[0] > 0:
                os._exit(3)
            raise ValueError("no")

    signature = model_signature.infer_signature(frame, pd.DataFrame({"C": [0.5]}))
    fatal = registry.log_model(
        Fatal(custom_model.ModelContext()),
        model_name="FATAL",
        signatures={"predict": signature},
        target_platforms=["WAREHOUSE"],
    )
    for first, message in ((1.0, "its process ended"), (-1.0, "ValueError: no")):
        with pytest.raises(Exception, match=message):
            fatal.run(frame.assign(A=first), function_name="predict")
        assert session.sql("SELECT 1").collect()[0][0] == 1
