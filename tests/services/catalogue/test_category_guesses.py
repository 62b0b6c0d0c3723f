"""Category names that an import brings become guesses of the model by choice alone."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from moderation.models import CatalogueSource, Category, Product
from moderation.services.encoding import engine
from moderation.services.queue import queue_filter
from moderation.services.running import setup
from tests.support.factories import as_user
from tests.support.import_pages import form, press, send
from tests.support.photos import photo

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ROWS = "product_id,image_path,text,category\n" + "".join(
    f"{number},1.jpg,A thing {number},{name}\n"
    for number, name in enumerate(["Tischdeko", "Armreifen", "Tischdeko", "t-shirts"])
)


@pytest.fixture
def file(bundled: Any, tmp_path: Path, settings: Any) -> Path:
    """A catalogue with two category names that are new and one that is there."""
    setup.seed_categories()
    (tmp_path / "1.jpg").write_bytes(photo(mark=1))
    settings.CLIP_IMAGE_ROOT = tmp_path
    settings.IMPORT_DIR = tmp_path / "imports"
    path = tmp_path / "shop.csv"
    path.write_text(ROWS)
    return path


def imported(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_products", *map(str, arguments), stdout=out)
    return out.getvalue()


def guessed() -> set[str]:
    """The names among which the model guesses, as every classification takes them."""
    return {name for name, _ in engine.active_categories()}


def test_a_new_name_is_there_for_filters_and_thresholds_and_is_no_guess(
    file: Path, client: Client
) -> None:
    before = guessed()
    told = imported(file)

    assert guessed() == before and "T-shirts" in before
    assert "Categories that are new: 2, for filters and thresholds" in told
    assert "does not guess them (--guess-categories)" in told
    new = Category.objects.get(name="Tischdeko")
    assert set(new.products.values_list("external_id", flat=True)) == {"0", "2"}
    assert Product.objects.get(external_id="3").category.name == "T-shirts"
    assert (new.pk, "Tischdeko") in set(queue_filter.Category.objects.values_list("pk", "name"))
    assert set(client.get("/clip/categories").json()["categories"]) == before


def test_by_choice_they_are_guesses_and_existing_ones_stay_as_they_are(file: Path) -> None:
    Category.objects.create(name="Armreifen", is_active=False)
    told = imported(file, "--guess-categories")

    assert "Categories that are new: 1; the model may guess them." in told
    assert "Tischdeko" in guessed() and "Armreifen" not in guessed()
    Category.objects.filter(name="Tischdeko").update(is_active=False)
    assert "are new" not in imported(file, "--guess-categories")
    assert "Tischdeko" not in guessed()


def test_the_page_asks_where_names_are_new(file: Path, lead_client: Client) -> None:
    before = guessed()
    page = send(lead_client, ROWS)
    assert "2 categories are new" in " ".join(page.content.decode().split())
    assert "guess_categories" not in form(page)

    press(lead_client, page, "Import")
    assert guessed() == before and Category.objects.filter(name="Armreifen").exists()
    page = send(lead_client, ROWS)
    assert "categories are new" not in page.content.decode()


def test_a_tick_on_the_page_makes_them_guesses(file: Path, lead_client: Client) -> None:
    page = press(lead_client, send(lead_client, ROWS), "Read it again", guess_categories="on")
    assert form(page)["guess_categories"] == ["on"]

    press(lead_client, page, "Import")
    assert {"Tischdeko", "Armreifen"} <= guessed()


def test_a_tick_is_saved_with_how_the_file_is_read(file: Path, lead_client: Client) -> None:
    ticked = {"guess_categories": "on", "save_as": "Ours"}
    press(lead_client, send(lead_client, ROWS), "Save", **ticked)
    source = CatalogueSource.objects.get(name="Ours")
    assert source.guess_categories

    page = send(lead_client, ROWS, profile=f"saved:{source.pk}")
    assert form(page)["guess_categories"] == ["on"]
    assert "the model may guess them" in imported(file, "--as", "Ours", "--dry-run")
    told = imported(file, "--as", "Ours", "--no-guess-categories", "--dry-run")
    assert "does not guess them" in told


@pytest.mark.parametrize("wish", ["--guess-categories", "--no-guess-categories"])
def test_a_source_does_as_it_was_told(file: Path, wish: str) -> None:
    call_command("source", "add", "ours")
    call_command("source", "change", "ours", wish)
    call_command("source", "run", "ours", "--file", str(file))

    assert Product.objects.filter(category__name="Tischdeko").count() == 2
    assert ({"Tischdeko", "Armreifen"} <= guessed()) == (wish == "--guess-categories")


def test_who_may_only_look_at_a_source_sees_it(file: Path, make_user: Callable[..., Any]) -> None:
    call_command("source", "add", "ours", "--guess-categories")
    source = CatalogueSource.objects.get()
    address = f"/admin/moderation/cataloguesource/{source.pk}/change/"
    for group in ("viewer", "lead"):
        html = as_user(make_user(group, group=group)).get(address).content.decode()
        assert "Guess its categories" in html
