"""No list of the admin is ordered by what its reader must not see."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from moderation.models import Analysis, ReviewItem
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def rows(client: Client, address: str) -> tuple[int, list[Any]]:
    answer = client.get(address)
    listed = answer.context["cl"].result_list if answer.status_code == 200 else []
    return answer.status_code, [row.pk for row in listed]


@pytest.mark.parametrize("group", ["viewer", "moderator", "lead", "trainer"])
def test_the_order_of_no_list_tells_what_the_model_says_of_what_is_judged_blind(
    make_item: MakeItem, make_user: MakeUser, group: str
) -> None:
    items = [make_item(f"A{number}", similarity=0.1) for number in range(3)]
    ReviewItem.objects.update(in_audit=True)
    client = as_user(make_user("anna", group=group))
    addresses = [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/?o={sign}{column}"
        for model, page in admin.site._registry.items()
        for column in range(1, len(page.list_display) + 2)
        for sign in ("", "-")
    ]
    seen = []
    for scores in ((0.1, 0.2, 0.3), (0.3, 0.1, 0.2)):
        for item, score in zip(items, scores, strict=True):
            said = {"similarity": score, "p_mismatch": 1 - score, "is_mismatch": score < 0.15}
            Analysis.objects.filter(pk=item.analysis_id).update(**said)
            ReviewItem.objects.filter(pk=item.pk).update(suspicion=1 - score, uncertainty=score)
        seen.append({address: rows(client, address) for address in addresses})
    assert seen[0] == seen[1]
    assert sum(len(listed) > 1 for _, listed in seen[0].values()) > 10


def test_lists_that_keep_columns_back_are_ordered_by_key_alone(make_user: MakeUser) -> None:
    """A column is found by its place, also one that is no column of the table: `o` does nothing."""
    client = as_user(make_user("lena", group="lead"))
    for name in ("product", "analysis", "reviewitem", "decision", "delivery"):
        changes = client.get(f"/admin/moderation/{name}/?o=1.-2.3").context["cl"]
        assert [str(part) for part in changes.queryset.query.order_by] == ["-pk"], name
