"""Shopify's export: old and new headers, rows that continue a listing, variants with photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from tests.support.exports import SHOPIFY_NEW, SHOPIFY_OLD, listings, shown, table

CDN = "https://cdn.shop.example/files"


def old(folder: Path, *rows: dict[str, str], name: str = "products_export.csv") -> Path:
    path = folder / name
    path.write_text(table(SHOPIFY_OLD, *rows), encoding="utf-8")
    return path


SHIRT = [
    {
        "Handle": "shirt",
        "Title": "Linen shirt",
        "Body (HTML)": "<p>Light.</p>",
        "Vendor": "Acme",
        "Product Category": "Apparel > Clothing > Shirts",
        "Type": "Tops",
        "Option1 Value": "Red",
        "Variant SKU": "S-R",
        "Image Src": f"{CDN}/2.jpg",
        "Image Position": "2",
        "Variant Image": f"{CDN}/red.jpg",
    },
    {
        "Handle": "shirt",
        "Option1 Value": "Blue",
        "Variant SKU": "S-B",
        "Image Src": f"{CDN}/1.jpg",
        "Image Position": "1",
        "Variant Image": f"{CDN}/blue.jpg",
    },
    {"Handle": "shirt", "Image Src": f"{CDN}/10.jpg", "Image Position": "10"},
    {"Handle": "shirt", "Option1 Value": "Green", "Variant SKU": "S-G"},  # no photo of its own
]


def test_rows_with_the_same_handle_are_one_listing(tmp_path: Path) -> None:
    vase = {"Handle": "vase", "Title": "Vase", "Image Src": f"{CDN}/v.jpg", "Type": "Vases"}
    path = old(tmp_path, *SHIRT, vase)

    rows = listings(path)

    photos = tuple(f"{CDN}/{name}.jpg" for name in ("1", "2", "10", "red", "blue"))
    assert shown(rows) == [
        (2, "shirt", "Linen shirt", photos),
        (6, "vase", "Vase", (f"{CDN}/v.jpg",)),
    ]
    assert [(row.category, row.seller) for row in rows] == [("Shirts", "Acme"), ("Vases", "")]
    file = open_catalogue(path)
    assert (file.row_count, file.variant_count) == (2, 2)
    assert file.mapping.evidence == "Shopify: has the columns Handle, Title and Image Src."


def test_the_new_headers_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    mug = {"URL handle": "mug", "Title": "Mug", "Description": "<p>Big</p>", "Vendor": "Acme"}
    path.write_text(
        table(
            SHOPIFY_NEW,
            mug | {"Product image URL": f"{CDN}/b.jpg", "Image position": "2", "SKU": "M1"},
            {"URL handle": "mug", "Product image URL": f"{CDN}/a.jpg", "Image position": "1"},
            {"URL handle": "mug", "SKU": "M2", "Variant image URL": f"{CDN}/v.jpg"},
        )
    )
    (row,) = listings(path)
    assert row.photos == (f"{CDN}/a.jpg", f"{CDN}/b.jpg", f"{CDN}/v.jpg")
    assert (row.product_id, row.text, row.seller, row.variants) == ("mug", "Mug", "Acme", 1)
    assert "URL handle, Title and Product image URL" in open_catalogue(path).mapping.evidence


def test_old_and_new_headers_may_be_mixed(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(
        "Handle,Title,Product image URL,Image position\nmug,Mug,//cdn.x.example/a.jpg,1\n"
    )
    assert shown(listings(path)) == [(2, "mug", "Mug", ("https://cdn.x.example/a.jpg",))]


def test_a_description_stands_in_for_a_title_without_its_markup(tmp_path: Path) -> None:
    row = {"Handle": "x", "Body (HTML)": "<p>A <b>red</b> vase</p>", "Image Src": f"{CDN}/x.jpg"}
    assert listings(old(tmp_path, row))[0].text.strip() == "A red vase"


def test_a_listing_without_a_photo_is_still_a_listing(tmp_path: Path) -> None:
    rows = listings(old(tmp_path, {"Handle": "x", "Title": "X"}, {"Handle": "y", "Title": "Y"}))
    assert [(row.product_id, row.photos) for row in rows] == [("x", ()), ("y", ())]


def test_a_row_that_cannot_be_divided_parts_no_listing(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text(
        "Handle,Title,Image Src\n"
        f"a,A,{CDN}/1.jpg\na,,x.jpg,too,many\na,,{CDN}/2.jpg\n,Nobody,{CDN}/3.jpg\n,Too,{CDN}/4.jpg\n"
    )
    rows = listings(path)
    assert [(row.line, row.problem is None) for row in rows] == [
        (3, False),
        (2, True),
        (5, True),
        (6, True),
    ]
    assert rows[1].photos == (f"{CDN}/1.jpg", f"{CDN}/2.jpg")


@pytest.mark.parametrize(("codec", "sign"), [("utf-8-sig", ","), ("cp1252", ";"), ("utf-16", "\t")])
def test_what_spreadsheets_make_of_it_is_recognised(tmp_path: Path, codec: str, sign: str) -> None:
    path = tmp_path / "products.csv"
    rows = [row | {"Title": row.get("Title", "") and "Grüße und Röcke"} for row in SHIRT]
    path.write_bytes(table(SHOPIFY_OLD, *rows, sign=sign).encode(codec))
    (row,) = listings(path)
    assert (row.text, len(row.photos)) == ("Grüße und Röcke", 5)
