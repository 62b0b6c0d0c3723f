"""Shop titles for the drawn products, varied by seed."""

import numpy as np

from .kinds import generator, pattern_of
from .words import BRANDS, GENERAL, PATTERN_WORDS, SYNONYMS, WORDS


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))] if options else ""


def describe(kind: str, *, colour: str, seed: int, pattern: str | None = None) -> str:
    """A shop title for the product that `draw` draws from the same arguments.

    `pattern` overrides the drawn one, for a text that belongs to another picture.
    """
    rng = generator("text", kind, colour, seed)
    words = WORDS[kind]
    shown = pattern or pattern_of(kind, colour=colour, seed=seed)
    named = _pick(rng, SYNONYMS.get(colour, (colour,)))
    parts = {
        "brand": _pick(rng, BRANDS),
        "wearer": _pick(rng, words.wearers) if rng.random() < 0.75 else "",
        # An orange is orange: nobody writes it twice.
        "colour": "" if colour == kind else named,
        "pattern": "" if shown == "plain" else _pick(rng, PATTERN_WORDS[shown]),
        "material": _pick(rng, words.materials) if rng.random() < 0.7 else "",
        "noun": _pick(rng, words.nouns),
        "tail": _pick(rng, words.tails),
    }
    text = _pick(rng, words.templates or GENERAL).format(**parts)
    text = " ".join(text.split()).replace(" ,", ",")
    return text[:1].upper() + text[1:]
