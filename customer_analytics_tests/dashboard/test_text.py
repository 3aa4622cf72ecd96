"""What is shown literally, downloaded safely and formatted for people."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard import formats
from dashboard.downloads import csv_bytes
from dashboard.safe_text import answer_html, excerpt, highlight

EVIL = '<img src=x onerror="alert(1)"> & broken **toys** [9]'


def test_highlight_marks_words_and_escapes_the_rest() -> None:
    assert highlight("It BROKE <b>&amp;</b> breaks", ["broke", "amp"]) == (
        "It <mark>BROKE</mark> &lt;b&gt;&amp;<mark>amp</mark>;&lt;/b&gt; breaks"
    )
    assert "<img" not in highlight(EVIL, ["img", "onerror"])


def test_an_answer_is_text_with_links_to_passages_that_exist() -> None:
    shown = answer_html(f"- {EVIL} [1]\njavascript:alert(1) ![x](http://evil/?q=1) [2]", 1, "a")
    assert "<img" not in shown
    assert shown.count("<a ") == 1
    assert 'href="#a-1"' in shown
    assert "[9]" not in shown
    assert "[2]" not in shown


def test_an_excerpt_is_around_the_word() -> None:
    part, cut = excerpt("x " * 500 + "needle " + "y " * 500, ["needle"])
    assert cut
    assert "needle" in part
    assert len(part) < 450


def test_several_citations_in_one_bracket_are_links_each() -> None:
    shown = answer_html("It broke [1, 3] and [2,9].", 3, "a")
    assert [f'href="#a-{n}"' in shown for n in (1, 2, 3, 9)] == [True, True, True, False]
    assert "[" not in shown


def test_a_carriage_return_begins_no_row_of_a_download() -> None:
    text = csv_bytes(pd.DataFrame({"name": ["a\r=1+1", "b"]})).decode("utf-8-sig")
    assert text == 'name\r\n"a\r=1+1"\r\nb\r\n'


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_formulas_are_neutralised_in_downloads(cell: str) -> None:
    text = csv_bytes(pd.DataFrame({"name": [cell], "amount": [-5.5]})).decode("utf-8-sig")
    assert f"'{cell}" in text
    assert ",-5.5" in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formats.money(1672), "$1,672"),
        (formats.money(-5.5), "-$5.50"),
        (formats.money(1_234_567), "$1.2M"),
        (formats.money(None), "–"),
        (formats.percent(0.714), "71%"),
        (formats.day("2018-03-03"), "3 Mar 2018"),
        (formats.duration(65.4), "1:05"),
        (formats.name(None, float("nan"), 6), "Customer 6"),
    ],
)
def test_formats(shown: str, expected: str) -> None:
    assert shown == expected
