"""The examples of the documents come out right: what they ask of a drawn photo is answered truly.

`test_docs.py` runs each example; this asks whether its answer is the one that a reader expects: the
photo's own category first, a mismatch where the text is another product's and none where it is not.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from moderation.demo import KINDS, DrawnProduct, demo_products
from moderation.demo.catalogue import IMAGE_WIDTH, JPEG_QUALITY
from moderation.models import Category
from moderation.services.running import demo, setup
from tests.support.docs_runner import Block, blocks
from tests.support.paths import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "inference.md"]

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def site(bundled: Any) -> Client:
    """The API with the categories that there are after `make run`."""
    setup.seed_categories()
    for name in sorted({kind.category for kind in KINDS.values()}):
        Category.objects.get_or_create(name=name)
    return Client()


def shown_photos(path: Path) -> dict[str, DrawnProduct]:
    """Name of the photo in the examples -> the product of the demo shop that it shows."""
    count = demo.PRODUCTS - round(demo.PRODUCTS * demo.RELISTED_SHARE)
    products = {one.product_id: one for one in demo_products(count, seed=0)}
    copied = re.findall(r"^cp var/demo/images/(\S+)\.jpg (\S+)", path.read_text(), re.M)
    return {name: products[product_id] for product_id, name in copied}


def requests(path: Path) -> Iterator[tuple[Block, list[str], Any]]:
    """Each curl call to the model with its words, and the answer that is shown below it, if any."""
    found = blocks(path)
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.language != "bash":
            continue
        for line in block.code.replace("\\\n", " ").split("\ncurl "):
            words = shlex.split(line.removeprefix("curl "), comments=True)
            if any("/clip/classify" in word or "/clip/analyze" in word for word in words):
                is_shown = after is not None and after.language == "json"
                yield block, words, json.loads(after.code) if after and is_shown else None


def fields(words: list[str]) -> list[tuple[str, str]]:
    """The form fields of a curl call, in their order."""
    given = (word for flag, word in pairwise(words) if flag in ("-F", "--form"))
    return [(name, value) for name, _, value in (word.partition("=") for word in given)]


def ask(site: Client, words: list[str]) -> Any:
    """What the API answers to this call."""
    address = next(word for word in words if word.startswith("http"))
    path = "/" + address.split("/", 3)[3]
    if "-d" in words:
        body = words[words.index("-d") + 1]
        answer = site.post(path, body, content_type="application/json")
    else:
        form: dict[str, list[Any]] = {}
        for name, value in fields(words):
            form.setdefault(name, []).append(_upload(value) if value[0] == "@" else value)
        answer = site.post(path, form)
    assert answer.status_code == 200, answer.content
    return answer.json()


def _upload(value: str) -> SimpleUploadedFile:
    path = Path(value[1:])
    return SimpleUploadedFile(path.name, path.read_bytes())


def is_told_by(text: str, product: DrawnProduct) -> bool:
    return product.kind in text.lower() and product.colour in text.lower()


def pairs(words: list[str]) -> list[tuple[str, str]]:
    """(photo, text) of each pair that a call asks about; none where it names products."""
    if "-d" in words:
        items = json.loads(words[words.index("-d") + 1]).get("items", [])
        return [(Path(item["image_path"]).name, item["text"]) for item in items]
    named = fields(words)
    photos = [value[1:] for name, value in named if name in ("file", "files")]
    texts = [value for name, value in named if name in ("text", "texts")]
    return list(zip(photos, texts, strict=True)) if texts else []


@pytest.fixture
def folder(request: Any, tmp_path: Path, media: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The photos where the examples have them: beside the terminal, and in the media folder."""
    (media / "incoming").mkdir()
    for name, product in shown_photos(request.getfixturevalue("path")).items():
        for place in (tmp_path, media, media / "incoming"):
            product.image(IMAGE_WIDTH).save(place / name, quality=JPEG_QUALITY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_photos_own_category_comes_first(path: Path, site: Client, folder: Path) -> None:
    photos, asked = shown_photos(path), 0
    for block, words, shown in requests(path):
        if not any("/clip/classify" in word for word in words):
            continue
        given = dict(fields(words))
        product = photos[given["file"][1:]]
        own = product.kind if "categories" in given else product.category
        for answer in (ask(site, words), *([shown] if shown else [])):
            assert answer["top_matches"][0]["category"] == own, f"{block.where}: {answer}"
        asked += 1
    assert asked


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_text_is_a_mismatch_where_it_is_another_products(
    path: Path, site: Client, folder: Path
) -> None:
    photos, seen = shown_photos(path), set()
    for block, words, shown in requests(path):
        expected = [
            not is_told_by(text, photos[photo]) for photo, text in pairs(words) if photo in photos
        ]
        for answer in (ask(site, words), *([shown] if shown else [])) if expected else ():
            rows = answer.get("results", [answer])
            assert [row["is_mismatch"] for row in rows] == expected, f"{block.where}: {answer}"
        seen.update(expected)
    assert seen == {True, False}


def test_the_catalogue_to_try_is_of_demo_photos_and_one_text_is_wrong() -> None:
    (catalogue,) = [block for block in blocks(ROOT / "README.md") if block.file]
    drawn = {one.product_id: one for one in demo_products(demo.PRODUCTS, seed=0)}

    rows = list(csv.DictReader(catalogue.code.splitlines()))

    assert {str(Path(row["image_path"]).parent) for row in rows} == {"var/demo/images"}
    shown = [drawn[Path(row["image_path"]).stem] for row in rows]
    told = [is_told_by(row["text"], one) for row, one in zip(rows, shown, strict=True)]
    assert told == [True, False, True]
