"""Scoring again: which products, what runs the model, and going on after a stop."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation.models import (
    Analysis,
    Category,
    Embedding,
    Heartbeat,
    ModelVersion,
    Product,
    ReviewItem,
)
from moderation.services.catalogue import intake
from moderation.services.encoding import engine
from moderation.services.registry import versions
from moderation.services.scoring import analyze, reanalyze
from moderation.services.scoring.reanalyze import Job, Which
from tests.support.factories import MakeProduct, RunWorker
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

NO_CALLS = {"photos": 0, "texts": 0}


@pytest.fixture
def scored(make_product: MakeProduct, run_worker: RunWorker) -> list[Product]:
    """Three products that the bundled model has scored: two toys and a mug."""
    for name, category in [("A1", "Toys"), ("A2", "Toys"), ("A3", "Mugs")]:
        make_product(name, text=f"A red {category.lower()} {name}", category=category)
    run_worker()
    return list(Product.objects.order_by("pk"))


@pytest.fixture
def encoded(bundled: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many photos and texts the bundled encoder was given since the test began to look."""
    encoder, counts = engine.engine_for(bundled).encoder, dict(NO_CALLS)
    for name, what in (("encode_files", "photos"), ("encode_texts", "texts")):
        original = getattr(encoder, name)

        def spy(items: Any, original: Any = original, what: str = what) -> Any:
            counts[what] += len(items)
            return original(items)

        monkeypatch.setattr(encoder, name, spy)
    return counts


