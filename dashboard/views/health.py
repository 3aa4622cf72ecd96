"""Whether the figures can be trusted: builds, checks, rejected rows, models and backends."""

# pandas, Snowpark rows and scikit-learn carry no usable types here.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportGeneralTypeIssues=false

import json

import pandas as pd
import streamlit as st

from dashboard import formats, queries
from dashboard.downloads import download
from dashboard.frame import data_up_to, explained, page


def figures(detail: str | None) -> str:
    """The figures of a model in one line."""
    try:
        values = json.loads(detail or "{}")
    except ValueError:
        return ""
    return " · ".join(
        f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}"
        for k, v in values.items()
        if not isinstance(v, dict | list)
    )


with page("Health", "When everything was built, what failed, and what was left out."):
    with explained():
        health = queries.health()
        health["data_up_to"] = pd.to_datetime(health["data_up_to"])
        data_up_to(health["data_up_to"].max().date() if health["data_up_to"].notna().any() else None)
        failing = health[health["checks_failing"] > 0]
        columns = st.columns(4)
        columns[0].metric("Last built", formats.ago(health["built_at"].max()), border=True)
        columns[1].metric("Tables and collections", formats.number((health["kind"] != "model").sum()), border=True)
        columns[2].metric("Checks failing", formats.number(health["checks_failing"].sum()), border=True)
        columns[3].metric("Rejected rows", formats.number(health["rejected_rows"].sum()), border=True)
        for row in failing.itertuples():
            st.warning(f"**{row.name}**: {row.failing_checks}", icon=":material/rule:")
        if not len(failing):
            st.success("Every check passed when it was last run.", icon=":material/check_circle:")
        models = health[health["kind"] == "model"]
        if len(models):
            st.subheader("Models", anchor=False)
            for row in models.itertuples():
                with st.container(border=True):
                    version = row.model_version or formats.NOTHING
                    st.markdown(f"**{row.name}** · version `{version}` · {formats.moment(row.built_at)}")
                    st.caption(figures(str(row.detail or "")) or "no figures recorded")
        st.subheader("Tables and collections", anchor=False)
        shown = health[health["kind"] != "model"][
            ["name", "kind", "built_at", "row_count", "rejected_rows", "checks_failing", "data_up_to"]
        ]
        st.dataframe(
            shown,
            hide_index=True,
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
    with explained("rejected"):
        reasons = queries.rejected_reasons()
        st.subheader("Rejected rows", anchor=False)
        if len(reasons):
            st.dataframe(
                reasons,
                hide_index=True,
                column_config={
                    "source_file": "File",
                    "table_name": "Table",
                    "reason": st.column_config.TextColumn("Reason", width="large"),
                    "row_count": st.column_config.NumberColumn("Rows", format="localized"),
                    "loaded_at": st.column_config.DatetimeColumn("Read", format="D MMM YYYY, HH:mm"),
                },
            )
            with st.expander("The rows as they were"):
                st.dataframe(queries.rejected_rows(), hide_index=True)
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
