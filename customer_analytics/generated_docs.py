"""The files that say again what the code says: `.env.example` and the data dictionary. `make docs` writes them,
and a test fails where they are out of date.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from customer_analytics.settings import Settings
from customer_analytics.tables import COLLECTIONS, TABLES, Collection, Column, Table

ROOT = Path(__file__).resolve().parents[1]


def env_example() -> str:
    """Every setting with its meaning and its default, commented out, for `cp .env.example .env`."""
    lines = [
        "# Every setting of GroundTruth. None is needed: without any, everything runs on this machine.",
        "# Copy this file to .env and uncomment what you change. Written by `make docs` from settings.py.",
    ]
    for name, setting in Settings.model_fields.items():
        default = None if setting.default is PydanticUndefined else setting.default
        if isinstance(default, bool):
            default = str(default).lower()
        secret = SecretStr in getattr(setting.annotation, "__args__", (setting.annotation,))
        lines += ["", f"# {setting.description}{' (secret)' if secret else ''}"]
        lines.append(f"#{name.upper()}={'' if default is None else default}")
    return "\n".join(lines) + "\n"


def data_dictionary() -> str:
    """Every table and collection: what a row means, its key, its columns and where they come from."""
    groups: dict[str, list[Table]] = {}
    for table in TABLES.values():
        groups.setdefault(table.group, []).append(table)
    parts = [
        "# Data dictionary",
        "Written by `make docs` from `customer_analytics/tables.py`; a test keeps it true. Names are upper case in "
        "Snowflake. Times are UTC. **Bold** columns are the key; `?` marks a column that may be NULL.",
    ]
    for group, tables in groups.items():
        parts.append(f"## {group.replace('_', ' ').capitalize()}")
        parts += [_table(table) for table in tables]
    parts.append("## Vector collections")
    parts.append("Each object also has `id`, `content_hash`, `embedding_model` and its vector.")
    parts += [_collection(collection) for collection in COLLECTIONS]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    return f"### {table.name}\n\n{table.description}\n\n{_columns(table.columns, table.key)}"


def _collection(collection: Collection) -> str:
    text = f"Holds {collection.source}; `{collection.text}` is embedded."
    columns = _columns(collection.properties, collection.key)
    return f"### {collection.name}\n\n{collection.description} {text}\n\n{columns}"


def _columns(columns: tuple[Column, ...], key: tuple[str, ...]) -> str:
    lines = ["| column | type | meaning | from |", "|---|---|---|---|"]
    for column in columns:
        name = f"**{column.name}**" if column.name in key else column.name
        rules = []
        if column.accepted:
            rules.append("one of " + ", ".join(column.accepted))
        if column.minimum is not None:
            rules.append(f"at least {column.minimum:g}")
        if column.parent:
            rules.append(f"in {column.parent}")
        meaning = "; ".join([column.description, *rules]).replace("|", "\\|")
        kind = column.type + ("?" if column.nullable else "")
        lines.append(f"| {name} | {kind} | {meaning} | {', '.join(column.lineage)} |")
    return "\n".join(lines)


FILES = {".env.example": env_example, "docs/data-dictionary.md": data_dictionary}


def main() -> None:
    for name, content in FILES.items():
        (ROOT / name).write_text(content(), encoding="utf-8")


if __name__ == "__main__":
    main()
