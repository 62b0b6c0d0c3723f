"""Mappings that are kept by name, and the command that saves and uses them."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation.models import CatalogueSource, Product
from moderation.services.catalogue import saved_mappings
from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.column_mapping import Choice
from moderation.services.catalogue.profiles import Role
from moderation.services.catalogue.saved_mappings import MappingError
from tests.support.exports import listings

pytestmark = pytest.mark.django_db

WEB = "https://cdn.shop.example"
GERMAN = ("--map", "id=Nr", "--map", "title=Name", "--map", "photos=Bild")


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "artikel.csv"
    path.write_text(f"Nr;Name;Langtext;Bild\n7;Vase;Hoch;{WEB}/7.jpg\n")
    return path


def run(*arguments: Any) -> str:
    out = StringIO()
    call_command("import_products", *map(str, arguments), stdout=out)
    return out.getvalue()


def save(path: Path, choice: Choice, *, name: str = "Our shop", replace: bool = False) -> None:
    mapping = open_catalogue(path, choice=choice).mapping
    saved_mappings.save(name, mapping, by=None, replace=replace)


def test_only_what_differs_from_the_profile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"Handle,Title,Vendor,Type,Image Src\nmug,Mug,Acme,Mugs,{WEB}/1.jpg\n")
    save(path, Choice(columns={Role.TITLE: ["Title"], Role.SELLER: [], Role.CATEGORY: ["Vendor"]}))

    source = CatalogueSource.objects.get()
    assert (source.profile, source.columns) == (
        *("shopify",),
        {"category": ["Vendor"], "seller": []},
    )
    # So a file that lacks what the profile may do without is still read.
    path.write_text(f"URL handle,Title,Vendor,Product image URL\nmug,Mug,Acme,{WEB}/1.jpg\n")
    (row,) = listings(path, saved_mappings.choice_of(source))
    assert (row.product_id, row.category, row.seller) == ("mug", "Acme", None)


def test_what_a_newer_release_wrote_is_passed_over() -> None:
    source = CatalogueSource(name="x", columns={"title": ["Name"], "colour": ["Farbe"]})
    assert saved_mappings.choice_of(source) == Choice("", {Role.TITLE: ["Name"]})


def test_a_name_in_use_is_replaced_only_where_that_is_said(german: Path) -> None:
    chosen = {Role.ID: ["Nr"], Role.TITLE: ["Name"], Role.PHOTOS: ["Bild"]}
    save(german, Choice(columns=chosen))
    with pytest.raises(MappingError, match="saved as Our shop already; choose another name"):
        save(german, Choice(columns=chosen))
    save(german, Choice(columns=chosen | {Role.TITLE: ["Langtext"]}), replace=True)
    assert CatalogueSource.objects.get().columns["title"] == ["Langtext"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\0b"])
def test_a_name_that_cannot_be_is_a_sentence(german: Path, name: str) -> None:
    with pytest.raises(MappingError, match="by a name of 1 to 100 letters, in one line"):
        saved_mappings.check_name(name)


# ── The command ───────────────────────────────────────────────────────────────────────────────
def test_a_file_is_read_as_another_was(bundled: Any, german: Path) -> None:
    told = run(german, *GERMAN, "--save-as", "Our shop")
    assert "Saved as Our shop: the next file may be read --as it." in told

    german.write_text(german.read_text().replace("7;Vase", "8;Krug"))
    assert "1 created" in run(german, "--as", "Our shop")

    assert "1 updated" in run(german, "--as", "Our shop", "--map", "title=Langtext")
    texts = Product.objects.order_by("external_id").values_list("text", flat=True)
    assert list(texts) == ["Vase", "Hoch"]


def test_a_name_that_is_not_there_names_those_that_are(bundled: Any, german: Path) -> None:
    with pytest.raises(CommandError, match="No mapping is saved as Shop; none is saved yet"):
        run(german, "--as", "Shop")
    run(german, *GERMAN, "--save-as", "Our shop")
    with pytest.raises(CommandError, match="No mapping is saved as Shop; there is Our shop"):
        run(german, "--as", "Shop")


def test_a_name_in_use_stops_before_anything_is_imported(bundled: Any, german: Path) -> None:
    CatalogueSource.objects.create(name="Our shop")
    with pytest.raises(CommandError, match=r"Our shop already; .* Or add --replace"):
        run(german, *GERMAN, "--save-as", "Our shop")
    assert not Product.objects.exists()

    run(german, *GERMAN, "--save-as", "Our shop", "--replace")
    assert CatalogueSource.objects.get().columns["id"] == ["Nr"]


def test_a_dry_run_saves_nothing(bundled: Any, german: Path) -> None:
    assert "A dry run saves no mapping." in run(german, *GERMAN, "--save-as", "X", "--dry-run")
    assert not CatalogueSource.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as", "X", "--profile", "shopify"], "not allowed with argument"),
        (["--replace"], "--replace goes with --save-as NAME"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(
    german: Path, arguments: list[str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        run(german, *arguments)
