"""What sellers write is shown as what it is, and kept by nobody on the way."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.admin import signs
from tests.support.factories import MakeItem, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

TURNED = "Blue \u202eyalp\u202c shirt\u2066 <b>"


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("A <b>ball</b> & more", "A &lt;b&gt;ball&lt;/b&gt; &amp; more"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("مرحبا\u200f می\u200cخواهم 👩\u200d🔧 🏴\U000e0067\U000e007f", None),
        ("\u202e", '<span class="hidden-sign" title="right-to-left override">U+202E</span>'),
        ("\x1b[2J", '<span class="hidden-sign" title="a control character">U+001B</span>[2J'),
    ],
)
def test_signs_that_hide_are_shown_by_their_codes(text: str, page: str | None) -> None:
    assert signs.shown(text) == (text if page is None else page)


def test_no_page_turns_a_text_round(make_item: MakeItem, groups: None) -> None:
    item = make_item("A1", text=TURNED, seller="s\u202emith")
    root = as_user(User.objects.create_superuser("root", password="x"))
    pages = [
        *(f"/admin/queue/{item.pk}/", "/admin/moderation/product/", "/admin/moderation/analysis/"),
        *(f"/admin/moderation/analysis/{item.analysis_id}/change/", "/admin/sellers/?q=s"),
    ]
    for page in pages:
        html = root.get(page, follow=True).content.decode()
        assert "U+202E" in html, page
        # Sellers are also in the addresses and fields that lead to them.
        assert "\u202e" not in html.replace("s\u202emith", ""), page


def test_answers_are_kept_by_nobody_on_the_way(make_item: MakeItem, groups: None) -> None:
    make_item("A1")
    root = as_user(User.objects.create_superuser("root", password="x"))
    for page in ("/admin/", "/admin/queue/", "/admin/moderation/product/", "/admin/views/"):
        assert "no-store" in root.get(page)["Cache-Control"], page
    for page in ("/api/products", "/api/products/A1", "/api/reviews", "/clip/categories"):
        assert root.get(page)["Cache-Control"] == "no-store", page
    assert Client().get("/api/reviews")["Cache-Control"] == "no-store"
