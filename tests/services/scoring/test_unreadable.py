"""What a model cannot read is neither flagged nor passed, and comes into review by choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem
from moderation.services.estimates import present
from moderation.services.measures import unread_texts
from moderation.services.queue import review
from moderation.services.queue.queue_filter import QueueFilter
from moderation.services.registry import activation, registering
from moderation.services.release import known_scores, rollback, shadow
from moderation.services.release.judged import judged
from moderation.services.release.judged_pairs import gold_and_audit
from moderation.services.scoring import reanalyze, stale
from moderation.services.scoring.reanalyze import Job, Which
from tests.support.clip_models import build_folder
from tests.support.factories import MakeItem, MakeProduct, MakeUser, RunWorker

pytestmark = pytest.mark.django_db

GERMAN = "Herren Winterjacke mit Kapuze schwarz"
ENGLISH = "Men's hooded winter jacket in black"


def current(name: str) -> Analysis:
    found = Product.objects.select_related("analysis__model_version").get(external_id=name).analysis
    assert found is not None
    return found


@pytest.fixture
def german(make_product: MakeProduct, run_worker: RunWorker) -> Product:
    """A German listing that the bundled model was asked about."""
    product = make_product("DE", text=GERMAN)
    run_worker()
    return product


@pytest.fixture
def polyglot(bundled: ModelVersion, tmp_path: Path) -> ModelVersion:
    """Another version, of which it is not known what it reads."""
    return registering.register(str(build_folder(tmp_path / "polyglot")))


# ── What is said of it ────────────────────────────────────────────────────────────────────────
def test_it_has_no_score_and_is_no_mismatch(german: Product) -> None:
    row = current("DE")
    assert (row.status, row.unreadable, row.is_mismatch) == ("done", "de", None)
    assert (row.similarity, row.p_mismatch, row.threshold_used, row.verdict) == (None,) * 4
    assert row.why_unreadable == "The text looks German, and bundled reads English."
    assert not ReviewItem.objects.exists()


def test_the_others_of_its_batch_are_scored(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("DE", text=GERMAN)
    make_product("EN", text=ENGLISH)
    make_product("RU", text="Обувь")
    run_worker()
    assert current("EN").similarity is not None and current("EN").unreadable == ""
    assert [current(name).unreadable for name in ("DE", "RU")] == ["de", "Cyrl"]


def test_a_model_of_unknown_languages_scores_everything(
    polyglot: ModelVersion, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    activation.activate(polyglot)
    make_product("DE", text=GERMAN)
    run_worker()
    assert current("DE").similarity is not None


@pytest.mark.parametrize("text", ["👕👗", "★★★", "...", "🔴"])
def test_a_text_without_words_is_no_mismatch(
    make_product: MakeProduct, run_worker: RunWorker, bundled: ModelVersion, text: str
) -> None:
    make_product("E", text=text)
    run_worker()
    row = current("E")
    assert (row.unreadable, row.similarity, row.is_mismatch) == ("Zsym", None, None)
    assert row.why_unreadable == "The text has no words that bundled could read."
    assert unread_texts.unread_texts(bundled).words == (
        "1 of 1 texts have no words in them, only signs such as emoji: neither flagged nor passed."
    )


def test_no_model_reads_a_text_without_words(
    polyglot: ModelVersion, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    activation.activate(polyglot)
    make_product("E", text="👕👗")
    run_worker()
    assert current("E").unreadable == "Zsym"
    assert unread_texts.unread_texts(polyglot).words.startswith("1 of 1 texts have no words")


# ── Review ────────────────────────────────────────────────────────────────────────────────────
def test_no_audit_draws_it(settings: Any, german: Product, bundled: ModelVersion) -> None:
    settings.AUDIT_SHARE = settings.GOLD_SHARE = 1.0
    reanalyze.run(Job(Which.ALL, bundled))
    assert not ReviewItem.objects.exists()


def test_it_comes_into_review_by_choice_after_all_others(
    settings: Any, make_item: MakeItem, german: Product, bundled: ModelVersion
) -> None:
    make_item("EN", text=ENGLISH, similarity=0.98)
    settings.REVIEW_UNREADABLE = True
    assert reanalyze.run(Job(Which.ALL, bundled)).scored

    last = ReviewItem.objects.open().most_suspicious_first().last()
    assert last is not None and last.product.external_id == "DE"
    assert (last.stratum, last.in_audit, last.uncertainty) == ("unreadable", False, 0.0)
    chosen = QueueFilter.parse({"band": "unreadable"}).apply(ReviewItem.objects.open())
    assert list(chosen) == [last]
    for band in ("review", "clear"):
        assert last not in QueueFilter.parse({"band": band}).apply(ReviewItem.objects.open())

    settings.REVIEW_UNREADABLE = False
    reanalyze.run(Job(Which.ALL, bundled))
    last.refresh_from_db()
    assert last.state == "withdrawn"


def test_the_worker_opens_it_too_and_what_people_decide_is_in_no_estimate(
    settings: Any,
    make_user: MakeUser,
    make_product: MakeProduct,
    run_worker: RunWorker,
    bundled: ModelVersion,
) -> None:
    settings.REVIEW_UNREADABLE = True
    product = make_product("DE", text=GERMAN)
    run_worker()
    item = ReviewItem.objects.get(product=product)
    anna = make_user("anna")
    review.decide(item, moderator=anna, verdict="dismiss", reason="matches")

    assert Decision.objects.labels().count() == 1
    assert judged(bundled) == [] and gold_and_audit() == []
    assert present.by_week() == {}


def test_a_drawn_item_leaves_the_audit_where_the_next_model_cannot_read_it(
    settings: Any,
    polyglot: ModelVersion,
    make_product: MakeProduct,
    run_worker: RunWorker,
    bundled: ModelVersion,
) -> None:
    settings.AUDIT_SHARE, polyglot.threshold = 1.0, -1.0
    polyglot.save()
    activation.activate(polyglot)
    make_product("DE", text=GERMAN)
    run_worker()
    assert ReviewItem.objects.open().get().stratum == "audit"

    activation.activate(bundled)
    stale.refresh(bundled)
    run_worker()
    assert not ReviewItem.objects.open().exists()

    rollback.rollback()
    assert ReviewItem.objects.open().get().stratum == "audit"


# ── Scoring again ─────────────────────────────────────────────────────────────────────────────
def test_another_threshold_or_calibration_changes_nothing_of_it(
    german: Product, bundled: ModelVersion
) -> None:
    bundled.threshold, bundled.platt_a = 0.9, -3.0
    bundled.save()
    assert stale.count(bundled) == 0
    tally = reanalyze.run(Job(Which.STALE, bundled))
    assert (tally.asked, tally.scored, tally.derived, tally.done) == (0, 0, 0, 1)


def test_a_model_of_other_languages_scores_it_and_the_first_gives_it_back(
    german: Product, bundled: ModelVersion, polyglot: ModelVersion, run_worker: RunWorker
) -> None:
    activation.activate(polyglot)
    assert stale.count(polyglot) == 1
    stale.refresh(polyglot)
    run_worker()
    assert current("DE").model_version == polyglot and current("DE").similarity is not None

    activation.activate(bundled)
    stale.refresh(bundled)  # known from before: no model runs
    row = current("DE")
    assert (row.model_version, row.status, row.unreadable) == (bundled, "done", "de")
    assert (row.similarity, row.is_mismatch) == (None, None)
    assert stale.count(bundled) == 0


def test_cached_vectors_score_only_what_is_read(
    german: Product, make_product: MakeProduct, run_worker: RunWorker, bundled: ModelVersion
) -> None:
    make_product("EN", text=ENGLISH)
    run_worker()
    before = Analysis.objects.count()
    tally = reanalyze.run(Job(Which.ALL, bundled))
    assert (tally.scored, Analysis.objects.count()) == (2, before + 2)
    assert current("DE").unreadable == "de" and current("DE").top_categories == []
    assert current("EN").similarity is not None


def test_what_was_scored_before_it_was_known_what_the_model_reads_is_looked_at_again(
    make_product: MakeProduct, run_worker: RunWorker, bundled: ModelVersion
) -> None:
    ModelVersion.objects.update(languages=[], threshold=1.0)
    make_product("DE", text=GERMAN)
    run_worker()
    item = ReviewItem.objects.open().get()

    ModelVersion.objects.update(languages=["en"])
    tally = reanalyze.run(Job(Which.ALL, ModelVersion.objects.get()))
    assert (tally.asked, tally.scored, tally.no_longer_flagged) == (0, 1, 1)
    assert current("DE").unreadable == "de"
    item.refresh_from_db()
    assert item.state == "withdrawn"


def test_where_it_is_no_longer_known_what_the_model_reads_nothing_is_said_of_languages(
    german: Product,
) -> None:
    ModelVersion.objects.update(languages=[])
    row = current("DE")
    assert row.why_unreadable.startswith("It is not known any longer what bundled reads")
    assert unread_texts.unread_texts(row.model_version).words == ""


def test_a_listing_that_is_translated_is_scored(
    german: Product, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("DE", text=ENGLISH)
    run_worker()
    assert current("DE").unreadable == "" and current("DE").similarity is not None


# ── Figures ───────────────────────────────────────────────────────────────────────────────────
def test_figures_of_scores_leave_it_out_and_its_own_counts_it(
    german: Product, make_item: MakeItem, bundled: ModelVersion
) -> None:
    make_item("EN", text=ENGLISH, similarity=0.1)
    assert known_scores.known_scores(bundled).value.catalogue.total == 1
    assert unread_texts.unread_texts(bundled).words == (
        "1 of 2 texts are not English, and bundled reads English (German 1). They are neither "
        "flagged nor passed; google/siglip-base-patch16-256-multilingual reads them."
    )


def test_where_everything_is_read_nothing_is_said(
    make_item: MakeItem, bundled: ModelVersion
) -> None:
    make_item("EN", text=ENGLISH)
    assert unread_texts.unread_texts(bundled).words == ""


def test_a_shadow_run_says_what_the_version_would_not_read(
    bundled: ModelVersion, polyglot: ModelVersion, make_product: MakeProduct, run_worker: RunWorker
) -> None:
    activation.activate(polyglot)
    make_product("DE", text=GERMAN)
    make_product("EN", text=ENGLISH)
    run_worker()
    report = shadow.run(bundled).report
    assert (report["texts_unread"], report["compared"]) == (1, 1)
