"""How a file is recognised, what is asked where it is not certain, what a person may choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.catalogue_formats import CatalogueFileError
from moderation.services.catalogue.column_mapping import Choice
from moderation.services.catalogue.profiles import PROFILES, Role, found
from tests.support.exports import listings, shown

GERMAN = (
    "Nr;Bezeichnung;Text;Bild 1;Bild 2;Gruppe\n7;Vase;Hoch;a.jpg;https://x.example/b.jpg;Deko\n"
)


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "artikel.csv"
    path.write_text(GERMAN)
    return path


CHOSEN = {
    Role.ID: ["nr"],
    Role.TITLE: ["Bezeichnung"],
    Role.PHOTOS: ["Bild 1", "Bild 2"],
    Role.CATEGORY: ["Gruppe"],
}


def test_columns_that_a_person_names_need_no_profile(german: Path) -> None:
    rows = listings(german, Choice(columns=CHOSEN))
    assert shown(rows) == [(2, "7", "Vase", ("a.jpg", "https://x.example/b.jpg"))]
    assert (rows[0].category, rows[0].seller) == ("Deko", None)

    mapping = open_catalogue(german, choice=Choice(columns=CHOSEN)).mapping
    assert mapping.evidence == "No profile: the columns were named."
    assert listings(german, mapping.choice) == rows  # as a saved choice reads it again


def test_a_choice_changes_what_a_profile_says(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("id,title,mpn,image_link\nA1,Vase,M1,https://x.example/1.jpg\n")
    choice = Choice(columns={Role.ID: ["MPN"]})
    assert listings(path, choice)[0].product_id == "M1"
    assert open_catalogue(path, choice=choice).mapping.evidence.endswith(
        "has the columns id, title and image_link. Other columns were named for some of it."
    )


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (
            Choice(columns={Role.TITLE: ["Name"]}),
            "has no column Name; it has: Nr, Bezeichnung, Text, Bild 1, Bild 2, Gruppe.",
        ),
        (
            Choice(columns={Role.TITLE: ["Bezeichnung"]}),
            r"lacks the columns product_id and image_path; rename the ones meant \(found: Nr,",
        ),
        (
            Choice("shopify"),
            "lacks the columns Handle or URL handle, Image Src or Product image URL and Title;",
        ),
        (Choice("ebay"), "There is no profile ebay; there are amazon, bigcommerce, "),
    ],
)
def test_a_choice_that_does_not_fit_gets_a_sentence(
    german: Path, choice: Choice, words: str
) -> None:
    with pytest.raises(CatalogueFileError, match=words):
        open_catalogue(german, choice=choice)


def test_what_may_be_of_two_profiles_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    path.write_text("id,title,image_link,file_name\nA1,Vase,https://x.example/1.jpg,1.jpg\n")
    with pytest.raises(CatalogueFileError) as refused:
        open_catalogue(path)
    assert str(refused.value) == (
        "both.csv may be of the profile google (has the columns id, title and image_link) or "
        "imagefolder (has the columns file_name and title); choose one of them."
    )
    assert listings(path, Choice("imagefolder"))[0].photos == ("1.jpg",)


def test_our_own_columns_come_before_all_others(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,title,image_link,product_id,image_path,text\n1,a,b,P1,1.jpg,Vase\n")
    assert shown(listings(path)) == [(2, "P1", "Vase", ("1.jpg",))]


def test_a_path_may_hold_any_sign_in_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('product_id,image_path,text\nP1,"a, b|c; d.jpg",Vase\n')
    assert listings(path)[0].photos == ("a, b|c; d.jpg",)


def test_numbered_columns_are_found_in_their_order() -> None:
    names = ["Image10", "image2", "IMAGE1", "image", "image 3"]
    assert found(names, ["IMAGE{n}"]) == ["IMAGE1", "image2", "Image10"]


def test_every_profile_says_what_a_listing_needs() -> None:
    for name, profile in PROFILES.items():
        assert profile.columns[Role.ID] and profile.columns[Role.PHOTOS], name
        assert profile.columns[Role.TITLE] and profile.recognised_by, name
