"""Names for themes: the words that stand in one theme more than in the others."""

from __future__ import annotations

from collections.abc import Sequence

WORDS = 4
_DULL = ("just", "really", "like", "good", "great", "got", "did", "don", "didn", "doesn", "ve", "ll", "im", "would")


def label_themes(texts: Sequence[str], theme_ids: Sequence[int]) -> dict[int, str]:
    """A label for each theme: its most distinctive words, joined by ", ".

    Distinctive is what a theme's texts say more often than the others', by log-odds with an informative
    prior, in standard errors (Monroe, Colaresi, Quinn 2008, "Fightin' Words", section 3.5): neither a word
    that all say nor one that two texts say gets far.

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
    everywhere, said = per_theme.sum(axis=0), per_theme.sum(axis=1, keepdims=True)
    elsewhere = everywhere - per_theme
    # The prior says of each word what all texts say, with the weight of an average theme.
    mass = max(float(said.mean()), 1.0)
    prior = everywhere / everywhere.sum() * mass
    here = np.log((per_theme + prior) / (said + mass - per_theme - prior + 1e-9))
    there = np.log((elsewhere + prior) / (everywhere.sum() - said + mass - elsewhere - prior + 1e-9))
    weight = (here - there) / np.sqrt(1 / (per_theme + prior) + 1 / (elsewhere + prior))
    words = counter.get_feature_names_out()
    labels = {}
    for row, theme in enumerate(themes):
        best = sorted(np.flatnonzero(per_theme[row]), key=lambda w: (-weight[row, w], words[w]))
        chosen: list[str] = []
        for w in best:
            # "puzzle" and "puzzles" are one word in a label
            if not any(_singular(words[w]) == _singular(c) for c in chosen):
                chosen.append(str(words[w]))
            if len(chosen) == WORDS:
                break
        labels[theme] = ", ".join(chosen) or f"Theme {theme}"
    return labels


def _singular(word: str) -> str:
    return word[:-3] + "y" if word.endswith("ies") else word.rstrip("s")
