"""Which word of a listing does not fit its photo, and what the photo looks like instead.

Two questions are asked of the same CLIP model that judged the listing, in its own logits (cosine
times `logit_scale`, so that a gap of 4 means e^4 = 55 times likelier by the model's own softmax):

- contrast: would another colour (or kind of product) fit better than the one that is said? As in
  CLIP's zero-shot classification (Radford et al. 2021, 3.1), over prompts and over the listing's
  own text with the word swapped in place, the mean of both;
- leave one out: does the text fit better without the word (occlusion, Zeiler and Fergus 2014)?

Only what passes the margins is said: those of colours are in `explain_finding`, those of kinds are
measured for each model (`margins.py`). `benchmarks/explain.py` and `docs/explanations.md` tell how
right that is. No heat map is made: for such a small model we could not show that one is true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moderation.clip.texts.prepare import prepare

from .explain_finding import Explained, Word, kind_lead, most_wrong, suggestion
from .explain_words import PALETTE, TYPES, Kind, Term, replaced, terms, without
from .margins import Margins

EncodeTexts = Callable[[Sequence[str]], np.ndarray]

# What bounds the texts of one listing: 18 + (2 + 2) x 6 = 42 at most.
_WORDS = 18
_COLOURS_TRIED, _TYPES_TRIED = 2, 2
_SWAPS = 6

_COLOUR_PROMPTS = ("{} product", "a {} product", "a photo of a {} product")
_TYPE_PROMPTS = ("{}", "a photo of {}", "a photo of a {}", "an item of the category {}")


@dataclass(frozen=True)
class EncodedListing:
    """What is to be explained: unit vectors [d] of photo and text, the text, its threshold.

    `category_lead`: by how many logits the best category leads over the listing's own; None where
    it has none.
    """

    image: np.ndarray
    text_vector: np.ndarray
    text: str
    threshold: float
    category_lead: float | None = None


class Explainer:
    """Explains listings by one model; the prompts are encoded once, on first use.

    `encode_texts` gives unit vectors [n, d]; `logit_scale` is the model's own factor. Without
    margins no kind of product is denied or doubted.
    """

    def __init__(
        self, encode_texts: EncodeTexts, *, logit_scale: float, margins: Margins | None = None
    ) -> None:
        self._encode, self._scale, self._margins = encode_texts, logit_scale, margins or Margins()

    def explain(
        self, listings: Sequence[EncodedListing], *, only: Kind | None = None
    ) -> list[Explained]:
        """One answer for each listing, in order; the texts of all are encoded in one call.

        With `only` words of this kind alone are asked about.
        """
        questions = [self._questions(listing, only=only) for listing in listings]
        asked = list(dict.fromkeys(text for one in questions for text in one.texts))
        rows = {text: row for row, text in enumerate(asked)}
        vectors = self._encode(asked) if asked else np.zeros((0, 1), dtype=np.float32)
        return [
            self._answer(
                listing,
                one,
                {text: float(vectors[rows[text]] @ listing.image) for text in one.texts},
            )
            for listing, one in zip(listings, questions, strict=True)
        ]

    def kind_leads(self, listings: Sequence[EncodedListing]) -> list[float | None]:
        """For each listing by how much another kind leads; None where its text names no kind."""
        return [kind_lead(answer.words) for answer in self.explain(listings, only="type")]

    def _questions(self, listing: EncodedListing, *, only: Kind | None) -> _Questions:
        read = {(term.kind, term.name) for term in terms(prepare(listing.text))}
        # A word that the preparation takes out (a tag, a shout) says nothing to the model.
        found = [
            term
            for term in terms(listing.text)
            if only in (None, term.kind) and (term.kind, term.name) in read
        ]
        # Words that say most come first where a long text has more of them than are asked about.
        found.sort(key=lambda term: not term.kind)
        found = found[:_WORDS]
        colours = [term for term in found if term.kind == "colour"]
        tried = colours[:_COLOURS_TRIED]
        tried += [term for term in found if term.kind == "type"][:_TYPES_TRIED]
        swaps: dict[Term, dict[str, str]] = {}
        for term in tried:
            # What the text says already is no alternative: a black and white shirt is both.
            said = {word for one in colours for word in one.name.split()}
            others = [
                name
                for name in self._by_prompt(listing, term.kind)
                if name != term.name and (term.kind == "type" or not said & set(name.split()))
            ][:_SWAPS]
            swaps[term] = {name: replaced(listing.text, term, by=name) for name in others}
        drops = {term: without(listing.text, term) for term in found}
        return _Questions({term: text for term, text in drops.items() if text}, swaps)

    def _answer(
        self, listing: EncodedListing, asked: _Questions, cosines: dict[str, float]
    ) -> Explained:
        own = float(listing.text_vector @ listing.image)
        words = [
            self._judged(listing, term, text, asked.swaps.get(term), own, cosines)
            for term, text in asked.drops.items()
        ]
        words.sort(key=lambda word: -word.suspicion)
        finding = most_wrong(words, margins=self._margins, category_lead=listing.category_lead)
        return Explained(
            tuple(words),
            finding,
            suggestion(finding, threshold=listing.threshold),
            len(set(asked.texts)),
        )

    def _judged(
        self,
        listing: EncodedListing,
        term: Term,
        text_without: str,
        swaps: dict[str, str] | None,
        own: float,
        cosines: dict[str, float],
    ) -> Word:
        drop = self._scale * (cosines[text_without] - own)
        if not swaps:
            return Word(term, drop)
        prompts = self._by_prompt(listing, term.kind)
        names = [term.name, *swaps]
        in_place = np.array([own, *(cosines[text] for text in swaps.values())])
        alone = np.array([prompts[name] for name in names])
        logits = self._scale * (in_place + alone) / 2  # [1 + swaps], the word itself first
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        order = [1 + int(place) for place in np.argsort(-logits[1:], kind="stable")]
        best = swaps[names[order[0]]]
        return Word(
            term,
            drop,
            gap=float(logits[order[0]] - logits[0]),
            shares=tuple((names[place], float(shares[place])) for place in order),
            said_share=float(shares[0]),
            best_swap=(best, cosines[best]),
        )

    def _by_prompt(self, listing: EncodedListing, kind: Kind) -> dict[str, float]:
        """Each colour, or kind of product, with its prompts' cosine, the most likely first."""
        names, vectors = self._colours if kind == "colour" else self._types
        cosines = vectors @ listing.image
        return {names[row]: float(cosines[row]) for row in np.argsort(-cosines, kind="stable")}

    @cached_property
    def _colours(self) -> tuple[Sequence[str], np.ndarray]:
        return PALETTE, self._means(PALETTE, _COLOUR_PROMPTS)

    @cached_property
    def _types(self) -> tuple[Sequence[str], np.ndarray]:
        names = [words[0] for words in TYPES]
        return names, self._means(names, _TYPE_PROMPTS)

    def _means(self, names: Sequence[str], templates: Sequence[str]) -> np.ndarray:
        """The mean of each name's prompts, [n, d]; not made unit length, so it is a mean cosine."""
        sentences = [template.format(name) for name in names for template in templates]
        vectors = np.asarray(self._encode(sentences), dtype=np.float32)
        return vectors.reshape(len(names), len(templates), -1).mean(axis=1)


@dataclass(frozen=True)
class _Questions:
    """The texts to ask about: without each term, and with each tried term's alternatives."""

    drops: dict[Term, str]
    swaps: dict[Term, dict[str, str]]

    @property
    def texts(self) -> list[str]:
        return [
            *self.drops.values(),
            *(text for swaps in self.swaps.values() for text in swaps.values()),
        ]
