"""Catalogues as shops export them, from the file to the first decisions and their export.

    python -m benchmarks.shop_exports ../shared/catalogue --listings 100

Real photos and texts, three photos a listing, are written as each kind of export and put behind a
local host; every twentieth main photo is another listing's. Then each file goes through import,
fetching, analysis, decisions on what was flagged, and `export_labels`, in a clipmod of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl

from tools.live_project import LiveProject
from tools.photo_host import Said, photo_host

from .machine import machine
from .text_rules import read

WRONG_EVERY = 20
DECIDE = """
from django.contrib.auth.models import User
from moderation.models import ReviewItem
from moderation.services.queue import review
lead, _ = User.objects.get_or_create(username="lead", is_superuser=True)
for item in ReviewItem.objects.open().select_related("product"):
    number = int(item.product.external_id.rpartition("-")[2])
    answer = ("confirm", "other_product") if number % {every} == 0 else ("dismiss", "matches")
    review.decide(item, moderator=lead, verdict=answer[0], reason=answer[1])
"""


@dataclass(frozen=True)
class Listing:
    """`photos` are addresses, or paths where a format has files; the first is the main one."""

    id: str
    title: str
    category: str
    photos: list[str]


Writer = Callable[[Path, Sequence[Listing]], Path]
WRITERS: dict[str, Writer] = {}


def writes(name: str) -> Callable[[Writer], Writer]:
    def registered(writer: Writer) -> Writer:
        WRITERS[name] = writer
        return writer

    return registered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path, help="the folder with val.csv")
    parser.add_argument("--listings", type=int, default=100)
    parser.add_argument("--only", choices=WRITERS, help="this format alone")
    options = parser.parse_args()
    rows = read(options.catalogue / "val.csv")
    files = [options.catalogue / row["image_path"] for row in rows]
    print(machine())
    print(f"{'export':22} rows  photos  import  fetch  analyse  flagged  decided  labels")

    def say(path: str) -> Said | None:
        number = int(path.strip("/").partition(".")[0]) % len(files)
        return Said(body=files[number].read_bytes(), headers={"Content-Type": "image/jpeg"})

    with photo_host() as host:
        host.say = say
        for name in [options.only] if options.only else WRITERS:
            base = str(options.catalogue) if name == "imagefolder" else host.url
            with tempfile.TemporaryDirectory() as folder:
                shop = list(_listings(name, rows, options.listings, base=base))
                print(_through(Path(folder), name, shop))


def _listings(
    name: str, rows: Sequence[dict[str, str]], count: int, *, base: str
) -> Iterator[Listing]:
    for number in range(count):
        row = rows[number]
        shown = (number + 7 * WRONG_EVERY) % len(rows) if number % WRONG_EVERY == 0 else number
        places = [shown, (number + 301) % len(rows), (number + 601) % len(rows)]
        if name == "imagefolder":
            photos = [f"{base}/{rows[place]['image_path']}" for place in places]
        else:
            photos = [f"{base}/{place}.jpg" for place in places]
        yield Listing(f"{name.split()[0]}-{number}", row["text"], row["category"], photos)


def _through(folder: Path, name: str, shop: Sequence[Listing]) -> str:
    project = LiveProject(
        folder, environment={"FETCH_ALLOW": "127.0.0.1", "FETCH_REQUESTS_PER_SECOND": "1000"}
    )
    seconds: list[float] = []

    def timed(step: Callable[[], object]) -> None:
        started = time.monotonic()
        step()
        seconds.append(time.monotonic() - started)

    def fetch() -> None:
        project.manage("fetch_photos")

    def analyse() -> None:
        project.start("worker")
        project.wait_until(
            lambda: project.count("status = 'done'") >= len(shop), seconds=300, what="analysed"
        )
        project.close()

    try:
        project.manage("migrate", "-v", "0")
        project.manage("setup")
        path = WRITERS[name](folder, shop)
        timed(lambda: project.manage("import_products", str(path)))
        timed(fetch)
        timed(analyse)
        flagged = project.rows("SELECT count(*) FROM moderation_reviewitem")[0][0]
        project.manage("shell", "-c", DECIDE.format(every=WRONG_EVERY))
        decided = project.rows("SELECT count(*) FROM moderation_decision")[0][0]
        labels = 0
        if decided:
            project.manage("export_labels", "--output-dir", str(folder / "labels"))
            labels = len(read(folder / "labels" / "labels.csv"))
        photos = project.rows("SELECT count(*) FROM moderation_productphoto WHERE image <> ''")
        took = "  ".join(f"{one:5.1f}s" for one in seconds)
        return (
            f"{name:22} {len(shop):4}  {photos[0][0]:6}  {took}  {flagged:7}  {decided:7}  "
            f"{labels:6}"
        )
    finally:
        project.close()


# ── As each shop writes them ──────────────────────────────────────────────────────────────────
def _table(
    path: Path, header: Sequence[str], rows: Iterator[Sequence[object]], *, dialect: str = "excel"
) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, dialect=dialect)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@writes("plain xlsx")
def _xlsx(folder: Path, shop: Sequence[Listing]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["product_id", "text", "category", "image_path"])
    for one in shop:
        sheet.append([one.id, one.title, one.category, " ".join(one.photos)])
    book.save(folder / "catalogue.xlsx")
    return folder / "catalogue.xlsx"


def _shopify(folder: Path, shop: Sequence[Listing], header: Sequence[str]) -> Path:
    def rows() -> Iterator[Sequence[object]]:
        for one in shop:
            yield one.id, one.title, f"<p>{one.title}.</p>", one.category, one.photos[0], 1
            for place, photo in enumerate(one.photos[1:], 2):
                yield one.id, "", "", "", photo, place

    return _table(folder / "products_export.csv", header, rows())


@writes("shopify old")
def _old_shopify(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["Handle", "Title", "Body (HTML)", "Type", "Image Src", "Image Position"]
    return _shopify(folder, shop, header)


@writes("shopify new")
def _new_shopify(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["URL handle", "Title", "Description", "Type", "Product image URL", "Image position"]
    return _shopify(folder, shop, header)


@writes("google tsv")
def _google(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["id", "title", "product_type", "image_link", "additional_image_link"]
    rows = (
        (o.id, o.title, f"Shop > {o.category}", o.photos[0], ",".join(o.photos[1:])) for o in shop
    )
    return _table(folder / "feed.tsv", header, rows, dialect="excel-tab")


@writes("google rss")
def _rss(folder: Path, shop: Sequence[Listing]) -> Path:
    items = "".join(
        f"<item><g:id>{escape(o.id)}</g:id><title>{escape(o.title)}</title>"
        f"<g:product_type>{escape(o.category)}</g:product_type>"
        f"<g:image_link>{o.photos[0]}</g:image_link>"
        + "".join(f"<g:additional_image_link>{p}</g:additional_image_link>" for p in o.photos[1:])
        + "</item>"
        for o in shop
    )
    namespace = 'xmlns:g="http://base.google.com/ns/1.0"'
    text = f'<?xml version="1.0"?><rss version="2.0" {namespace}><channel>{items}</channel></rss>'
    (folder / "feed.xml").write_text(text, encoding="utf-8")
    return folder / "feed.xml"


@writes("woocommerce")
def _woocommerce(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["ID", "Type", "SKU", "Name", "Categories", "Images", "Parent"]
    rows = (
        (n, "simple", o.id, o.title, o.category, ", ".join(o.photos), "")
        for n, o in enumerate(shop, 1)
    )
    return _table(folder / "wc-product-export.csv", header, rows)


@writes("woocommerce german")
def _german(folder: Path, shop: Sequence[Listing]) -> Path:
    header = [
        "ID",
        "Typ",
        "Artikelnummer",
        "Name",
        "Kategorien",
        "Bilder",
        "Übergeordnetes Produkt",
    ]
    rows = (
        (n, "simple", o.id, o.title, o.category, ", ".join(o.photos), "")
        for n, o in enumerate(shop, 1)
    )
    return _table(folder / "wc-export.csv", header, rows)


@writes("imagefolder")
def _imagefolder(folder: Path, shop: Sequence[Listing]) -> Path:
    path = folder / "metadata.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for one in shop:
            row = {
                "file_names": one.photos,
                "text": one.title,
                "id": one.id,
                "category": one.category,
            }
            file.write(json.dumps(row) + "\n")
    return path


@writes("magento")
def _magento(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["sku", "name", "categories", "visibility", "base_image", "additional_images"]
    rows = (
        (o.id, o.title, f"Default Category/{o.category}", "Catalog, Search", o.photos[0],
         ",".join(o.photos[1:]))
        for o in shop
    )  # fmt: skip
    return _table(folder / "export_catalog_product.csv", header, rows)


@writes("bigcommerce")
def _bigcommerce(folder: Path, shop: Sequence[Listing]) -> Path:
    images = [f"Product Image URL - {n}" for n in (1, 2, 3)]
    header = ["Item Type", "Product Code/SKU", "Product Name", "Category", *images]
    rows = (("Product", o.id, o.title, o.category, *o.photos) for o in shop)
    return _table(folder / "products.csv", header, rows)


@writes("prestashop")
def _prestashop(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["Product ID", "Name *", "Categories (x,y,z...)", "Image URLs (x,y,z...)"]
    rows = ((o.id, o.title, o.category, ",".join(o.photos)) for o in shop)
    return _table(folder / "products.csv", header, rows)


@writes("etsy")
def _etsy(folder: Path, shop: Sequence[Listing]) -> Path:
    header = ["TITLE", "DESCRIPTION", "CURRENCY_CODE", "IMAGE1", "IMAGE2", "IMAGE3", "SKU"]
    rows = ((o.title, "", "EUR", *o.photos, o.id) for o in shop)
    return _table(folder / "EtsyListingsDownload.csv", header, rows)


@writes("amazon")
def _amazon(folder: Path, shop: Sequence[Listing]) -> Path:
    path = folder / "flat.txt"
    names = ["item_sku", "item_name", "feed_product_type", "main_image_url"]
    names += ["other_image_url1", "other_image_url2"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, dialect="excel-tab")
        writer.writerow(["TemplateType=fptcustom", "Version=2021.1014", "", "", "", ""])
        writer.writerow(
            ["Seller SKU", "Product Name", "Product Type", "Main Image", "Other", "Other"]
        )
        writer.writerow(names)
        writer.writerows([o.id, o.title, o.category, *o.photos] for o in shop)
    return path


if __name__ == "__main__":
    main()
