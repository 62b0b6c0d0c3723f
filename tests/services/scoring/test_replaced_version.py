"""What happens around a version that is replaced while work for it goes on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import QuerySet

from moderation.models import Analysis, ModelVersion, Product, ReviewItem, VersionEvent
from moderation.services.encoding import engine
from moderation.services.registry import activation, files, versions
from moderation.services.release import promotion, rollback
from moderation.services.scoring import reanalyze
from moderation.services.scoring.reanalyze import Job, Which
from tests.support import scored_shop
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db

Kind = VersionEvent.Kind


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """No version here has weights, and none is loaded."""
    monkeypatch.setattr(files, "folder_of", lambda version: None)
    monkeypatch.setattr(engine, "try_out", lambda version: None)


def version(name: str, **fields: Any) -> ModelVersion:
    source = ModelVersion.Source.FOLDER
    return ModelVersion.objects.create(
        name=name, source=source, location=f"/{name}", threshold=0.25, **fields
    )


@pytest.fixture
def former() -> ModelVersion:
    """A version with ten scored products that another one has replaced."""
    first = version("first")
    activation.activate(first)
    scored_shop.fill(first, count=10)
    activation.activate(version("second"), kind=Kind.PROMOTED)
    return first


def put_back(monkeypatch: pytest.MonkeyPatch, *, then: Callable[[int], None]) -> list[int]:
    """Chunks of three products; `then` is called with the number of each. Returns their sizes."""
    sizes: list[int] = []
    original = rollback._put_back

    def counted(replaced: VersionEvent, to: ModelVersion, products: QuerySet[Product]) -> int:
        sizes.append(products.count())
        undone = original(replaced, to, products)
        then(len(sizes))
        return undone

    monkeypatch.setattr(rollback, "CHUNK", 3)
    monkeypatch.setattr(rollback, "_put_back", counted)
    return sizes


def test_a_rollback_that_was_cut_off_goes_on_where_it_stood(
    former: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    sizes = put_back(monkeypatch, then=cut_off)
    rollback.switch()
    with pytest.raises(KeyboardInterrupt):
        rollback.finish()
    assert sizes == [3, 3, 3] and rollback.unfinished() is not None

    assert rollback.finish()

    assert sizes == [3, 3, 3, 3, 1]  # the third again, since it was not kept
    assert rollback.unfinished() is None and not rollback.finish()


def test_a_rollback_leaves_the_rest_to_a_version_that_takes_over(
    former: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = version("third")
    sizes = put_back(monkeypatch, then=lambda number: None)
    rollback.switch()

    def taken_over(done: int, total: int) -> None:
        activation.activate(third)

    rollback.finish(progress=taken_over)

    assert sizes == [3]
    assert rollback.unfinished() is None and versions.current() == third


def test_scores_of_a_version_that_was_replaced_do_not_come_in_late(former: ModelVersion) -> None:
    second = versions.current()
    assert second.name == "second"
    scored_shop.fill(second, count=4, prefix="T")
    job = Job(Which.ALL, second, threshold=0.9)
    rollback.switch()
    before = list(Product.objects.order_by("pk").values_list("analysis_id", flat=True))

    with pytest.raises(versions.Replaced, match="no longer the active version"):
        reanalyze.run(job)

    assert before == list(Product.objects.order_by("pk").values_list("analysis_id", flat=True))
    assert not Analysis.objects.live().exists()


def test_a_candidate_scores_the_catalogue_in_the_shadow_only(former: ModelVersion) -> None:
    version("fresh", status=ModelVersion.Status.CANDIDATE)

    with pytest.raises(CommandError, match=r"fresh is a candidate.*--shadow"):
        call_command("reanalyze", "--all", "--model", "fresh")

    assert Analysis.objects.count() == 10


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [("fresh", "The thresholds or the calibration"), ("second", "The active version changed")],
)
def test_what_changed_while_it_was_compared_is_compared_again(
    former: ModelVersion, monkeypatch: pytest.MonkeyPatch, changed: str, sentence: str
) -> None:
    fresh = version("fresh", status=ModelVersion.Status.CANDIDATE)

    def compare(*sides: ModelVersion, progress: object = None) -> SimpleNamespace:
        ModelVersion.objects.filter(name=changed).update(threshold=0.9)
        return SimpleNamespace(passed=True)

    monkeypatch.setattr(promotion.engine, "try_out", lambda _version: None)  # it has no files
    monkeypatch.setattr(promotion, "compare", compare)
    with pytest.raises(promotion.PromotionError, match=sentence):
        promotion.promote(fresh)

    assert versions.current().name == "second"


def test_a_blank_reason_forces_nothing(
    former: ModelVersion, monkeypatch: pytest.MonkeyPatch, make_user: MakeUser
) -> None:
    fresh = version("fresh", status=ModelVersion.Status.CANDIDATE)
    refused = SimpleNamespace(
        passed=False,
        why_not="It is worse.",
        candidate=fresh,
        active=former,
        evaluation=SimpleNamespace(pk=1),
    )
    monkeypatch.setattr(promotion.engine, "try_out", lambda _version: None)  # it has no files
    monkeypatch.setattr(promotion, "compare", lambda *sides, progress: refused)

    with pytest.raises(promotion.GateRefused):
        promotion.promote(fresh, by=make_user("lena", group="lead"), force_reason="  ")

    assert versions.current().name == "second"


def test_the_list_of_items_does_not_sort_by_what_it_keeps_back(
    former: ModelVersion, client: Any, make_user: MakeUser
) -> None:
    rows = Analysis.objects.order_by("pk")[:3]
    for row, suspicion, in_audit in zip(rows, (0.2, 0.9, 0.5), (False, False, True), strict=True):
        ReviewItem.objects.create(
            product=row.product, analysis=row, suspicion=suspicion, in_audit=in_audit
        )
    client.force_login(make_user("mia", group="moderator"))

    for address in ("", "?o=4", "?o=-4"):
        page = client.get(f"/admin/moderation/reviewitem/{address}")
        shown = list(page.context["cl"].result_list)
        assert [item.suspicion for item in shown] == [0.5, 0.9, 0.2]  # the newest first
