"""Ids and texts that are taken as they stand, with a warning that names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moderation.models import Product
from moderation.services.catalogue import intake
from moderation.services.catalogue.catalogue_import import import_catalogue
from moderation.services.catalogue.intake import IntakeError, Listing
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(bundled: Any, tmp_path: Path) -> Callable[..., Path]:
    (tmp_path / "a.jpg").write_bytes(photo())

    def write(*rows: str) -> Path:
        path = tmp_path / "c.csv"
        path.write_text("product_id,image_path,text\n" + "".join(f"{row}\n" for row in rows))
        return path

    return write


def test_ids_that_a_spreadsheet_changed_are_named(shop: Callable[..., Path]) -> None:
    report = import_catalogue(
        shop("8.90123E+12,a.jpg,Red", '="00123",a.jpg,Red', "'00124,a.jpg,Red", "1E05,a.jpg,Red")
    )
    assert report.created == 4
    assert report.warnings == (
        'Product ids that a spreadsheet seems to have changed: 8.90123E+12 (line 2), ="00123" '
        "(line 3), '00124 (line 4). They are taken as they stand; format the column as text and "
        "save it again.",
    )


@pytest.mark.parametrize(
    ("sign", "named"), [("\u200b", "U+200B"), ("\ufeff", "U+FEFF"), ("\u202e", "U+202E")]
)
def test_invisible_signs_are_spelled_out(shop: Callable[..., Path], sign: str, named: str) -> None:
    report = import_catalogue(shop(f"{sign}ZW1,a.jpg,Red", f"B,a.jpg,Re{sign}d"))
    assert report.warnings == (
        f"Product ids with invisible signs: <{named}>ZW1 (line 2). They are taken as they stand; "
        "remove the signs.",
        f"Texts with invisible signs: {named} in B (line 3). They are taken as they stand.",
    )
    assert Product.objects.filter(external_id=f"{sign}ZW1").exists()


@pytest.mark.parametrize("mangled", ["1001.0", "03-Dec", "Mar-12", "#REF!"])
def test_other_ids_that_a_spreadsheet_changed(shop: Callable[..., Path], mangled: str) -> None:
    (told,) = import_catalogue(shop(f"{mangled},a.jpg,Red", "10.5,a.jpg,Red")).warnings
    assert f"changed: {mangled} (line 2). They" in told


def test_texts_that_were_read_in_a_wrong_encoding_are_named(shop: Callable[..., Path]) -> None:
    right = ("Café crème", "SÃO PAULO 10 °C", "Ürün “Â”", "Обувь", "Ã")
    wrong = "Café crème – 5 €".encode().decode("cp1252")
    report = import_catalogue(shop(f"a,a.jpg,{wrong}", *(f"{t},a.jpg,{t}" for t in right)))
    assert report.warnings == (
        "Texts that were saved in another encoding than they were read in: "
        f"“{wrong}” for “Café crème – 5 €” in a (line 2). They are taken as they stand; export "
        "the file again, as UTF-8.",
    )


def test_cells_that_say_that_there_is_nothing_are_named(
    shop: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "product_id,image_path,text,category\n"
        "a,a.jpg,#N/A,Shirts\nb,a.jpg,Red,N/A\nc,a.jpg,Red, null \nd,a.jpg,None of the above,NAS\n"
    )
    shop()
    assert import_catalogue(path).warnings == (
        "Texts that only say that there is none: #N/A in a (line 2). They are taken as they stand.",
        "Categories that only say that there is none: N/A (line 3), null (line 4). These products "
        "have no category.",
    )
    found = dict(Product.objects.values_list("external_id", "category__name"))
    assert found == {"a": "Shirts", "b": None, "c": None, "d": "NAS"}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("Warm. " + "A scarf of wool. " * 40, ("A scarf of wool. " * 29).strip()),
        ("Short. " + "wool " * 120, "wool"),
        ("羊毛围巾" * 200, "巾"),
    ],
)
def test_of_a_long_text_as_much_is_taken_as_fits(
    shop: Callable[..., Path], text: str, taken: str
) -> None:
    path = shop(f"a,a.jpg,{text}", "b,a.jpg,Red")
    report = import_catalogue(path)

    kept = Product.objects.get(external_id="a").text
    assert text.startswith(kept) and kept.endswith(taken) and 480 < len(kept) <= 500
    length = len(" ".join(text.split()))
    assert report.warnings == (
        f"Texts of more than 500 characters: a (line 2: {len(kept)} of {length}). Their beginning "
        "is taken.",
    )
    assert (report.created, import_catalogue(path).unchanged) == (2, 2)


def test_signs_that_join_letters_are_no_oddity_of_a_text(shop: Callable[..., Path]) -> None:
    assert import_catalogue(shop("a,a.jpg,می\u200cخواهم 👩\u200d🔧")).warnings == ()


def test_of_many_the_first_are_named_and_the_others_counted(shop: Callable[..., Path]) -> None:
    path = shop(*(f"{n}.5E+12,a.jpg,Red" for n in range(1, 10)))
    told = import_catalogue(path, strict=True).warnings[0]
    assert "3.5E+12 (line 4) and 6 more. They" in told


@pytest.mark.parametrize("text", ["<p></p>", "&nbsp;", "<br/>", "<img src=x.jpg>", "<!-- Red -->"])
def test_a_text_of_nothing_but_tags_is_empty(shop: Callable[..., Path], text: str) -> None:
    report = import_catalogue(shop(f"a,a.jpg,{text}"))
    assert [row.reason.split(";")[0] for row in report.bad_rows] == ["text is empty"]


@pytest.mark.parametrize("blank", ["\u200b", " \ufeff\u200e ", "\u2060\u00ad"])
def test_what_nobody_can_see_is_empty(shop: Callable[..., Path], blank: str) -> None:
    report = import_catalogue(shop(f"a,a.jpg,{blank}", f"{blank},a.jpg,Red"))
    assert [(row.column, row.reason.split(";")[0]) for row in report.bad_rows] == [
        ("text", "text is empty"),
        ("product_id", "product_id is empty"),
    ]
    assert report.warnings == ()  # they are not taken
    with pytest.raises(IntakeError, match="text is empty"):
        intake.check(Listing("a", blank, None))
    assert intake.check(Listing("a", "Red", None, category=blank)).category == ""
