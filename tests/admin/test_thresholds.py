"""The page of thresholds: what it shows, what it sets, and who may."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.models import Analysis, AutomaticAction, ModelVersion, VersionEvent
from moderation.services.release import threshold_targets
from moderation.services.release.threshold_targets import Target
from tests.support.factories import MakeUser
from tests.support.scored_shop import fill, judge

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

BUDGET = {"kind": "budget", "reviews": "60", "arrivals": "200", "clear": "keep"}


@pytest.fixture
def client(lead: User) -> Client:
    client = Client()
    client.force_login(lead)
    return client


@pytest.fixture
def page(bundled: ModelVersion) -> str:
    return f"/admin/thresholds/{bundled.pk}/"


def test_it_shows_scores_bands_and_what_is_not_known(bundled: ModelVersion, client: Client) -> None:
    fill(bundled, count=200)
    answer = client.get("/admin/thresholds/")
    html = answer.content.decode()

    flagged = Analysis.objects.filter(similarity__lt=bundled.threshold).count()
    assert answer.status_code == 200
    assert f"Review <b>{flagged}</b>" in html
    assert f"Pass <b>{200 - flagged}</b>" in html
    assert "not enough labels" in html
    assert f">review {bundled.threshold:.3f}<" in html
    assert "style=" not in html.split('<div class="thresholds">')[1]


def test_without_scores_it_says_so(bundled: ModelVersion, client: Client) -> None:
    assert (
        "No product of the catalogue was scored"
        in client.get("/admin/thresholds/").content.decode()
    )


def test_it_is_linked_from_the_overview(bundled: ModelVersion, client: Client) -> None:
    assert 'href="/admin/thresholds/"' in client.get("/admin/").content.decode()


def test_a_preview_changes_nothing_and_what_it_showed_can_be_set(
    bundled: ModelVersion, client: Client, lead: User, page: str
) -> None:
    former = bundled.threshold
    judge(fill(bundled, count=200), moderator=lead, audit_share=0.5)
    shown = client.get(page, BUDGET)
    proposal = shown.context["proposal"]

    assert "Review, proposed" in shown.content.decode()
    assert ModelVersion.objects.get(pk=bundled.pk).threshold == bundled.threshold
    answer = client.post(f"{page}apply/", {**BUDGET, "shown": shown.context["shown"]}, follow=True)
    bundled.refresh_from_db()
    assert bundled.threshold == proposal.threshold
    event = VersionEvent.objects.get(kind="threshold")
    assert (event.by, event.before["threshold"]) == (lead, former)
    assert "Set and logged" in answer.content.decode()
    assert "by lena" in answer.content.decode()


def test_what_changed_since_the_preview_is_shown_again_first(
    bundled: ModelVersion, client: Client, page: str
) -> None:
    fill(bundled, count=200)
    shown = client.get(page, BUDGET).context["shown"]
    fill(bundled, count=200, prefix="T", seed=9, mismatches=0.6)

    answer = client.post(f"{page}apply/", {**BUDGET, "shown": shown})
    assert answer.status_code == 409
    assert "look again" in answer.content.decode()
    assert not VersionEvent.objects.filter(kind="threshold").exists()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"kind": "precision", "precision": "90", "clear": "keep"}, "Not enough labels"),
        ({"kind": "recall", "recall": "90", "clear": "keep"}, "without an audit"),
        ({"kind": "budget", "reviews": "", "clear": "keep"}, "Fill in the number"),
        ({"kind": "value", "value": "7", "clear": "keep"}, "less than or equal to 1"),
        ({"kind": "value", "value": "0.3", "clear": "precision"}, "Fill in the number"),
        ({"kind": "nonsense", "clear": "keep"}, "nonsense is not one of the available choices"),
    ],
)
def test_what_cannot_be_had_is_said_and_cannot_be_set(
    bundled: ModelVersion, client: Client, page: str, asked: dict[str, str], sentence: str
) -> None:
    fill(bundled, count=50)
    html = client.get(page, asked).content.decode()

    assert sentence in html
    assert "Set these thresholds" not in html
    assert client.post(f"{page}apply/", {**asked, "shown": ""}).status_code in (400, 409)


def test_the_chart_splits_a_bar_at_the_threshold(bundled: ModelVersion) -> None:
    from moderation.admin.threshold_chart import chart

    fill(bundled, count=200)
    found = threshold_targets.evidence(bundled)
    drawn = chart(found.catalogue, threshold=0.251, clear=0.1, former=0.3)

    assert drawn is not None
    assert {bar.band for bar in drawn.bars} == {"clear", "review", "pass"}
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.001 for bar in drawn.bars)
    marks = {mark.css: mark.x for mark in drawn.marks}
    assert marks["is-clear"] < marks["is-review"] < marks["is-former"]
    for bar in drawn.bars:
        assert (bar.x < marks["is-review"] - 1e-6) == (bar.band != "pass")


def test_the_automatic_action_needs_a_reason_and_a_band(
    bundled: ModelVersion, client: Client, lead: User
) -> None:
    def switch(**asked: str) -> str:
        return client.post("/admin/thresholds/automatic/", asked, follow=True).content.decode()

    assert "Say in a few words why" in switch(on="1", reason=" ")
    assert "no band of clear mismatches" in switch(on="1", reason="enough labels")
    assert not AutomaticAction.objects.exists()

    proposal = threshold_targets.Proposal(Target("value", 0.3), 0.3, 0.1, [])
    threshold_targets.set_thresholds(bundled, proposal)
    assert "never turned on" in client.get("/admin/thresholds/").content.decode()
    said = switch(on="1", reason="95% precise for a month")
    assert "confirmed without a person" in said
    assert "lena" in said
    assert "95% precise for a month" in said
    assert "Every flagged product waits" in switch(on="0", reason="sale season")
    assert [row.is_on for row in AutomaticAction.objects.order_by("pk")] == [True, False]


def test_the_automatic_action_is_offered_only_where_there_is_a_band_to_act_on(
    bundled: ModelVersion, client: Client, page: str
) -> None:
    def shown(address: str = page) -> str:
        html = client.get(address).content.decode()
        assert ("Turn off" in html or "Turn on" in html) == ('id="automatic"' in html)
        return html if 'id="automatic"' in html else ""

    def band(clear: float | None) -> None:
        proposal = threshold_targets.Proposal(Target("value", 0.3), 0.3, clear, [])
        threshold_targets.set_thresholds(bundled, proposal)

    version_page = f"/admin/moderation/modelversion/{bundled.pk}/change/"
    assert not shown() and "utomatic" not in client.get(version_page).content.decode()
    band(0.1)
    assert "never turned on" in shown()
    other = ModelVersion.objects.create(
        name="other", location="/x", threshold=0.3, clear_threshold=0.1
    )
    assert not shown(f"/admin/thresholds/{other.pk}/")  # the switch is of the active version

    client.post("/admin/thresholds/automatic/", {"on": "1", "reason": "right for a month"})
    band(None)
    assert "nothing is confirmed without a person" in shown()  # so that it can be turned off
    client.post("/admin/thresholds/automatic/", {"on": "0", "reason": "no band"})
    assert not shown()


def test_decisions_can_be_fitted_from_the_page(
    bundled: ModelVersion, client: Client, lead: User, page: str
) -> None:
    refused = client.post(f"{page}calibrate/", follow=True).content.decode()
    assert "at least 20 decided mismatches" in refused

    judge(fill(bundled, count=300), moderator=lead, audit_share=1.0)
    assert "Calibrated and logged" in client.post(f"{page}calibrate/", follow=True).content.decode()
    assert VersionEvent.objects.get(kind="calibrated").by == lead


def test_a_moderator_looks_and_changes_nothing(
    bundled: ModelVersion, make_user: MakeUser, page: str
) -> None:
    fill(bundled, count=50)
    client = Client()
    client.force_login(make_user("max", group="moderator"))
    html = client.get(page, BUDGET).content.decode()

    assert "What this would do" in html
    assert "Set these thresholds" not in html
    assert "Fit to the decisions" not in html
    for path in (f"{page}apply/", f"{page}calibrate/", "/admin/thresholds/automatic/"):
        assert client.post(path, BUDGET).status_code == 403


def test_a_shops_login_may_not_even_look(
    bundled: ModelVersion, make_user: MakeUser, page: str
) -> None:
    client = Client()
    client.force_login(make_user("shop", group="shop"))

    assert client.get(page).status_code == 403


def test_a_get_never_sets(bundled: ModelVersion, client: Client, page: str) -> None:
    for path in (f"{page}apply/", f"{page}calibrate/", "/admin/thresholds/automatic/"):
        assert client.get(path, BUDGET).status_code == 405


# ── How it is said ────────────────────────────────────────────────────────────────────────────
def test_a_wrong_field_is_named(bundled: ModelVersion, client: Client, page: str) -> None:
    asked = {"kind": "budget", "reviews": "", "arrivals": "-2", "clear": "keep"}
    assert "Products a day: Ensure this value" in client.get(page, asked).content.decode()
    asked = {"kind": "precision", "precision": "", "clear": "keep"}
    assert "Precision: Fill in the number" in client.get(page, asked).content.decode()


def test_a_clear_band_as_wide_as_the_review_band_is_warned_of(
    bundled: ModelVersion, client: Client, page: str
) -> None:
    fill(bundled, count=50)
    ModelVersion.objects.filter(pk=bundled.pk).update(clear_threshold=0.2)
    for value, warned in (("0.1", True), ("0.2", True), ("0.3", False)):
        asked = {"kind": "value", "value": value, "clear": "keep"}
        html = client.get(page, asked).content.decode()
        assert ("nothing is left for review" in html) is warned


def test_numbers_are_as_long_as_they_say_something(
    bundled: ModelVersion, client: Client, page: str
) -> None:
    fill(bundled, count=50)
    asked = {"kind": "budget", "reviews": "3", "arrivals": "12", "clear": "keep"}
    assert "of 12 new products a day" in client.get(page, asked).content.decode()
    own = f"/admin/moderation/modelversion/{bundled.pk}/change/"
    ModelVersion.objects.filter(pk=bundled.pk).update(platt_a=-12.666021, platt_b=1.0123456)
    html = client.get(own).content.decode()
    assert "a = -12.7, b = 1.01" in html and "12.666" not in html


def test_a_narrow_range_of_scores_still_has_an_axis() -> None:
    from moderation.admin.threshold_chart import chart
    from moderation.clip.statistics.labelled_scores import Histogram

    for steps in ([255], [205, 206, 290], [-10, 400]):
        drawn = chart(Histogram.of(np.array(steps)), threshold=0.251, clear=None)
        assert drawn is not None and len(drawn.ticks) >= 2, steps


def test_no_page_of_thresholds_holds_backticks(
    bundled: ModelVersion, client: Client, page: str
) -> None:
    asked = {"kind": "budget", "reviews": "3", "arrivals": "12", "clear": "keep"}
    for address in (page, f"/admin/moderation/modelversion/{bundled.pk}/change/", "/admin/"):
        assert "`" not in client.get(address, asked).content.decode()
    client.post(f"{page}calibrate/", follow=True)
    applied = {"kind": "value", "value": "0.3", "clear": "keep"}
    shown = client.get(page, applied).context["shown"]
    answer = client.post(f"{page}apply/", {**applied, "shown": shown}, follow=True)
    assert "Set and logged" in answer.content.decode()
    assert "`" not in answer.content.decode()


def test_without_the_right_there_is_a_sentence_and_a_way_back(
    bundled: ModelVersion, make_user: MakeUser, page: str
) -> None:
    client = Client()
    client.force_login(make_user("shop", group="shop"))
    answer = client.get(page)

    assert answer.status_code == 403
    html = answer.content.decode()
    assert "shop has no right to this page" in html
    assert 'href="/admin/">Back to the overview' in html
    assert 'id="site-name"' in html
