"""The margins of one model, measured on listings whose kind is known.

Each listing is shown to the model with its own text and kind, and with those of another listing of
another kind. What the model says of the first is known to be true, what it says of the second to be
false: from which figure on it tells them apart, and how often, is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moderation.clip.prompts import category_vectors

from .explain import EncodedListing, EncodeTexts, Explainer
from .explain_category import place_of
from .margins import KindMargins, Margins, from_which

# Of what reaches a margin, the share that must be right: said to a moderator's face, a guess beside
# it, and reason enough to be silent on colours.
DENIED = 0.95
GUESSED = 0.8
NEAR = 0.9
DOUBTED = 0.75
# A better model leads less where it is wrong. Less than twice, or fifty times, as likely by its
# own softmax says nothing all the same, however few of these listings it got wrong.
LEAST_DOUBT, LEAST_DENIAL = 0.7, 4.0


@dataclass(frozen=True)
class KnownListings:
    """n true listings: unit vectors of the photos, texts, and the noun of each one's kind.

    `kinds` are all nouns that a photo may be taken for, as a shop's categories are.
    """

    images: np.ndarray
    texts: Sequence[str]
    nouns: Sequence[str]
    kinds: Sequence[str]

    @property
    def others(self) -> np.ndarray:
        """For each listing the place of one of another kind, each as evenly used as can be; [n]."""
        count = len(self.nouns)
        order = np.argsort(np.array(self.nouns), kind="stable")
        others = np.empty(count, dtype=np.int64)
        for place, row in enumerate(order):
            steps = (int(order[(place + step) % count]) for step in range(count // 2, 2 * count))
            others[row] = next(one for one in steps if self.nouns[one] != self.nouns[row])
        return others


def measure(known: KnownListings, *, encode_texts: EncodeTexts, logit_scale: float) -> Margins:
    """The margins of the model that `known.images` are of. The listings are of two kinds or more.

    `encode_texts` gives unit vectors [n, d].
    """
    texts = encode_texts(known.texts)
    vectors = category_vectors(encode_texts, known.kinds)
    explainer = Explainer(encode_texts, logit_scale=logit_scale)
    return Margins(
        word=_words(known, explainer, texts=texts),
        category=_categories(known, vectors, logit_scale=logit_scale),
        guess=_guesses(known, logit_scale * (known.images @ vectors.T)),
        near=_near(known, texts),
    )


def _words(known: KnownListings, explainer: Explainer, *, texts: np.ndarray) -> KindMargins:
    count, others = len(known.texts), known.others
    rows = [*range(count), *others]
    leads = explainer.kind_leads(
        [
            EncodedListing(known.images[number % count], texts[row], known.texts[row], 0.0)
            for number, row in enumerate(rows)
        ]
    )
    named = [(lead, number >= count) for number, lead in enumerate(leads) if lead is not None]
    return _of_leads([lead for lead, _ in named], [is_other for _, is_other in named])


def _categories(known: KnownListings, vectors: np.ndarray, *, logit_scale: float) -> KindMargins:
    place = {noun: row for row, noun in enumerate(known.kinds)}
    own = np.array([place[noun] for noun in known.nouns])
    leads = [
        place_of(image, vectors, own=int(row), logit_scale=logit_scale).lead
        for rows in (own, own[known.others])
        for image, row in zip(known.images, rows, strict=True)
    ]
    return _of_leads(leads, [number >= len(own) for number in range(len(leads))])


def _of_leads(leads: Sequence[float], is_other: Sequence[bool]) -> KindMargins:
    figures, wrong = np.array(leads, dtype=np.float64), np.array(is_other, dtype=bool)
    doubt = from_which(figures, wrong, share=DOUBTED)
    denial = from_which(figures, wrong, share=DENIED)
    return KindMargins(
        None if doubt is None else max(doubt, LEAST_DOUBT),
        None if denial is None else max(denial, LEAST_DENIAL),
    )


def _guesses(known: KnownListings, logits: np.ndarray) -> float | None:
    """From which share of the best category on it is the photo's own; `logits` are [n, kinds]."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    best = [known.kinds[int(row)] for row in logits.argmax(axis=1)]
    right = np.array([one == own for one, own in zip(best, known.nouns, strict=True)])
    return from_which(shares.max(axis=1), right, share=GUESSED)


def _near(known: KnownListings, texts: np.ndarray) -> float | None:
    """From which closeness on another listing is of the same kind.

    Of each listing the nearest of its own kind and the nearest of another are asked about: what
    people have decided lately may hold none of its kind, and then nothing is near.
    """
    closeness = (known.images @ known.images.T + texts @ texts.T) / 2
    np.fill_diagonal(closeness, -1.0)
    nouns = np.array(known.nouns)
    is_same = nouns[:, None] == nouns[None, :]
    figures = [np.where(chosen, closeness, -1.0).max(axis=1) for chosen in (is_same, ~is_same)]
    right = np.repeat([True, False], len(nouns))
    return from_which(np.concatenate(figures), right, share=NEAR)
