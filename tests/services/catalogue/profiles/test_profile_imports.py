"""Exports of shops become products, by the command and with its words."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation.models import Product, ProductPhoto
from tests.support.exports import SHOPIFY_OLD, table
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

CDN = "https://cdn.shop.example"


def run(path: Path, *arguments: Any) -> str:
    out = StringIO()
    call_command("import_products", str(path), *map(str, arguments), stdout=out)
    return out.getvalue()


def shopify(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "products_export.csv"
    path.write_text(table(SHOPIFY_OLD, *rows))
    return path


MUG = {"Handle": "mug", "Title": "Mug", "Vendor": "Acme", "Type": "Cups"}


def test_a_listing_of_several_rows_is_one_product_with_its_photos(
    bundled: Any, tmp_path: Path
) -> None:
    path = shopify(
        tmp_path,
        MUG | {"Image Src": f"{CDN}/1.jpg", "Variant SKU": "A"},
        {"Handle": "mug", "Image Src": f"{CDN}/2.jpg", "Variant SKU": "B"},
    )
    told = run(path)
    assert told.startswith(
        "Profile shopify. Shopify: has the columns Handle, Title and Image Src.\n"
        "Read: id from Handle; title from Title; description from Body (HTML); "
        "category from Product Category, Type; seller from Vendor; photos from Image Src.\n"
    )
    assert "Rows that are variants of a listing: 1." in told
    assert "Photos to fetch from their addresses: 2; the worker does." in told
    assert "1 created, 0 updated, 0 unchanged, 0 bad." in told
    product = Product.objects.get()
    assert (product.external_id, product.text, product.seller) == ("mug", "Mug", "Acme")
    assert str(product.category) == "Cups"
    addresses = ProductPhoto.objects.order_by("position").values_list("url", flat=True)
    assert list(addresses) == [f"{CDN}/1.jpg", f"{CDN}/2.jpg"]
    assert "0 created, 0 updated, 1 unchanged" in run(path)


def test_a_bad_listing_names_the_columns_of_the_file_and_can_be_mended(
    bundled: Any, tmp_path: Path
) -> None:
    path = shopify(
        tmp_path,
        {"Handle": "mug", "Image Src": f"{CDN}/1.jpg"},
        {"Handle": "mug", "Image Src": f"{CDN}/2.jpg"},
        MUG | {"Handle": "jug", "Image Src": f"{CDN}/3.jpg"},
        {"Handle": "cup", "Title": "Cup"},
        MUG | {"Handle": "jug", "Image Src": f"{CDN}/4.jpg"},
    )
    report = tmp_path / "bad.csv"
    told = run(path, "--report", report)
    assert "Title         Title is empty; give the title or description." in told
    assert "Image Src     Image Src is empty; give the path or address of the photo." in told
    assert "1 created, 0 updated, 0 unchanged, 3 bad." in told
    with report.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["Handle"], row["Image Src"]) for row in rows] == [
        ("2", "mug", f"{CDN}/1.jpg"),
        ("", "mug", f"{CDN}/2.jpg"),
        ("5", "cup", ""),
        ("6", "jug", f"{CDN}/4.jpg"),
    ]
    assert rows[3]["reason"] == (
        "Handle jug stands on line 4 already; put the rows of a listing below each other."
    )
    rows[0]["Title"] = "Mended"
    with report.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[:2])
    assert "1 created" in run(report)
    assert Product.objects.get(external_id="mug").photos.count() == 2


def test_further_photos_in_files_follow_the_main_one(bundled: Any, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo(mark=ord(name[0])))
    path = tmp_path / "c.csv"
    path.write_text(
        "sku,name,base_image,additional_images\n"
        f'M1,Vase,a.jpg,"b.jpg,b.jpg"\nM2,Cup,b.jpg,{CDN}/2.jpg\nM3,Jug,{CDN}/3.jpg,a.jpg\n'
    )
    told = run(path)
    assert "3 created" in told and "Further photos that are left out: 1; they are missing" in told
    assert "Photos to fetch from their addresses: 2;" in told
    vase, cup = (Product.objects.get(external_id=name) for name in ("M1", "M2"))
    assert [row.image for row in vase.photos.all()] == [vase.image.name, cup.image.name]
    assert vase.photos_hash and vase.content_hash != cup.content_hash
    assert "3 unchanged" in run(path)
    assert Product.objects.get(external_id="M2").photos.count() == 2  # its file, and an address


def test_of_very_many_photos_the_first_are_taken(bundled: Any, tmp_path: Path) -> None:
    rows = ({"Handle": "mug", "Image Src": f"{CDN}/{n}.jpg"} for n in range(1, 60))
    told = run(shopify(tmp_path, MUG | {"Image Src": f"{CDN}/0.jpg"}, *rows))
    assert "addresses: 50;" in told and "left out: 10;" in told


def test_names_of_columns_may_be_given(bundled: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo())
    path = tmp_path / "artikel.csv"
    path.write_text("Nr;Name;Bild;Bild 2\n7;Vase;a.jpg;https://x.example/b.jpg\n")
    with pytest.raises(CommandError, match=r"found: Nr, Name, Bild, Bild 2\)\. Or say which they"):
        run(path)
    with pytest.raises(CommandError, match="has no column Titel; it has: Nr, Name, Bild, Bild 2"):
        run(path, "--map", "title=Titel")
    with pytest.raises(CommandError, match="size=Name is no ROLE=COLUMN"):
        run(path, "--map", "size=Name")
    columns = ("id=Nr", "title=Name", "photos=Bild", "photos=Bild 2")
    told = run(path, *(part for one in columns for part in ("--map", one)))
    assert "Profile plain. No profile: the columns were named." in told
    assert "1 created" in told and Product.objects.get().photos.count() == 2
