"""Model objects: CREATE MODEL, ALTER MODEL, SHOW MODELS and VERSIONS, as `snowflake.ml.registry` sends them.

A version's files are a folder; the catalogue says which there are. Files first, catalogue row after:
a crash leaves no half version.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa
import snowflake.connector.errors as sfe

from customer_analytics.local_snowflake.names import IDENTIFIER, NAME, check_kept, normal, qualified

if TYPE_CHECKING:
    from customer_analytics.local_snowflake.engine import Connection
    from customer_analytics.local_snowflake.statements import Cursor

MODELS, VERSIONS = "_fs_global.main.local_models", "_fs_global.main.local_versions"
CATALOGUE = f"""
CREATE TABLE IF NOT EXISTS {MODELS} (
    db VARCHAR, sc VARCHAR, name VARCHAR, comment VARCHAR DEFAULT '', default_version VARCHAR,
    created TIMESTAMPTZ DEFAULT now(), tags VARCHAR DEFAULT '{{}}', PRIMARY KEY (db, sc, name));
CREATE TABLE IF NOT EXISTS {VERSIONS} (
    db VARCHAR, sc VARCHAR, model VARCHAR, name VARCHAR, comment VARCHAR DEFAULT '', metadata VARCHAR DEFAULT '{{}}',
    aliases VARCHAR DEFAULT '[]', created TIMESTAMPTZ DEFAULT now(), PRIMARY KEY (db, sc, model, name));
