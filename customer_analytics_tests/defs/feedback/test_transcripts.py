"""CALL_STAGE and CALL_TRANSCRIPTS through Dagster: what is kept, what is reported, what blocks nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from customer_analytics.defs.feedback import transcripts
from customer_analytics.defs.sources.calls import call_stage
from customer_analytics.settings import Settings
from customer_analytics.snowpark_io import SnowparkIOManager
from customer_analytics_tests.resources.transcriber.recorded import encoded, tone


class Listener:
    name, processes = "listener:1", 1

    def transcribe(self, samples: np.ndarray) -> str:
        return f"{len(samples)} samples"


class Here:
    """The warehouse in the schema of the test."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def session(self) -> Any:
        return self._session


def test_a_call_of_an_unknown_customer_is_kept_and_reported(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tmp_path / "source" / "customer_calls"
    calls.mkdir(parents=True)
    for name in ("6-known.wav", "777-unknown.wav"):
        (calls / name).write_bytes(encoded(tone(0.2), "wav"))
    (calls / "6-broken.wav").write_bytes(b"no audio")
    (calls / "nobody.wav").write_bytes(encoded(tone(0.2), "wav"))
    monkeypatch.setenv("SOURCE_URI", str(tmp_path / "source"))
    session.sql("CREATE TABLE STG_CUSTOMERS (CUSTOMER_ID NUMBER(38,0))").collect()
    session.sql("INSERT INTO STG_CUSTOMERS VALUES (6)").collect()
    warehouse = Here(session)
    result = dg.materialize(
        [
            call_stage,
            *dg.load_assets_from_modules([transcripts]),
            *dg.load_asset_checks_from_modules([transcripts]),
            dg.AssetSpec("STG_CUSTOMERS"),
        ],
        resources={
            "settings": Settings(),
            "warehouse": warehouse,
            "transcriber": Listener(),
            "io_manager": SnowparkIOManager(
                warehouse,
                database=session.get_current_database().strip('"'),
                schema=session.get_current_schema().strip('"'),
            ),
        },
    )
    assert result.success
    rows = session.sql("SELECT CALL_ID, CUSTOMER_ID FROM CALL_TRANSCRIPTS ORDER BY 2").collect()
    assert [tuple(r) for r in rows] == [("6-known", 6), ("777-unknown", 777)]
    failed = {e.check_name: e for e in result.get_asset_check_evaluations() if not e.passed}
    assert {name: e.severity.value for name, e in failed.items()} == {
        "customer_id_stands_in_stg_customers": "WARN",
        "no_recording_is_rejected": "WARN",
    }
    assert not any(e.blocking for e in failed.values())
    assert failed["customer_id_stands_in_stg_customers"].metadata["observed"].value == 1
    assert failed["no_recording_is_rejected"].metadata["observed"].value == 2
    reasons = dict(tuple(r) for r in session.sql("SELECT SOURCE_FILE, TABLE_NAME FROM STG_REJECTED").collect())
    assert reasons == {"6-broken.wav": "CALL_TRANSCRIPTS", "nobody.wav": "CALL_STAGE"}
