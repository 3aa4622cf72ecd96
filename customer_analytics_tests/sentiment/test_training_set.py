from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_analytics.sentiment.training_set import NotEnoughToLearn, text_keys, training_set
from customer_analytics_tests.sentiment.texts import labelled, sample_set


def made(texts: list[str], labels: list, model: str = "m"):
    return training_set(texts, labels, np.ones((len(texts), 4), np.float32), model)


def test_a_text_with_both_labels_is_left_out_and_counted():
    data = made(["good toy", "Good  TOY", "bad", "bad ", "other"], ["1", "0", "0", "0", "1"])
    assert sorted(data.texts) == ["bad", "other"]
    assert (data.contradictory, data.repeated) == (1, 1)


@pytest.mark.parametrize("label", ["positive", 2, "", None, "01"])
def test_odd_labels_are_named(label):
    with pytest.raises(ValueError, match="Labels must be '0'"):
        made(["a", "b"], ["1", label])


def test_blank_texts_and_vectors_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="blank"):
        made(["a", " "], ["1", "0"])
    with pytest.raises(ValueError, match="not finite"):
        training_set(["a"], ["1"], np.array([[np.nan]]), "m")


def test_too_little_is_said():
    with pytest.raises(NotEnoughToLearn, match="no labelled text"):
        made([], []).require_enough()
    with pytest.raises(NotEnoughToLearn, match="All 3 labelled texts are positive"):
        made(["a", "b", "c"], ["1"] * 3).require_enough()
    with pytest.raises(NotEnoughToLearn, match="at least 50 of each"):
        made(["a", "b", "c"], ["1", "0", "1"]).require_enough()
    sample_set(400).require_enough()


def test_the_holdout_stays_when_data_grows():
    texts, labels, vectors = labelled(600)
    small, large = (
        training_set(texts[:200], labels[:200], vectors[:200], "m"),
        training_set(texts, labels, vectors, "m"),
    )
    shared = np.isin(large.keys, small.keys)
    assert shared.sum() == 200
    side = dict(zip(large.keys.tolist(), large.held_out.tolist(), strict=True))
    assert all(
        side[key] == held for key, held in zip(small.keys.tolist(), small.held_out.tolist(), strict=True) if key in side
    )
    assert 0.1 < large.held_out.mean() < 0.3


def test_the_fingerprint_follows_texts_labels_and_model_but_not_order():
    texts, labels, vectors = labelled(60)
    one = training_set(texts, labels, vectors, "m").fingerprint
    back = training_set(texts[::-1], labels[::-1], vectors[::-1], "m").fingerprint
    assert one == back
    flipped = ["0" if labels[0] == "1" else "1", *labels[1:]]
    assert one != training_set(texts, flipped, vectors, "m").fingerprint
    assert one != training_set(texts, labels, vectors, "other").fingerprint


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1))
def test_case_and_spaces_do_not_make_another_text(text: str):
    assert text_keys([text])[0] == text_keys([f"  {text}\n"])[0]
