"""Names for themes: the words that stand in one theme more than in the others."""

from __future__ import annotations

from collections.abc import Sequence

WORDS = 4
_DULL = ("just", "really", "like", "good", "great", "got", "did", "don", "didn", "doesn", "ve", "ll", "im", "would")


def label_themes(texts: Sequence[str], theme_ids: Sequence[int]) -> dict[int, str]:
    """A label for each theme: its most distinctive words by class-based TF-IDF, joined by ", ".

    `theme_ids[i]` is the theme of `texts[i]`. A theme without usable words is called "Theme 7".
    """
    import numpy as np
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    themes = sorted(set(theme_ids))
    counter = CountVectorizer(
        stop_words=sorted(ENGLISH_STOP_WORDS.union(_DULL)),
        token_pattern=r"(?u)\b[^\W\d_]{3,}\b",  # noqa: S106 - a pattern of words
        min_df=2 if len(texts) >= 50 else 1,
        max_features=20_000,
        binary=True,  # a word said ten times in one comment is not ten comments
    )
    try:
        counts = counter.fit_transform(texts)
    except ValueError:  # "empty vocabulary": nothing but stop words
        return {theme: f"Theme {theme}" for theme in themes}
    membership = np.asarray(theme_ids)
    per_theme = np.vstack([np.asarray(counts[membership == t].sum(axis=0)).ravel() for t in themes]).astype(float)
    share = per_theme / np.maximum(per_theme.sum(axis=1, keepdims=True), 1)
    weight = share * np.log1p(per_theme.sum(axis=1).mean() / np.maximum(per_theme.sum(axis=0), 1))
    words = counter.get_feature_names_out()
    labels = {}
    for row, theme in enumerate(themes):
        best = sorted(np.flatnonzero(per_theme[row]), key=lambda w: (-weight[row, w], words[w]))
        chosen: list[str] = []
        for w in best:
            # "puzzle" and "puzzles" are one word in a label
            if not any(words[w].rstrip("s") == c.rstrip("s") for c in chosen):
                chosen.append(str(words[w]))
            if len(chosen) == WORDS:
                break
        labels[theme] = ", ".join(chosen) or f"Theme {theme}"
    return labels
