"""The fast reader and the strict one give the same rows, rejects, lines and texts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from customer_analytics.tables import STG_CUSTOMERS
from customer_analytics_tests.sources.reading import read

# Fields without a quote, a line end or a comma: that is when a line is a row.
FIELD = st.text(st.characters(exclude_characters='",\r\n\x00', exclude_categories=["Cs"]), max_size=6)
ROW = st.lists(st.one_of(FIELD, st.sampled_from(["1", "2", "x", ""])), min_size=1, max_size=5).filter(
    lambda r: r != [""]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROW, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_they_agree(rows: list[list[str]], end: str) -> None:
    body = "".join(",".join(row) + end for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        fast = read(Path(folder), STG_CUSTOMERS, f"customer_id,first_name,last_name{end}{body}")
        strict = read(Path(folder), STG_CUSTOMERS, f'customer_id,"first_name",last_name{end}{body}')
    assert fast.plain
    assert not strict.plain
    assert fast.rows == strict.rows
    assert fast.rejected == strict.rejected
    assert len(fast.rows) + len(fast.rejected) == len(rows)
