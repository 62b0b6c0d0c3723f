"""The other profiles: one file each, as its public column list has it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.catalogue_formats import CatalogueFileError
from moderation.services.catalogue.catalogue_formats import xlsx as xlsx_format
from tests.support.exports import SHOPIFY_OLD, listings, shown

WEB = "https://shop.example"


def written(folder: Path, text: str, *, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_magento_with_views_of_the_store_and_hidden_variants(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "sku,store_view_code,product_type,categories,name,description,visibility,base_image,"
        "additional_images\n"
        'B1,,configurable,"Default Category/Gear/Bags,Default Category/Gear",Bag,<p>x</p>,'
        '"Catalog, Search",/b/a/bag.jpg,"/b/a/bag.jpg,/b/a/back.jpg"\n'
        "B1,de,,,Tasche,,,,\n"
        "B1-red,,simple,,Bag red,,Not Visible Individually,no_selection,\n"
        "B2,,simple,,Cup,,Catalog,no_selection,\n",
    )
    rows = listings(path)
    assert shown(rows) == [
        (2, "B1", "Bag", ("/b/a/bag.jpg", "/b/a/back.jpg")),
        (5, "B2", "Cup", ()),
    ]
    assert rows[0].category == "Bags"
    assert open_catalogue(path).variant_count == 1


def test_bigcommerce(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "Item Type,Product ID,Product Name,Product Code/SKU,Brand Name,Product Description,"
        "Category,Product Image File - 1,Product Image URL - 1,Product Image File - 2,"
        "Product Image URL - 2\n"
        f"Product,7,Vase,V1,Acme,<p>x</p>,Shop All/Home;Sale,f.jpg,{WEB}/1.jpg,g.jpg,{WEB}/2.jpg\n"
        "SKU,8,[S]Size=Large,V1-L,,,,,,,\n",
    )
    (row,) = listings(path)
    assert (row.product_id, row.text, row.category, row.seller) == ("7", "Vase", "Home", "Acme")
    assert row.photos == (f"{WEB}/1.jpg", f"{WEB}/2.jpg")
    assert open_catalogue(path).variant_count == 1


def test_prestashop(tmp_path: Path) -> None:
    header = "Product ID;Active (0/1);Name *;Categories (x,y,z...);Image URLs (x,y,z...);Summary\n"
    path = written(tmp_path, f"{header}5;1;Vase;Home,Sale;{WEB}/1.jpg,{WEB}/2.jpg;Tall\n")
    (row,) = listings(path)
    assert (row.product_id, row.text, row.category) == ("5", "Vase", "Home")
    assert row.photos == (f"{WEB}/1.jpg", f"{WEB}/2.jpg")


def test_etsy_has_numbered_columns(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,IMAGE1,IMAGE10,IMAGE2,SKU\n"
        f"Ring,Silver,9,EUR,1,{WEB}/1.jpg,{WEB}/10.jpg,{WEB}/2.jpg,R1\n",
    )
    assert shown(listings(path)) == [
        (2, "R1", "Ring", (f"{WEB}/1.jpg", f"{WEB}/2.jpg", f"{WEB}/10.jpg"))
    ]


def test_amazon_has_its_names_below_labels(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "TemplateType=fptcustom\tVersion=2025.0401\t\t\t\n"
        "Product Type\tSeller SKU\tProduct Name\tMain Image URL\tOther Image URL\n"
        "feed_product_type\titem_sku\titem_name\tmain_image_url\tother_image_url1\n"
        f"vase\tV1\tVase\t{WEB}/1.jpg\t{WEB}/2.jpg\n",
        name="flat.txt",
    )
    (row,) = listings(path)
    assert shown([row]) == [(4, "V1", "Vase", (f"{WEB}/1.jpg", f"{WEB}/2.jpg"))]
    assert row.category == "vase"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_image_folder_of_hugging_face(tmp_path: Path, ending: str) -> None:
    rows = [{"file_name": "a/1.jpg", "text": "A vase"}, {"file_name": "2.jpg", "text": "A cup"}]
    path = tmp_path / f"metadata.{ending}"
    if ending == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    elif ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pd.DataFrame(rows).to_parquet(path)
    assert [row[1:] for row in shown(listings(path))] == [
        ("a/1.jpg", "A vase", ("a/1.jpg",)),
        ("2.jpg", "A cup", ("2.jpg",)),
    ]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_several_images_of_a_folder_are_a_list(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"metadata.{ending}"
    rows = [{"id": 7, "file_names": ["1.jpg", "2.jpg"], "caption": "A vase"}]
    if ending == "jsonl":
        path.write_text(json.dumps(rows[0]))
    else:
        pd.DataFrame(rows).to_parquet(path)
    assert shown(listings(path)) == [(1, "7", "A vase", ("1.jpg", "2.jpg"))]


def workbook(folder: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    path = folder / "export.xlsx"
    book.save(path)
    return path


def test_a_workbook_may_hold_any_of_them(tmp_path: Path) -> None:
    plain = [["product_id", "image_path", "text"], [1001, "1.jpg", "Vase"], [], [1.5, "2.jpg", "x"]]
    rows = listings(workbook(tmp_path, plain))
    assert shown(rows[:1]) == [(2, "1001", "Vase", ("1.jpg",))]
    assert (rows[1].line, str(rows[1].problem)) == (4, "product_id is of type float; give a text.")

    header = SHOPIFY_OLD.split(",")
    first = {"Handle": "mug", "Title": "Mug", "Image Src": f"{WEB}/1.jpg", "Image Position": 1}
    second = {"Handle": "mug", "Image Src": f"{WEB}/2.jpg", "Image Position": 2}
    shopify = [header, *([row.get(name) for name in header] for row in (first, second))]
    path = workbook(tmp_path, [["Notes"], ["Read me"]], [["My export"], [None], *shopify])
    assert shown(listings(path)) == [(4, "mug", "Mug", (f"{WEB}/1.jpg", f"{WEB}/2.jpg"))]


def test_a_workbook_that_cannot_be_read_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workbook(tmp_path, [["product_id", "image_path", "text"], ["1", "1.jpg", "Vase"]])
    whole = path.read_bytes()
    for data in (b"", b"PK\x03\x04", whole[: len(whole) // 2], b"<html>"):
        path.write_bytes(data)
        with pytest.raises(CatalogueFileError, match="is not a whole Excel workbook"):
            open_catalogue(path)
    path.write_bytes(whole)
    monkeypatch.setattr(xlsx_format, "BYTES_AT_MOST", 100)
    with pytest.raises(CatalogueFileError, match="unpacks to more than"):
        open_catalogue(path)


def test_an_empty_workbook_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(CatalogueFileError, match="it has: nothing"):
        open_catalogue(workbook(tmp_path, []))


@pytest.mark.parametrize(
    "entities",
    [
        '<!ENTITY l0 "ha">'
        + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)),
        '<!ENTITY l11 SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_workbook_that_may_do_harm_is_refused(tmp_path: Path, entities: str) -> None:
    path = workbook(tmp_path, [["product_id", "image_path", "text"], ["1", "1.jpg", "Vase"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            sheet = f"<!DOCTYPE x [{entities}]>".encode() + data.replace(b"Vase", b"&l11;")
            archive.writestr(name, sheet if name.startswith("xl/worksheets/") else data)
    with pytest.raises(CatalogueFileError, match="is not a whole Excel workbook") as refused:
        open_catalogue(path)
    assert str(tmp_path) not in str(refused.value)
