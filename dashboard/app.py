"""GroundTruth: the dashboard's navigation. Start it with `make serve`, or `streamlit run dashboard/app.py`."""

from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from dashboard import queries

# A file of ours: for a Material icon the browser would ask a server of Google's.
icon = Path(__file__).with_name("icon.svg").read_text(encoding="utf-8").strip()
st.set_page_config(page_title="GroundTruth", page_icon=icon, layout="wide")
try:
    queries.warm_up()
except ValidationError as error:
    # Never the whole error: it shows what the values were.
    for problem in error.errors(include_input=False, include_url=False):
        name = ".".join(map(str, problem["loc"])).upper()
        st.error(": ".join(filter(None, (name, problem["msg"].removeprefix("Value error, ")))), icon=":material/tune:")
    st.info("Set it right in the environment or `.env`, and start the dashboard again.")
    st.stop()

from dashboard.frame import view  # noqa: E402 - it imports pandas, for which the warehouse shall not wait

overview = st.Page(view("overview"), title="Overview", icon=":material/dashboard:", default=True)
navigation = st.navigation(
    {
        "": [overview],
        "Marketing": [
            st.Page(view("ad_spend"), title="Return on ad spend", icon=":material/ads_click:"),
            st.Page(view("revenue"), title="Revenue by channel", icon=":material/stacked_bar_chart:"),
            st.Page(view("journeys"), title="Journeys", icon=":material/route:"),
            st.Page(view("mrr"), title="MRR movement", icon=":material/waterfall_chart:"),
        ],
        "Sales": [
            st.Page(view("top_customers"), title="Top customers", icon=":material/star:"),
            st.Page(view("churn"), title="Churned customers", icon=":material/logout:"),
            st.Page(view("at_risk"), title="Customers at risk", icon=":material/warning:"),
            st.Page(view("customer"), title="Customer", icon=":material/person:"),
        ],
        "Product": [
            st.Page(view("search"), title="Search", icon=":material/search:"),
            st.Page(view("themes"), title="Themes", icon=":material/forum:"),
            st.Page(view("ask"), title="Ask", icon=":material/chat:"),
        ],
        "Health": [st.Page(view("health"), title="Health", icon=":material/monitor_heart:")],
    },
    expanded=True,
)
if navigation == overview and "customer_id" in st.query_params:
    # A link like http://localhost:8501/?customer_id=6 goes to the customer.
    st.switch_page(view("customer"), query_params={"customer_id": st.query_params["customer_id"]})
navigation.run()
