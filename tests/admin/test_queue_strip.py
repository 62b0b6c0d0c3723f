"""Listings with several photos in the queue: all are shown, and a verdict says which is meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from moderation.models import Category, Decision, Product, ReviewItem
from moderation.services.queue import similar
from tests.support.factories import MakeItem, RunWorker, as_user
from tests.support.several_photos import make_misfit, take

pytestmark = pytest.mark.django_db

QUEUE = "/admin/queue/"


def html(anna: User) -> str:
    return as_user(anna).get(QUEUE).content.decode()


def decide(anna: User, item: ReviewItem, **form: Any) -> Decision:
    answered = as_user(anna).post(f"{QUEUE}{item.pk}/decide/", form)
    assert answered.status_code == 302, answered.content
    return Decision.objects.get()


def test_one_photo_has_no_strip(make_item: MakeItem, anna: User) -> None:
    make_item("A1")
    page = html(anna)
    assert "strip-photo" not in page and "the large one" not in page


def test_the_photo_that_does_not_fit_is_large_and_marked(bundled: Any, anna: User) -> None:
    item = make_misfit("A1", misfit=3, of=4)
    page = html(anna)
    third = item.analysis.further_photos[1].image_url
    assert re.search(rf'class="photo" href="{re.escape(third)}"', page)
    assert page.count('class="strip-photo') == 4 and page.count("is-misfit") == 1
    assert "Photo 3 of 4 does not fit the text." in page
    assert re.search(r'value="3"[^>]*checked', page)


def test_judged_blind_nothing_tells_which_it_is(bundled: Any, anna: User) -> None:
    item = make_misfit("A1", misfit=3)
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    page = html(anna)
    assert page.count('class="strip-photo') == 4
    assert "is-misfit" not in page and "does not fit" not in page
    assert re.search(rf'class="photo" href="{re.escape(item.analysis.image_url)}"', page)
    assert re.search(r'value="1"[^>]*checked', page)


def test_a_mismatch_is_said_of_the_photo_that_was_chosen(bundled: Any, anna: User) -> None:
    item = make_misfit("A1", misfit=3)
    made = decide(anna, item, answer="confirm:other_product", photo="2")
    assert made.photo_number == 2
    page = as_user(anna).get(f"{QUEUE}{item.pk}/").content.decode()
    assert "photo 2 of 4," in page


def test_a_photo_that_is_not_there_is_refused_with_a_sentence(bundled: Any, anna: User) -> None:
    item = make_misfit("A1")
    for sent, words in (("9", "There is no photo 9"), ("x", "the number of a photo")):
        answered = as_user(anna).post(
            f"{QUEUE}{item.pk}/decide/", {"answer": "confirm:other_product", "photo": sent}
        )
        assert answered.status_code == 400 and words in answered.content.decode()
    assert not Decision.objects.exists()


def test_similar_listings_do_not_follow_a_verdict_on_a_further_photo(
    bundled: Any, anna: User
) -> None:
    for name in ("A1", "A2"):
        make_misfit(name)
    similar.assign_pending(limit=10, seconds=60)
    assert not ReviewItem.objects.exclude(group=None).exists()


def test_the_list_of_decisions_shows_the_photo_that_was_judged(bundled: Any, anna: User) -> None:
    item = make_misfit("A1", misfit=3)
    decide(anna, item, answer="confirm:other_product", photo="3")
    page = as_user(anna).get("/admin/moderation/decision/").content.decode()
    assert item.analysis.further_photos[1].image_url in page


def test_the_api_names_the_photos_and_takes_the_number_of_one(bundled: Any) -> None:
    lead = User.objects.create_superuser("lead")
    headers = {"authorization": f"Token {AuthToken.objects.create(lead)[1]}"}
    item, api = make_misfit("A1", misfit=3, of=4), Client()
    told = api.get(f"/api/reviews/{item.pk}", headers=headers).json()
    assert len(told["photos"]) == 4
    assert [one["fits"] for one in told["analysis"]["photos"]] == [True, False, True]
    key = headers | {"idempotency-key": "k1"}
    wish = {"verdict": "confirm", "reason": "other_product", "photo": 4}
    for _ in range(2):
        made = api.post(
            f"/api/reviews/{item.pk}/decide", wish, content_type="application/json", headers=key
        )
        assert (made.status_code, made.json()["photo"]) == (201, 4)
    other = api.post(
        f"/api/reviews/{item.pk}/decide",
        wish | {"photo": 2},
        content_type="application/json",
        headers=key,
    )
    assert other.status_code == 422


def test_where_only_a_further_photo_changed_the_page_says_so(
    bundled: Any, anna: User, run_worker: RunWorker
) -> None:
    decide(anna, make_misfit("A1", of=3), answer="confirm:other_product", photo="1")
    take("A1", main=0, further=(1, 5))
    run_worker()
    assert "Its further photos changed since this listing was decided" in html(anna)


def test_the_grid_shows_the_photo_that_was_asked_of(bundled: Any, anna: User) -> None:
    item = make_misfit("A1", misfit=3)
    category = Category.objects.create(name="Jackets")
    Product.objects.update(category=category)
    page = as_user(anna).get(f"{QUEUE}grid/?category={category.pk}").content.decode()
    assert page.count(item.analysis.further_photos[1].image_url) == 2
    assert item.analysis.image_url not in page


def test_a_listing_of_which_all_photos_fit_is_not_in_the_queue(bundled: Any) -> None:
    take("A1", main=0, further=(1, 2))
    assert not ReviewItem.objects.exists()
