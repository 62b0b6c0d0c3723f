"""No query on products or analyses tells what the model says of one that is to be judged blind."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.models import Analysis, Product, ReviewItem
from moderation.services.queue import blind, last_acts, review, review_undo
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = pytest.mark.django_db

SAID = {"verdict": "confirm", "reason": "other_colour"}
# What the model says, in its two extremes: nobody who may be asked can tell them apart.
ANSWERS: list[dict[str, Any]] = [
    {"similarity": -0.5, "p_mismatch": 0.99, "is_mismatch": True, "unreadable": ""},
    {"similarity": 0.9, "p_mismatch": 0.01, "is_mismatch": False, "unreadable": ""},
    {"similarity": None, "p_mismatch": None, "is_mismatch": None, "unreadable": "xx"},
]


@pytest.fixture
def audited(make_item: MakeItem, settings: Any) -> ReviewItem:
    """One that is judged blind among others that are not."""
    settings.API_LOGIN_REQUIRED = True
    for number in range(3):
        make_item(f"OPEN-{number}", similarity=0.1 * number)
    item = make_item("BLIND", similarity=0.1)
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    item.refresh_from_db()
    return item


def queries() -> list[str]:
    """Every filter of the lists, alone and with others, and ordering that nobody offers."""
    api = {
        "is_mismatch": ("true", "false"),
        "readable": ("true", "false"),
        "status": ("done", "failed"),
    }
    found = ["/api/products/BLIND", "/api/products/BLIND/analyses"]
    for values in itertools.product(*((None, *values) for values in api.values())):
        asked = {name: value for name, value in zip(api, values, strict=True) if value}
        found.append(f"/api/products?{urlencode(asked)}")
    for name in ("similarity", "analysis__similarity", "p_mismatch", "analysis__p_mismatch"):
        found += [f"/api/products?ordering={name}", f"/api/products?min_{name}=0.5"]
        found += [f"/api/products?{name}__gt=0.5", f"/admin/moderation/product/?{name}__gt=0.5"]
    found += [f"/admin/moderation/product/?flagged={value}" for value in ("yes", "no", "unread")]
    found += [f"/admin/moderation/product/?o={sign}{n}" for n in range(1, 9) for sign in ("", "-")]
    found += [f"/admin/moderation/analysis/?o={sign}{n}" for n in range(1, 9) for sign in ("", "-")]
    found += [f"/admin/moderation/analysis/?is_mismatch__exact={value}" for value in (0, 1)]
    found += ["/admin/moderation/product/", "/admin/moderation/product/?q=BLIND"]
    found += ["/admin/moderation/analysis/", "/admin/moderation/analysis/?q=BLIND"]
    return found


def answers(client: Client, item: ReviewItem) -> dict[str, tuple[int, Any]]:
    addresses = [
        *queries(),
        f"/admin/moderation/product/{item.product_id}/change/",
        f"/admin/moderation/analysis/{item.analysis_id}/change/",
    ]
    found = {}
    for address in addresses:
        answer = client.get(address)
        context = getattr(answer, "context", None)
        if context and "cl" in context:
            rows = context["cl"].result_list
            said: Any = [row.pk for row in rows], [str(cell) for cell in _cells(answer)]
        elif answer["Content-Type"].startswith("application/json"):
            said = answer.json()
        else:
            said = _text(answer)
        found[address] = answer.status_code, said
    return found


def _cells(answer: Any) -> list[str]:
    """The table of a list in the admin."""
    text: str = answer.content.decode()
    return text[text.find('id="result_list"') : text.find("</table>")].split("<tr")


def _text(answer: Any) -> str:
    """A page without what differs at each request."""
    text: str = answer.content.decode()
    return "\n".join(line for line in text.split("\n") if "csrf" not in line)


@pytest.mark.parametrize("group", ["moderator", "lead"])
def test_no_query_tells_what_the_model_says_of_what_is_judged_blind(
    audited: ReviewItem, make_user: MakeUser, group: str
) -> None:
    client = as_user(make_user("anna", group=group))
    seen = []
    for said in ANSWERS:
        Analysis.objects.filter(pk=audited.analysis_id).update(**said)
        seen.append(answers(client, audited))
    for address in seen[0]:
        assert seen[0][address] == seen[1][address] == seen[2][address], address
    assert seen[0]["/api/products/BLIND"][1]["analysis"] is None
    assert seen[0]["/api/products/BLIND/analyses"][0] == 403


def test_who_cannot_be_asked_sees_it(audited: ReviewItem, make_user: MakeUser) -> None:
    viewer = as_user(make_user("vera", group="viewer"))
    assert viewer.get("/api/products/BLIND").json()["analysis"]["similarity_score"] == 0.1
    assert len(viewer.get("/api/products?is_mismatch=true").json()["results"]) == 4
    assert viewer.get("/api/products/BLIND/analyses").json()["results"]
    page = viewer.get(f"/admin/moderation/analysis/{audited.analysis_id}/change/")
    assert page.status_code == 200


def test_a_second_opinion_is_kept_back_from_all_but_who_gave_the_first(
    make_item: MakeItem, make_user: MakeUser, settings: Any
) -> None:
    settings.API_LOGIN_REQUIRED, settings.GOLD_SHARE = True, 1.0
    anna, ben = make_user("anna"), make_user("ben")
    item = make_item("A1", similarity=0.1)
    item.in_audit = False  # so Anna judges it in the open
    item.save()
    review.decide(item, moderator=anna, **SAID)
    assert as_user(anna).get("/api/products/A1").json()["analysis"]
    assert as_user(ben).get("/api/products/A1").json()["analysis"] is None


def test_nobody_looks_it_up_between_their_verdict_and_taking_it_back(
    audited: ReviewItem,
    make_item: MakeItem,
    make_user: MakeUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_acts, "_LARGEST_ACT", 1)
    anna, ben = make_user("anna"), make_user("ben")
    review.decide(audited, moderator=anna, **SAID)
    assert _is_kept_back(audited, anna) and not _is_kept_back(audited, ben)

    review_undo.undo(moderator=anna)
    assert _is_kept_back(audited, anna) and _is_kept_back(audited, ben)

    audited.refresh_from_db()
    review.decide(audited, moderator=anna, **SAID)
    for number in range(last_acts.AT_MOST):
        review.decide(make_item(f"LATER-{number}", similarity=0.1), moderator=anna, **SAID)
    assert not _is_kept_back(audited, anna)


def _is_kept_back(item: ReviewItem, user: User) -> bool:
    kept_back = blind.is_product_kept_back(user=user)
    (row,) = Product.objects.filter(pk=item.product_id).annotate(is_kept_back=kept_back)
    by_key = blind.products_kept_back([item.product_id], user=user)
    assert by_key == ({item.product_id} if row.is_kept_back else set())
    return bool(row.is_kept_back)
