"""`snowflake.ml.registry.Registry`, with champions, challengers and a way back."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import os
import pickle
import sys
import tempfile
import warnings
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from customer_analytics.resources.model_registry import CHALLENGER, CHAMPION, ModelRegistryError, ModelVersion

if TYPE_CHECKING:
    import pandas as pd
    from snowflake.ml.model import Model
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session

    from customer_analytics.resources.warehouse import Warehouse

_LOG_ATTEMPTS = 3


class SnowflakeModelRegistry:
    """The registry of one database and schema, through the warehouse's session."""

    def __init__(self, warehouse: Warehouse, cache: Path) -> None:
        self._warehouse, self._cache = warehouse, cache
        self._opened: tuple[Session, Registry] | None = None

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
        modules = [module.__name__ for module in code]
        whole = {**metrics, "data_hash": data_hash, "code_version": code_version, "code_modules": modules}
        json.dumps(whole, allow_nan=False)  # a number that is not JSON is found here, not after the upload
        for attempt in range(_LOG_ATTEMPTS):
            version = f"V{max([_number(v.version) for v in self.versions(name)], default=0) + 1}"
            try:
                with _quiet():
                    self._registry().log_model(
                        model,
                        model_name=name,
                        version_name=version,
                        metrics=whole,
                        comment=comment,
                        sample_input_data=sample_input,
                        conda_dependencies=_dependencies(),
                        ext_modules=list(code) or None,
                        options={
                            "target_methods": [method],
                            "relax_version": True,
                            "enable_explainability": False,
                            "capture_sample_input_data": True,
                        },
                    )
                break
            except Exception as error:
                # Another run took the number in between: take the next one.
                if attempt == _LOG_ATTEMPTS - 1 or "already exist" not in str(error):
                    raise ModelRegistryError(f"{name} {version} could not be logged: {error}") from error
        self._model(name).version(version).set_alias(CHALLENGER)
        return self.find(name, version)

    def names(self) -> list[str]:
        with _quiet():
            shown = self._registry().show_models()
        return [] if shown.empty else sorted(shown["name"])

    def versions(self, name: str) -> list[ModelVersion]:
        with _quiet():
            try:
                model = self._model(name)
            except ValueError:  # the registry's word for "there is no such model"
                return []
            shown = model.show_versions()
        found = [_version(name, row) for row in shown.to_dict("records")]
        return sorted(found, key=lambda v: _number(v.version), reverse=True)

    def find(self, name: str, version: str) -> ModelVersion:
        found = self.versions(name)
        for candidate in found:
            if version.upper() == candidate.version or version.upper() in candidate.aliases:
                return candidate
        if not found:
            raise ModelRegistryError(f"{name} has no version yet: materialise the asset {name} first")
        known = ", ".join(v.version for v in found)
        raise ModelRegistryError(f"{name} has no version or alias {version}; there are {known}")

    def champion(self, name: str) -> ModelVersion | None:
        return next((v for v in self.versions(name) if v.is_champion), None)

    def trained_already(self, name: str, data_hash: str, code_version: str) -> ModelVersion | None:
        return next((v for v in self.versions(name) if v.training_key == (data_hash, code_version)), None)

    def promote(self, name: str, version: str) -> ModelVersion:
        found = self.find(name, version)
        if found.is_champion:
            return found
        self._crown(found, "promoted_at")
        return self.find(name, found.version)

    def rollback(self, name: str) -> ModelVersion:
        versions = self.versions(name)
        champion = next((v for v in versions if v.is_champion), None)
        if champion is None:
            raise ModelRegistryError(f"{name} has no champion: promote a version first")
        target = _before(versions)
        if target is None:
            raise ModelRegistryError(f"{name} {champion.version} is the first champion: there is none to go back to")
        self.note(name, champion.version, "rolled_back_at", _now())
        self._crown(target, None)
        return self.find(name, target.version)

    def prune(self, name: str, keep: int) -> list[ModelVersion]:
        versions = self.versions(name)
        if not versions:
            raise ModelRegistryError(f"{name} has no version yet: materialise the asset {name} first")
        way_back = _before(versions)
        old = [v for v in versions if not v.aliases and v != way_back][keep:]
        for version in old:
            with _quiet():
                self._model(name).delete_version(version.version)
            for kept in (self._cache / name.upper()).glob(f"{version.version}-*.pickle"):
                kept.unlink(missing_ok=True)
        return old

    def note(self, name: str, version: str, key: str, value: Any) -> None:
        with _quiet():
            self._model(name).version(version).set_metric(key, value)

    def load(self, name: str, version: str) -> Any:
        found = self.find(name, version)
        stamp = found.created_on.strftime("%Y%m%dT%H%M%S%f") if found.created_on else "0"
        kept = self._cache / name.upper() / f"{found.version}-{stamp}.pickle"
        if kept.is_file():
            try:
                return pickle.loads(kept.read_bytes())  # noqa: S301 (this program wrote it, under its own home)
            except Exception as error:  # noqa: BLE001 (whatever a damaged pickle raises: fetch it again)
                logging.getLogger(__name__).warning("%s is damaged (%s): fetched anew", kept, type(error).__name__)
        try:
            with _quiet():
                model = self._model(name).version(found.version).load(force=True)
        except Exception as error:
            raise ModelRegistryError(f"{name} {found.version} could not be loaded: {error}") from error
        _keep(model, kept, found.metrics.get("code_modules", []))
        return model

    def _crown(self, version: ModelVersion, stamp: str | None) -> None:
        with _quiet():
            model = self._model(version.model)
            # One statement moves the alias: there is never no champion, and never two.
            model.version(version.version).set_alias(CHAMPION)
            model.default = version.version
            if CHALLENGER in self.find(version.model, version.version).aliases:
                model.version(version.version).unset_alias(CHALLENGER)
        if stamp:
            self.note(version.model, version.version, stamp, _now())

    def _registry(self) -> Registry:
        from snowflake.ml.registry import Registry

        session = self._warehouse.session()
        if self._opened is None or self._opened[0] is not session:  # opening it asks twice for database and schema
            self._opened = (session, Registry(session, options={"enable_monitoring": False}))
        return self._opened[1]

    def _model(self, name: str) -> Model:
        return self._registry().get_model(name)


