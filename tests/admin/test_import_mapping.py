"""The page between upload and import: how a file is read, what is asked, what is kept by name."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.test import Client
from lxml import html

from moderation.models import CatalogueSource, Product
from tests.support.factories import MakeUser, as_user
from tests.support.import_pages import IMPORT, form, press, send
from tests.support.photos import photo
from tools import photo_host
from tools.photo_host import Said

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

WEB = "https://cdn.shop.example"
SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Image Src,Price\n"
    f"mug,Stoneware mug,<p>Blue.</p>,Acme,{WEB}/1.jpg,4\n"
    f"mug,,,,{WEB}/2.jpg,\n"
    f"cup,,<p>Green <b>cup</b></p>,,{WEB}/3.jpg,4\n"
)
GERMAN = (
    "Nr;Bezeichnung;Langtext;Bild 1;Bild 2;Gruppe\n"
    f"7;Vase 19,99 €;Hoch;{WEB}/7.jpg;{WEB}/7b.jpg;Deko\n"
    f"8;Krug;Rund;{WEB}/8.jpg;;Deko\n"
)


@pytest.fixture(autouse=True)
def kept(settings: Any, tmp_path: Path) -> Path:
    """The folder of kept uploads."""
    settings.IMPORT_DIR = tmp_path / "imports"
    return tmp_path / "imports"


@pytest.fixture
def lead_client(bundled: Any, lead_client: Client) -> Client:
    return lead_client


def words(page: Any) -> str:
    """What people read of it."""
    return " ".join(html.fromstring(page.content.decode()).text_content().split())


def archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


# ── What is shown ─────────────────────────────────────────────────────────────────────────────
def test_a_file_that_is_recognised_is_one_click_from_its_import(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)

    assert form(page) | {"token": [], "csrfmiddlewaretoken": []} == {
        "token": [],
        "csrfmiddlewaretoken": [],
        "profile": [""],
        "id": ["Handle"],
        "title": ["Title"],
        "description": ["Body (HTML)"],
        "category": [""],
        "seller": ["Vendor"],
        "photos": ["Image Src", ""],
        "save_as": [""],
    }
    assert "Shopify, as recognised" in words(page)
    press(lead_client, page, "Import 2 rows")
    assert sorted(Product.objects.values_list("external_id", "text", "seller")) == [
        ("cup", "Green cup", ""),
        ("mug", "Stoneware mug", "Acme"),
    ]


def test_the_first_listings_are_shown_as_they_will_be(lead_client: Client) -> None:
    rows = "".join(f"A{n},images/a.jpg,A red ball 12 €,Balls,anna\n" for n in range(30))
    rows = f"A,images/a.jpg,,Balls,\nB,images/gone.jpg,A ball,,\n{rows}"
    head = "product_id,image_path,text,category,seller\n"

    page = send(lead_client, head + rows, photos=archive(**{"images/a.jpg": photo()}))

    first, second, third, *_ = cards = page.context["cards"]
    assert len(cards) == 20
    assert (first.listing.line, first.listing.column, first.listing.problem) == (
        *(2, "text"),
        "text is empty; give the title or description.",
    )
    assert "Line 3, image_path: The photo images/gone.jpg does not exist" in words(page)
    assert (second.picture, third.picture[:23]) == ("", "data:image/jpeg;base64,")
    assert first.picture == third.picture  # its photo is there
    listing = third.listing
    assert (listing.product_id, listing.category, listing.seller) == ("A0", "Balls", "anna")
    assert "The model reads: A red ball" in words(page)
    assert "Import 30 rows" in page.content.decode()


def test_photos_of_other_hosts_are_named_and_not_loaded(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)

    mug = page.context["cards"][0]
    assert (mug.host, mug.file, mug.listing.further) == ("cdn.shop.example", "1.jpg", 1)
    assert not html.fromstring(page.content.decode()).xpath("//img[contains(@src, 'shop.example')]")
    assert "1 further photo" in words(page)


def test_the_first_photos_by_address_are_fetched_by_the_server_once(
    lead_client: Client, settings: Any
) -> None:
    with photo_host.photo_host() as host:
        host.say = lambda path: Said(404) if path == "/1.jpg" else None
        rows = "".join(f"{n},Vase {n},{host(f'/{n}.jpg')}\n" for n in range(12))
        page = send(lead_client, "Handle,Title,Image Src\n" + rows)
        assert not host.asked  # showing the page asks nobody

        refused = lead_client.post(IMPORT + "photos/", form(page)).json()["photos"]
        assert refused == {} and not host.asked  # as everything in a private network

        settings.FETCH_ALLOW = ["127.0.0.1"]
        page = send(lead_client, "Handle,Title,Image Src\n" + rows)
        shown = lead_client.post(IMPORT + "photos/", form(page)).json()["photos"]
        assert list(shown) == [host(f"/{n}.jpg") for n in range(8) if n != 1]
        assert all(one.startswith("data:image/jpeg;base64,") for one in shown.values())

        page = press(lead_client, page, "Read it again", title="Handle")
        assert lead_client.post(IMPORT + "photos/", form(page)).json()["photos"] == shown
        assert sum(host.asked.values()) == 8


def test_every_format_is_shown(lead_client: Client) -> None:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["Our autumn list"])
    for row in csv.reader(GERMAN.splitlines(), delimiter=";"):
        book.active.append(row)
    book.save(buffer)
    feed = (
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>A1</g:id>'
        f"<g:title>Vase</g:title><g:image_link>{WEB}/1.jpg</g:image_link></item></channel></rss>"
    )
    page = send(lead_client, buffer.getvalue(), name="artikel.xlsx")
    assert form(page)["title"] == ["Bezeichnung"]  # the header is not the first row
    assert len(press(lead_client, page, "Read it like this").context["cards"]) == 2
    assert "Google Merchant" in words(send(lead_client, feed, name="feed.xml"))


# ── What is changed ───────────────────────────────────────────────────────────────────────────
def test_a_changed_select_reads_the_file_again(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)

    page = press(lead_client, page, "Read it again", title="Vendor", description="")

    assert [card.listing.text for card in page.context["cards"]] == ["Acme", ""]
    assert "Other columns were named for some of it." in words(page)
    press(lead_client, page, "Import 1 row")
    assert Product.objects.get().text == "Acme"


def test_what_was_not_shown_is_shown_before_it_is_imported(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)

    page = press(lead_client, page, "Import 2 rows", title="Vendor")

    assert not Product.objects.exists()
    assert "This is how the file is read now." in words(page)
    press(lead_client, page, "Import 2 rows")
    assert set(Product.objects.values_list("text", flat=True)) == {"Acme", "Green cup"}


def test_photos_may_be_of_several_columns_in_any_order(lead_client: Client) -> None:
    page = press(lead_client, send(lead_client, GERMAN), "Read it like this")
    assert form(page)["photos"] == ["Bild 1", "Bild 2", ""]

    page = press(lead_client, page, "Read it again", photos=["Bild 2", "Bild 1", "Bild 2", ""])

    assert form(page)["photos"] == ["Bild 2", "Bild 1", ""]
    assert page.context["cards"][0].file == "7b.jpg"


def test_another_kind_brings_its_own_columns(lead_client: Client) -> None:
    rows = f"id,title,image_link,file_name\nA1,Vase,{WEB}/1.jpg,images/a.jpg\n"
    page = send(lead_client, rows, photos=archive(**{"images/a.jpg": photo()}))
    assert "It may be Google Merchant" in words(page) and form(page)["profile"] == ["google"]
    assert not page.context["report"]  # nothing is settled

    page = press(lead_client, page, "Read it like this", profile="imagefolder")

    assert form(page)["photos"] == ["file_name", ""]
    press(lead_client, page, "Import 1 row")
    assert Product.objects.get().image


# ── What is asked ─────────────────────────────────────────────────────────────────────────────
def test_columns_that_nobody_knows_are_asked_for_with_a_guess(lead_client: Client) -> None:
    page = send(lead_client, GERMAN)

    assert "No known export has these columns. Which of them means what?" in words(page)
    columns = page.context["file_columns"]  # with their first values, to choose by
    assert columns[2] == ("Langtext", ["Hoch", "Rund"], "Description")
    guess = form(page)
    assert (guess["id"], guess["title"], guess["category"]) == (["Nr"], ["Bezeichnung"], ["Gruppe"])
    assert "Vase 19,99 €" in words(page) and not page.context["report"]
    lead_client.post(IMPORT + "confirm/", guess)
    assert not Product.objects.exists()  # a guess is looked at before

    page = press(lead_client, page, "Read it like this", title="Langtext")
    press(lead_client, page, "Import 2 rows")

    assert sorted(Product.objects.values_list("text", flat=True)) == ["Hoch", "Rund"]


def test_a_guess_that_is_only_looked_at_stays_one(lead_client: Client) -> None:
    page = send(lead_client, GERMAN)

    page = lead_client.post(
        IMPORT + "mapping/", form(page) | {"title": ["Langtext"], "look": ["1"]}
    )

    assert "Look whether the listings below are right." in words(page)
    assert form(page)["title"] == ["Langtext"] and not page.context["report"]
    assert press(lead_client, page, "Read it like this").context["report"].created == 2


def test_what_is_still_missing_is_asked_until_it_is_there(lead_client: Client) -> None:
    page = send(lead_client, f"a,b,c\n1,x,{WEB}/1.jpg\n")
    assert page.context["cards"] == [] and form(page)["photos"] == ["c", ""]

    page = press(lead_client, page, "Read it like this", id="a", photos="")
    assert "Which of them means what?" in words(page)
    page = press(lead_client, page, "Read it like this", id="a", title="b", photos="c")

    assert page.context["report"].created == 1


def test_a_profile_whose_columns_are_missing_is_asked_about(lead_client: Client) -> None:
    page = send(lead_client, GERMAN, profile="shopify")

    assert "The file lacks columns of Shopify. Which stand for them?" in words(page)
    assert form(page)["profile"] == ["shopify"] and form(page)["id"] == ["Nr"]


def test_two_columns_of_one_name_are_refused_with_a_sentence(lead_client: Client) -> None:
    page = send(lead_client, f"Handle,Title,Title,Image Src,Alt\n1,a,b,{WEB}/1.jpg,c\n")
    assert "has the column Title twice; remove or rename one of them." in words(page)

    page = press(lead_client, page, "Read it like this", title="Alt")

    assert page.context["report"].created == 1


# ── What is kept by name ──────────────────────────────────────────────────────────────────────
def saved(client: Client, name: str = "Our shop", **more: Any) -> Any:
    page = press(client, send(client, GERMAN), "Read it like this", title="Langtext")
    return press(client, page, "Save", save_as=name, **more)


def test_a_mapping_is_saved_by_name_and_offered_to_the_next_file(
    lead_client: Client, lead: Any
) -> None:
    assert "Saved as Our shop" in words(saved(lead_client))
    source = CatalogueSource.objects.get()
    assert (source.profile, source.columns["title"], source.created_by) == ("", ["Langtext"], lead)
    upload = lead_client.get(IMPORT).content.decode()
    assert f'<option value="saved:{source.pk}">Our shop</option>' in upload

    page = send(lead_client, GERMAN, profile=f"saved:{source.pk}")

    assert "As saved by the name “Our shop”." in words(page)
    press(lead_client, page, "Import 2 rows")
    assert Product.objects.filter(text="Hoch").exists()


def test_a_name_in_use_is_replaced_only_where_that_is_ticked(lead_client: Client) -> None:
    saved(lead_client)
    page = press(lead_client, send(lead_client, SHOPIFY), "Save", save_as="Our shop")
    assert "A mapping is saved as Our shop already" in words(page)
    assert form(page)["save_as"] == ["Our shop"]
    page = press(lead_client, page, "Import 2 rows")  # with the name still in its field
    assert "Not saved" in words(page) and not Product.objects.exists()

    press(lead_client, page, "Import 2 rows", replace="on")

    assert CatalogueSource.objects.get().profile == "shopify"
    assert Product.objects.count() == 2


def test_a_saved_mapping_that_does_not_fit_asks(lead_client: Client) -> None:
    saved(lead_client)
    pk = CatalogueSource.objects.get().pk

    page = send(lead_client, GERMAN.replace("Langtext", "Text"), profile=f"saved:{pk}")

    assert "has no column Langtext; it has: Nr, Bezeichnung, Text" in words(page)
    assert form(page)["id"] == ["Nr"] and form(page)["title"] == ["Bezeichnung"]


def test_a_saved_mapping_that_is_gone_is_a_sentence(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)
    for kind in ("saved:99", "saved:x", f"saved:{'9' * 30}", "ebay"):
        answer = press(lead_client, page, "Read it again", profile=kind)
        assert answer.status_code == 400 and "Import 2 rows" in answer.content.decode()


# ── Whose it is ───────────────────────────────────────────────────────────────────────────────
def test_nobody_reaches_the_upload_of_another(lead_client: Client, make_user: MakeUser) -> None:
    other = as_user(make_user("olga", group="lead"))
    page = send(lead_client, SHOPIFY)
    send(other, GERMAN)

    assert other.post(IMPORT + "photos/", form(page)).json() == {"photos": {}}
    for address in ("mapping/", "confirm/"):
        answer = other.post(IMPORT + address, form(page), follow=True)
        assert "upload it again" in answer.content.decode()
    assert not Product.objects.exists()
    press(lead_client, page, "Import 2 rows")


def test_a_page_of_an_upload_before_imports_nothing(lead_client: Client) -> None:
    page = send(lead_client, SHOPIFY)
    send(lead_client, GERMAN)

    assert "upload it again" in press(lead_client, page, "Import 2 rows").content.decode()
    assert not Product.objects.exists()


def test_who_may_not_import_sees_nothing_of_it(lead_client: Client, make_user: MakeUser) -> None:
    page = send(lead_client, SHOPIFY)
    moderator = as_user(make_user("mona"))
    for address in ("", "mapping/", "photos/", "confirm/"):
        assert moderator.post(IMPORT + address, form(page)).status_code == 403
    assert lead_client.get(IMPORT + "mapping/").status_code == 302


# ── What strangers write ──────────────────────────────────────────────────────────────────────
def test_markup_and_odd_signs_in_headers_are_text(lead_client: Client) -> None:
    evil = '<script>alert(1)</script>"onfocus="x'
    head = f'Nr;"{evil.replace(chr(34), chr(34) * 2)}";"Bild\n1";‮Rechts\n'

    page = send(lead_client, head + f"7;<b>Vase</b>;{WEB}/7.jpg;r\n8;Krug;{WEB}/8.jpg;r\n")

    assert "<script>alert" not in page.content.decode() and evil in words(page)
    assert form(page)["photos"] == ["Bild 1", ""]
    page = press(lead_client, page, "Read it like this", id="Nr", title=evil)
    assert page.context["report"].created == 2


def test_a_file_of_many_columns_and_huge_cells_stays_a_page(lead_client: Client) -> None:
    many = [f"IMAGE{n}" for n in range(1, 301)]
    head = ["SKU", "TITLE", "CURRENCY_CODE", "x" * 100_000, *many]
    row = ["1", "y" * 1_000_000, "EUR", "", *(f"{WEB}/{n}.jpg" for n in range(300))]
    out = io.StringIO()
    csv.writer(out).writerows([head, row])

    page = send(lead_client, out.getvalue())

    assert len(form(page)["photos"]) == 300
    assert len(page.content) < 1_000_000
    assert "TITLE: TITLE has 1000000 characters" in words(page)
