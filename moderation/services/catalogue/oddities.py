"""What is taken as it stands and yet may be a mistake: ids and texts that a person should look at.

Nothing is mended here: an id that was changed in silence could be another product's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from django.conf import settings

from moderation.clip.data.tables.encodings import printable
from moderation.clip.texts.markup import without_markup

_SHOWN = 3
_ID_SHOWN = 100
_TEXT_SHOWN = 40
_ERROR = r"#(NAME\?|REF!|VALUE!|N/A|NUM!|DIV/0!|#+)"
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
# 8.90123E+12, 1001.0, ="00123", '00124, 03-Dec, #NAME?: what spreadsheets and data frames make of
# long numbers, whole numbers beside gaps, zeros, parts of numbers and signs.
_MANGLED = re.compile(
    rf"\d([.,]\d+)?E\+\d{{2,}}|\d+\.0|=.+|'.+|\d{{1,2}}-{_MONTH}|{_MONTH}-\d{{2}}|{_ERROR}",
    re.IGNORECASE,
)
_NONE = re.compile(rf"n/a|n\.a\.|null|nan|none|-+|{_ERROR}", re.IGNORECASE)
# Persian, Indian scripts and emoji join their letters by these two.
_JOINERS = "\u200c\u200d"


def is_blank(text: str) -> bool:
    """Whether nothing of the text can be seen."""
    return all(sign.isspace() or _is_invisible(sign) for sign in text)


def shows_nothing(text: str) -> bool:
    """Whether a page with this text would be empty: tags alone, `&nbsp;`, signs nobody sees."""
    return is_blank(without_markup(text))


def stands_for_none(text: str) -> bool:
    """Whether a cell says that there is nothing to say: `N/A`, `NULL`, `-`, `#REF!`."""
    return _NONE.fullmatch(text.strip()) is not None


def wrongly_decoded(text: str) -> str:
    """What was meant where UTF-8 was read as another encoding (`CafÃ©`); "" where it was not."""
    if text.isascii():
        return ""
    for codec in ("cp1252", "latin-1"):
        try:
            return text.encode(codec).decode()
        except UnicodeError:
            continue
    return ""


def spelled_out(text: str) -> str:
    """The text with its invisible signs by their numbers: `<U+200B>ZW1`."""
    return "".join(f"<{_number(sign)}>" if _is_invisible(sign) else sign for sign in text)


def shown_id(product_id: str) -> str:
    """As people are shown it: no half characters, and no end of a cell that is a mistake."""
    return printable(spelled_out(product_id.strip()[:_ID_SHOWN]))


@dataclass
class _Kind:
    title: str
    advice: str
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, case: str) -> None:
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(case)

    def sentence(self) -> str:
        more = self.count - len(self.first)
        named = ", ".join(self.first) + (f" and {more:,} more" if more else "")
        return f"{self.title}: {named}. {self.advice}"


class Oddities:
    """Those of one file; for each kind one line names the first of them."""

    def __init__(self) -> None:
        stand = "They are taken as they stand"
        self._mangled = _Kind(
            "Product ids that a spreadsheet seems to have changed",
            f"{stand}; format the column as text and save it again.",
        )
        self._ids = _Kind("Product ids with invisible signs", f"{stand}; remove the signs.")
        self._texts = _Kind("Texts with invisible signs", f"{stand}.")
        self._garbled = _Kind(
            "Texts that were saved in another encoding than they were read in",
            f"{stand}; export the file again, as UTF-8.",
        )
        self._no_texts = _Kind("Texts that only say that there is none", f"{stand}.")
        self._no_categories = _Kind(
            "Categories that only say that there is none", "These products have no category."
        )
        self._cut = _Kind(
            f"Texts of more than {settings.MAX_TEXT_LENGTH} characters", "Their beginning is taken."
        )

    def look_at(self, line: int, *, product_id: str, text: str, category: str | None) -> None:
        """Take note of what is odd about a row."""
        bare = product_id.strip()
        shown = shown_id(product_id)
        if _MANGLED.fullmatch(bare):
            self._mangled.add(f"{shown} (line {line})")
        if any(map(_is_invisible, bare)) and not is_blank(bare):
            self._ids.add(f"{shown} (line {line})")
        signs = dict.fromkeys(s for s in text if _is_invisible(s) and s not in _JOINERS)
        if signs and not is_blank(text):
            self._texts.add(f"{', '.join(map(_number, signs))} in {shown} (line {line})")
        if meant := wrongly_decoded(text):
            self._garbled.add(
                f"{_shortened(text)} for {_shortened(meant)} in {shown} (line {line})"
            )
        if stands_for_none(text):
            self._no_texts.add(f"{text.strip()} in {shown} (line {line})")
        if category and stands_for_none(category):
            self._no_categories.add(f"{category.strip()} (line {line})")

    def compare(self, line: int, product_id: str, *, given: str, taken: str) -> None:
        """Take note of a text of which not all is taken."""
        length = len(" ".join(given.split()))
        if length > len(taken):
            shown = printable(spelled_out(product_id))
            self._cut.add(f"{shown} (line {line}: {len(taken)} of {length})")

    def sentences(self) -> tuple[str, ...]:
        kinds = (
            *(self._mangled, self._ids, self._texts, self._cut),
            *(self._garbled, self._no_texts, self._no_categories),
        )
        return tuple(kind.sentence() for kind in kinds if kind.count)


def _is_invisible(sign: str) -> bool:
    return unicodedata.category(sign) == "Cf"


def _shortened(text: str) -> str:
    shown = printable(" ".join(text.split()))
    return f"“{shown[:_TEXT_SHOWN]}…”" if len(shown) > _TEXT_SHOWN else f"“{shown}”"


def _number(sign: str) -> str:
    return f"U+{ord(sign):04X}"
