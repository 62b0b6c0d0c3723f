"""The documentation pages work in a real Chromium and ask no other host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from moderation.models import Product
from tests.support.photos import photo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def page(browser: Browser, live_server: Any) -> Iterator[Page]:
    """A page that at the end has neither complained nor asked another host."""
    complaints: list[str] = []
    page = browser.new_context(base_url=live_server.url).new_page()
    page.on("request", lambda request: complaints.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    yield page
    page.context.close()
    own = (live_server.url, "data:", "blob:")
    assert [complaint for complaint in complaints if not complaint.startswith(own)] == []


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "red.jpg", tmp_path / "blue.jpg"]
    for path in paths:
        path.write_bytes(photo(path.stem))
    return paths


def opened(page: Page, operation: str) -> Locator:
    """An operation of Swagger UI, opened and ready to be tried."""
    page.goto("/docs")
    block = page.locator(f"#operations-{operation}")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    return block


def answer(block: Locator) -> str:
    block.get_by_role("button", name="Execute").click()
    status = block.locator(".live-responses-table .response-col_status").last
    expect(status).to_contain_text("20", timeout=60_000)  # the first call loads the model
    return block.locator(".live-responses-table .microlight").first.inner_text()


def test_a_photo_can_be_analysed_from_swagger(page: Page, bundled: Any, files: list[Path]) -> None:
    block = opened(page, "clip-clip_analyze")
    block.locator("input[type=file]").set_input_files(files[0])
    text = answer(block)
    assert '"is_mismatch"' in text
    assert '"threshold_used": 1,' not in text, "the form sends a threshold nobody asked for"


def test_several_photos_can_be_analysed_from_swagger(
    page: Page, bundled: Any, files: list[Path]
) -> None:
    block = opened(page, "clip-clip_analyze_batch")
    block.locator(
        ".body-param-content-type select, .content-type-wrapper select"
    ).first.select_option("multipart/form-data")
    for name, kind in (("files", "file"), ("texts", "text")):
        row = block.locator(f'tr[data-property-name="{name}"]')
        inputs = row.locator(f"input[type={kind}]")
        expect(inputs).to_have_count(1)
        row.get_by_role("button", name="Add").click()
        expect(inputs).to_have_count(2)
        for field, path in zip(inputs.all(), files, strict=True):
            if kind == "file":
                field.set_input_files(path)
            else:
                field.fill(f"A {path.stem} ball")
                field.blur()  # Swagger UI takes a text over when it is left
    text = answer(block)
    assert '"index": 1' in text
    assert '"errors": []' in text


def test_a_product_can_be_sent_from_swagger(page: Page, bundled: Any, files: list[Path]) -> None:
    block = opened(page, "products-products_create")
    block.locator("input[type=file]").set_input_files(files[0])
    assert '"product_id": "SKU-1001"' in answer(block)
    product = Product.objects.get()
    assert (product.category, product.seller, product.source) == (None, "", "api")


def test_redoc_shows_every_address(page: Page, db: None) -> None:
    page.goto("/redoc")
    for summary in ("Does this photo match this text?", "List products"):
        # It builds the whole document first, in the browser.
        expect(page.get_by_role("heading", name=summary).first).to_be_visible(timeout=20_000)


def test_the_service_itself_comes_first(page: Page) -> None:
    page.goto("/docs")
    expect(page.locator(".opblock-tag").first).to_have_attribute("data-tag", "clip")
