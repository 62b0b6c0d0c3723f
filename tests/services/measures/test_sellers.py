"""What is shown of a seller, and how one is found."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.models import Analysis, Decision, Product, ReviewItem
from moderation.services.measures import seller_panel
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db

PAGE = "/admin/sellers/"


def decided(item: ReviewItem, by: User, verdict: str, reason: str, **more: Any) -> Decision:
    ReviewItem.objects.filter(pk=item.pk).update(state="decided")
    return Decision.objects.create(
        item=item, analysis=item.analysis, moderator=by, verdict=verdict, reason=reason, **more
    )


@pytest.fixture
def smith(make_item: MakeItem, make_user: MakeUser) -> str:
    """Six listings: three mismatches, one match, one nobody can tell, one open."""
    anna = make_user("anna")
    said = [
        ("confirm", "other_product"),
        ("confirm", "other_product"),
        ("confirm", "bad_text"),
        ("dismiss", "matches"),
        ("dismiss", "unclear"),
    ]
    items = [make_item(f"A{number}", seller="smith & <co>") for number in range(6)]
    for item, (verdict, reason) in zip(items, said, strict=False):
        decided(item, anna, verdict, reason)
    Analysis.objects.filter(pk=items[3].analysis_id).update(is_mismatch=False)
    other = make_item("B1", seller="jones")
    decided(other, anna, "confirm", "bad_text", mode="automatic")
    return "smith & <co>"


def test_a_panel_counts_what_people_decided(smith: str) -> None:
    panel = seller_panel.seller_panel(smith)

    assert panel is not None
    assert (str(panel.products), panel.flagged, str(panel.open)) == ("6", 5, "1")
    assert (panel.judged, panel.confirmed) == (4, 3)
    assert panel.confirmed_share is not None and panel.confirmed_share.value == 0.75
    assert panel.confirmed_share.low < 0.5 and panel.confirmed_share.high > 0.9
    assert panel.reasons == [
        ("Photo shows another product", 2),
        ("Text wrong, spam or too vague", 1),
    ]
    assert [product.external_id for product in panel.recent] == [
        f"A{n}" for n in (5, 4, 3, 2, 1, 0)
    ]
    assert seller_panel.seller_panel("smith") is None


def test_an_undone_decision_and_a_second_opinion_count_for_nothing(
    smith: str, make_item: MakeItem, make_user: MakeUser
) -> None:
    first = Decision.objects.filter(reason="bad_text", mode="queue").get()
    ben = make_user("ben")
    decided(first.item, first.moderator, "undo", "", corrects=first)
    second = make_item("S1", seller=smith)
    ReviewItem.objects.filter(pk=second.pk).update(second_of=first.item)
    decided(second, ben, "confirm", "other_colour")

    panel = seller_panel.seller_panel(smith)

    assert panel is not None and (panel.judged, panel.confirmed) == (3, 2)


def test_of_a_large_seller_only_the_newest_listings_are_looked_at(
    smith: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seller_panel, "LOOKED_AT", 3)
    monkeypatch.setattr(seller_panel, "_PRODUCTS_AT_MOST", 4)

    panel = seller_panel.seller_panel(smith)

    assert panel is not None
    assert (str(panel.products), panel.looked_at, panel.judged) == ("4+", 3, 1)


def test_the_top_list_is_of_what_people_confirmed_lately(smith: str) -> None:
    assert seller_panel.top_sellers() == [seller_panel.SellerCount(smith, judged=4, confirmed=3)]


@pytest.mark.parametrize(
    ("beginning", "found"),
    [
        ("s", ["s%", "sa", "sb", "sé"]),
        ("S", ["S"]),
        ("s%", ["s%"]),
        ("sé", ["sé"]),
        ("x", []),
        ("sab", []),
    ],
)
def test_sellers_are_found_by_the_beginning_of_their_name(
    bundled: Any, beginning: str, found: list[str]
) -> None:
    names = ["sa", "sa", "sa", "sb", "s%", "S", "sé", "ta", ""]
    Product.objects.bulk_create(
        Product(external_id=f"A{number}", text="x", image="x.jpg", seller=name)
        for number, name in enumerate(names)
    )

    assert seller_panel.sellers_starting_with(beginning) == found


@pytest.mark.any_database
def test_a_seller_is_searched_and_shown(smith: str, lead_client: Client) -> None:
    start = lead_client.get(PAGE).content.decode()
    assert "smith &amp; &lt;co&gt;" in start and "jones" not in start

    answer = lead_client.get(PAGE, {"q": "smi"}, follow=True)

    html = answer.content.decode()
    assert answer.redirect_chain and "75% (30–95%)" in html
    assert '/admin/queue/?seller=smith+%26+%3Cco%3E"' in html
    assert "No seller begins with “zz”" in lead_client.get(PAGE, {"q": "zz"}).content.decode()
    assert lead_client.get(f"{PAGE}nobody/").status_code == 404


@pytest.mark.any_database
def test_names_with_slashes_have_a_page(make_item: MakeItem, lead_client: Client) -> None:
    make_item("A1", seller="a/b c?d")

    answer = lead_client.get(PAGE, {"q": "a/b"}, follow=True)

    assert answer.status_code == 200 and answer.context["panel"].seller == "a/b c?d"


@pytest.mark.any_database
def test_the_panel_tells_nothing_of_what_is_judged_blind(
    make_item: MakeItem, lead_client: Client
) -> None:
    item = make_item("A1", seller="smith")
    assert "is-flagged" in lead_client.get(f"{PAGE}smith/").content.decode()
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)

    html = lead_client.get(f"{PAGE}smith/").content.decode()

    assert "to be judged blind" in html and "is-flagged" not in html
    assert seller_panel.seller_panel("smith").flagged == 0  # type: ignore[union-attr]


@pytest.mark.any_database
def test_the_pages_need_the_right_to_see_products(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create(username="eve", is_staff=True))

    assert client.get(PAGE).status_code == client.get(f"{PAGE}smith/").status_code == 403
