"""Names and words are compared in one form, whatever keyboard or database they came from."""

from __future__ import annotations

import re
from unicodedata import category, normalize

# In NFD: a case-folded “İ” keeps its dot as a sign of its own.
_DOTTED_I = re.compile("i\u0307+")


def folded(text: str) -> str:
    """`text` in the form in which it is compared: case, normal form and white space are no matter.

    Unicode's compatibility folding (NFKC, case folding). Beyond it, the four letters i of Turkish
    are one, since a name does not say its language: “İ” is the capital of “i” there and “I” of “ı”,
    which is “i” elsewhere. Signs that are not seen are left out.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    seen = "".join(sign for sign in text if category(sign) != "Cf")
    plain = normalize("NFKD", normalize("NFKD", normalize("NFD", seen).casefold()).casefold())
    return " ".join(normalize("NFC", _DOTTED_I.sub("i", plain.replace("ı", "i"))).split())


def in_lower_case(text: str) -> str:
    """`text` in small letters, for reading: accents are kept, and “İ” becomes a plain “i”."""
    return normalize("NFC", text).replace("İ", "i").lower()
