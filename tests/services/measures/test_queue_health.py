"""The state of the queue, and what each moderator did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.models import AutomaticAction, Decision, ReviewItem, Skip
from moderation.services.measures import queue_forecast, queue_health, team_figures
from moderation.services.measures.queue_forecast import Pace
from moderation.services.measures.queue_health import Count
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


def opened(item: ReviewItem, *, ago: timedelta) -> ReviewItem:
    ReviewItem.objects.filter(pk=item.pk).update(opened_at=timezone.now() - ago)
    return item


@pytest.fixture
def decide(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Decision]:
    """A decision as it stands in the table, made some time ago."""

    def make(item: ReviewItem, by: User, *, ago: timedelta, **fields: Any) -> Decision:
        verdict = fields.pop("verdict", "confirm")
        reason = {"confirm": "other_product", "dismiss": "matches"}.get(verdict, "")
        at = timezone.now() - ago
        # Rows cannot be changed afterwards.
        with monkeypatch.context() as patch:
            patch.setattr(timezone, "now", lambda: at)
            return Decision.objects.create(
                item=item,
                analysis=item.analysis,
                moderator=by,
                verdict=verdict,
                **{"reason": reason, "seconds": 5.0, **fields},
            )

    return make


# ── The queue ─────────────────────────────────────────────────────────────────────────────────
def test_ages_and_kinds_of_what_waits(make_item: MakeItem, make_user: MakeUser) -> None:
    items = [
        opened(make_item(f"A{hours:02}"), ago=timedelta(hours=hours)) for hours in range(1, 21)
    ]
    anna = make_user("anna")
    ReviewItem.objects.filter(pk=items[0].pk).update(
        escalated_at=timezone.now() - timedelta(minutes=5), escalated_by=anna, escalation="asked"
    )
    ReviewItem.objects.filter(pk=items[1].pk).update(in_audit=True)
    ReviewItem.objects.filter(pk=items[2].pk).update(second_of=items[3])

    found = queue_health.queue_health()

    def hours(moment: Any) -> int:
        return round((timezone.now() - moment) / timedelta(hours=1))

    assert str(found.open) == "20"
    assert (hours(found.oldest), hours(found.median_since), hours(found.p95_since)) == (20, 10, 19)
    kinds = (found.escalated, found.reopened, found.audit, found.second_opinions)
    assert [one.number for one in kinds] == [1, 0, 1, 1]
    assert found.escalated_oldest is not None


def test_in_and_out(make_item: MakeItem, make_user: MakeUser, decide: Make) -> None:
    anna = make_user("anna")
    items = [make_item(f"A{number}") for number in range(6)]
    opened(items[0], ago=timedelta(days=2))
    opened(items[1], ago=timedelta(days=8))
    ReviewItem.objects.filter(pk=items[5].pk).update(state="withdrawn")  # never decided
    first = decide(items[2], anna, ago=timedelta(hours=2))
    decide(items[2], anna, ago=timedelta(hours=1), verdict="undo", corrects=first, seconds=None)
    decide(items[3], anna, ago=timedelta(days=3))

    found = queue_health.queue_health()

    assert (found.day.entered.number, found.day.left.number) == (3 + 1, 1)
    assert (found.week.entered.number, found.week.left.number) == (4 + 1, 2)
    assert found.day.entered_per_hour == pytest.approx(4 / 24)


@pytest.mark.parametrize(
    ("waiting", "came", "went", "said"),
    [
        (0, 5, 0, "The queue is empty."),
        (100, 24, 48, "In about 4 days at this rate."),
        (10, 0, 24, "In about 10 hours at this rate."),
        (1, 0, 24, "In about 1 hour at this rate."),
        (1, 0, 240, "Within the hour at this rate."),
        (5000, 0, 1, "In more than a year at this rate."),
        (
            10,
            48,
            24,
            "Never at this rate: 24 more come in on a usual day than were decided in the "
            "last 24 hours.",
        ),
        (10, 24, 24, "Never at this rate: as many come in on a usual day as are decided."),
        (10, 0, 0, "Never at this rate: nobody decided anything in the last 24 hours."),
    ],
)
def test_the_forecast_is_said_in_words(waiting: int, came: int, went: int, said: str) -> None:
    pace = Pace(decided=Count(went), days=(Count(came),) * 3)

    assert queue_forecast.forecast(Count(waiting), pace) == said


@pytest.mark.parametrize("minutes", [17, 120, 23 * 60])
def test_a_queue_of_less_than_a_day_has_no_forecast(
    make_item: MakeItem, make_user: MakeUser, decide: Make, minutes: int
) -> None:
    anna = make_user("anna")
    items = [opened(make_item(f"A{n}"), ago=timedelta(minutes=minutes)) for n in range(5)]
    decide(items[0], anna, ago=timedelta(minutes=1))

    page = as_user(anna).get("/admin/health/").content.decode()

    assert "No forecast yet: the queue is younger than a day." in page
    assert page.count("<td>–</td><td>–</td>") == (2 if minutes < 60 else 0)


def _came(make_item: MakeItem, days: dict[int, int]) -> None:
    """So many items were opened in the middle of the day that many days back."""
    for back, number in days.items():
        for n in range(number):
            opened(make_item(f"D{back}-{n}"), ago=timedelta(days=back, hours=12))


@pytest.mark.parametrize(
    ("days", "said"),
    [
        # The first day's import is work to do; what else comes in is not known before the third.
        ({1: 20}, "In about 4 days at this rate, if nothing more comes in"),
        ({2: 20, 1: 1, 0: 1}, "In about 6 days at this rate."),
        # An import or a higher threshold in between is no rate either.
        ({5: 2, 4: 1, 3: 1, 2: 1, 1: 1, 0: 16}, "In about 6 days at this rate."),
        # What comes in each day is one.
        ({4: 6, 3: 6, 2: 6, 1: 6, 0: 6}, "Never at this rate: 2 more come in on a usual day"),
    ],
)
def test_an_import_is_work_to_do_and_no_rate(
    make_item: MakeItem,
    make_user: MakeUser,
    decide: Make,
    days: dict[int, int],
    said: str,
) -> None:
    anna = make_user("anna")
    _came(make_item, days)
    for item in ReviewItem.objects.order_by("opened_at")[:4]:
        decide(item, anna, ago=timedelta(hours=2))
        ReviewItem.objects.filter(pk=item.pk).update(state="decided")

    assert said in as_user(anna).get("/admin/health/").content.decode()


@pytest.mark.any_database
def test_what_automatic_action_decides_is_no_rate(
    make_item: MakeItem, make_user: MakeUser, decide: Make
) -> None:
    lea = make_user("lea", group="lead")
    _came(make_item, {3: 3, 2: 2, 1: 2, 0: 2})
    AutomaticAction.objects.create(is_on=True, by=lea, reason="right for a month")
    clear = list(ReviewItem.objects.filter(opened_at__gte=timezone.now() - timedelta(days=1)))
    for item in clear:
        decide(item, lea, ago=timedelta(hours=12), mode="automatic")

    found = queue_forecast.pace()
    assert (found.decided.number, [day.number for day in found.days]) == (0, [0, 2, 2])


def test_what_is_too_many_is_not_counted(
    make_item: MakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item("A1"), make_item("A2")
    rows = ReviewItem.objects.open()

    assert str(queue_health.count(rows, at_most=1)) == "1+"
    assert str(queue_health.count(rows, at_most=2)) == "2"


@pytest.mark.any_database
def test_the_page_shows_it_to_those_who_may_see_items(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    opened(make_item("A1"), ago=timedelta(days=1, hours=1))
    page = as_user(make_user("vera", group="viewer")).get("/admin/health/")

    assert "nobody decided anything in the last 24 hours" in page.content.decode()
    eve = User.objects.create(username="eve", is_staff=True)
    assert as_user(eve).get("/admin/health/").status_code == 403
    assert as_user(eve).get("/admin/team/").status_code == 403


@pytest.mark.any_database
def test_an_empty_queue_has_a_page_too(make_user: MakeUser) -> None:
    page = as_user(make_user("anna")).get("/admin/health/").content.decode()

    assert "The queue is empty." in page


# ── The team ──────────────────────────────────────────────────────────────────────────────────
def figures(name: str, *, days: int = 7, only: User | None = None) -> team_figures.Figures:
    return next(one for one in team_figures.team_figures(days=days, only=only) if one.name == name)


@pytest.mark.any_database
def test_working_time_leaves_breaks_out_and_is_told_from_enough_acts(
    make_item: MakeItem, make_user: MakeUser, decide: Make
) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    item = make_item("A1")
    for number in range(60):  # five minutes each, with a break of an hour in the middle
        ago = timedelta(minutes=5 * (60 - number) + 60 * (number < 30))
        decide(item, anna, ago=ago)
        if number < 20:  # in between, and nobody's break but his
            decide(item, ben, ago=ago - timedelta(minutes=2))
    skip = Skip.objects.create(item=item, moderator=anna)
    Skip.objects.filter(pk=skip.pk).update(created_at=timezone.now())

    found = figures("anna")
    assert found.active is not None
    assert found.active.total_seconds() == pytest.approx(60 * 300, rel=0.01)
    assert found.per_hour == pytest.approx(12, rel=0.01)
    assert figures("anna", only=anna).active == found.active
    assert figures("ben").active is None and figures("ben").per_hour is None
    page = as_user(ben).get("/admin/team/").content.decode()
    assert "told from 50 acts on" in page and "<td>–</td>" in page


def test_what_somebody_did_in_a_period(
    make_item: MakeItem, make_user: MakeUser, decide: Make
) -> None:
    anna = make_user("anna")
    item = make_item("A1")
    for number in range(13):  # over twelve minutes
        last = decide(
            item,
            anna,
            ago=timedelta(minutes=60 - number),
            verdict="dismiss" if number < 4 else "confirm",
            seconds=float(number),
        )
    decide(item, anna, ago=timedelta(minutes=47), verdict="undo", corrects=last, seconds=None)
    decide(item, anna, ago=timedelta(days=3))
    for mode in ("automatic", "group"):
        decide(item, anna, ago=timedelta(minutes=5), mode=mode)
    Skip.objects.create(item=item, moderator=anna)
    ReviewItem.objects.update(
        escalated_at=timezone.now(), escalated_by=anna, escalation=ReviewItem.Escalation.ASKED
    )

    day, week = figures("anna", days=1), figures("anna")

    assert (day.decisions, week.decisions) == (13, 14)
    assert day.confirmed is not None and day.confirmed.value == pytest.approx(9 / 13)
    assert day.confirmed.low < 9 / 13 < day.confirmed.high
    assert (day.median_seconds, day.skips, day.escalations, day.undone) == (6.0, 1, 1, 1)
    assert day.undo_share == pytest.approx(1 / 13)
    assert day.active is None and day.per_hour is None  # of so few acts


def test_agreement_counts_for_both_and_leaves_out_what_nobody_could_tell(
    make_item: MakeItem, make_user: MakeUser, decide: Make
) -> None:
    anna, ben, cleo = (make_user(name) for name in ("anna", "ben", "cleo"))
    said = [("confirm", {}), ("dismiss", {}), ("dismiss", {"reason": "unclear"})]
    for number, (verdict, more) in enumerate(said):
        first = make_item(f"A{number}")
        second = make_item(f"B{number}")
        ReviewItem.objects.filter(pk=second.pk).update(second_of=first)
        decide(first, anna, ago=timedelta(hours=2))
        decide(second, ben, ago=timedelta(hours=1), verdict=verdict, **more)
    decide(make_item("C"), cleo, ago=timedelta(hours=1))

    for name in ("anna", "ben"):
        one = figures(name)
        assert one.pairs == 2 and one.agreement is not None and one.agreement.value == 0.5
    assert figures("cleo").pairs == 0 and figures("cleo").agreement is None
    assert figures("anna", only=anna).pairs == 2


@pytest.mark.any_database
def test_everybody_sees_their_own_figures_and_leads_all_by_name(
    make_item: MakeItem, make_user: MakeUser, decide: Make
) -> None:
    zoe, anna, lea = make_user("Zoe"), make_user("anna"), make_user("lea", group="lead")
    item = make_item("A1")
    for _ in range(3):
        decide(item, zoe, ago=timedelta(hours=1))
    decide(item, anna, ago=timedelta(hours=1))

    own = as_user(anna).get("/admin/team/?days=30")
    everybody = as_user(lea).get("/admin/team/")

    assert [row["one"].name for row in own.context["rows"]] == ["anna"]
    assert "Zoe" not in own.content.decode()
    assert [row["one"].name for row in everybody.context["rows"]] == ["anna", "Zoe"]
    assert as_user(anna).get("/admin/team/?days=x").context["days"] == 7
