"""A text longer than a model reads comes apart at the best places, and no word of it is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moderation.clip.texts.parts import parts


def test_what_fits_stays_whole() -> None:
    assert parts("A shirt. A mug.", fits=lambda _: True) == ["A shirt. A mug."]
    assert parts("", fits=lambda _: True) == [""]


def within(most: int, text: str) -> list[str]:
    return parts(text, fits=lambda part: len(part) <= most)


def test_it_is_parted_into_sentences_the_title_first() -> None:
    text = "Red cotton shirt - Soft and light. Looks good with jeans! Wash at 30."
    assert within(40, text) == [
        "Red cotton shirt",
        "Soft and light",
        "Looks good with jeans!",
        "Wash at 30",
    ]


def test_a_brand_before_a_dash_is_no_title_alone() -> None:
    assert within(30, "Nike - Red running shoes. For men.") == [
        "Nike Red running shoes",
        "For men",
    ]


def test_a_long_sentence_is_parted_at_its_clauses_and_else_between_words() -> None:
    clauses = "a red shirt with short sleeves, a blue one with long sleeves, and a third one"
    assert within(35, clauses) == [
        "a red shirt with short sleeves",
        "a blue one with long sleeves",
        "and a third one",
    ]
    assert within(12, "a red shirt with sleeves") == ["a red shirt", "with sleeves"]
    assert within(4, "redshirts") == ["reds", "hi", "rts"]


@given(st.text("ab .,!?-;:", max_size=120), st.integers(1, 30))
def test_nothing_is_lost_and_each_part_fits(text: str, most: int) -> None:
    found = within(most, text)
    between = str.maketrans("", "", " .,;:-")
    assert "".join(found).translate(between) == text.translate(between)
    assert all(len(part) <= most for part in found)
