"""Which encoding a text file is written in.

A file that is UTF-8 is never doubted. Others are read where a byte order mark, the NULs of UTF-16
or every word of the file speaks for one encoding; where two would do, the file is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moderation.clip.errors import ClipError

_FOREIGN = (
    (b"PK\x03\x04", "is a workbook or zip archive"),
    (b"\xd0\xcf\x11\xe0", "is a workbook of an old Excel"),
    (b"\x1f\x8b", "is compressed with gzip"),
)
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_BLOCK = 1 << 20
_SAVE = "save the file as UTF-8 (spreadsheets call it “CSV UTF-8”)."

# Signs of cp1252 that other encodings have letters for; dashes, quotes and the like are left out.
_SIGN = "[¡-§©ª¬¯-³µ¶¸-º¼-¿ˆ˜‚„†‡‰‹›¤]"
# What German, French, Spanish and their neighbours never write.
_NOT_WESTERN = re.compile(
    r"[^\W\d_a-zA-Z]{3}|^[^\x00-\x7f]*(?:[^\W\d_a-zA-Z][^\x00-\x7f]*){2}$"  # Cyrillic, Chinese
    r"|[a-z][ŠŒŽŸÀ-ÖØ-Þ]"  # Mac OS Roman: capitals inside words
    rf"|[a-zß-ÿ]{_SIGN}[a-zß-ÿ]|(?<!\S)[¹³][a-zß-ÿ]"  # DOS, Polish: signs as letters
    r"|[ÐÝÞðýþƒ]"  # Turkish, or else Icelandic; Japanese
    r"|[ìù][a-zž]|\bè[a-z]|è[aeiou]|õ[a-df-z]"  # Czech, Slovene, Hungarian
)
_NOT_WESTERN_AT_MOST = 0.05  # of the words with such letters: names and slips
_BETWEEN_WORDS = re.compile(r"""[\s,;|"]+""")
_WORD_AT_MOST = 40
# Bytes of cp1252 seldom make a letter of UTF-8, and hardly ever one of these.
_USUAL_UTF8 = re.compile("[\u00a0-\u017f\u2010-\u20bf\U0001f000-\U0001ffff]")


class UnreadableTable(ClipError):
    """A file that cannot be read as a table; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class Encoding:
    """`codec` is for `open`, `title` for people; `example` is a word that a guess stands by."""

    codec: str = "utf-8-sig"
    title: str = "UTF-8"
    example: str = ""

    @property
    def is_usual(self) -> bool:
        return self.title == "UTF-8"

    def told(self, *more: str) -> str:
        """In one line how a file was read, with what `more` was assumed; "" for nothing unusual."""
        if self.is_usual and not more:
            return ""
        look = f" Look whether “{self.example}” is right." if self.example else ""
        return f"Read as {', '.join((self.title, *more))}.{look}"


def printable(text: str) -> str:
    """The text with half characters spelled out, which no page or terminal can show."""
    return text.encode("utf-8", "backslashreplace").decode()


def encoding_of(path: Path) -> Encoding:
    """Reads the whole file once, or twice where it is not UTF-8. Raises `UnreadableTable`."""
    with path.open("rb") as file:
        head = file.read(4096)
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise UnreadableTable(f"{path.name} {what}; save it as CSV in UTF-8.")
    if encoding := _marked(head) or _with_nuls(head):
        if line := _first_bad_line(path, encoding.codec):
            raise UnreadableTable(f"Line {line} of {path.name} is not {encoding.title}; {_SAVE}")
        return encoding
    if line := _first_bad_line(path, "utf-8"):
        return _western(path, line)
    return Encoding()


def _marked(head: bytes) -> Encoding | None:
    return next((Encoding(codec, title) for m, codec, title in _MARKS if head.startswith(m)), None)


def _with_nuls(head: bytes) -> Encoding | None:
    """UTF-16 without a mark: one byte of each pair is often NUL, the other hardly ever."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > max(len(head) / 8, 20 * even):
        return Encoding("utf-16-le", "UTF-16")
    if even > max(len(head) / 8, 20 * odd):
        return Encoding("utf-16-be", "UTF-16")
    return None


def _first_bad_line(path: Path, codec: str) -> int:
    """The first line that this codec cannot read; 0 where it reads all."""
    decoder = codecs.getincrementaldecoder(codec)()
    line = 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return line + bytes(error.object[: error.start]).count(b"\n")
            if not block:
                return 0
            line += text.count("\n")


def _western(path: Path, line: int) -> Encoding:
    """cp1252, where nothing speaks against it; `line` is the first that is not UTF-8."""
    if _has_utf8(path):
        raise UnreadableTable(
            f"Line {line} of {path.name} is not UTF-8, though other lines are; {_SAVE}"
        )
    if _first_bad_line(path, "cp1252"):
        raise UnreadableTable(f"Line {line} of {path.name} is not UTF-8; {_SAVE}")
    example, against = _judged(path)
    if against:
        raise UnreadableTable(
            f"Line {line} of {path.name} is not UTF-8, and which encoding it is in is not certain "
            f"(as cp1252 it would have the word “{against}”); {_SAVE}"
        )
    return Encoding("cp1252", "cp1252", example)


def _judged(path: Path) -> tuple[str, str]:
    """A word that cp1252 reads well and, where too many are not so, one that it does not."""
    words = strange = 0
    example = against = ""
    for word in _words(path):
        words += 1
        if _NOT_WESTERN.search(word):
            strange += 1
            against = against or word
        elif not example and any(sign.isalpha() and sign > "\x7f" for sign in word):
            example = word
    return example, against if strange > _NOT_WESTERN_AT_MOST * words else ""


def _has_utf8(path: Path) -> bool:
    """Whether a file that is not UTF-8 as a whole is so in parts."""
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        return any(_USUAL_UTF8.search(line) for line in file if not line.isascii())


def _words(path: Path) -> Iterator[str]:
    """The words with letters or signs beyond ASCII, as cp1252 has them."""
    with path.open(encoding="cp1252") as file:
        for line in file:
            if not line.isascii():
                words = _BETWEEN_WORDS.split(line)
                yield from (word[:_WORD_AT_MOST] for word in words if not word.isascii())
