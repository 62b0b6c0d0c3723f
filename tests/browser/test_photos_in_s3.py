"""Chromium shows photos of a private bucket, under the site's content security policy."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from clipmod import s3 as s3_settings
from tests.support.factories import MakeItem
from tools.s3_server import REGION, S3Server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.any_database,
    pytest.mark.django_db(transaction=True),
]

PHOTO = "Photo of the listing"


def queue(browser: Browser, live_server: Any) -> Page:
    page = browser.new_context(base_url=live_server.url).new_page()
    page.goto("/admin/login/?next=/admin/queue/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_alt_text(PHOTO)).to_be_attached()
    page.wait_for_load_state("networkidle")
    return page


def width(page: Page) -> int:
    """Of the photo as it came; 0 where it did not."""
    return int(page.get_by_alt_text(PHOTO).evaluate("image => image.naturalWidth"))


def test_the_queue_shows_a_photo_of_the_bucket_and_allows_no_other_host(
    bucket: str,
    s3: S3Server,
    make_item: MakeItem,
    anna: User,
    browser: Browser,
    live_server: Any,
    settings: Any,
) -> None:
    make_item("A1")
    assert width(queue(browser, live_server)) == 0  # the policy of a site without a bucket

    place = s3_settings.bucket(
        f"s3://{bucket}", endpoint=s3.url, browser_endpoint="", region=REGION, is_https=False
    )
    assert place is not None
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    settings.CONTENT_SECURITY_POLICY = {
        "DIRECTIVES": {**policy, "img-src": [*policy["img-src"], place.origin]}
    }
    page = queue(browser, live_server)
    assert width(page) == 96
    address = page.get_by_alt_text(PHOTO).get_attribute("src")

    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    asked: dict[str, str] = {}  # request -> address
    from_cache: set[str] = set()
    tools.on("Network.requestServedFromCache", lambda event: from_cache.add(event["requestId"]))

    def answered(event: Any) -> None:
        asked[event["requestId"]] = event["response"]["url"]
        if event["response"]["fromDiskCache"]:
            from_cache.add(event["requestId"])

    tools.on("Network.responseReceived", answered)
    page.goto("/admin/queue/")
    assert page.get_by_alt_text(PHOTO).get_attribute("src") == address
    page.wait_for_load_state("networkidle")
    assert width(page) == 96
    of_photo = {one for one, url in asked.items() if url == address}
    assert of_photo and of_photo <= from_cache
