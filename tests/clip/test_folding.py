"""Names are compared as people read them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.clip.folding import folded, in_lower_case

LETTERS = st.text(st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Nd", "Zs", "Pd"]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mugs", "mUGS"),
        ("Été", "ÉTÉ"),
        ("Été", "E\u0301te\u0301"),
        ("Обувь", "ОБУВЬ"),
        ("Straße", "STRASSE"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("İç Giyim", "iç giyim"),
        ("İç Giyim", "i\u0307ç giyim"),
        ("I\u0307ç Giyim", "IÇ GİYİM"),
        ("Ayakkabı", "AYAKKABI"),
        ("Ｔｅａ　Ｐｏｔｓ", "tea pots"),
        ("Tea  pots", " tea\u00a0pots\n"),
        ("ﬁne", "FINE"),
        ("Mugs", "\u200emu\u200bgs\ufeff"),
    ],
)
def test_one_name_in_two_spellings(one: str, other: str) -> None:
    assert folded(one) == folded(other) != ""


@pytest.mark.parametrize(("one", "other"), [("Ete", "Été"), ("Mug", "Mugs"), ("Tea pot", "Teapot")])
def test_two_names(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text())
def test_a_folded_text_is_its_own(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(LETTERS)
def test_neither_case_nor_normal_form_matters(text: str) -> None:
    same = [text.upper(), text.lower(), text.title(), text.casefold()]
    same += [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]

    assert {folded(one) for one in same} == {folded(text)}


def test_small_letters_for_reading_keep_accents_and_no_stray_dot() -> None:
    assert in_lower_case("İç Giyim") == in_lower_case("I\u0307ç Giyim") == "iç giyim"
    assert in_lower_case("GROẞE TÜR") == "große tür"
