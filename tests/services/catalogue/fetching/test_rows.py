"""A listing's photos follow what the shop names; what was fetched stays where addresses move."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.models import Analysis, Product, ProductPhoto
from moderation.services.catalogue import intake, intake_bulk
from moderation.services.catalogue.fetching import arrivals
from moderation.services.catalogue.fetching.arrivals import Fetched, NotFetched, NotModified
from moderation.services.catalogue.intake import IntakeError, Listing, Outcome
from tests.support.photos import photo

pytestmark = pytest.mark.django_db
State = ProductPhoto.State

SHOP = "https://cdn.shop.example"


@pytest.fixture(autouse=True)
def _model(bundled: Any) -> None:
    """A version that analyses are asked of."""


def take(*addresses: str, text: str = "A red ball", image: bytes | None = None) -> Outcome:
    listing = Listing("SKU-1", text, image, addresses=addresses or None)
    return intake.take(listing, source="api")[1]


def product() -> Product:
    return Product.objects.get(external_id="SKU-1")


def photos() -> list[tuple[int, str, str]]:
    rows = ProductPhoto.objects.order_by("position")
    return [(row.position, row.url.removeprefix(SHOP), row.state) for row in rows]


def answer(position: int, mark: int = 1, **changes: Any) -> None:
    """A photo comes from its host."""
    row = ProductPhoto.objects.get(position=position)
    stored = intake.store_photo(photo(mark=mark))
    arrivals.settle([(row, Fetched(stored, **changes))])


def miss(position: int = 0, **changes: Any) -> None:
    row = ProductPhoto.objects.get(position=position)
    arrivals.settle([(row, NotFetched("not_found", "There is no such photo.", **changes))])


def asked() -> int:
    return Analysis.objects.count()


def test_a_listing_by_address_is_scored_once_its_main_photo_is_here() -> None:
    assert take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg") is Outcome.CREATED
    assert photos() == [(0, "/1.jpg", "waiting"), (1, "/2.jpg", "waiting")]
    assert product().image_url == "" and asked() == 0

    answer(1, mark=2)
    assert asked() == 0
    answer(0, mark=1)
    assert asked() == 1 and Analysis.objects.get().image == product().image.name
    assert {state for _, _, state in photos()} == {"fetched"}


def test_the_same_addresses_again_change_nothing() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg")
    assert take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg") is Outcome.UNCHANGED
    assert take() is Outcome.UNCHANGED  # nothing was said of photos


def test_a_file_alone_has_no_rows() -> None:
    assert take(image=photo(mark=1)) is Outcome.CREATED
    assert photos() == [] and asked() == 1


def test_a_file_comes_before_the_addresses() -> None:
    take(f"{SHOP}/2.jpg", image=photo(mark=1))
    assert photos() == [(0, "", "fetched"), (1, "/2.jpg", "waiting")]
    assert asked() == 1


def test_a_file_takes_the_place_of_the_main_address() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg")
    take(image=photo(mark=7))
    assert photos() == [(0, "", "fetched"), (1, "/2.jpg", "waiting")]
    assert asked() == 1


def test_a_photo_under_a_new_address_takes_its_place_when_it_is_here() -> None:
    take(f"{SHOP}/1.jpg")
    answer(0, mark=1)
    before = product().image_sha256

    take(f"{SHOP}/new.jpg")
    assert product().image_sha256 == before
    assert list(Product.objects.scorable()) == []  # the file it has may show something else
    answer(0, mark=9)
    assert product().image_sha256 != before
    assert Analysis.objects.get().image_sha256 == product().image_sha256


def test_the_same_bytes_under_another_address_ask_for_nothing() -> None:
    take(f"{SHOP}/1.jpg")
    answer(0, mark=1)
    Product.objects.update(analysis=Analysis.objects.get())

    take(f"{SHOP}/new.jpg")
    answer(0, mark=1)
    assert asked() == 1


def test_photos_in_another_order_are_not_fetched_again() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg")
    answer(0, mark=1)
    answer(1, mark=2)
    second = ProductPhoto.objects.get(position=1).image_sha256

    assert take(f"{SHOP}/2.jpg", f"{SHOP}/1.jpg") is Outcome.UPDATED
    assert photos() == [(0, "/2.jpg", "fetched"), (1, "/1.jpg", "fetched")]
    assert product().image_sha256 == Analysis.objects.get().image_sha256 == second


def test_photos_that_the_shop_names_no_longer_are_gone() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg", f"{SHOP}/3.jpg")
    take(f"{SHOP}/1.jpg")
    assert photos() == [(0, "/1.jpg", "waiting")]


def test_a_text_that_changed_before_the_photo_came_is_scored_with_it() -> None:
    take(f"{SHOP}/1.jpg")
    take(f"{SHOP}/1.jpg", text="A green ball")
    assert asked() == 0
    answer(0)
    assert Analysis.objects.get().text == "A green ball"


def test_what_cannot_be_fetched_is_no_mismatch() -> None:
    take(f"{SHOP}/1.jpg")
    miss()
    row = ProductPhoto.objects.get()
    assert (row.state, row.problem, row.error) == (
        State.FAILED,
        "not_found",
        "There is no such photo.",
    )
    assert asked() == 0 and list(Product.objects.scorable()) == []


def test_what_may_come_yet_is_tried_until_the_attempts_are_used_up(settings: Any) -> None:
    settings.FETCH_MAX_ATTEMPTS = 3
    take(f"{SHOP}/1.jpg")
    for attempts in (1, 2):
        miss(again=True)
        row = ProductPhoto.objects.get()
        assert (row.state, row.attempts) == (State.WAITING, attempts)
    miss(again=True)
    assert ProductPhoto.objects.get().state == State.FAILED


def test_a_photo_that_was_here_once_stays_while_it_cannot_be_fetched_again() -> None:
    take(f"{SHOP}/1.jpg")
    answer(0)
    ProductPhoto.objects.update(state=State.WAITING)
    miss()
    assert Product.objects.scorable().get().image_url


def test_nothing_new_is_nothing_to_do() -> None:
    take(f"{SHOP}/1.jpg")
    answer(0, etag='"a"')
    Product.objects.update(analysis=Analysis.objects.get())
    ProductPhoto.objects.update(state=State.WAITING)

    arrivals.settle([(ProductPhoto.objects.get(), NotModified())])
    row = ProductPhoto.objects.get()
    assert (row.state, row.etag, asked()) == (State.FETCHED, '"a"', 1)


def test_an_answer_about_a_former_address_is_dropped() -> None:
    take(f"{SHOP}/1.jpg")
    late = ProductPhoto.objects.get()
    take(f"{SHOP}/2.jpg")
    arrivals.settle([(late, Fetched(intake.store_photo(photo(mark=1))))])
    assert photos() == [(0, "/2.jpg", "waiting")]
    assert product().image_url == ""


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://shop.example/1.jpg", "no web address"),
        ("https:///1.jpg", "names no host"),
        ("https://a:b@shop.example/1.jpg", "holds a login"),
        ("https://shop.example:99999/1.jpg", "no web address"),
        ("https://[::1/1.jpg", "no web address"),
        ("https://a b/1.jpg", "no name of a host"),
        ("https://-.\u0301/1.jpg", "no name of a host"),
        (f"https://shop.example/{'x' * 2000}.jpg", "more than 2000 characters"),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(address: str, words: str) -> None:
    with pytest.raises(IntakeError, match=words):
        take(address)
    assert not Product.objects.exists()


def test_an_address_is_written_as_browsers_send_it() -> None:
    take("//cdn.shop.example/rotes Kleid ü.jpg?v=1&w=800 ")
    assert ProductPhoto.objects.get().url == f"{SHOP}/rotes%20Kleid%20%C3%BC.jpg?v=1&w=800"
    take("https://Bücher.example:8443/1.jpg")
    assert ProductPhoto.objects.get().url == "https://xn--bcher-kva.example:8443/1.jpg"


def test_many_at_once_become_the_same_as_one_by_one() -> None:
    listings = [
        Listing(f"SKU-{n}", "A red ball", None, addresses=(f"{SHOP}/{n}.jpg",)) for n in range(3)
    ]
    for expected in ([Outcome.CREATED] * 3, [Outcome.UNCHANGED] * 3):
        stored = intake_bulk.store_many([(one, None) for one in listings], source="import")
        assert [outcome for _, outcome in stored] == expected
    moved = [Listing("SKU-1", "A red ball", None, addresses=(f"{SHOP}/new.jpg",))]
    for is_dry in (True, False):
        stored = intake_bulk.store_many([(moved[0], None)], source="import", dry_run=is_dry)
        assert [outcome for _, outcome in stored] == [Outcome.UPDATED]
    assert ProductPhoto.objects.filter(url__endswith="new.jpg").count() == 1


# ── Several photos ────────────────────────────────────────────────────────────────────────────
def test_a_listing_is_scored_once_all_that_its_host_sends_are_here() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg", f"{SHOP}/3.jpg")
    answer(0)
    answer(1, mark=2)
    assert asked() == 0
    answer(2, mark=3)
    assert asked() == 1 and product().photos_hash


def test_a_further_photo_that_is_not_there_keeps_nobody_waiting() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg")
    answer(0)
    miss(1, again=True)
    assert asked() == 1 and product().photos_hash == ""


def test_one_of_another_host_is_not_waited_for() -> None:
    take(f"{SHOP}/1.jpg", "https://slow.example/2.jpg")
    answer(0)
    assert asked() == 1
    answer(1, mark=2)
    assert asked() == 1  # the request that nobody had claimed is of the new content now
    assert Analysis.objects.get().content_hash == product().content_hash


def test_a_further_photo_that_changes_is_another_content() -> None:
    take(f"{SHOP}/1.jpg", f"{SHOP}/2.jpg")
    answer(0)
    answer(1, mark=2)
    before = product().content_hash
    ProductPhoto.objects.filter(position=1).update(state=State.WAITING)
    answer(1, mark=3)
    assert product().content_hash != before
    take(f"{SHOP}/1.jpg")
    assert product().photos_hash == ""
