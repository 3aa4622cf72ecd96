"""What an asset was built with, besides code and inputs: the store it stands in, and the settings that it reads.

It is part of the asset's code version, so another account, another Weaviate or another rule makes stale what depends on
it: `customer-analytics run` fills a new account, and names are gone from the tables when they are to be pseudonyms.
With everything at its default the code version is the asset's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import dagster as dg

from customer_analytics.tables import COLLECTIONS

if TYPE_CHECKING:
    from customer_analytics.settings import Settings

_WAREHOUSE = ("snowflake_account", "snowflake_database", "snowflake_schema")
_VECTORS = ("weaviate_url", "embedder", "embedding_model", "embedding_dimensions")
_READ_BY = {
    "CALL_TRANSCRIPTS": ("transcriber", "whisper_model"),
    "SENTIMENT_CLASSIFIER": ("seed", "sentiment_min_auc"),
    "CUSTOMER_LTV": ("ltv_horizon_days", "ltv_min_gini", "seed"),
    "PRED_CUSTOMER_LTV": ("ltv_horizon_days",),
    "PRES_CLV": ("pseudonymise_customers",),
    "PRES_CHURN": ("pseudonymise_customers",),
    "PRES_AT_RISK": ("pseudonymise_customers", "ltv_horizon_days"),
    "PRES_THEMES": ("seed",),
}
"""The settings that an asset's body reads. AS_OF is not here: it is an asset of its own."""
_ONLY_WITH = {"whisper_model": ("transcriber", "whisper")} | dict.fromkeys(
    ("embedding_model", "embedding_dimensions"), ("embedder", "openai")
)
"""Settings that count only where another has this value."""


def built_with(settings: Settings) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """A function from a spec to the spec whose code version says with which of these settings it is built."""
    default = {name: field.get_default() for name, field in type(settings).model_fields.items()}

    def counts(name: str) -> bool:
        other, value = _ONLY_WITH.get(name, ("", None))
        return getattr(settings, name) != default[name] and (not other or getattr(settings, other) == value)

    def changed(spec: dg.AssetSpec) -> dg.AssetSpec:
        changes = {name: getattr(settings, name) for name in settings_of(spec.key.to_user_string()) if counts(name)}
        if not changes or spec.code_version is None:
            return spec
        return spec.replace_attributes(code_version=f"{spec.code_version}+{_digest(changes)}")

    return changed


def settings_of(asset: str) -> tuple[str, ...]:
    """The settings on which the asset's content or place depends."""
    stores = _VECTORS if asset in {c.name for c in COLLECTIONS} else _WAREHOUSE
    return (*stores, *_READ_BY.get(asset, ()))


def _digest(changes: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(changes, sort_keys=True, default=str).encode()).hexdigest()[:8]
