"""What a version reads, what it learns to read, and what people are told where nobody knows it."""

from __future__ import annotations

import pytest

from moderation.models import ModelVersion
from moderation.services.rules import reading

GERMAN = "Herren Winterjacke mit Kapuze schwarz"
RUSSIAN = "Зимняя куртка с капюшоном"
ENGLISH = "Men's hooded winter jacket in black"


@pytest.fixture
def english() -> ModelVersion:
    return ModelVersion(name="small", languages=["en"])


def test_what_enough_texts_are_in_is_learned(english: ModelVersion) -> None:
    texts = [ENGLISH] * 9 + [GERMAN] * 3 + [RUSSIAN] * 2
    assert reading.learned(english, texts, least=4) == ["en"]
    assert reading.learned(english, texts, least=3) == ["en", "de"]
    assert reading.learned(english, texts, least=2) == ["en", "de", "Cyrl"]


def test_what_was_learned_is_read_letters_too(english: ModelVersion) -> None:
    assert [reading.unreadable(english, text) for text in (GERMAN, RUSSIAN)] == ["de", "Cyrl"]
    english.languages = ["en", "de", "Cyrl"]
    assert [reading.unreadable(english, text) for text in (GERMAN, RUSSIAN)] == ["", ""]
    assert reading.unreadable(english, "Ανδρικό μπουφάν") == "Grek"
    said = reading.why_unreadable(english, "Grek")
    assert said.endswith("and small reads English, German and Cyrillic letters.")


def test_a_language_that_cannot_be_named_is_not_learned(english: ModelVersion) -> None:
    assert reading.unreadable(english, "Grüne Kappe") == "und"
    assert reading.learned(english, ["Grüne Kappe"] * 9, least=1) == ["en"]


def test_of_a_model_that_nobody_knows_nothing_is_learned() -> None:
    assert reading.learned(ModelVersion(languages=[]), [GERMAN] * 9, least=1) == []
