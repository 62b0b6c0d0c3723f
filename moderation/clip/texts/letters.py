"""In which letters a text is written, and which languages are written in them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import NamedTuple


class Letters(NamedTuple):
    """Letters other than the Latin ones, by their code in ISO 15924."""

    code: str
    name: str
    languages: frozenset[str]


def _letters(code: str, name: str, languages: str) -> Letters:
    return Letters(code, name, frozenset(languages.split()))


_HAN = _letters("Hani", "Chinese characters", "zh yue wuu ja")
_KANA = _letters("Kana", "Japanese letters", "ja")

# The word that the Unicode name of such a letter begins with -> what it belongs to.
_BY_NAME = {
    "CYRILLIC": _letters("Cyrl", "Cyrillic letters", "ru uk be bg sr mk kk ky mn tg tt ba"),
    "GREEK": _letters("Grek", "Greek letters", "el"),
    "ARABIC": _letters("Arab", "Arabic letters", "ar arz fa ur ps ug sd"),
    "HEBREW": _letters("Hebr", "Hebrew letters", "he yi"),
    "DEVANAGARI": _letters("Deva", "Devanagari letters", "hi mr ne sa"),
    "BENGALI": _letters("Beng", "Bengali letters", "bn as"),
    "GURMUKHI": _letters("Guru", "Gurmukhi letters", "pa"),
    "GUJARATI": _letters("Gujr", "Gujarati letters", "gu"),
    "TAMIL": _letters("Taml", "Tamil letters", "ta"),
    "TELUGU": _letters("Telu", "Telugu letters", "te"),
    "KANNADA": _letters("Knda", "Kannada letters", "kn"),
    "MALAYALAM": _letters("Mlym", "Malayalam letters", "ml"),
    "SINHALA": _letters("Sinh", "Sinhala letters", "si"),
    "THAI": _letters("Thai", "Thai letters", "th"),
    "KHMER": _letters("Khmr", "Khmer letters", "km"),
    "GEORGIAN": _letters("Geor", "Georgian letters", "ka"),
    "ARMENIAN": _letters("Armn", "Armenian letters", "hy"),
    "HANGUL": _letters("Hang", "Korean letters", "ko"),
    "CJK": _HAN,
    "HIRAGANA": _KANA,
    "KATAKANA": _KANA,
}

NAMES = {letters.code: letters.name for letters in _BY_NAME.values()}
NOT_LATIN = frozenset[str]().union(*(letters.languages for letters in _BY_NAME.values()))


def most(text: str) -> Letters | None:
    """The letters that more than half of a text's are of; None for Latin ones, or none known."""
    if text.isascii():
        return None
    signs = (sign for sign in unicodedata.normalize("NFKC", text) if sign.isalpha())
    counts = Counter(unicodedata.name(sign, "").split(" ")[0] for sign in signs)
    latin = counts.pop("LATIN", 0)
    known = Counter[Letters]()
    for word, count in counts.items():
        if word in _BY_NAME:
            known[_BY_NAME[word]] += count
    if known.total() <= latin:
        return None
    # Kana are of Japanese alone, however few stand among the characters that Chinese shares.
    return _KANA if _KANA in known else known.most_common(1)[0][0]