def test_ctrl_c_before_anything_was_asked_ends_it(
    bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> ModelVersion:
        raise KeyboardInterrupt

    monkeypatch.setattr(versions, "current", interrupted)
    with pytest.raises(KeyboardInterrupt):
        call_command("reanalyze", "--all")


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("reanalyze", *arguments, stdout=out)
    return out.getvalue()


def current(name: str) -> Analysis:
    analysis = Product.objects.get(external_id=name).analysis
    assert analysis is not None
    return analysis


def change(name: str, **changes: Any) -> None:
    product = Product.objects.get(external_id=name)
    listing = intake.Listing(
        name, **{"text": product.text, "image": None, "category": None, **changes}
    )
    intake.take(listing, source="import")


def test_a_threshold_runs_no_model_and_moves_flags_and_queue(
    scored: list[Product], encoded: dict[str, int]
) -> None:
    before = {row.product_id: row for row in Analysis.objects.all()}
    command("--all", "--threshold", "1.0")
    assert encoded == NO_CALLS
    assert not Analysis.objects.live().exists()
    for product in Product.objects.all():
        old, new = before[product.pk], product.analysis
        assert new is not None
        assert new.pk > old.pk
        assert (new.threshold_used, new.is_mismatch, new.status) == (1.0, True, "done")
        for kept in ("similarity", "p_mismatch", "top_categories", "precision", "content_hash"):
            assert getattr(new, kept) == getattr(old, kept)
    assert ReviewItem.objects.open().count() == 3
    command("--all", "--threshold", "-1.0")
    assert ReviewItem.objects.open().count() == 0
    assert Analysis.objects.count() == 9  # history is kept


def test_the_same_threshold_again_has_nothing_to_do(scored: list[Product]) -> None:
    command("--all", "--threshold", "0.9")
    assert "0 judged again without the model, 0 requested, 0 waiting already, 3 done" in command(
        "--all", "--threshold", "0.9"
    )
    assert Analysis.objects.count() == 6


def test_a_threshold_asked_for_by_hand_ends_with_the_next_stale_run(scored: list[Product]) -> None:
    command("--category", "toys", "--threshold", "0.9")
    assert current("A3").threshold_used != 0.9
    told = command("--stale")
    assert "2 judged again" in told
    assert current("A1").threshold_used == current("A3").threshold_used


@pytest.mark.parametrize("which", [["--stale"], ["--category", "Toys"]])
def test_a_category_with_a_new_threshold_is_judged_anew_without_the_model(
    scored: list[Product], encoded: dict[str, int], which: list[str]
) -> None:
    Category.objects.filter(name="Toys").update(threshold=0.97)
    assert "2 judged again without the model, 0 requested" in command(*which)
    assert [current(name).threshold_used == 0.97 for name in ("A1", "A2", "A3")] == [
        True,
        True,
        False,
    ]
    assert encoded == NO_CALLS


def test_all_again_encodes_nothing_that_is_known(
    scored: list[Product], encoded: dict[str, int]
) -> None:
    before = Analysis.objects.count()
    assert "3 scored from cached vectors, 0 judged again without the model, 0 requested" in command(
        "--all"
    )
    assert Analysis.objects.filter(status="done").count() == before + 3
    assert encoded["photos"] == 0
    encoded.update(NO_CALLS)
    command("--all")
    assert encoded == NO_CALLS  # the sentences of the categories are known now, too


def test_a_changed_text_encodes_no_photo(scored: list[Product], encoded: dict[str, int]) -> None:
    change("A1", text="Something else")
    command("--stale", "--in-process")
    assert current("A1").text == "Something else"
    assert encoded["photos"] == 0
    assert encoded["texts"] >= 1


def test_stale_is_what_another_model_scored(
    scored: list[Product], run_worker: RunWorker, encoded: dict[str, int]
) -> None:
    bundled = versions.current()
    other = ModelVersion.objects.create(
        name="other",
        source=bundled.source,
        location=bundled.location,
        weights_sha256=bundled.weights_sha256,
        threshold=0.5,
    )
    assert "3 requested" in command("--stale", "--model", "other", "--in-process")
    assert current("A1").model_version == other
    # Back again: the old scores still hold, so no model runs.
    assert "3 judged again without the model, 0 requested" in command("--stale")
    assert current("A1").model_version == bundled
    assert encoded == NO_CALLS


def test_stale_asks_for_what_was_never_scored(scored: list[Product]) -> None:
    Product.objects.filter(external_id="A2").update(analysis=None)
    Analysis.objects.filter(product__external_id="A2").delete()
    Embedding.objects.all().delete()
    assert "0 judged again without the model, 1 requested" in command("--stale", "--in-process")
    assert current("A2").status == "done"


def test_failed_asks_again_only_where_the_newest_answer_failed(
    scored: list[Product], media: Path
) -> None:
    path = media / Product.objects.get(external_id="A1").image.name
    data = path.read_bytes()
    path.unlink()
    Embedding.objects.all().delete()
    command("--all", "--in-process")
    assert Analysis.objects.filter(status="failed").count() == 1
    # Neither a stale run nor a threshold can mend a photo.
    assert "0 requested" in command("--all", "--threshold", "0.3")
    path.write_bytes(data)
    assert "1 requested" in command("--failed", "--in-process")
    assert current("A1").status == "done"
    assert "0 requested" in command("--failed", "--in-process")


def test_a_run_goes_on_where_it_was_stopped(
    scored: list[Product], monkeypatch: pytest.MonkeyPatch, run_worker: RunWorker
) -> None:
    Embedding.objects.all().delete()
    monkeypatch.setattr(reanalyze, "CHUNK", 1)
    original, asked = analyze.request, []

    def killed_at_the_third(products: list[Product], **options: Any) -> int:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.extend(products)
        return original(products, **options)

    monkeypatch.setattr(analyze, "request", killed_at_the_third)
    told = command("--all")
    assert "2 products wait" in told
    hint = re.search(r"--since (\S+)", told)
    assert hint is not None
    run_worker()
    monkeypatch.setattr(analyze, "request", original)
    assert "1 requested, 0 waiting already, 2 done before" in command(
        "--all", "--since", hint[1], "--in-process"
    )
    assert Analysis.objects.count() == 6


def test_asking_twice_while_it_waits_makes_no_second_question(scored: list[Product]) -> None:
    Embedding.objects.all().delete()
    job = Job(Which.ALL, versions.current())
    assert reanalyze.run(job).asked == 3
    again = reanalyze.run(job)
    assert (again.asked, again.waiting) == (0, 3)
    assert reanalyze.unanswered(job) == 3


def test_what_waits_takes_the_threshold_that_is_wanted_now(
    make_product: MakeProduct, run_worker: RunWorker
) -> None:
    make_product("A1")
    reanalyze.run(Job(Which.ALL, versions.current(), threshold=0.77))
    run_worker()
    assert current("A1").threshold_used == 0.77


def test_a_dry_run_counts_and_writes_nothing(scored: list[Product]) -> None:
    flagged = sum(bool(product.analysis and product.analysis.is_mismatch) for product in scored)
    before = list(Analysis.objects.values())
    told = command("--all", "--threshold", "1.0", "--dry-run")
    assert "0 products would be scored by the model" in told
    assert "3 would be judged again without running it" in told
    assert f"Flags: {3 - flagged} more, 0 fewer, 0 not known" in told
    assert list(Analysis.objects.values()) == before


def test_an_answer_never_speaks_for_a_changed_product(scored: list[Product]) -> None:
    change("A1", image=photo("green", mark=50))
    tally = reanalyze.look(Job(Which.ALL, versions.current(), threshold=0.9))
    assert (tally.derived, tally.waiting, tally.asked) == (2, 1, 0)


def test_without_a_worker_it_says_so_instead_of_waiting(scored: list[Product]) -> None:
    Heartbeat.objects.all().delete()
    Embedding.objects.all().delete()
    assert "3 products wait, but no worker is running" in command("--all")
    assert Analysis.objects.pending().count() == 3


def test_unknown_names_and_bad_numbers_are_refused_with_near_names(scored: list[Product]) -> None:
    with pytest.raises(CommandError, match="There is no category “Toy”; near: Toys"):
        command("--category", "Toy")
    with pytest.raises(CommandError, match="no model version “bundle”; near: bundled"):
        command("--all", "--model", "bundle")
    with pytest.raises(CommandError, match="give a number between -1 and 1"):
        command("--all", "--threshold", "30")
    with pytest.raises(CommandError, match="one of the arguments --all"):
        command("--dry-run")
