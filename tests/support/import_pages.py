"""The pages of the import as a browser without scripts sends them."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from lxml import html

IMPORT = "/admin/moderation/product/import/"


def send(
    client: Client,
    rows: str | bytes,
    *,
    photos: bytes | None = None,
    name: str = "shop.csv",
    **more: Any,
) -> Any:
    """Upload a catalogue, and a ZIP of photos."""
    data = rows if isinstance(rows, bytes) else rows.encode()
    sent = {"catalogue": SimpleUploadedFile(name, data), **more}
    if photos is not None:
        sent["photos"] = SimpleUploadedFile("photos.zip", photos)
    return client.post(IMPORT, sent)


def form(page: Any) -> dict[str, list[str]]:
    """What the form of the page holds, as it was sent by the server."""
    (found,) = html.fromstring(page.content.decode()).xpath("//form[@id='import-reading']")
    return {
        name: [value for own, value in found.form_values() if own == name]
        for name, _ in found.form_values()
    }


def press(client: Client, page: Any, button: str, *, follow: bool = True, **changed: Any) -> Any:
    """Press a button of the page, after some fields were changed: `title="Name"`."""
    (where,) = html.fromstring(page.content.decode()).xpath(
        f"//form[@id='import-reading']//input[@type='submit'][starts-with(@value, '{button}')]"
    )
    address = where.get("formaction") or IMPORT + "mapping/"
    own = {where.get("name"): where.get("value")} if where.get("name") else {}
    return client.post(address, form(page) | own | changed, follow=follow)
