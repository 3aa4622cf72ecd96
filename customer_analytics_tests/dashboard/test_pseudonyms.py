"""With PSEUDONYMISE_CUSTOMERS, names show on no page, not even as part of a row that was rejected."""

from __future__ import annotations

import pandas as pd
import pytest

from customer_analytics.settings import Settings
from dashboard import queries

REJECTED = pd.DataFrame(
    {
        "table_name": ["STG_CUSTOMERS", "STG_ORDERS"],
        "reason": ["customer_id 'Ana, O'Hara' is not a whole number", "order_date '2018-13-01' is not a day"],
        "row_text": ["Ana,O'Hara,1", "1,2,2018-13-01"],
    }
)


@pytest.mark.parametrize("columns", [["table_name", "reason", "row_text"], ["table_name", "reason"]])
def test_rejected_rows_of_customers_are_shown_without_names(
    columns: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "settings", lambda: Settings(pseudonymise_customers=True))  # type: ignore[call-arg]
    shown = queries._without_names(REJECTED[columns])
    assert "Ana" not in shown.to_csv()
    assert "Hara" not in shown.to_csv()
    assert shown["reason"][0] == "customer_id '…' is not a whole number"
    assert shown.iloc[1].equals(REJECTED[columns].iloc[1])


def test_otherwise_rejected_rows_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "settings", Settings)
    assert queries._without_names(REJECTED).equals(REJECTED)