def _version(name: str, row: Mapping[Hashable, Any]) -> ModelVersion:
    metadata = json.loads(row.get("metadata") or "{}")
    created = row.get("created_on")
    return ModelVersion(
        name.upper(),
        row["name"],
        tuple(a.upper() for a in json.loads(row.get("aliases") or "[]") if a.upper() in (CHAMPION, CHALLENGER)),
        metadata.get("metrics", {}),
        row.get("comment") or "",
        created.to_pydatetime() if hasattr(created, "to_pydatetime") else created,  # pyright: ignore
    )


def _number(version: str) -> int:
    """V12 -> 12; a version that somebody named otherwise counts as 0."""
    return int(version[1:]) if version[:1] == "V" and version[1:].isdigit() else 0


def _since(version: ModelVersion, key: str) -> str:
    return version.metrics.get(key) or ""


def _before(versions: Sequence[ModelVersion]) -> ModelVersion | None:
    """The champion before the present one, if it is there still."""
    earlier = [v for v in versions if not v.is_champion and _since(v, "promoted_at") > _since(v, "rolled_back_at")]
    return max(earlier, key=lambda v: _since(v, "promoted_at")) if earlier else None


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def _dependencies() -> list[str]:
    """What the models import beyond what the registry finds by itself."""
    from importlib.metadata import version

    return [f"{package}=={version(package)}" for package in ("lightgbm", "scikit-learn", "scipy", "pandas", "numpy")]


def _keep(model: Any, path: Path, by_value: Sequence[str]) -> None:
    """Write the model whole or not at all. The modules `by_value` stay as they were when it was logged."""
    import cloudpickle

    modules = [sys.modules[name] for name in by_value if name in sys.modules]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        content = cloudpickle.dumps(model)
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(partial, path)


@contextmanager
def _quiet() -> Iterator[None]:
    """The registry warns about its own loading and draws progress bars: neither is the user's business."""
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
