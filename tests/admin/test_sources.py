"""Sources in the admin: who may name which address, and what the page of one tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from moderation.models import CatalogueSource, Product, ProductPhoto, SourceRun
from moderation.services.catalogue.sources import due, run
from tests.support.factories import MakeUser, as_user

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/moderation/cataloguesource/"
FEED = "https://feeds.shop.example/export?key=very-secret"
WISHES = {"name": "shop", "missing": "withdraw", "most_missing_share": "0.2", "address": FEED}
State = SourceRun.State


@pytest.fixture
def lead(make_user: MakeUser) -> Client:
    return as_user(make_user("lena", group="lead"))


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    settings.SOURCE_ROOT, settings.IMPORT_DIR = tmp_path / "exports", tmp_path / "imports"
    settings.SOURCE_ROOT.mkdir()
    return settings.SOURCE_ROOT


def add(client: Client, **changes: str) -> Any:
    return client.post(f"{LIST}add/", WISHES | changes)


def errors(answer: Any) -> str:
    return str(answer.context["adminform"].form.errors)


def page_of(source: CatalogueSource) -> str:
    return f"{LIST}{source.pk}/change/"


def write(path: Path, *names: str) -> None:
    lines = [f"{name},https://cdn.shop.example/{name}.jpg,A ball\n" for name in names]
    path.write_text("product_id,image_path,text\n" + "".join(lines))


def read(source: CatalogueSource) -> SourceRun:
    """As the worker does with what was asked for."""
    claimed = due.claim("test/0/0")
    assert claimed is not None
    run.work(claimed, "test/0/0")
    return source.runs.get(pk=claimed.pk)


# ── The form ──────────────────────────────────────────────────────────────────────────────────
def test_one_is_added_with_its_interval_and_runs_next(lead: Client) -> None:
    assert add(lead, every_hours="6", mapping="title=Name\n\nphotos = Bild 1\nphotos=Bild 2").url
    source = CatalogueSource.objects.get()
    assert source.columns == {"title": ["Name"], "photos": ["Bild 1", "Bild 2"]}
    assert (source.address, str(source.created_by)) == (FEED, "lena")
    assert source.next_at is not None and not source.is_anywhere


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"address": "/etc/passwd"}, "once SOURCE_ROOT says"),
        ({"address": "http://shop.example/feed"}, "give an https address"),
        ({"address": "", "every_hours": "6"}, "only where it has an address"),
        ({"mapping": "colour=Farbe"}, "Line 1 is no ROLE=COLUMN"),
        ({"most_missing_share": "2"}, "less than or equal to 1"),
        ({"every_hours": "0"}, "greater than or equal to 1"),
        ({"missing": "burn"}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    lead: Client, changes: dict[str, str], why: str
) -> None:
    assert why in errors(add(lead, **changes))
    assert not CatalogueSource.objects.exists()


def test_no_file_outside_the_root_is_named_here(lead: Client, root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to(tmp_path)
    for address in (str(tmp_path), "../secret.csv", "link/secret.csv"):
        assert "lies outside" in errors(add(lead, address=address))
    add(lead, address="feed.csv")
    assert CatalogueSource.objects.get().address == str(root / "feed.csv")


def test_what_the_command_line_named_stays_until_it_is_changed(lead: Client, root: Path) -> None:
    named = {"address": "/srv/exports/feed.csv", "is_anywhere": True}
    source = CatalogueSource.objects.create(name="shop", **named)
    lead.post(page_of(source), WISHES | {"address": source.address, "missing": "keep"})
    source.refresh_from_db()
    assert (source.is_anywhere, source.missing) == (True, "keep")
    answer = lead.post(page_of(source), WISHES | {"address": "/srv/exports/other.csv"})
    assert "lies outside" in errors(answer)
    lead.post(page_of(source), WISHES)
    source.refresh_from_db()
    assert not source.is_anywhere


def test_who_only_looks_sees_no_key_of_an_address(make_user: MakeUser) -> None:
    source = CatalogueSource.objects.create(name="shop", address=FEED)
    viewer = as_user(make_user("vera", group="viewer"))
    for address in (LIST, page_of(source)):
        page = viewer.get(address).content.decode()
        assert "very-secret" not in page and "https://feeds.shop.example" in page
    assert viewer.post(page_of(source), WISHES).status_code == 403
    assert viewer.post(f"{LIST}{source.pk}/run/").status_code == 403


# ── The page ──────────────────────────────────────────────────────────────────────────────────
def test_from_the_first_run_to_the_answer(lead: Client, root: Path, bundled: Any) -> None:
    add(lead, address="feed.csv")
    source = CatalogueSource.objects.get()
    assert "It has not run yet." in lead.get(page_of(source)).content.decode()
    write(root / "feed.csv", "A", "B", "C")
    answer = lead.post(f"{LIST}{source.pk}/run/", follow=True)
    assert "The worker reads it" in answer.content.decode()
    assert "under way already" in lead.post(f"{LIST}{source.pk}/run/", follow=True).content.decode()
    assert str(read(source).by) == "lena"

    write(root / "feed.csv", "A", "")
    lead.post(f"{LIST}{source.pk}/run/")
    found = read(source)
    assert (found.state, found.withdrawn) == (State.DONE, 0)
    page = lead.get(page_of(source)).content.decode()
    assert "Bad rows by cause" in page and "Line 3 cannot be read" in page

    write(root / "feed.csv", "A")
    lead.post(f"{LIST}{source.pk}/run/")
    assert read(source).state == State.ASKS
    page = lead.get(page_of(source)).content.decode()
    assert "2 of 3 listings" in page and "Withdraw them" in page
    assert "ask about listings that are gone: shop" in lead.get("/admin/").content.decode()

    nothing = lead.post(f"{LIST}{source.pk}/answer/", {"answer": "burn"}, follow=True)
    assert "Choose whether" in nothing.content.decode()
    lead.post(f"{LIST}{source.pk}/answer/", {"answer": "withdraw"})
    read(source)
    assert list(Product.objects.present().values_list("external_id", flat=True)) == ["A"]
    assert "2 are gone, 2 withdrawn." in lead.get(page_of(source)).content.decode()


def test_its_photos_are_counted_and_listed(lead: Client, root: Path, bundled: Any) -> None:
    write(root / "feed.csv", "A", "B")
    add(lead, address="feed.csv")
    source = CatalogueSource.objects.get()
    lead.post(f"{LIST}{source.pk}/run/")
    read(source)
    ProductPhoto.objects.filter(product__external_id="B").update(state="failed")
    assert "1 wait to be fetched" in lead.get(page_of(source)).content.decode()
    photos = "/admin/moderation/productphoto/"
    query = f"?state__exact=failed&product__in_sources__source__exact={source.pk}"
    rows = lead.get(f"{photos}{query}").context["cl"].result_list
    assert [row.product.external_id for row in rows] == ["B"]
    assert lead.get(f"{photos}?product__in_sources__source__exact=x").status_code in (200, 302)


def test_a_failed_run_is_told_on_the_start_page(lead: Client, root: Path, bundled: Any) -> None:
    add(lead, address="none.csv")
    source = CatalogueSource.objects.get()
    lead.post(f"{LIST}{source.pk}/run/")
    assert read(source).state == State.FAILED
    assert "failed at their last run: shop" in lead.get("/admin/").content.decode()
    assert "There is no file" in lead.get(page_of(source)).content.decode()


def test_one_is_removed_and_its_listings_stay(lead: Client, root: Path, bundled: Any) -> None:
    write(root / "feed.csv", "A", "B")
    add(lead, address="feed.csv")
    source = CatalogueSource.objects.get()
    lead.post(f"{LIST}{source.pk}/run/")
    read(source)
    assert lead.get(f"{LIST}{source.pk}/delete/").status_code == 200
    lead.post(f"{LIST}{source.pk}/delete/", {"post": "yes"})
    assert not CatalogueSource.objects.exists() and Product.objects.present().count() == 2
