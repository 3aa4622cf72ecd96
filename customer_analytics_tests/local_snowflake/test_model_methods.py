"""`ModelVersion.run`: the model that was asked for answers, and a bad one takes nothing with it but its own process."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake import lifecycle, model_methods
from customer_analytics.local_snowflake.lifecycle import Options
from customer_analytics.resources.warehouse.local import LocalWarehouse

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.filterwarnings("ignore"),  # snowflake-ml warns of versions and names of its own
]
NUMBERS = pd.DataFrame({"A": [0.0, 1.0, 2.0, 3.0]})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWarehouse]:
    home = tmp_path_factory.mktemp("models")
    warehouse = LocalWarehouse(home / "warehouse", Options(home / "log", idle_minutes=10), "CA", "ANALYTICS")
    yield warehouse
    warehouse.close()
    lifecycle.stop(home / "warehouse")


def log(own: LocalWarehouse, model: Any, name: str, frame: pd.DataFrame, **options: Any) -> Any:
    from snowflake.ml.registry import Registry

    given = options or {"sample_input_data": frame}
    return Registry(own.session()).log_model(
        model, model_name=name, version_name="V1", target_platforms=["WAREHOUSE"], **given
    )


def answers(version: Any, frame: pd.DataFrame) -> list[Any]:
    return list(version.run(frame, function_name="predict").iloc[:, -1])


def constant(value: int) -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="constant", constant=value).fit(NUMBERS, [0, 1, 2, value])


def test_a_version_logged_anew_is_not_answered_by_the_old_process(own: LocalWarehouse) -> None:
    from snowflake.ml.registry import Registry

    assert answers(log(own, constant(1), "AGAIN", NUMBERS), NUMBERS) == [1] * 4
    Registry(own.session()).delete_model("AGAIN")
    assert answers(log(own, constant(2), "AGAIN", NUMBERS), NUMBERS) == [2] * 4


def test_a_models_function_outlives_the_session_that_made_it(own: LocalWarehouse) -> None:
    log(own, constant(5), "SHARED", NUMBERS)
    query = "SELECT MODEL(SHARED, V1)!PREDICT(A):output_feature_0::INT FROM (SELECT 1.0::FLOAT AS A)"
    for _ in range(2):
        with own.connect() as connection:
            assert connection.cursor().execute(query).fetchall() == [(5,)]


def test_texts_and_numbers_as_features(own: LocalWarehouse) -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    frame = pd.DataFrame({"TEXT": ["good toy", "it's bad 'n' broken", "good ü", "bad"], "N": [1.5, 2.0, 0.0, -1.0]})
    features = ColumnTransformer([("t", TfidfVectorizer(), "TEXT"), ("n", "passthrough", ["N"])])
    fitted = make_pipeline(features, LogisticRegression()).fit(frame, [1, 0, 1, 0])
    assert answers(log(own, fitted, "TEXTS", frame), frame) == list(fitted.predict(frame)) == [1, 0, 1, 0]


def misbehaving() -> Any:
    from snowflake.ml.model import custom_model

    class Misbehaving(custom_model.CustomModel):
        @custom_model.inference_api
        def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
            import os
            import signal
            import time

            import numpy as np

            what = frame["A"].iloc[0]
            print("between the answers", flush=True)
            if what == 1:
                os._exit(3)
            if what == 2:
                os.kill(os.getpid(), signal.SIGSEGV)
            if what == 3:
                kept = []
                while True:
                    kept.append(np.empty(16 << 20))  # 128 MB
            if what == 4:
                raise ValueError("no")
            if what == 5:
                time.sleep(3600)
            return pd.DataFrame({"C": frame["A"]})

    return Misbehaving(custom_model.ModelContext())


@pytest.fixture(scope="module")
def bad(own: LocalWarehouse) -> Any:
    from snowflake.ml.model import model_signature

    signature = model_signature.infer_signature(NUMBERS, pd.DataFrame({"C": [0.5]}))
    return log(own, misbehaving(), "BAD", NUMBERS, signatures={"predict": signature})


@pytest.mark.parametrize(
    ("what", "said"),
    [(1, "its process ended"), (2, "its process ended"), (3, "MemoryError|its process ended"), (4, "ValueError: no")],
)
def test_a_model_that_dies_is_an_error_of_its_statement(own: LocalWarehouse, bad: Any, what: int, said: str) -> None:
    pid = own.incarnation().pid
    with pytest.raises(Exception, match=said):
        bad.run(NUMBERS.assign(A=float(what)), function_name="predict")
    assert own.incarnation().pid == pid
    assert answers(bad, NUMBERS) == [0.0, 1.0, 2.0, 3.0]  # in a process of its own again


def test_a_model_that_sleeps_holds_up_nobody_else(own: LocalWarehouse, bad: Any) -> None:
    with own.connect() as connection, own.connect() as other:

        def ask() -> None:
            with pytest.raises(sfe.Error):
                connection.cursor().execute("SELECT MODEL(BAD, V1)!PREDICT(5::FLOAT) AS x")

        asked = threading.Thread(target=ask)
        asked.start()
        time.sleep(1)
        started = time.monotonic()
        assert other.cursor().execute("SELECT 1").fetchall() == [(1,)]
        assert time.monotonic() - started < 1
        assert asked.is_alive()
        started = time.monotonic()
        assert lifecycle.stop(own.folder)
        assert time.monotonic() - started < 15  # it does not hold the server's end up either
        asked.join(30)
        assert not asked.is_alive()


def test_a_model_that_takes_too_long_is_stopped(own: LocalWarehouse, bad: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_methods, "BATCH_TIMEOUT_SECONDS", 120.0)
    runner = model_methods.Runner(Path(own.folder, "models", "CA", "ANALYTICS", "BAD", "V1"))
    assert runner.inputs("PREDICT") == "N"
    monkeypatch.setattr(model_methods, "BATCH_TIMEOUT_SECONDS", 0.5)
    with pytest.raises(sfe.ProgrammingError, match=r"more than 0 s|more than 1 s"):
        runner.run("PREDICT", [pa.array([5.0])])
    assert not runner.alive()
