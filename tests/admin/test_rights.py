"""What each group sees and may do in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from moderation.models import Analysis, Category, Product
from moderation.services.queue import review
from tests.support.factories import MakeItem, MakeUser

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

VIEWED = ("product", "category", "analysis", "reviewitem", "decision", "modelversion")


@pytest.fixture
def rows(make_item: MakeItem, make_user: MakeUser) -> dict[str, int]:
    """The key of one row of each table."""
    item = make_item("A1", category="Balls")
    review.decide(item, moderator=make_user("ben"), verdict="dismiss", reason="matches")
    return {
        "product": item.product_id,
        "category": item.product.category_id,
        "analysis": item.analysis_id,
        "reviewitem": item.pk,
        "decision": item.decisions.get().pk,
        "modelversion": item.analysis.model_version_id,
    }


def as_member(make_user: MakeUser, group: str) -> Client:
    client = Client()
    client.force_login(make_user(f"the-{group}", group=group))
    return client


def test_a_moderator_sees_everything_and_changes_nothing(
    rows: dict[str, int], make_user: MakeUser
) -> None:
    client = as_member(make_user, "moderator")

    for name in VIEWED:
        base = f"/admin/moderation/{name}/"
        assert client.get(base).status_code == 200, name
        page = client.get(f"{base}{rows[name]}/change/")
        assert page.status_code == 200, name
        assert b'type="submit" value="Save"' not in page.content, name
        assert client.get(f"{base}add/").status_code == 403, name
        assert client.post(f"{base}{rows[name]}/change/", {}).status_code == 403, name
        assert client.post(f"{base}{rows[name]}/delete/", {"post": "y"}).status_code == 403, name


def test_a_moderator_is_shown_no_link_that_adds_changes_or_deletes(
    rows: dict[str, int], make_user: MakeUser
) -> None:
    client = as_member(make_user, "moderator")
    pages = ["/admin/"]
    pages += [f"/admin/moderation/{name}/" for name in VIEWED]
    pages += [f"/admin/moderation/{name}/{rows[name]}/change/" for name in VIEWED]

    for page in pages:
        text = client.get(page).content.decode()
        for link in ("addlink", "changelink", "deletelink", "/add/", "/delete/", "/import/"):
            assert link not in text, (page, link)
        assert '<select name="action"' not in text, page
    assert "Review queue" in client.get("/admin/").content.decode()


@pytest.mark.parametrize("action", ["analyse_again", "export_labels", "delete_selected"])
def test_a_moderator_runs_no_action(rows: dict[str, int], make_user: MakeUser, action: str) -> None:
    before = Analysis.objects.count()

    answer = as_member(make_user, "moderator").post(
        "/admin/moderation/product/", {"action": action, "_selected_action": [rows["product"]]}
    )

    assert answer.headers["Content-Type"].startswith("text/html")  # the list again, no ZIP
    assert Analysis.objects.count() == before and Product.objects.count() == 1


def test_a_moderator_does_not_import(make_user: MakeUser, bundled: Any) -> None:
    client = as_member(make_user, "moderator")

    for path in ("import/", "import/confirm/"):
        assert client.get(f"/admin/moderation/product/{path}").status_code == 403
        assert client.post(f"/admin/moderation/product/{path}").status_code == 403


def test_a_lead_works_on_products_and_categories_but_deletes_nothing(
    rows: dict[str, int], make_user: MakeUser
) -> None:
    client = as_member(make_user, "lead")

    for name in ("product", "category"):
        base = f"/admin/moderation/{name}/"
        assert client.get(f"{base}add/").status_code == 200
        assert b'value="Save"' in client.get(f"{base}{rows[name]}/change/").content
        assert client.post(f"{base}{rows[name]}/delete/", {"post": "y"}).status_code == 403
    page = client.get("/admin/moderation/product/").content.decode()
    assert "analyse_again" in page and "export_labels" in page
    assert "delete_selected" not in page
    assert Category.objects.exists()


def test_a_lead_activates_no_model(rows: dict[str, int], make_user: MakeUser) -> None:
    client = as_member(make_user, "lead")

    page = client.get("/admin/moderation/modelversion/").content.decode()

    assert "activate" not in page.replace("activated_at", "")


def test_a_stranger_sees_nothing(rows: dict[str, int], make_user: MakeUser) -> None:
    user = make_user("vera")
    user.groups.clear()
    client = Client()
    client.force_login(user)

    for name in VIEWED:
        assert client.get(f"/admin/moderation/{name}/").status_code == 403
    assert "Review queue" not in client.get("/admin/").content.decode()
