from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from customer_analytics.sentiment.competition import CANDIDATES, Candidate, compete
from customer_analytics.sentiment.estimators import TEXT, VECTOR, TextFeatures
from customer_analytics.sentiment.training_set import text_keys
from customer_analytics_tests.sentiment.texts import sample_set

FEW = (Candidate("embedding_logistic", ("embedding_logistic",)), CANDIDATES[-1])


@pytest.fixture(scope="module")
def data():
    return sample_set(400)


@pytest.fixture(scope="module")
def result(data):
    return compete(data, seed=1)


def test_every_candidate_is_judged_and_the_best_wins(result):
    assert set(result.cross_validated) == {c.name for c in CANDIDATES}
    best = min(result.cross_validated, key=lambda name: result.cross_validated[name].log_loss)
    assert result.model.candidate == best
    assert result.held_out.auc > 0.8


def test_the_same_seed_gives_the_same_probabilities(data, result):
    again = compete(data, seed=1)
    assert np.array_equal(again.held_out_positive, result.held_out_positive)
    assert np.array_equal(again.model.known_scores, result.model.known_scores)


def test_training_texts_are_recalled_with_scores_that_had_not_seen_them(data, result):
    known, scores = result.model.recall(text_keys(data.texts))
    assert known.all()
    assert not np.isnan(scores).any()
    own = result.model.positive(data.texts, data.vectors)
    pool, held = ~data.held_out, data.held_out
    assert np.allclose(own[held], scores[held], atol=1e-6)
    labels = data.labels
    # Seen texts flatter: the model's own scores fit the labels of its pool better than those out of fold.
    assert np.abs(own[pool] - labels[pool]).mean() < np.abs(scores[pool] - labels[pool]).mean()
    assert not result.model.recall(text_keys(["never seen before"]))[0].any()


def test_random_labels_are_not_learned():
    data = sample_set(400)
    shuffled = np.random.default_rng(5).permutation(data.labels)
    data.labels[:] = shuffled
    result = compete(data, seed=1, candidates=FEW)
    assert 0.3 < result.held_out.auc < 0.7


def test_the_registry_frame_gives_the_same_probabilities(data, result):
    frame = pd.DataFrame({TEXT: data.texts[:5], VECTOR: [v.tolist() for v in data.vectors[:5]]})
    assert np.allclose(result.model.predict_proba(frame)[:, 1], result.model.positive(data.texts[:5], data.vectors[:5]))


def test_vectors_of_another_dimension_are_refused(data, result):
    with pytest.raises(ValueError, match="vectors of 16 numbers, not 3"):
        result.model.positive(data.texts[:2], np.ones((2, 3), np.float32))


def test_text_features_do_not_depend_on_the_batch():
    texts = np.array(["Great toy!! really great", "", "broke :-( broke", "ünïcode 好评 👍", "x" * 5000], object)
    features = TextFeatures()
    features.fit_transform(texts)
    whole = features.transform(texts).toarray()
    alone = np.vstack([features.transform(texts[i : i + 1]).toarray() for i in range(len(texts))])
    assert np.allclose(whole, alone)
    assert whole[0].any()
    assert not whole[1].any()
