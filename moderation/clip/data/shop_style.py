"""Texts as shops write them: what stands around a title and no photo shows, so that it is ignored.

What a model reads has most of this taken out (clip/texts); a rule never takes out all of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_SHOUTS = (
    "NEW!!!", "FREE SHIPPING", "SALE", "Hot deal", "Best price!", "Top quality", "100% original",
    "-50%", "Bestseller", "Limited offer", "*** LAST CHANCE ***", "New arrival 2026", "Sale -30%!!",
    "Neu:", "Top Angebot", "Nouveau", "Oferta", "Wow!", "\u2605\u2605\u2605", "\U0001f525",
)  # fmt: skip
_TAILS = (
    "Comfortable and durable, perfect for every day.",
    "Machine washable, imported.",
    "Easy care, made to last.",
    "Great gift for friends and family.",
    "Ships within 24 hours.",
    "Order now while stocks last.",
    "High quality at a fair price.",
    "30 days to return it.",
    "See the size chart before you order.",
    "A must-have for every season.",
)
_SIZES = ("S", "M", "L", "XL", "XXL", "36", "38", "42", "44", "10", "UK 8", "EU 41")
_CURRENCIES = ("{} EUR", "\u20ac{}", "{} \u20ac", "${}", "\u00a3{}", "USD {}", "Rs. {}", "{} PLN")
_CODES = ("SKU {}", "Art. {}", "Art.-Nr. {}", "#{}", "Ref: {}", "Item no. {}", "({})", "MPN {}")
_QUOTED = (
    '"{}"',
    "\u201c{}\u201d",
    "'{}'",
    "\u00ab{}\u00bb",
    "*{}*",
    "[{}]",
    "<p>{}</p>",
    "<b>{}</b>",
)
_JOINTS = (" ", " - ", ", ", " | ", " / ", ". ", " \u2013 ", ": ", " (", "; ", " \u2022 ")


def as_shops_write(text: str, *, rng: np.random.Generator) -> str:
    """The text with one or two additions that say nothing of what the photo shows."""
    for _addition in range(1 + int(rng.integers(2))):
        text = _CHANGES[rng.integers(len(_CHANGES))](text, rng)
    return text


def _one(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[rng.integers(len(options))]


def _beside(text: str, addition: str, rng: np.random.Generator, *, first: float = 0.3) -> str:
    joint = _one(_JOINTS, rng)
    if rng.random() < first:
        return f"{addition}{' ' if joint == ' (' else joint}{text}"
    return f"{text}{joint}{addition}" + (")" if joint == " (" else "")


def _shouted(text: str, rng: np.random.Generator) -> str:
    return _beside(text, _one(_SHOUTS, rng), rng, first=0.5)


def _priced(text: str, rng: np.random.Generator) -> str:
    price = f"{rng.integers(1, 400)}{_one(('.99', '.50', ',90', ',00', ''), rng)}"
    return _beside(text, _one(_CURRENCIES, rng).format(price), rng, first=0.1)


def _numbered(text: str, rng: np.random.Generator) -> str:
    letters = "".join(chr(65 + int(one)) for one in rng.integers(0, 26, size=rng.integers(0, 4)))
    number = str(rng.integers(100, 10 ** int(rng.integers(4, 8))))
    code = _one(("{1}-{0}", "{0}{1}", "{1}{0}"), rng).format(letters, number).strip("-")
    return _beside(text, _one(_CODES, rng).format(code), rng, first=0.1)


def _sized(text: str, rng: np.random.Generator) -> str:
    size = _one(("Size {}", "{}", "Gr. {}", "Gr\u00f6\u00dfe {}", "Taille {}"), rng)
    return f"{text} ({size.format(_one(_SIZES, rng))})"


def _described(text: str, rng: np.random.Generator) -> str:
    return f"{text.rstrip('.')}. {_one(_TAILS, rng)}"


def _quoted(text: str, rng: np.random.Generator) -> str:
    """All of it or one word, in signs that change nothing."""
    words = text.split()
    if rng.random() < 0.5 or not words:
        return _one(_QUOTED, rng).format(text)
    place = int(rng.integers(len(words)))
    words[place] = _one(_QUOTED, rng).format(words[place])
    return " ".join(words)


def _cased(text: str, rng: np.random.Generator) -> str:
    return text.upper() if rng.random() < 0.5 else text.lower()


_CHANGES: tuple[Callable[[str, np.random.Generator], str], ...] = (
    _shouted, _priced, _numbered, _sized, _described, _quoted, _cased,
)  # fmt: skip
