"""The fast reader and the strict one give the same rows, rejects, lines and texts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from customer_analytics.tables import STG_CUSTOMERS
from customer_analytics_tests.sources.reading import read

HEADER = "customer_id,first_name,last_name"
FIELD = st.one_of(
    st.text(st.characters(exclude_characters='",\r\n\x00', exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["1", "2", "x", ""]),
)
# As a writer quotes it, or as it should not be.
QUOTED = st.one_of(
    st.text('ab",\n\r ', max_size=6).map(lambda text: '"' + text.replace('"', '""') + '"'),
    st.text('ab" \t1', max_size=5),
)
ROW = st.lists(st.one_of(FIELD, FIELD, QUOTED), min_size=1, max_size=5).filter(lambda row: row != [""])


@settings(max_examples=100, deadline=None)
@given(st.lists(ROW, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_they_agree(rows: list[list[str]], end: str, ends: bool) -> None:
    content = end.join([HEADER, *(",".join(row) for row in rows)]) + end * ends
    with tempfile.TemporaryDirectory() as folder:
        either = read(Path(folder), STG_CUSTOMERS, content)
        strict = read(Path(folder), STG_CUSTOMERS, content, strictly=True)
    assert either.rows == strict.rows
    assert either.rejected == strict.rejected


def test_quoted_fields_need_no_care_unless_a_line_ends_in_them(tmp_path: Path) -> None:
    """A file that quotes everything is read as fast as one that quotes nothing."""
    body = '"1","Ann ""B"", C.",""\n"x","b,c","d"\n'
    got = read(tmp_path, STG_CUSTOMERS, f"{HEADER}\n{body}")
    assert not got.plain  # a blank beside a quote
    got = read(tmp_path, STG_CUSTOMERS, f"{HEADER}\n{body.replace(' ', '')}")
    assert got.plain
    assert got.rows == [(1, 'Ann"B",C.', None)]
    assert got.reasons == [(3, "customer_id 'x' is not a whole number within 64 bits")]
    assert got.texts == ['"x","b,c","d"']
    got = read(tmp_path, STG_CUSTOMERS, f'{HEADER}\n"1","a\nb","c"\n"x","b","d"\n')
    assert got.rows == [(1, "a\nb", "c")]
    assert [line for line, _ in got.reasons] == [4]
