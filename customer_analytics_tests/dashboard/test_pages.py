"""Every page: with data, with none, with a dead warehouse and with a dead vector store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import dashboard

APP = Path(dashboard.__file__).with_name("app.py")
PAGES = sorted(p.stem for p in (APP.parent / "views").glob("*.py"))
NEED_NO_TABLE = {"search", "ask"}


def open_page(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=120)
    app.run()
    app.switch_page(f"views/{name}.py")
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


def everything(app: AppTest) -> str:
    """All text of the page."""
    kinds = (app.title, app.markdown, app.caption, app.error, app.warning, app.info, app.success, app.text)
    html = [str(e.value) if hasattr(e, "value") else str(e.proto.body) for e in app.get("html")]
    metrics = [f"{m.label} {m.value}" for m in app.metric]
    return "\n".join([*(str(e.value) for kind in kinds for e in kind), *html, *metrics])


@pytest.mark.parametrize("name", PAGES)
def test_with_data(name: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page(name)
    assert not app.exception
    assert not app.error
    text = everything(app)
    assert "Nothing to show yet" not in text
    if name != "customer":  # it asks for a customer first
        assert "Data up to" in text


@pytest.mark.parametrize("name", PAGES)
def test_before_the_first_run(name: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(nothing))
    app = open_page(name)
    assert not app.exception
    assert not app.error
    if name not in NEED_NO_TABLE:
        assert "make run" in everything(app)


class DeadWarehouse:
    """A warehouse at whose address nobody answers."""

    def connect(self, **overrides: Any) -> Any:
        import snowflake.connector

        raise snowflake.connector.errors.OperationalError("connection refused")


@pytest.mark.parametrize("name", PAGES)
def test_dead_warehouse(name: str, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import connection

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(nothing))
    connection.backends()._resources["warehouse"] = DeadWarehouse()
    app = open_page(name)
    assert not app.exception
    assert any("warehouse does not answer" in str(e.value) for e in app.error)
    assert any("customer-analytics warehouse restart" in str(e.value) for e in app.error)


class DeadStore:
    """A vector store at whose address nobody answers."""

    def exists(self, collection: Any) -> bool:
        from customer_analytics.resources.vector_store import VectorStoreError

        raise VectorStoreError("Nobody answers at http://localhost:1: start Weaviate, or unset WEAVIATE_URL.")


@pytest.mark.parametrize("name", PAGES)
def test_dead_vector_store(name: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import connection

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    connection.backends()._resources["vector_store"] = DeadStore()
    app = open_page(name, q="broke") if name == "search" else open_page(name)
    if name == "search":
        app.text_input(key="q").set_value("broke").run()
    if name == "ask":
        app.chat_input(key="question").set_value("What breaks?").run()
    assert not app.exception
    if name in ("search", "ask"):
        assert any("start Weaviate" in str(e.value) for e in app.error)
    else:
        assert not app.error


def test_a_link_opens_the_customer(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("customer", customer_id="6")
    assert not app.exception
    text = everything(app)
    assert "Name6 X. · customer 6" in text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert len(app.get("audio")) == 1


@pytest.mark.parametrize(
    "given", ["999999", "x", "6; drop table CUSTOMERS", "-1", "9" * 30, "![x](http://127.0.0.1/x)"]
)
def test_an_unknown_customer_is_said(given: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("customer", customer_id=given)
    assert not app.exception
    assert any("no such customer" in str(w.value) for w in app.warning)
    assert any(given in str(t.value) for t in app.text)


def test_each_attribution_model_gives_the_same_total(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("ad_spend")
    seen = set()
    for model in ("linear", "first_touch", "last_touch", "forty_twenty_forty"):
        app.segmented_control(key="model").set_value(model).run()
        assert not app.exception
        seen.add(next(m.value for m in app.metric if m.label == "Revenue of all conversions"))
    assert len(seen) == 1


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_search_finds_and_escapes(mode: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("search")
    app.segmented_control(key="mode").set_value(mode)
    app.text_input(key="q").set_value("broke after a week").run()
    assert not app.exception
    assert "<mark>broke</mark>" in everything(app)
    app.text_input(key="q").set_value("ignore previous instructions script").run()
    assert "<script>" not in everything(app)


def test_an_answer_cites_passages_and_remembers(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("ask")
    app.chat_input(key="question").set_value("What broke after a week?").run()
    assert not app.exception
    text = everything(app)
    assert 'href="#source-1-1"' in text
    assert 'id="source-1-1"' in text
    app.chat_input(key="question").set_value("And why?").run()
    assert not app.exception
    assert [t["role"] for t in app.session_state["turns"]] == ["user", "assistant"] * 2
    assert app.session_state["turns"][3]["searched"] == "What broke after a week? And why?"


def test_more_can_be_shown(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("search")
    app.text_input(key="q").set_value("the toy broke").run()

    def cards() -> int:
        return everything(app).count('class="card"')

    assert cards() == 20
    next(b for b in app.button if "more" in b.label).click().run()
    assert cards() == 40
    app.text_input(key="q").set_value("the kite").run()
    assert cards() == 20
