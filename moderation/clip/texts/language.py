"""Whether a model reads a text: said only where it is sure, for titles are short and full of names.

Letters that none of the model's languages are written in are sure. Among languages in Latin letters
the detector must find another one far likelier than the model's own, and in two words or more:
`benchmarks.languages` measures what that finds, and how many English titles it takes for foreign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from moderation.clip.texts import letters

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# What listings are often written in: the detector knows 139 languages, and with all of them it
# takes brands for the rarest.
NAMES = {
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fi": "Finnish",
    "fr": "French",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sv": "Swedish",
    "tr": "Turkish",
    "vi": "Vietnamese",
}

# So many times likelier must another language be than the model's own. Two words say little.
_SURE, _SURE_OF_TWO_WORDS = 40.0, 160.0
# So many times likelier must it be than the next one to be named: "Grüne Kappe" looks Turkish too.
_SURE_OF_NAME = 4.0
_WORD = re.compile(r"[^\W\d_]{2,}")

# The code of texts in which nothing is to be read: emoji alone, dots, dashes.
NO_WORDS = "Zsym"
# The code of texts that surely are in another language, though not surely in which (ISO 639-2).
UNNAMED = "und"

# A model of the hub that reads some hundred languages, to name to who needs one.
MULTILINGUAL = "google/siglip-base-patch16-256-multilingual"


def unreadable(text: str, *, reads: Sequence[str]) -> str:
    """What keeps a model of these languages from reading a text, or "" where it may read it.

    The code of a language (`de`), or of letters (`Cyrl`); `name` has the words. Where it is not
    known what the model reads (`reads` is empty), nothing is said.
    """
    if not reads:
        return ""
    written = letters.most(text)
    if written is not None:
        return "" if written.languages.intersection(reads) else written.code
    in_latin = tuple(sorted(set(reads) - letters.NOT_LATIN))
    return _other_language(text, in_latin) if in_latin else ""


def is_wordless(text: str) -> bool:
    """Whether no letter and no digit is in it: whatever a model said of it would mean nothing."""
    return not any(sign.isalnum() for sign in text)


def _other_language(text: str, reads: tuple[str, ...]) -> str:
    """The language, other than these, that a text in Latin letters is surely written in, `UNNAMED`
    where that may be one of several, or ""."""
    words = len(_WORD.findall(text))
    if words < 2:
        return ""
    found = dict(_detector(reads).rank(text.lower()))
    own = max((found.pop(code) for code in reads if code in found), default=None)
    if own is None or not found:
        return ""  # the detector knows nothing that this model reads, or nothing else
    likeliest, *others = sorted(found, key=found.__getitem__, reverse=True)
    sure = _SURE if words > 2 else _SURE_OF_TWO_WORDS
    if found[likeliest] < sure * own:
        return ""
    is_named = all(found[likeliest] >= _SURE_OF_NAME * found[other] for other in others[:1])
    return likeliest if is_named else UNNAMED


@cache
def _detector(reads: tuple[str, ...]) -> LanguageIdentifier:
    """Naive Bayes over pieces of words; its model comes with the package (4.5 MB)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages({*NAMES, *reads}.intersection(detector.labels))
    return detector


def name(code: str) -> str:
    """A language, or letters, in words."""
    if code == UNNAMED:
        return "another language"
    return NAMES.get(code) or letters.NAMES.get(code) or code


def names(codes: Sequence[str]) -> str:
    """One or more, as in “English and German”."""
    *first, last = [name(code) for code in codes]
    return f"{', '.join(first)} and {last}" if first else last


def why_unreadable(code: str, *, reads: Sequence[str], model: str) -> str:
    """The reason for people: “The text looks German, and bundled reads English.”"""
    if not code:
        return ""
    if code == NO_WORDS:
        return f"The text has no words that {model} could read."
    if code == UNNAMED:
        return f"The text is not {names(reads)}, and {model} reads nothing else."
    looks = "is written in" if code in letters.NAMES else "looks"
    return f"The text {looks} {name(code)}, and {model} reads {names(reads)}."
