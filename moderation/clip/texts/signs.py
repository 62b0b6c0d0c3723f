"""Single signs: which spelling of a letter, and which signs no model should read."""

from __future__ import annotations

import unicodedata

# Before compatibility spelling, which would make a word of a mark and break a word at an accent.
PLAIN = str.maketrans(
    {
        **dict.fromkeys("™®©℠", ""),
        **dict.fromkeys("´`‘’‚‛′ʼ", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•‣⁃∙●▪■◦|¦", " - "),
        "…": "...",
        "⁄": "/",
        "¼": " 1/4",
        "½": " 1/2",
        "¾": " 3/4",
    }
)
ENDED = ".,;:!?-/|"


class _Readable(dict[int, int | str | None]):
    """For each sign what is read of it; found out once for each sign."""

    def __missing__(self, code: int) -> int | str | None:
        self[code] = found = _readable(code)
        return found


def _readable(code: int) -> int | str | None:
    sign = chr(code)
    kind = unicodedata.category(sign)
    if sign.isspace() or sign == "°":
        return code
    if kind.startswith("C") or kind == "Me" or 0xFE00 <= code <= 0xFE0F:
        return None
    if kind == "So" or (kind in ("Sk", "Sm") and code > 0x2000):
        return " "
    return code


READABLE = _Readable()


def spelled_plainly(text: str) -> str:
    """One spelling for each letter, and plain quotes, dashes and separators.

    NFKC, not NFC: full-width letters, ligatures and the mathematical bold of shouted titles are
    the letters that a person reads, and a tokeniser knows them only as those.
    """
    if text.isascii():
        return text.replace("|", " - ").replace("`", "'")
    return unicodedata.normalize("NFKC", text.translate(PLAIN)).translate(PLAIN)


def without_invisible_signs(text: str) -> str:
    """Without controls, directions, joiners, private and half signs, emoji and ornaments."""
    return text.translate(READABLE)


def on_one_line(text: str) -> str:
    """A line break becomes the end of a sentence, other white space a space."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line]
    ended = [line if line[-1] in ENDED else f"{line}." for line in lines[:-1]]
    return " ".join([*ended, *lines[-1:]])
