"""The other pages of the admin: start page, analyses, categories, decisions, model versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from moderation.clip.explanation.margins import Margins
from moderation.models import Analysis, Category, Decision, Heartbeat, ModelVersion
from moderation.services.queue import review, review_undo
from moderation.services.registry import versions
from moderation.services.worker import heartbeat
from tests.support.factories import MakeItem, MakeProduct, MakeUser

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="x"))
    return client


def html(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


# ── The start page ────────────────────────────────────────────────────────────────────────────
def test_the_start_page_shows_queue_model_and_worker(make_item: MakeItem, root: Client) -> None:
    make_item("A1"), make_item("A2")
    heartbeat.beat("host/1/2", doing="analysing 3 products")

    page = " ".join(html(root, "/admin/").split())

    assert 'Review queue <span class="overview-count">(2)</span>' in page
    assert "Worker alive: analysing 3 products" in page
    assert "<b>bundled</b>" in page and "<title>Overview · clipmod</title>" in page


def test_a_silent_worker_and_a_missing_model_are_named(root: Client) -> None:
    Heartbeat.objects.create(worker="w", heartbeat_at=timezone.now() - timedelta(minutes=5))

    page = html(root, "/admin/")

    assert "Worker silent for 5 min" in page
    assert "No model is active; run `python manage.py setup` once." in page


# ── Analyses and decisions ────────────────────────────────────────────────────────────────────
def test_an_analysis_shows_scores_verdict_model_and_categories(
    make_item: MakeItem, root: Client
) -> None:
    row = make_item("A1", similarity=0.31).analysis
    Analysis.objects.update(top_categories=[{"category": "Balls", "score": 0.62}])
    margins = {"explanations": Margins(guess=0.6).as_json()}
    ModelVersion.objects.update(metrics=margins)

    page = html(root, f"/admin/moderation/analysis/{row.pk}/change/")

    for expected in ("0.31", "0.99", "flagged", "high", "good", "bundled", "Balls", "62%"):
        assert expected in page, expected
    assert "A1" in html(root, "/admin/moderation/analysis/?is_mismatch__exact=1&status__exact=done")


def test_guesses_of_a_model_that_is_not_right_often_enough_are_not_shown(
    make_item: MakeItem, root: Client
) -> None:
    row = make_item("A1").analysis
    Analysis.objects.update(top_categories=[{"category": "Balls", "score": 0.62}])
    address = f"/admin/moderation/analysis/{row.pk}/change/"

    for guess in (None, 0.7):
        margins = {"explanations": Margins(guess=guess).as_json()}
        ModelVersion.objects.update(metrics=margins)
        page = html(root, address)
        assert "Balls" not in page
        assert "guesses are not right often enough" in page
    ModelVersion.objects.update(metrics={})
    page = html(root, address)
    assert "Balls" not in page and "how often this model&#x27;s guesses are right" in page


def test_a_failed_analysis_shows_its_reason(make_product: MakeProduct, root: Client) -> None:
    row = make_product("A1").analyses.get()
    Analysis.objects.update(status="failed", error="The image is truncated.")

    assert "The image is truncated." in html(root, f"/admin/moderation/analysis/{row.pk}/change/")


@pytest.mark.parametrize("name", ["analysis", "decision", "reviewitem", "modelversion"])
def test_not_even_a_superuser_adds_changes_or_deletes_records(
    make_item: MakeItem, root: Client, make_user: MakeUser, name: str
) -> None:
    item = make_item("A1")
    review.decide(item, moderator=make_user("anna"), verdict="dismiss", reason="matches")
    pk = {
        "analysis": item.analysis.pk,
        "reviewitem": item.pk,
        "decision": Decision.objects.get().pk,
        "modelversion": ModelVersion.objects.get().pk,
    }[name]
    base = f"/admin/moderation/{name}/"

    assert root.get(base).status_code == 200
    assert root.get(f"{base}{pk}/change/").status_code == 200
    assert root.get(f"{base}add/").status_code == 403
    assert root.post(f"{base}{pk}/change/", {}).status_code == 403
    assert root.post(f"{base}{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["analysis", "decision", "reviewitem"])
def test_lists_take_the_same_few_queries_for_many_rows(
    make_item: MakeItem,
    root: Client,
    make_user: MakeUser,
    name: str,
    django_assert_max_num_queries: Any,
) -> None:
    anna = make_user("anna")
    for number in range(10):
        item = make_item(f"A{number}")
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
    root.get("/admin/")

    with django_assert_max_num_queries(9):
        root.get(f"/admin/moderation/{name}/")


def test_an_undone_decision_no_longer_stands(
    make_item: MakeItem, root: Client, make_user: MakeUser
) -> None:
    anna = make_user("anna")
    review.decide(make_item("A1"), moderator=anna, verdict="dismiss", reason="matches")
    review_undo.undo(moderator=anna)

    page = html(root, "/admin/moderation/decision/")

    assert page.count('alt="False"') == 2 and "Undone" in page


# ── Categories ────────────────────────────────────────────────────────────────────────────────
def category_form(category: Category, **changes: str) -> dict[str, str]:
    return {"name": category.name, "prompt": "", "is_active": "on", "threshold": "", **changes}


def test_a_changed_threshold_says_how_to_apply_it(root: Client) -> None:
    category = Category.objects.create(name="Balls")
    page = f"/admin/moderation/category/{category.pk}/change/"

    answer = root.post(page, category_form(category, threshold="0.31"), follow=True)

    category.refresh_from_db()
    assert category.threshold == 0.31
    assert "reanalyze --category &quot;Balls&quot;" in answer.content.decode()


@pytest.mark.parametrize(
    ("name", "threshold", "field"), [("balls", "", "__all__"), ("New", "2", "threshold")]
)
def test_a_wrong_category_is_refused(root: Client, name: str, threshold: str, field: str) -> None:
    Category.objects.create(name="Balls")

    answer = root.post("/admin/moderation/category/add/", {"name": name, "threshold": threshold})

    assert list(answer.context["adminform"].form.errors) == [field]


# ── Model versions ────────────────────────────────────────────────────────────────────────────
def activate(client: Client, *chosen: ModelVersion) -> str:
    answer = client.post(
        "/admin/moderation/modelversion/",
        {"action": "activate", "_selected_action": [version.pk for version in chosen]},
        follow=True,
    )
    return str(answer.content.decode())


def test_a_superuser_activates_a_version_that_is_here(root: Client, bundled: Any) -> None:
    ModelVersion.objects.filter(pk=bundled.pk).update(status="available")

    assert "The active version is now bundled" in activate(root, bundled)
    assert versions.current() == bundled


def test_a_version_whose_files_are_missing_is_not_activated(
    root: Client, bundled: Any, tmp_path: Any
) -> None:
    gone = ModelVersion.objects.create(
        name="gone", source="folder", location=str(tmp_path / "gone"), threshold=0.2
    )

    assert "Not activated" in activate(root, gone)
    assert "exactly one version" in activate(root, gone, bundled)
    assert versions.current() == bundled


def test_metrics_are_shown_as_a_table(root: Client, bundled: Any) -> None:
    ModelVersion.objects.update(metrics={"held_out": {"overall": {"auc": 0.95}}})

    page = html(root, f"/admin/moderation/modelversion/{bundled.pk}/change/")

    assert "<th>held out › overall › auc</th><td>0.95</td>" in page
