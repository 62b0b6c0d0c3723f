"""Files as shops export them, written for a test, and the listings that are read of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.column_mapping import RECOGNISE, Choice
from moderation.services.catalogue.listing_rows import ListingRow

# The headers of Shopify's export, as it was and as it is; those in between are left out.
SHOPIFY_OLD = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Variant SKU,Variant Price,Image Src,Image Position,Image Alt Text,Gift Card,"
    "Variant Image,Status"
)
SHOPIFY_NEW = (
    "Title,URL handle,Description,Vendor,Product category,Type,Tags,Status,SKU,Barcode,"
    "Option1 name,Option1 value,Option1 Linked To,Price,Product image URL,Image position,"
    "Image alt text,Variant image URL,Gift card"
)
WOOCOMMERCE = (
    "ID,Type,SKU,Name,Published,Is featured?,Visibility in catalog,Short description,Description,"
    "Regular price,Categories,Tags,Images,Download limit,Parent,Brands"
)


def table(header: str, *rows: Mapping[str, str], sign: str = ",") -> str:
    """A CSV with the columns of the header, empty where a row says nothing of one."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(","), restval="", delimiter=sign)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def listings(path: Path, choice: Choice = RECOGNISE) -> list[ListingRow]:
    return [row for chunk in open_catalogue(path, choice=choice).chunks(3) for row in chunk]


def shown(rows: Iterable[ListingRow]) -> list[tuple[int, str, str, tuple[str, ...]]]:
    """Line, id, text and photos of each."""
    return [(row.line, row.product_id, row.text, row.photos) for row in rows]
