"""The import in a real Chromium: a file is looked at, read otherwise, saved, imported."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect

from moderation.models import CatalogueSource, Product
from tests.support.photos import photo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]

IMPORT = "/admin/moderation/product/import/"
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def german(tmp_path: Path, media: Path, settings: Any, bundled: Any, anna: User) -> Path:
    """A file of no profile, whose photos lie in the image folder; Anna may import."""
    settings.IMPORT_DIR = tmp_path / "imports"
    anna.groups.add(Group.objects.get(name="lead"))
    for number, colour in enumerate(("red", "blue", "green")):
        (media / f"{number}.jpg").write_bytes(photo(colour))
    bad = f"9;;;gone.jpg;{'x' * 200}\n"
    rows = "".join(
        f"{n};Ball {n};Rund {n};{n}.jpg;https://cdn.x.example/{n}.jpg\n" for n in range(3)
    )
    path = tmp_path / "artikel.csv"
    path.write_text("Nr;Name;Langtext;Bild;Bild 2\n" + rows + bad)
    return path


def upload(page: Page, path: Path) -> None:
    page.get_by_label("Catalogue").set_input_files(path)
    page.get_by_role("button", name="Look at it").click()


def titles(page: Page) -> Any:
    return page.locator(".preview-title")


def test_a_file_that_nobody_knows_is_looked_at_changed_saved_and_imported(
    german: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.goto(IMPORT)
    upload(page, german)
    expect(titles(page)).to_have_text(["Ball 0", "Ball 1", "Ball 2"])
    expect(page.locator(".preview img")).to_have_count(3)

    page.evaluate("window.stayed = true")
    page.get_by_label("Title").select_option("Langtext")
    expect(titles(page)).to_have_text(["Rund 0", "Rund 1", "Rund 2"])
    assert page.evaluate("window.stayed")
    expect(page.get_by_label("Title")).to_be_focused()
    expect(page.get_by_role("button", name=re.compile("Import"))).to_have_count(0)  # still a guess

    page.get_by_role("button", name="Read it like this").click()
    page.get_by_label("Save how it is read as").fill("Our shop")
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("Imported: 3 new")).to_be_visible()
    assert Product.objects.get(external_id="1").text == "Rund 1"
    assert CatalogueSource.objects.get().name == "Our shop"

    page.goto(IMPORT)
    page.get_by_label("Kind of file").select_option("Our shop")
    upload(page, german)
    expect(page.get_by_text("As saved by the name “Our shop”.")).to_be_visible()
    expect(page.get_by_text("There is nothing to import.")).to_be_visible()


def test_it_works_on_a_phone_and_without_scripts(
    german: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(path=IMPORT, java_script_enabled=False, viewport=PHONE)
    upload(page, german)
    page.get_by_label("Title").select_option("Langtext")
    page.get_by_role("button", name="Read it again").click()
    expect(titles(page)).to_have_text(["Rund 0", "Rund 1", "Rund 2"])

    page.locator(".mapping-columns summary").click()
    box = page.locator("#import-reading").bounding_box()
    assert box is not None and box["x"] + box["width"] <= PHONE["width"]
    for each in page.locator("#import-reading section").all():  # nothing wider than the screen
        box = each.bounding_box()
        assert box is not None and box["x"] + box["width"] <= PHONE["width"]
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("Imported: 3 new")).to_be_visible()
