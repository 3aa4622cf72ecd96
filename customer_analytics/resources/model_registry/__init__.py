"""The model registry: Snowflake's own, on the account or on the local Snowflake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from customer_analytics.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from customer_analytics.resources.warehouse import Warehouse

CHAMPION, CHALLENGER = "CHAMPION", "CHALLENGER"


@dataclass(frozen=True)
class ModelVersion:
    """One logged version of a model."""

    model: str
    version: str
    """V1, V2, ... in the order in which they were logged."""
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was logged with it: scores, data_hash, code_version; and promoted_at, rolled_back_at."""
    comment: str = ""
    created_on: dt.datetime | None = None

    @property
    def is_champion(self) -> bool:
        return CHAMPION in self.aliases

    @property
    def training_key(self) -> tuple[str | None, str | None]:
        """Data hash and code version: equal keys mean that training again would change nothing."""
        return self.metrics.get("data_hash"), self.metrics.get("code_version")


class ModelRegistry(Protocol):
    """Versions of models, with the aliases CHAMPION (scores everything) and CHALLENGER (waits for evidence)."""

    def log(
        self,
        name: str,
        model: Any,
        *,
        metrics: Mapping[str, Any],
        data_hash: str,
        code_version: str,
        sample_input: pd.DataFrame,
        comment: str = "",
        code: Sequence[ModuleType] = (),
        method: str = "predict_proba",
    ) -> ModelVersion:
        """Log `model` (scikit-learn's interface) as the next version and make it CHALLENGER.

        `metrics` must be JSON. `sample_input` gives the signature of `method`. The modules of
        `code` are stored with the model, so that an old version keeps the code that it was made with.
        """
        ...

    def names(self) -> list[str]:
        """Every model that has a version."""
        ...

    def versions(self, name: str) -> list[ModelVersion]:
        """Every version, newest first. A model that was never logged has none."""
        ...

    def find(self, name: str, version: str) -> ModelVersion:
        """The version with this name or alias. Unknown: `ModelRegistryError`, with those that exist."""
        ...

    def champion(self, name: str) -> ModelVersion | None: ...

    def trained_already(self, name: str, data_hash: str, code_version: str) -> ModelVersion | None:
        """The version made from the same data by the same code, if any: log nothing then."""
        ...

    def promote(self, name: str, version: str) -> ModelVersion:
        """Make this version (or alias) CHAMPION."""
        ...

    def rollback(self, name: str) -> ModelVersion:
        """Make the champion before the present one CHAMPION again. Without one: `ModelRegistryError`."""
        ...

    def prune(self, name: str, keep: int) -> list[ModelVersion]:
        """Delete all but CHAMPION, CHALLENGER, what `rollback` would go back to, and the `keep` newest of the others.

        Returns what was deleted.
        """
        ...

    def note(self, name: str, version: str, key: str, value: Any) -> None:
        """Keep one more metric (JSON) with a version."""
        ...

    def load(self, name: str, version: str) -> Any:
        """The model object. It is fetched once and then kept on this machine, by version."""
        ...


class ModelRegistryError(Exception):
    """What went wrong, in one sentence with the remedy."""


def model_registry_from(settings: Settings, warehouse: Warehouse) -> ModelRegistry:
    """The registry in the warehouse's database and schema."""
    from customer_analytics.resources.model_registry.snowflake import SnowflakeModelRegistry

    place = settings.snowflake_account or "local"
    cache = settings.home / "cache" / "models" / place / settings.snowflake_database / settings.snowflake_schema
    return SnowflakeModelRegistry(warehouse, Path(cache))
