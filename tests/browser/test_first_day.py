"""A shop's first day, in a real Chromium: its Shopify export, its photos, its first decision.

`WALK_PICTURES=docs/images` keeps the pictures of docs/catalogues.md.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from moderation.demo import demo_products
from moderation.models import Decision, Product
from moderation.services.catalogue.fetching.fetch import Fetcher
from tests.support.factories import RunWorker
from tests.support.photos import jpeg
from tools import photo_host
from tools.photo_host import Said

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]

LISTINGS = 24
SCREEN = {"width": 1280, "height": 800}


@pytest.fixture
def host(settings: Any) -> Iterator[photo_host.PhotoHost]:
    """Where the shop's photos lie: two of each listing, and one that is there no longer."""
    settings.FETCH_ALLOW = ["127.0.0.1"]
    settings.FETCH_REQUESTS_PER_SECOND = 1000
    shop = demo_products(LISTINGS, seed=3)

    def say(path: str) -> Said | None:
        number, _, view = path.strip("/").removesuffix(".jpg").partition("-")
        if path == "/7-2.jpg":
            return Said(404)
        again = shop[int(number)] if view == "1" else shop[int(number)].again()
        return Said(body=jpeg(again.image(400)), headers={"Content-Type": "image/jpeg"})

    with photo_host.photo_host() as host:
        host.say = say
        yield host


@pytest.fixture
def export(tmp_path: Path, host: photo_host.PhotoHost, settings: Any, anna: User) -> Path:
    """As Shopify writes it: a row for each further photo. Of the fourth the photo is another's."""
    settings.IMPORT_DIR = tmp_path / "imports"
    anna.groups.add(Group.objects.get(name="lead"))
    path = tmp_path / "products_export.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["Handle", "Title", "Body (HTML)", "Vendor", "Type", "Image Src", "Image Position"]
        )
        for number, one in enumerate(demo_products(LISTINGS, seed=3)):
            shown = number + 9 if number == 3 else number
            body, handle = f"<p>{one.text}.</p>", f"item-{number}"
            address = host(f"/{shown}-1.jpg")
            writer.writerow([handle, one.text, body, "Acme", one.category, address, 1])
            writer.writerow([handle, "", "", "", "", host(f"/{shown}-2.jpg"), 2])
    return path


def picture(page: Page, name: str) -> None:
    """Keep what is seen now, where somebody wants it."""
    if folder := os.environ.get("WALK_PICTURES"):
        page.wait_for_timeout(500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_from_a_shopify_export_to_the_first_decision(
    bundled: Any, export: Path, open_page: Callable[..., Page], run_worker: RunWorker
) -> None:
    page = open_page(viewport=SCREEN)
    page.goto("/admin/moderation/product/import/")
    page.get_by_label("Catalogue").set_input_files(export)
    page.get_by_role("button", name="Look at it").click()
    expect(
        page.get_by_text("Shopify: has the columns Handle, Title and Image Src.")
    ).to_be_visible()
    expect(page.locator(".preview-title").first).to_have_text(demo_products(1, seed=3)[0].text)
    picture(page, "walk-import")

    page.get_by_role("button", name=f"Import {LISTINGS} rows").click()
    expect(page.get_by_text(f"Imported: {LISTINGS} new")).to_be_visible()

    assert Fetcher().run() == 2 * LISTINGS
    run_worker()
    page.goto("/admin/moderation/productphoto/")
    page.get_by_role("link", name=re.compile("^Failed")).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    picture(page, "walk-photos")

    page.goto("/admin/queue/")
    listing = page.locator(".listing-id")
    wrong = Product.objects.get(external_id="item-3")
    for _ in range(LISTINGS):
        if listing.inner_text() == wrong.external_id:
            break
        page.wait_for_timeout(300)
        page.keyboard.press("6")
        page.wait_for_timeout(300)
    expect(listing).to_have_text(wrong.external_id)
    expect(page.locator(".strip-photo")).to_have_count(2)
    picture(page, "walk-queue")
    page.wait_for_timeout(300)
    page.keyboard.press("1")
    for _ in range(100):
        if decided := Decision.objects.filter(verdict="confirm").first():
            break
        page.wait_for_timeout(50)
    assert decided and decided.analysis.product == wrong
