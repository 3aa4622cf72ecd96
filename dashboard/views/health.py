"""Whether the figures can be trusted: builds, checks, rejected rows, models and backends."""

import json

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.downloads import download
from dashboard.frame import built, data_up_to, explained, figures, page


def details(health: pd.DataFrame) -> list[tuple[str, dict]]:
    """Of each row its name and what the run recorded."""
    read = []
    for name, detail in zip(health["name"], health["detail"], strict=True):
        try:
            values = json.loads(detail or "{}")
        except (TypeError, ValueError):
            values = {}
        read.append((str(name), values if isinstance(values, dict) else {}))
    return read


def words(name: str) -> str:
    """A name of a check or a figure, for people."""
    return name.replace("champion_", "").replace("_", " ")


def failing_checks(failing: pd.DataFrame) -> pd.DataFrame:
    """One row per failing check: what it found, and what it allows."""
    rows = []
    for (table, recorded), names in zip(details(failing), failing["failing_checks"], strict=True):
        known = recorded.get("failing", {})
        for check in str(names or "").split(", "):
            found = known.get(check, {})
            rows.append(
                {
                    "table": table,
                    "check": words(check),
                    "effect": {"ERROR": "stops what follows", "WARN": "warning"}.get(found.get("severity", ""), ""),
                    "observed": found.get("observed"),
                    "threshold": found.get("threshold"),
                }
            )
    frame = pd.DataFrame(rows, columns=["table", "check", "effect", "observed", "threshold"])
    return frame.sort_values(["effect", "table", "check"], kind="stable")


def show_model(name: str, row: pd.Series, recorded: dict) -> None:
    """A model's version, what was decided about it and why, and its figures."""
    with st.container(border=True, height="stretch"):
        version = row["model_version"] or recorded.get("champion") or formats.NOTHING
        st.markdown(f"**{name}** · version `{version}` · {formats.moment(row['built_at'])}")
        for key in ("candidate", "decision", "reason", "sentiment_verdict"):
            if isinstance(recorded.get(key), str):
                st.text(f"{words(key).capitalize()}: {recorded[key]}")
        measured = [
            {"Figure": words(k), "Value": f"{v:,.3f}" if v % 1 else f"{v:,.0f}"}
            for k, v in recorded.items()
            if isinstance(v, int | float) and not isinstance(v, bool)
        ]
        if measured:
            st.dataframe(pd.DataFrame(measured), hide_index=True, height=min(38 + 35 * len(measured), 250))


with page("Health", "When everything was built, what failed, and what was left out."):
    with explained():
        with built():
            health = queries.health()
            health["data_up_to"] = pd.to_datetime(health["data_up_to"])
            data_up_to(health["data_up_to"].max().date() if health["data_up_to"].notna().any() else None)
            failing = failing_checks(health[health["checks_failing"] > 0])
            stopping = int((failing["effect"] == "stops what follows").sum())
            figures(
                ("Last built", formats.ago(health["built_at"].max()), None),
                ("Tables and collections", formats.number((health["kind"] != "model").sum()), None),
                (
                    "Checks failing",
                    formats.number(health["checks_failing"].sum()),
                    f"{stopping} stopping a run" if stopping else "none stops a run" if len(failing) else None,
                ),
                ("Rejected rows", formats.number(health["rejected_rows"].sum()), None),
            )
            if not len(failing):
                st.success("Every check passed when it was last run.", icon=":material/check_circle:")
            else:
                st.subheader("Failing checks", anchor=False)
                if stopping:
                    st.error(
                        "What follows a table whose check stops the run still shows its last good content.",
                        icon=":material/block:",
                    )
                st.dataframe(
                    failing,
                    hide_index=True,
                    placeholder=formats.NOTHING,
                    column_config={
                        "table": "Table",
                        "check": st.column_config.TextColumn("What should hold, and does not", width="large"),
                        "effect": "Effect",
                        "observed": st.column_config.NumberColumn("Found", format="localized"),
                        "threshold": st.column_config.NumberColumn("Allowed", format="localized"),
                    },
                    height=min(38 + 35 * len(failing), 390),
                )
            models = health[health["kind"] == "model"]
            if len(models):
                st.subheader("Models", anchor=False)
                for column, (name, recorded), (_, row) in zip(
                    st.columns(max(2, len(models))), details(models), models.iterrows(), strict=False
                ):
                    with column:
                        show_model(name, row, recorded)
            st.subheader("Tables and collections", anchor=False)
            shown = health[health["kind"] != "model"][
                ["name", "kind", "built_at", "row_count", "rejected_rows", "checks_failing", "data_up_to"]
            ]
            st.dataframe(
                shown,
                hide_index=True,
                placeholder=formats.NOTHING,
                column_config={
                    "name": "Name",
                    "kind": "Kind",
                    "built_at": st.column_config.DatetimeColumn("Built, UTC", format="D MMM YYYY, HH:mm"),
                    "row_count": st.column_config.NumberColumn("Rows", format="localized"),
                    "rejected_rows": st.column_config.NumberColumn("Rejected", format="localized"),
                    "checks_failing": st.column_config.NumberColumn("Checks failing"),
                    "data_up_to": st.column_config.DateColumn("Data up to", format="D MMM YYYY"),
                },
                height=min(38 + 35 * len(shown), 560),
            )
            download(lambda: health, "health")
        with built():
            reasons = queries.rejected_reasons()
            st.subheader("Rejected rows", anchor=False)
            if len(reasons):
                st.dataframe(
                    reasons,
                    hide_index=True,
                    height=min(38 + 35 * len(reasons), 560),
                    column_config={
                        "source_file": "File",
                        "table_name": "Table",
                        "reason": st.column_config.TextColumn("Reason", width="large"),
                        "row_count": st.column_config.NumberColumn("Rows", format="localized"),
                        "loaded_at": st.column_config.DatetimeColumn("Read, UTC", format="D MMM YYYY, HH:mm"),
                    },
                )
                with st.expander("The rows as they were"):
                    st.dataframe(
                        queries.rejected_rows(),
                        hide_index=True,
                        placeholder=formats.NOTHING,
                        column_config={
                            "source_file": "File",
                            "line": st.column_config.NumberColumn("Line", format="localized"),
                            "table_name": "Table",
                            "reason": "Reason",
                            "row_text": st.column_config.TextColumn("Row", width="large"),
                            "loaded_at": st.column_config.DatetimeColumn("Read, UTC", format="D MMM YYYY, HH:mm"),
                        },
                    )
                download(lambda: queries.rejected_rows(queries.DOWNLOAD_ROWS), "rejected-rows")
            else:
                st.caption("None: every row of every source keeps its contract.")
    st.subheader("Backends", anchor=False)
    st.dataframe(pd.DataFrame(queries.backend_names().items(), columns=["Role", "Backend"]), hide_index=True)
    settings = queries.settings()
    url = settings.dagster_url or f"http://localhost:{settings.dagster_port}"
    with st.container(horizontal=True):
        st.link_button("Dagster: runs", f"{url}/runs", icon=":material/open_in_new:")
        st.link_button("Dagster: assets", f"{url}/assets", icon=":material/open_in_new:")
