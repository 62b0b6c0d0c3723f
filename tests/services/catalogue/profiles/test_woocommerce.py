"""WooCommerce's export: variations below their product, lists of images, translated headers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from tests.support.exports import WOOCOMMERCE, listings, shown, table

WEB = "https://shop.example/wp-content/uploads"


def export(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "wc-product-export.csv"
    path.write_text(table(WOOCOMMERCE, *rows), encoding="utf-8-sig")
    return path


HOODIE = {
    "ID": "10",
    "Type": "variable",
    "SKU": "HOODIE",
    "Name": "Hoodie",
    "Images": f"{WEB}/h.jpg, {WEB}/h-back.jpg",
    "Brands": "Acme",
    "Categories": r"Clothing > Hoodies\, jumpers, Sale",
}


def test_variations_belong_to_their_product_wherever_they_stand(tmp_path: Path) -> None:
    rows = [
        HOODIE,
        {"ID": "11", "Type": "simple, virtual", "Name": "Card", "Images": f"{WEB}/c.jpg"},
        {"ID": "12", "Type": "variation", "Parent": "id:10", "Images": f"{WEB}/red.jpg"},
        {"ID": "13", "Type": "variation, virtual", "Parent": "hoodie", "Images": f"{WEB}/blue.jpg"},
        {"ID": "14", "Type": "variation", "Parent": "HOODIE"},
        {"ID": "15", "Type": "variation", "Parent": "id:99", "Images": f"{WEB}/x.jpg"},
    ]
    path = export(tmp_path, *rows)

    found = listings(path)

    photos = tuple(f"{WEB}/{name}.jpg" for name in ("h", "h-back", "red", "blue"))
    assert shown(found[:2]) == [(2, "10", "Hoodie", photos), (3, "11", "Card", (f"{WEB}/c.jpg",))]
    assert (found[0].category, found[0].seller) == ("Hoodies, jumpers", "Acme")
    assert [(row.line, row.problem.column) for row in found[2:] if row.problem] == [(7, "parent")]
    assert "Parent is id:99, and no row of the file is that listing" in str(found[2].problem)
    file = open_catalogue(path)
    assert (file.row_count, file.variant_count) == (3, 4)
    assert file.mapping.evidence == ("WooCommerce: has the columns Type, SKU, Name and Images.")


def test_a_product_without_an_id_is_known_by_its_sku(tmp_path: Path) -> None:
    path = export(tmp_path, HOODIE | {"ID": ""})
    assert listings(path)[0].product_id == "HOODIE"


# As the translations of WooCommerce write them in public exports; those between are left out.
TRANSLATED = {
    "de": "ID,Typ,Artikelnummer,Name,Kurzbeschreibung,Beschreibung,Kategorien,Bilder,"
    "Übergeordnetes Produkt",
    "fr": "ID,Type,UGS,Nom,Description courte,Description,Catégories,Images,Parent",
    "es": "ID,Tipo,SKU,Nombre,Descripción corta,Descripción,Categorías,Imágenes,Superior",
    "it": "ID,Tipo,SKU,Nome,Breve descrizione,Descrizione,Categorie,Immagine,Genitore",
    "nl": "ID,Type,Artikelnummer,Naam,Korte omschrijving,Beschrijving,Categorieën,Afbeeldingen,"
    "Hoofd",
    "pl": "ID,Typ,SKU,Nazwa,Krótki opis,Opis,Kategorie,Obrazki,Element nadrzędny",
    "pt": "ID,Tipo,SKU,Nome,Descrição curta,Descrição,Categorias,Imagens,Ascendente",
}


BETWEEN = [f"колонка {number}" for number in range(17)]
RUSSIAN = [
    *("ID", "Тип", "Артикул", "Имя", "Опубликован", "рекомендуемый?", "Видимость в каталоге"),
    *("Краткое описание", "Описание", *BETWEEN, "Категории", "Метки", "Класс доставки"),
    *("Изображения", "Лимит загрузок", "Дней срока загрузки", "Родительский", "Позиция"),
]


@pytest.mark.parametrize("with_gtin", [False, True])
def test_headers_in_another_language_are_known_by_their_places(
    tmp_path: Path, with_gtin: bool
) -> None:
    header = [*RUSSIAN[:3], *["GTIN, UPC, EAN"] * with_gtin, *RUSSIAN[3:]]
    cup = {"ID": "1", "Тип": "variable", "Имя": "Чашка", "Видимость в каталоге": "visible"}
    red = {"ID": "2", "Тип": "variation, virtual", "Видимость в каталоге": "visible"}
    path = tmp_path / "export.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="")
        writer.writeheader()
        writer.writerow(cup | {"Категории": "Дом > Чашки", "Изображения": f"{WEB}/1.jpg"})
        writer.writerow(red | {"Родительский": "id:1", "Изображения": f"{WEB}/2.jpg"})
    (row,) = listings(path)
    assert shown([row]) == [(2, "1", "Чашка", (f"{WEB}/1.jpg", f"{WEB}/2.jpg"))]
    assert row.category == "Чашки"
    file = open_catalogue(path)
    assert file.mapping.evidence == (
        "WooCommerce: has the columns ID, Тип, Видимость в каталоге and Изображения."
    )
    assert listings(path, file.mapping.choice) == [row]


@pytest.mark.parametrize("language", TRANSLATED)
def test_translated_headers(tmp_path: Path, language: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(
        f"{TRANSLATED[language]}\n"
        f'1,variable,S1,Vase,short,long,"Home > Vases, Sale","{WEB}/1.jpg, {WEB}/2.jpg",\n'
        f"2,variation,S2,Vase red,,,,{WEB}/3.jpg,id:1\n",
        encoding="utf-8",
    )
    (row,) = listings(path)
    assert (row.product_id, row.text, row.category) == ("1", "Vase", "Vases")
    assert row.photos == (f"{WEB}/1.jpg", f"{WEB}/2.jpg", f"{WEB}/3.jpg")
    assert open_catalogue(path).mapping.evidence.startswith("WooCommerce: has the columns T")
