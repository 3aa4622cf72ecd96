"""Themes: the same numbers from run to run, distinctive labels, counts that add up."""

from __future__ import annotations

import datetime as dt

import numpy as np

from customer_analytics.themes.clustering import decode_centroids, encode_centroid, fit_themes, number_of_themes
from customer_analytics.themes.labels import label_themes
from customer_analytics.themes.summary import ThemeSummary


def clouds(centres: np.ndarray, each: int, seed: int) -> np.ndarray:
    """Unit vectors around the centres."""
    noise = np.random.default_rng(seed).normal(0, 0.05, (len(centres) * each, centres.shape[1]))
    points = np.repeat(centres, each, axis=0) + noise
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


CENTRES = np.eye(8)[: number_of_themes(200)]


def test_unchanged_vectors_keep_their_themes() -> None:
    vectors = clouds(CENTRES, 50, 1)
    first = fit_themes(vectors, 7)
    kept = decode_centroids(list(first.ids), [encode_centroid(c) for c in first.centroids])
    second = fit_themes(vectors, 7, kept)
    assert (first.assign(vectors)[0] == second.assign(vectors)[0]).all()
    assert (fit_themes(vectors, 7).ids == first.ids).all()


def test_a_theme_keeps_its_number_when_others_come() -> None:
    few = clouds(CENTRES[:3], 20, 1)
    first = fit_themes(few, 7)
    many = np.vstack([few, clouds(np.eye(8)[4:8], 150, 2)])
    second = fit_themes(many, 7, first)
    assert len(set(second.ids)) == len(second.ids) > len(first.ids)
    matched = set(second.ids) & set(first.ids)
    for theme in matched:
        old, new = first.centroids[list(first.ids).index(theme)], second.centroids[list(second.ids).index(theme)]
        assert old @ new > 0.8
    assert matched
    assert all(i > max(first.ids) for i in set(second.ids) - matched)


def blurred(count: int, seed: int) -> np.ndarray:
    """Unit vectors in clouds that run into each other, as those of real texts do: many lie between two themes."""
    chance = np.random.default_rng(seed)
    points = np.eye(12)[np.arange(count) % 12] * 2 + chance.normal(0, 1, (count, 12))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_what_lies_between_themes_stays_where_it_is() -> None:
    vectors = blurred(1500, 3)
    themes = fit_themes(vectors, 7)
    at_first = themes.assign(vectors)[0]
    for _ in range(3):
        kept = decode_centroids(list(themes.ids), [encode_centroid(c) for c in themes.centroids])
        assert (kept.centroids == themes.centroids).all()
        themes = fit_themes(vectors, 7, kept)
        assert (themes.ids == kept.ids).all()
        assert (themes.assign(vectors)[0] == at_first).all()


def test_more_texts_split_a_theme_and_leave_the_others() -> None:
    some, more = blurred(1100, 3), blurred(1400, 3)
    first = fit_themes(some, 7)
    second = fit_themes(more, 7, first)
    assert len(second.ids) == number_of_themes(1400) > len(first.ids)
    assert len(set(first.ids) & set(second.ids)) >= len(first.ids) - 1
    assert (first.assign(some)[0] == second.assign(some)[0]).mean() > 0.75
    fewer = fit_themes(some, 7, second)
    assert len(fewer.ids) == number_of_themes(1100)
    assert set(fewer.ids) < set(second.ids)


def test_equal_texts_cannot_be_split() -> None:
    one = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (30, 1))
    first = fit_themes(one, 7)
    assert list(fit_themes(np.tile(one, (10, 1)), 7, first).ids) == list(first.ids)


def test_one_vector_is_one_theme() -> None:
    assert list(fit_themes(np.array([[1.0, 0.0]], dtype=np.float32), 1).ids) == [1]


def test_labels_are_the_words_that_tell_themes_apart() -> None:
    texts = ["the puzzle pieces were missing", "puzzle piece missing again"] * 20 + [
        "the kite broke",
        "kite string broke",
    ] * 20
    labels = label_themes(texts, [1, 1] * 20 + [2, 2] * 20)
    assert "puzzle" in labels[1]
    assert "kite" in labels[2]
    assert "puzzle" not in labels[2]
    assert label_themes(["the and of"], [3]) == {3: "Theme 3"}


def test_counts_add_up_and_passages_differ() -> None:
    summary = ThemeSummary()
    month = dt.date(2020, 1, 1)
    summary.add("comment", [1, 1, 1, 2], [0.9, 0.9, 0.5, 0.4], ["a", "a", "b", "c"], [0.1, 0.1, 0.9, 0.6], [month] * 4)
    summary.add("call", [1], [0.8], ["call " * 500], [0.3], [None])
    rows = summary.rows({1: "one", 2: "two"})
    assert sum(r["comments"] for r in rows) == 4
    assert sum(r["calls"] for r in rows) == 1
    first = next(r for r in rows if r["theme_id"] == 1 and r["date_month"] == month)
    assert next(r for r in rows if r["calls"])["passage_1"] == "call " * 500  # literally, however long
    assert (first["passage_1"], first["passage_2"], first["passage_3"]) == ("a", "b", None)
    assert (first["negative"], round(first["mean_sentiment"], 3)) == (2, 0.367)
