"""Which settings make which assets stale."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from customer_analytics import tables as T
from customer_analytics.built_with import built_with, settings_of
from customer_analytics.settings import Settings

ACCOUNT = {"snowflake_account": "a", "snowflake_user": "u", "snowflake_password": "p", "snowflake_warehouse": "w"}


def versions(**settings: Any) -> dict[str, str | None]:
    names = [*T.TABLES, *(c.name for c in T.COLLECTIONS), "SENTIMENT_CLASSIFIER", "CUSTOMER_LTV", "CALL_STAGE"]
    change = built_with(Settings.model_validate(settings))
    return {name: change(dg.AssetSpec(name, code_version="1")).code_version for name in names}


def changed(**settings: Any) -> set[str]:
    before, after = versions(), versions(**settings)
    return {name for name in after if after[name] != before[name]}


def test_with_nothing_set_the_code_version_is_the_assets_own() -> None:
    assert set(versions().values()) == {"1"}


@pytest.mark.parametrize(
    "settings", [ACCOUNT, {"snowflake_schema": "OTHER"}, {"snowflake_database": "OTHER"}], ids=["account", "sc", "db"]
)
def test_another_place_for_tables_makes_every_table_stage_and_model_stale(settings: dict[str, Any]) -> None:
    assert changed(**settings) == set(versions()) - {c.name for c in T.COLLECTIONS}


def test_another_vector_store_or_embedder_makes_the_collections_stale() -> None:
    collections = {c.name for c in T.COLLECTIONS}
    assert changed(weaviate_url="http://w:1") == collections
    assert changed(embedder="openai", openai_api_key="k") == collections
    assert changed(embedding_dimensions=64) == set(), "it counts only with EMBEDDER=openai"
    with_openai = {"embedder": "openai", "openai_api_key": "k"}
    assert versions(**with_openai) != versions(**with_openai, embedding_dimensions=64)


def test_a_rule_makes_stale_what_reads_it() -> None:
    assert changed(pseudonymise_customers=True) == {"PRES_CLV", "PRES_CHURN", "PRES_AT_RISK"}
    assert changed(ltv_horizon_days=30) == {"CUSTOMER_LTV", "PRED_CUSTOMER_LTV", "PRES_AT_RISK"}
    assert changed(transcriber="whisper") == {"CALL_TRANSCRIPTS"}
    assert changed(ltv_min_gini=0.2) == {"CUSTOMER_LTV"}
    assert changed(sentiment_min_auc=0.6) == {"SENTIMENT_CLASSIFIER"}


def test_a_role_a_password_or_a_port_makes_nothing_stale() -> None:
    assert versions(**ACCOUNT) == versions(**{**ACCOUNT, "snowflake_password": "q", "snowflake_role": "R"})
    assert changed(dashboard_port=9000, log_format="json", max_concurrent_runs=3) == set()


def test_no_secret_is_part_of_a_version() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert not secret & {name for asset in versions() for name in settings_of(asset)}


def test_the_real_assets_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from customer_analytics.definitions import definitions

    monkeypatch.setenv("PSEUDONYMISE_CUSTOMERS", "true")
    graph = definitions().resolve_asset_graph()
    marked = {k.to_user_string() for k in graph.materializable_asset_keys if "+" in (graph.get(k).code_version or "")}
    assert marked == {"PRES_CLV", "PRES_CHURN", "PRES_AT_RISK"}
