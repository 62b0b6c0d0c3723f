"""Which texts a model cannot read: said only where it is sure."""

import csv
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from moderation.clip.texts import language
from tests.support.paths import ROOT


def in_english(text: str) -> str:
    """What keeps a model that reads English from reading this text."""
    return language.unreadable(text, reads=["en"])


def titles() -> dict[str, list[str]]:
    """Product titles by the language they are written in; the English ones are full of names."""
    found = defaultdict(list)
    with (ROOT / "tools" / "titles.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["language"]].append(row["title"])
    return found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Обувь", "Cyrl"),
        ("Кроссовки Nike", "Cyrl"),
        ("قميص رجالي", "Arab"),
        ("小米手环", "Hani"),
        ("新しい 靴", "Kana"),
        ("스마트폰 케이스", "Hang"),
        ("เสื้อยืด", "Thai"),
        ("παπούτσια", "Grek"),
    ],
)
def test_letters_that_no_language_of_the_model_is_written_in_are_sure(text: str, code: str) -> None:
    assert in_english(text) == code


@pytest.mark.parametrize(
    "text",
    [
        *("Nike Air Max", "Bananas", "Puma Men Scribble Black Tshirts", "Überwurf", "Café"),
        *("Xiaomi 小米 smart watch", "Ωmega watch 5 µm", "Ｎｉｋｅ running shoes", "ª", "12 x 40"),
        *("", " ", "🎉🎉", "\N{ZERO WIDTH SPACE}", "\ud83d"),
    ],
)
def test_nothing_is_said_of_brands_single_words_and_what_has_no_words(text: str) -> None:
    assert in_english(text) == ""


@pytest.mark.parametrize("text", ["Grüne Kappe", "Rote Tasche Leder", "Zapatos rojos"])
def test_a_language_is_named_only_where_no_other_is_nearly_as_likely(text: str) -> None:
    code = in_english(text)

    assert code == language.UNNAMED
    assert (
        language.why_unreadable(code, reads=["en"], model="bundled")
        == "The text is not English, and bundled reads nothing else."
    )


def test_hardly_any_language_is_named_wrongly() -> None:
    found = Counter(
        "unnamed" if (said := in_english(text)) == language.UNNAMED else said == code
        for code, texts in titles().items()
        for text in texts
        if code != "en" and in_english(text)
    )
    assert found[False] <= 3 < found["unnamed"] < found[True] / 5


def test_a_model_reads_what_is_written_in_its_languages() -> None:
    german = "Herren Winterjacke mit Kapuze und zwei Taschen"
    assert in_english(german) == "de"
    assert in_english(german.upper()) == "de"
    assert language.unreadable(german, reads=["en", "de"]) == ""
    assert language.unreadable("Обувь", reads=["ru"]) == ""
    assert language.unreadable("Обувь", reads=["en", "uk"]) == ""


def test_nothing_is_said_where_it_is_not_known_what_the_model_reads() -> None:
    assert language.unreadable("Обувь", reads=[]) == ""
    assert language.unreadable("Veste d'hiver noire avec capuche", reads=["tlh"]) == ""
    assert language.unreadable("Veste d'hiver noire avec capuche", reads=["ru"]) == ""


def test_nothing_is_said_where_the_model_reads_all_that_could_be_found() -> None:
    assert language.unreadable("Herren Winterjacke mit Kapuze", reads=[*language.NAMES]) == ""


def test_most_titles_of_other_languages_are_found() -> None:
    found = {
        code: sum(bool(in_english(text)) for text in texts) / len(texts)
        for code, texts in titles().items()
    }
    assert found.pop("en") <= 0.06  # chosen for their foreign names
    assert min(found.values()) >= 0.6
    assert sum(found.values()) / len(found) >= 0.85


@pytest.mark.catalogue
def test_of_a_thousand_english_titles_hardly_one_is_called_foreign(catalogue: Path) -> None:
    texts = Counter[str]()
    for name in ("train.csv", "val.csv"):
        with (catalogue / name).open(encoding="utf-8", newline="") as file:
            texts.update(row["text"] for row in csv.DictReader(file))
    called_foreign = sum(count for text, count in texts.items() if in_english(text))
    assert called_foreign <= texts.total() / 1000


def test_the_reason_names_the_language_and_what_the_model_reads() -> None:
    assert (
        language.why_unreadable("de", reads=["en"], model="bundled")
        == "The text looks German, and bundled reads English."
    )
    assert (
        language.why_unreadable("Cyrl", reads=["en", "fr", "de"], model="a")
        == "The text is written in Cyrillic letters, and a reads English, French and German."
    )
    assert language.why_unreadable("", reads=["en"], model="bundled") == ""
    assert language.name("tlh") == "tlh"
