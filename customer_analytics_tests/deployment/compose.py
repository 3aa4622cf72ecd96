"""docker-compose.yml as compose itself reads it: anchors, `${VAR:-default}`, `${VAR:?message}`, `${VAR:+other}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
SECRETS = {"POSTGRES_PASSWORD": "pg5ecretpg5ecret", "WEAVIATE_API_KEY": "wv5ecretwv5ecret"}
# The innermost first: `${A:-${B:+x}}` is legal.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<operator>:[-?+])(?P<rest>[^${}]*))?\}")


class MissingVariable(Exception):
    """Compose would refuse to start, with this message."""


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        given, rest = environment.get(match["name"], ""), match["rest"] or ""
        if match["operator"] == ":-":
            return given or rest
        if match["operator"] == ":+":
            return rest if given else ""
        if match["operator"] == ":?" and not given:
            raise MissingVariable(rest)
        return given

    while _VARIABLE.search(text):
        text = _VARIABLE.sub(value, text)
    return text


def load(environment: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The file's content with this environment: parsed first, then interpolated, as compose does."""

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        return interpolate(node, environment) if isinstance(node, str) else node

    return filled(yaml.safe_load(FILE.read_text()))
