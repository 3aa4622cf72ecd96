"""Who may import whom, read from the import statements (CONTRIBUTING.md states the rules)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "customer_analytics"
ROOMS = ("sources", "customers", "revenue", "marketing", "feedback", "sentiment", "lifetime_value", "presentation")


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> set[str]:
    """The full names of all modules and names that `path` imports, also inside functions."""
    package = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # One dot is the file's own package, for a module and for an __init__.py alike.
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path, *prefixes: str) -> set[str]:
    return {name for name in imports(path) if any(name == p or name.startswith(p + ".") for p in prefixes)}


def test_the_reader_of_imports_reads_them() -> None:
    own = imports(Path(__file__))
    assert {"ast", "pathlib.Path", "pytest"} <= own
    assert "customer_analytics.tables.TABLES" in imports(ROOT / PACKAGE / "generated_docs.py")
    assert any(
        n.startswith("customer_analytics.snowpark_io.") for n in imports(ROOT / PACKAGE / "snowpark_io/__init__.py")
    )


@pytest.mark.parametrize("path", modules(f"{PACKAGE}/transforms"), ids=lambda p: p.stem)
def test_transforms_import_only_tables(path: Path) -> None:
    allowed = (f"{PACKAGE}.tables", f"{PACKAGE}.transforms")
    assert ours(path, PACKAGE) == ours(path, *allowed)
    assert not ours(path, "dagster", "os", "datetime.datetime.now", "time", "requests", "snowflake.connector")


@pytest.mark.parametrize("path", modules(f"{PACKAGE}/resources"), ids=lambda p: "/".join(p.parts[-2:]))
def test_resources_never_import_assets(path: Path) -> None:
    assert not ours(path, f"{PACKAGE}.defs", f"{PACKAGE}.definitions", "dashboard")


@pytest.mark.parametrize("path", modules(f"{PACKAGE}/snowpark_io"), ids=lambda p: p.stem)
def test_the_io_manager_stands_alone(path: Path) -> None:
    assert ours(path, PACKAGE, "dashboard") == ours(path, f"{PACKAGE}.snowpark_io")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_before_it(room: str) -> None:
    later = ROOMS[ROOMS.index(room) + 1 :]
    for path in modules(f"{PACKAGE}/defs/{room}"):
        assert not ours(path, *(f"{PACKAGE}.defs.{r}" for r in later)), path


@pytest.mark.parametrize("path", [*modules(PACKAGE), *modules("dashboard")], ids=lambda p: "/".join(p.parts[-2:]))
def test_only_the_settings_read_the_environment(path: Path) -> None:
    """Writing a variable for a child process is another thing; reading one is a setting that nobody declared."""
    if path == ROOT / PACKAGE / "settings.py" or path in READ_FOR_A_CHILD:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and _is_environ(node.value):
            assert not isinstance(node.ctx, ast.Load), f"line {node.lineno} reads os.environ"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            reads = node.func.attr == "get" and _is_environ(node.func.value)
            assert not reads, f"line {node.lineno} reads os.environ"
            assert node.func.attr != "getenv", f"line {node.lineno} reads the environment"


# Files that read a variable that is none of ours, each with its reason.
READ_FOR_A_CHILD: dict[Path, str] = {}


def _is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


# Tables are read in queries.py and, for one customer, one_customer.py, objects in retrieval.py (search);
# connection.py opens what they use.
READS_DATA = {"queries.py", "one_customer.py", "retrieval.py", "connection.py"}


@pytest.mark.parametrize("path", modules("dashboard"), ids=lambda p: "/".join(p.parts[-2:]))
def test_the_dashboard_reads_only_through_its_queries(path: Path) -> None:
    assert not ours(path, f"{PACKAGE}.defs", f"{PACKAGE}.transforms")
    text = path.read_text(encoding="utf-8")
    if path.name not in READS_DATA:
        # The words of a chat and the errors to show are no data.
        reached = ours(path, f"{PACKAGE}.resources", "snowflake", "lancedb", "weaviate")
        reached = {n for n in reached if not n.endswith("Error") and not n.startswith(f"{PACKAGE}.resources.chat.")}
        assert not reached
    if path.name not in {"queries.py", "connection.py"}:
        assert ".session()" not in text
        assert ".connect(" not in text
        assert "cursor(" not in text


def test_no_junk_drawer() -> None:
    forbidden = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [p for p in [*modules(PACKAGE), *modules("dashboard")] if forbidden & {p.stem, *p.parts}]
