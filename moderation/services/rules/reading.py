"""Which texts a version cannot read: the one place that knows it, and what people are told of it.

What a version reads are codes: of languages (`de`), or of letters (`Cyrl`) whichever language they
are written for.

Such a product is neither flagged nor passed: it has no score, is in no random sample, and comes
into the queue only where `REVIEW_UNREADABLE` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from moderation.clip.texts import language
from moderation.clip.texts.prepare import prepare
from moderation.models import ModelVersion


def unreadable(version: ModelVersion, text: str) -> str:
    """The code of what this version cannot read of the text as prepared: language or letters, or
    that nothing is left to be read; "" where it may read it."""
    read = prepare(text)
    if language.is_wordless(read):
        return language.NO_WORDS
    code = language.unreadable(read, reads=version.languages)
    return "" if code in version.languages else code


def why_unreadable(version: ModelVersion, code: str) -> str:
    """The reason for people; empty where there is no such code."""
    return language.why_unreadable(code, reads=version.languages, model=version.name)


def learned(version: ModelVersion, texts: Iterable[str], *, least: int) -> list[str]:
    """What this version reads once its towers are trained on these texts: beside what it read
    before, whatever at least so many of them are in. Where that was not known, it still is not."""
    counts = Counter(unreadable(version, text) for text in texts)
    for no_language in ("", language.NO_WORDS, language.UNNAMED):
        del counts[no_language]
    return [*version.languages, *(code for code, count in counts.items() if count >= least)]


@dataclass
class Unread:
    """Of so many texts, how many a version cannot read, by the code of what they are in."""

    version: ModelVersion
    texts: int = 0
    by_code: Counter[str] = field(default_factory=Counter)

    def add(self, text: str) -> None:
        """Look at one more text."""
        self.texts += 1
        if code := unreadable(self.version, text):
            self.by_code[code] += 1

    @property
    def words(self) -> str:
        """What people should know before they rely on the scores; empty where all can be read."""
        return " ".join(filter(None, (self._foreign_words, self._wordless_words)))

    @property
    def _foreign_words(self) -> str:
        foreign = Counter({c: n for c, n in self.by_code.items() if c != language.NO_WORDS})
        if not foreign or not self.version.languages:
            return ""
        reads = language.names(self.version.languages)
        found = ", ".join(
            f"{language.name(code)} {count:,}" for code, count in foreign.most_common()
        )
        return (
            f"{foreign.total():,} of {self.texts:,} texts are not {reads}, and "
            f"{self.version.name} reads {reads} ({found}). They are neither flagged nor passed; "
            f"{language.MULTILINGUAL} reads them."
        )

    @property
    def _wordless_words(self) -> str:
        wordless = self.by_code[language.NO_WORDS]
        if not wordless:
            return ""
        return (
            f"{wordless:,} of {self.texts:,} texts have no words in them, only signs such as "
            "emoji: neither flagged nor passed."
        )
