"""What a file that nobody knows is guessed to be, and what is asked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from moderation.services.catalogue.catalogue_formats import CatalogueFileError
from moderation.services.catalogue.column_mapping import RECOGNISE, Choice
from moderation.services.catalogue.column_questions import Outline, outline
from moderation.services.catalogue.profiles import Role

WEB = "https://cdn.shop.example"


def of(tmp_path: Path, text: str, choice: Choice = RECOGNISE) -> Outline:
    path = tmp_path / "shop.csv"
    path.write_text(text)
    return outline(path, choice)


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        (
            "Artikelnr;Artikelbezeichnung;Hauptbild;Hersteller",
            "7;Vase;7.jpg;Acme",
            "id title brand",
        ),
        ("Référence;Nom;Visuel;Marque", f"7;Vase;{WEB}/7.jpg;Acme", "id title brand"),
        ("Артикул;Название;Фото;Бренд", f"7;Ваза;{WEB}/7;Acme", "id title brand"),
        ("商品编号;商品名称;主图;品牌", f"7;花瓶;{WEB}/7.jpg;Acme", "id title brand"),
        ("ref;b;c;d", f"7;A tall vase;{WEB}/7.png;4", "id title"),
    ],
)
def test_columns_are_guessed_by_names_of_many_languages_and_by_values(
    tmp_path: Path, header: str, row: str, expected: str
) -> None:
    found = of(tmp_path, f"{header}\n{row}\n")
    first, second, third, last = header.split(";")

    assert found.question.startswith("No known export has these columns.")
    guess = {Role.ID: [first], Role.TITLE: [second], Role.PHOTOS: [third]}
    if "brand" in expected:
        guess[Role.SELLER] = [last]
    assert found.choice.columns == guess
    assert found.file is not None and found.file.mapping.evidence == (
        "No profile: the columns were named."
    )


def test_what_repeats_is_no_id(tmp_path: Path) -> None:
    found = of(tmp_path, f"Code;Unit;Name;Photo\nkg;1;Rice;{WEB}/1.jpg\nkg;2;Salt;{WEB}/2.jpg\n")
    assert found.choice.columns[Role.ID] == ["Unit"]


def test_what_a_person_left_empty_is_not_guessed(tmp_path: Path) -> None:
    choice = Choice(columns={Role.SELLER: [], Role.CATEGORY: ["Gone"]})
    found = of(tmp_path, f"Nr;Name;Bild;Marke;Gruppe\n7;Vase;{WEB}/1.jpg;Acme;Deko\n", choice)
    assert (found.choice.columns[Role.SELLER], found.choice.columns[Role.CATEGORY]) == (
        [],
        ["Gruppe"],
    )
    assert "has no column Gone" in found.question


def test_what_is_certain_is_not_asked(tmp_path: Path) -> None:
    found = of(tmp_path, f"Handle,Title,Image Src\n1,Vase,{WEB}/1.jpg\n")
    assert (found.question, found.choice) == ("", RECOGNISE)


def test_first_values_are_short_and_of_any_type(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    rows = {"nr": [7, 7, 8], "bild": [["a.jpg", "b.jpg"]] * 3, "raw": [b"x\xff", None, b"y"]}
    pd.DataFrame(rows | {"text": ["w" * 1000, "", "b"], "gap": [1.5, None, None]}).to_parquet(path)

    samples = {one.title: one.samples for one in outline(path, RECOGNISE).file_columns}

    assert samples == {
        "nr": ["7", "8"],
        "bild": ["a.jpg, b.jpg"],
        "raw": ["x\\xff", "y"],
        "text": ["w" * 60, "b"],
        "gap": ["1.5"],
    }


def test_what_nobody_can_answer_is_no_question(tmp_path: Path) -> None:
    for text in ("a,b\n", "\n"):
        with pytest.raises(CatalogueFileError, match="has no rows"):
            of(tmp_path, text)
