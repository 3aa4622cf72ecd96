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
    summary.add("call", [1], [0.8], ["call"], [0.3], [None])
    rows = summary.rows({1: "one", 2: "two"})
    assert sum(r["comments"] for r in rows) == 4
    assert sum(r["calls"] for r in rows) == 1
    first = next(r for r in rows if r["theme_id"] == 1 and r["date_month"] == month)
    assert (first["passage_1"], first["passage_2"], first["passage_3"]) == ("a", "b", None)
    assert (first["negative"], round(first["mean_sentiment"], 3)) == (2, 0.367)