"""
_TEXT = r"(?:\$\$(.*?)\$\$|'((?:[^']|'')*)')"
_SOURCE = r"from\s+(?:(@\S+|'@[^']+')|model\s+(NAME)(?:\s+version\s+(IDENT))?)"

Name = tuple[str, str, str]


def dispatch(session: Connection, cursor: Cursor, sql: str) -> int | None:
    """Run a statement about models; None for anything else."""
    if not re.search(r"\bmodels?\b", sql[:400], re.I):
        return None
    for pattern, run in _STATEMENTS:
        if match := _match(pattern, sql):
            return run(session, cursor, match)
    return None


def version_folder(session: Connection, model: Name, version: str) -> Path:
    """Where the files of a version (or of an alias, or DEFAULT, FIRST, LAST) are."""
    return _folder(session, model, _resolve(session, model, version))


def _match(pattern: str, text: str) -> re.Match[str] | None:
    whole = pattern.replace("NAME", NAME).replace("IDENT", IDENTIFIER)
    return re.match(whole + r"\s*$", text, re.I | re.S)


def _folder(session: Connection, model: Name, version: str) -> Path:
    return session.engine.folder.joinpath("models", *(check_kept("model", part) for part in (*model, version)))


def _query(session: Connection, sql: str, params: Any) -> list[tuple[Any, ...]]:
    return session.duck.side.execute(sql, params).fetchall()


def _fail(message: str, errno: int = 2003) -> NoReturn:
    raise sfe.ProgrammingError(msg=f"SQL compilation error:\n{message}", errno=errno, sqlstate="02000")


def _text(match: re.Match[str], group: int) -> str:
    """The text of a `_TEXT` whose first group has this number."""
    return match[group] if match[group] is not None else (match[group + 1] or "").replace("''", "'")


def _have(session: Connection, model: Name) -> bool:
    return bool(_query(session, f"SELECT 1 FROM {MODELS} WHERE (db, sc, name) = (?, ?, ?)", model))


def _need(session: Connection, model: Name) -> None:
    if not _have(session, model):
        _fail(f"Model '{'.'.join(model)}' does not exist or not authorized.")


def _default(session: Connection, model: Name) -> str:
    rows = _query(session, f"SELECT default_version FROM {MODELS} WHERE (db, sc, name) = (?, ?, ?)", model)
    return rows[0][0] if rows else _fail(f"Model '{'.'.join(model)}' does not exist or not authorized.")


def _resolve(session: Connection, model: Name, version: str) -> str:
    rows = _query(
        session, f"SELECT name, aliases FROM {VERSIONS} WHERE (db, sc, model) = (?, ?, ?) ORDER BY created", model
    )
    if version in (name for name, _ in rows):
        return version
    if version.upper() == "DEFAULT":
        return _default(session, model)
    if version.upper() in ("FIRST", "LAST") and rows:
        return rows[0 if version.upper() == "FIRST" else -1][0]
    for name, aliases in rows:
        if version in json.loads(aliases):
            return name
    _fail(f"Version '{version}' of model '{'.'.join(model)}' does not exist or not authorized.")


# ------------------------------------------------------------------ create and drop


def _create(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model, version = qualified(session, m[3]), normal(m[4])
    if _have(session, model):
        if m[2]:
            return cursor.done(f"{model[2]} already exists, statement succeeded.")
        if not m[1]:
            _fail(f"Object '{'.'.join(model)}' already exists.", 2002)
        _remove(session, model)
    _add(session, model, version, m[5], m[6], m[7])
    _query(session, f"INSERT INTO {MODELS} (db, sc, name, default_version) VALUES (?, ?, ?, ?)", [*model, version])
    return cursor.done(f"Model {model[2]} successfully created.")


def _add_version(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model = qualified(session, m[1])
    _need(session, model)
    _add(session, model, normal(m[2]), m[3], m[4], m[5])
    return cursor.done()


def _add(
    session: Connection, model: Name, version: str, stage: str | None, source: str | None, source_version: str | None
) -> None:
    query = f"SELECT 1 FROM {VERSIONS} WHERE (db, sc, model, name) = (?, ?, ?, ?)"
    if _query(session, query, [*model, version]):
        _fail(f"Version '{version}' already exists.", 2002)
    target = _folder(session, model, version)
    if stage:
        _copy_from_stage(session, stage, target)
    elif source:
        origin = version_folder(session, qualified(session, source), normal(source_version or "DEFAULT"))
        shutil.copytree(origin, target, dirs_exist_ok=True)
    _query(session, f"INSERT INTO {VERSIONS} (db, sc, model, name) VALUES (?, ?, ?, ?)", [*model, version])


def _copy_from_stage(session: Connection, reference: str, target: Path) -> None:
    from customer_analytics.local_snowflake import stages

    folder, below, _ = stages.locate(session, reference)
    below = below.rstrip("/")
    found = stages.files(folder, below + "/" if below else "")
    if not any(Path(name).relative_to(below).as_posix() == "MANIFEST.yml" for name, _ in found):
        _fail(f"Unable to read file MANIFEST.yml in {reference}", 398507)
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, path in found:
        copy = partial / Path(name).relative_to(below)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _drop(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model = qualified(session, m[2])
    if not m[1]:
        _need(session, model)
    _remove(session, model)
    return cursor.done(f"{model[2]} successfully dropped.")


def _remove(session: Connection, model: Name) -> None:
    _query(session, f"DELETE FROM {VERSIONS} WHERE (db, sc, model) = (?, ?, ?)", model)
    _query(session, f"DELETE FROM {MODELS} WHERE (db, sc, name) = (?, ?, ?)", model)
    shutil.rmtree(_folder(session, model, "x").parent, ignore_errors=True)


# ------------------------------------------------------------------ alter


def _alter(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model, action = qualified(session, m[1]), m[2]
    _need(session, model)
    for pattern, run in _ALTERATIONS:
        if match := _match(pattern, action):
            run(session, model, match)
            return cursor.done()
    _fail(f"Unsupported ALTER MODEL: {action[:60]}", 2)


def _set_version(session: Connection, model: Name, version: str, column: str, value: str) -> None:
    query = f"UPDATE {VERSIONS} SET {column} = ? WHERE (db, sc, model, name) = (?, ?, ?, ?)"
    _query(session, query, [value, *model, _resolve(session, model, version)])


def _set_model(session: Connection, model: Name, column: str, value: str) -> None:
    _query(session, f"UPDATE {MODELS} SET {column} = ? WHERE (db, sc, name) = (?, ?, ?)", [value, *model])


def _set_default(session: Connection, model: Name, m: re.Match[str]) -> None:
    _set_model(session, model, "default_version", _resolve(session, model, normal(m[1].strip("'"))))


def _set_alias(session: Connection, model: Name, m: re.Match[str]) -> None:
    version, alias = _resolve(session, model, normal(m[1])), normal(m[2])
    for name, text in _query(session, f"SELECT name, aliases FROM {VERSIONS} WHERE (db, sc, model) = (?, ?, ?)", model):
        kept = [a for a in json.loads(text) if a != alias] + ([alias] if name == version else [])
        _set_version(session, model, name, "aliases", json.dumps(kept))


def _unset_alias(session: Connection, model: Name, m: re.Match[str]) -> None:
    given = normal(m[1])
    version = _resolve(session, model, given)
    query = f"SELECT aliases FROM {VERSIONS} WHERE (db, sc, model, name) = (?, ?, ?, ?)"
    aliases = json.loads(_query(session, query, [*model, version])[0][0])
    kept = [a for a in aliases if a != given] if given in aliases else []
    _set_version(session, model, version, "aliases", json.dumps(kept))


def _set_version_text(session: Connection, model: Name, m: re.Match[str]) -> None:
    _set_version(session, model, normal(m[1]), m[2].lower(), _text(m, 3))


def _set_comment(session: Connection, model: Name, m: re.Match[str]) -> None:
    _set_model(session, model, "comment", _text(m, 1))


def _drop_version(session: Connection, model: Name, m: re.Match[str]) -> None:
    version = _resolve(session, model, normal(m[1]))
    if _default(session, model) == version:
        _fail(f"Cannot drop the default version {version}.", 2)
    _query(session, f"DELETE FROM {VERSIONS} WHERE (db, sc, model, name) = (?, ?, ?, ?)", [*model, version])
    shutil.rmtree(_folder(session, model, version), ignore_errors=True)


def _rename(session: Connection, model: Name, m: re.Match[str]) -> None:
    new = qualified(session, m[1])
    if _have(session, new):
        _fail(f"Object '{'.'.join(new)}' already exists.", 2002)
    target = _folder(session, new, "x").parent
    target.parent.mkdir(parents=True, exist_ok=True)
    _folder(session, model, "x").parent.rename(target)
    _query(session, f"UPDATE {MODELS} SET db = ?, sc = ?, name = ? WHERE (db, sc, name) = (?, ?, ?)", [*new, *model])
    query = f"UPDATE {VERSIONS} SET db = ?, sc = ?, model = ? WHERE (db, sc, model) = (?, ?, ?)"
    _query(session, query, [*new, *model])


def _tag(session: Connection, model: Name, m: re.Match[str]) -> None:
    tags = json.loads(_query(session, f"SELECT tags FROM {MODELS} WHERE (db, sc, name) = (?, ?, ?)", model)[0][0])
    key = ".".join(qualified(session, m[2]))
    if m[1]:
        tags.pop(key, None)
    else:
        tags[key] = _text(m, 3)
    _set_model(session, model, "tags", json.dumps(tags))


# ------------------------------------------------------------------ show


def _comment_on(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model = qualified(session, m[1])
    _need(session, model)
    _set_model(session, model, "comment", _text(m, 2))
    return cursor.done()


def _show_models(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    if not m[3]:
        database, schema = session.database, session.schema
    elif (m[2] or "").lower() == "database":
        database, schema = normal(m[3]), None
    else:
        database, schema = qualified(session, m[3] + ".X")[:2]
    rows = _query(
        session,
        f"SELECT created, name, db, sc, comment, default_version FROM {MODELS}"
        " WHERE db = ? AND (? IS NULL OR sc = ?) AND (? IS NULL OR name ILIKE ?) ORDER BY name",
        [database, schema, schema, m[1], m[1]],
    )
    found = []
    for created, name, db, sc, comment, default in rows:
        versions = _query(
            session,
            f"SELECT name, aliases FROM {VERSIONS} WHERE (db, sc, model) = (?, ?, ?) ORDER BY created",
            [db, sc, name],
        )
        aliases = {alias: version for version, text in versions for alias in json.loads(text)}
        names = json.dumps([version for version, _ in versions])
        found.append((created, name, "USER_MODEL", db, sc, comment, "SYSADMIN", default, names, json.dumps(aliases)))
    columns = "name model_type database_name schema_name comment owner default_version_name versions aliases"
    return cursor.answer([("created_on", "timestamp_tz"), *columns.split()], found)


def _show_versions(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    model = qualified(session, m[2])
    default = _default(session, model)
    rows = _query(
        session,
        f"SELECT created, name, aliases, comment, metadata FROM {VERSIONS} WHERE (db, sc, model) = (?, ?, ?)"
        " ORDER BY created",
        model,
    )
    found = []
    for created, name, text, comment, metadata in rows:
        if m[1] and not re.fullmatch(m[1].replace("%", ".*").replace("_", "."), name, re.I):
            continue
        own = {"DEFAULT": default, "FIRST": rows[0][1], "LAST": rows[-1][1]}
        aliases = json.loads(text) + [alias for alias, version in own.items() if version == name]
        manifest = _manifest(_folder(session, model, name))
        spec, attributes = _specification(_folder(session, model, name), manifest)
        found.append(
            (
                *(created, name, json.dumps(aliases), comment, *model, str(name == default).lower()),
                json.dumps([method["name"] for method in manifest.get("methods", [])]),
                *(metadata, spec, json.dumps(attributes)),
                *(json.dumps(manifest.get("target_platforms") or ["WAREHOUSE"]), "[]"),
            )
        )
    columns = (
        "name aliases comment database_name schema_name model_name is_default_version functions metadata model_spec "
        "model_attributes runnable_in inference_services"
    )
    return cursor.answer([("created_on", "timestamp_tz"), *columns.split()], found)


def _show_functions(session: Connection, cursor: Cursor, m: re.Match[str]) -> int:
    manifest = _manifest(version_folder(session, qualified(session, m[1]), normal(m[2])))
    rows = [
        (
            method["name"],
            "TABLE (OUTPUT OBJECT)" if method.get("type") == "TABLE_FUNCTION" else "OBJECT",
            json.dumps(method.get("inputs", [])),
        )
        for method in manifest.get("methods", [])
    ]
    return cursor.answer(["name", "return_type", "arguments"], rows)


def _manifest(folder: Path) -> dict[str, Any]:
    import yaml

    try:
        return yaml.safe_load((folder / "MANIFEST.yml").read_text()) or {}
    except OSError:
        return {}


def _specification(folder: Path, manifest: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The model's description by snowflake-ml, and its framework and task."""
    client = (manifest.get("user_data") or {}).get("snowpark_ml_data") or {}
    described = next(iter(sorted(folder.rglob("model.yaml"))), None)
    if described:
        text = described.read_text()
    else:
        signatures = {f["target_method"]: f["signature"] for f in client.get("functions", []) if "signature" in f}
        text = json.dumps({"signatures": signatures})

    def named(key: str, otherwise: str) -> str:
        found = re.search(rf"^{key}:\s*(\S+)", text, re.M)
        return found[1] if found else otherwise

    task = client.get("task") or named("task", "UNKNOWN")
    return text, {"framework": named("model_type", ""), "task": task, "client": "snowflake-ml-python"}


