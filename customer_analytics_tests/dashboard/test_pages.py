"""Every page: with data, with none, with a dead warehouse and with a dead vector store."""

from __future__ import annotations

import ast
import datetime as dt
import threading
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import dashboard
from customer_analytics_tests.dashboard.business import STRANGER

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


@pytest.mark.parametrize("name", ["top_customers", "health"])
def test_why_value_is_predicted_so_is_said(name: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    assert "Too little to compare models by." in everything(open_page(name))


@pytest.mark.parametrize("name", PAGES)
def test_no_remark_of_ours_is_shown(name: str) -> None:
    """Streamlit shows a string that stands alone in a page; only the page's own docstring is left out."""
    body = ast.parse((APP.parent / "views" / f"{name}.py").read_text(encoding="utf-8")).body[1:]
    assert not [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]


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


@pytest.mark.parametrize("name", ["search", "ask", "health", "overview", "customer"])
def test_a_warehouse_that_dies_is_said_once(name: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import connection

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page(name, **({"customer_id": "6"} if name == "customer" else {}))
    st.cache_data.clear()
    connection.backends().forget_connection(connection.backends().connection())
    connection.backends()._resources["warehouse"] = DeadWarehouse()
    if name == "search":
        app.text_input(key="q").set_value("broke")
    if name == "ask":
        app.chat_input(key="question").set_value("What breaks?")
    app.run()
    assert not app.exception
    assert len([e for e in app.error if "warehouse does not answer" in str(e.value)]) == 1


class DeadEmbedder:
    """An embedding service that refuses."""

    def embed(self, texts: Any, progress: Any = None) -> Any:
        from customer_analytics.resources.embedder import EmbedderError

        raise EmbedderError("OpenAI refuses the key: set OPENAI_API_KEY to a valid one.")


@pytest.mark.parametrize("name", ["search", "ask"])
def test_dead_embedder(name: str, business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import connection

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page(name)
    connection.backends()._resources["embedder"] = DeadEmbedder()
    if name == "search":
        app.text_input(key="q").set_value("broke").run()
    else:
        app.chat_input(key="question").set_value("What breaks?").run()
    assert not app.exception
    assert any("set OPENAI_API_KEY" in str(e.value) for e in app.error)


def test_a_wrong_setting_is_named(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(nothing))
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "hunter2")
    monkeypatch.setenv("LTV_HORIZON_DAYS", "many")
    app = AppTest.from_file(APP, default_timeout=120).run()
    assert not app.exception
    assert any("LTV_HORIZON_DAYS" in str(e.value) for e in app.error)
    assert "hunter2" not in everything(app)


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


def test_who_is_not_among_the_customers_has_a_page(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("customer", customer_id=str(STRANGER))
    assert not app.exception
    assert not app.warning
    assert "Not among the customers in the sources" in everything(app)
    assert everything(app).count('class="card"')


def test_the_month_that_runs_is_no_fall_of_mrr(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import connection, queries

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    latest = connection.run("select max(date_month) as latest, min(date_month) as first from MRR").iloc[0]
    assert latest["latest"] == dt.date(2020, 6, 1)
    months = queries.mrr_months()
    assert (months["date_month"].iloc[0], months["date_month"].iloc[-1]) == (latest["first"], dt.date(2020, 5, 1))
    app = open_page("mrr")
    assert any(m.label == "MRR, May 2020" for m in app.metric)


def test_another_list_begins_on_its_first_page(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    monkeypatch.setattr("dashboard.customer_list.PAGE_SIZE", 5)
    app = open_page("top_customers")
    app.number_input(key="top-page").set_value(3).run()
    assert app.number_input(key="top-page").value == 3
    app.text_input(key="top-name").set_value("name").run()
    assert not app.exception
    assert app.number_input(key="top-page").value == 1


@pytest.mark.parametrize(
    ("name", "key"),
    [("churn", "churn-name"), ("top_customers", "top-name"), ("at_risk", "risk-name"), ("customer", "find")],
)
def test_a_filter_that_finds_nobody_is_no_missing_run(
    name: str, key: str, business: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page(name)
    app.text_input(key=key).set_value("nobody of this name").run()
    assert not app.exception
    assert any("matches" in str(i.value) for i in app.info)
    assert "make run" not in everything(app)


def test_what_a_page_reads_at_once_runs_side_by_side(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import queries

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(nothing))
    together = threading.Barrier(5)
    assert sorted(queries.at_once(*[lambda: together.wait(60)] * 5)) == [0, 1, 2, 3, 4]


def test_filters_are_kept_while_a_customer_is_visited(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    app = open_page("churn")
    app.text_input(key="churn-name").set_value("name")
    app.segmented_control(key="churn-back").set_value("came back")
    app.selectbox(key="churn-sort").set_value("mrr_lost")
    app.toggle(key="churn-descending").set_value(False)
    app.number_input(key="churn-least").set_value(1.0)
    app.date_input(key="churn-since").set_value(dt.date(2019, 1, 1)).run()
    found = next(m.value for m in app.metric if m.label == "Customers")
    app.switch_page("views/customer.py")
    app.query_params["customer_id"] = "6"
    app.run()
    assert not app.text_input
    app.switch_page("views/churn.py").run()
    assert not app.exception
    assert app.text_input(key="churn-name").value == "name"
    assert app.segmented_control(key="churn-back").value == "came back"
    assert app.selectbox(key="churn-sort").value == "mrr_lost"
    assert app.toggle(key="churn-descending").value is False
    assert app.number_input(key="churn-least").value == 1.0
    assert app.date_input(key="churn-since").value == dt.date(2019, 1, 1)
    assert next(m.value for m in app.metric if m.label == "Customers") == found


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("built", ["MRR", "PRES_CLV", "CUSTOMERS", "PRED_TWITTER_COMMENTS", "ATTRIBUTION_TOUCHES"])
def test_after_a_run_of_one_table(
    name: str, built: str, partly: Any, business: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is shown, what is not is named, whatever the table."""
    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    partly({built})
    app = open_page(name, **({"customer_id": "6"} if name == "customer" else {}))
    assert not app.exception
    assert not app.error


def test_without_subscriptions_the_overview_has_the_rest(business: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboard import queries

    monkeypatch.setenv("CUSTOMER_ANALYTICS_HOME", str(business))
    months = queries.mrr_months
    monkeypatch.setattr("dashboard.queries.mrr_months", lambda: months().head(0))
    app = open_page("overview")
    assert not app.exception
    assert [m.label for m in app.metric] == ["MRR", "Paying subscribers", "Value at risk", "Mean sentiment of buyers"]
    assert [m.value == "–" for m in app.metric] == [True, True, False, False]


@pytest.fixture
def partly(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that hides all tables but those named, as they are after a run of some assets."""
    from dashboard import connection

    every = connection.table_versions

    def only(names: set[str]) -> None:
        def versions() -> dict[str, str]:
            return {table: version for table, version in every().items() if table in names}

        monkeypatch.setattr("dashboard.connection.table_versions", versions)
        monkeypatch.setattr("dashboard.queries.table_versions", versions)
        monkeypatch.setattr("dashboard.one_customer.table_versions", versions)

    return only
