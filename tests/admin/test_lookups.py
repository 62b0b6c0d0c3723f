"""A list of the admin is narrowed by what its page offers, and tells nothing of other columns."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client

from moderation.admin.lists import OfferedLookups
from moderation.models import Webhook
from tests.support.factories import MakeUser, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def root(groups: None) -> Client:
    return as_user(User.objects.create_superuser("root", password="x"))


def _list(model: type[Model]) -> str:
    return f"/admin/{model._meta.label_lower.replace('.', '/')}/"


def test_no_list_takes_a_look_up_that_no_filter_offers(root: Client) -> None:
    wrong = []
    for model, page in admin.site._registry.items():
        assert isinstance(page, OfferedLookups)
        for field in model._meta.concrete_fields:
            for lookup in ("regex", "iregex", "startswith", "gt", "contains"):
                query = f"{field.name}__{lookup}"
                if root.get(_list(model), {query: "a"}).status_code != 400:
                    wrong.append(f"{_list(model)}?{query}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "query",
    [
        *("auth/user/?password__startswith=a", "auth/user/?groups__user__password__regex=^a"),
        *("moderation/apitoken/?digest=a", "moderation/apitoken/?user__password__startswith=a"),
        *("moderation/webhook/?created_by__password__startswith=a", "django_q/ormq/?payload=a"),
        "moderation/modelversion/?children__name=a",
    ],
)
def test_nor_one_that_leads_to_other_tables(root: Client, query: str) -> None:
    assert root.get(f"/admin/{query}").status_code == 400


def test_a_regular_expression_does_not_reach_sqlite(make_user: MakeUser) -> None:
    viewer = as_user(make_user("vera", group="viewer"))
    response = viewer.get("/admin/moderation/category/", {"name__regex": "(.*)*(.*)*(.*)*#"})
    assert response.status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        *(
            "webhook/?secret__regex=^.",
            "webhook/?secret__startswith={start}",
            "webhook/?secret={all}",
            "webhook/?encrypted_secret__startswith={start}",
        ),
        *("delivery/?webhook__secret__startswith={start}", "delivery/?webhook__secret={all}"),
    ],
)
def test_a_secret_is_not_found_out_by_asking(lead_client: Client, query: str) -> None:
    hook = Webhook.objects.create(name="shop", url="https://shop.example/hook")
    stored = hook.encrypted_secret
    path = query.format(start=stored[:3], all=stored)
    assert lead_client.get(f"/admin/moderation/{path}").status_code == 400


def test_a_secret_is_shown_when_it_is_made_and_then_never(lead_client: Client) -> None:
    form = {"name": "shop", "url": "https://shop.example/hook", "is_active": "on"}
    made = lead_client.post("/admin/moderation/webhook/add/", form)
    assert re.search(r"whsec_[\w+/]+", made.content.decode())
    hook = Webhook.objects.get()
    for page in ("", f"{hook.pk}/change/", f"{hook.pk}/history/", "?q=shop"):
        html = lead_client.get(f"/admin/moderation/webhook/{page}").content.decode()
        assert "whsec_" not in html and hook.encrypted_secret not in html, page