def tag_references(session: Connection, name: str) -> pa.Table:
    """INFORMATION_SCHEMA.TAG_REFERENCES of a model."""
    rows = _query(session, f"SELECT tags FROM {MODELS} WHERE (db, sc, name) = (?, ?, ?)", qualified(session, name))
    tags = json.loads(rows[0][0]) if rows else {}
    split = [(*key.split("."), value) for key, value in tags.items()]
    columns = ("TAG_DATABASE", "TAG_SCHEMA", "TAG_NAME", "TAG_VALUE")
    return pa.table({c: pa.array([row[i] for row in split], pa.string()) for i, c in enumerate(columns)})


_STATEMENTS = [
    (
        rf"create\s+(or\s+replace\s+)?model\s+(if\s+not\s+exists\s+)?(NAME)\s+with\s+version\s+(IDENT)\s+{_SOURCE}",
        _create,
    ),
    (rf"alter\s+model\s+(?:if\s+exists\s+)?(NAME)\s+add\s+version\s+(IDENT)\s+{_SOURCE}", _add_version),
    (r"alter\s+model\s+(?:if\s+exists\s+)?(NAME)\s+(.*)", _alter),
    (rf"comment\s+on\s+model\s+(NAME)\s+is\s+{_TEXT}", _comment_on),
    (r"drop\s+model\s+(if\s+exists\s+)?(NAME)", _drop),
    (
        r"show\s+models(?:\s+like\s+'([^']*)')?(?:\s+in\s+(?:(schema|database)\s+)?(NAME)|\s+in\s+account)?",
        _show_models,
    ),
    (r"show\s+versions(?:\s+like\s+'([^']*)')?\s+in\s+model\s+(NAME)", _show_versions),
    (r"show\s+functions\s+in\s+model\s+(NAME)\s+version\s+(IDENT)", _show_functions),
]
_ALTERATIONS = [
    (r"set\s+default_version\s*=\s*(IDENT|'[^']+')", _set_default),
    (r"version\s+(IDENT)\s+set\s+alias\s*=\s*(IDENT)", _set_alias),
    (r"version\s+(IDENT)\s+unset\s+alias", _unset_alias),
    (rf"modify\s+version\s+(IDENT)\s+set\s+(metadata|comment)\s*=\s*{_TEXT}", _set_version_text),
    (rf"set\s+comment\s*=\s*{_TEXT}", _set_comment),
    (r"drop\s+version\s+(IDENT)", _drop_version),
    (r"rename\s+to\s+(NAME)", _rename),
    (rf"(un)?set\s+tag\s+(NAME)(?:\s*=\s*{_TEXT})?", _tag),
]
