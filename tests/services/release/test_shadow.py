"""A shadow run: what a version would flag, with products, analyses and queue left alone."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django_q.models import OrmQ
from safetensors.numpy import save_file

from moderation import tasks
from moderation.management.shadow_text import as_text
from moderation.models import (
    Analysis,
    Decision,
    Embedding,
    ModelVersion,
    Product,
    ReviewItem,
    ShadowReport,
)
from moderation.services.encoding import engine, head_maps
from moderation.services.queue import review
from moderation.services.registry import activation, files
from moderation.services.release import shadow
from moderation.services.scoring import reanalyze
from tests.support.factories import MakeProduct, MakeUser, as_user

pytestmark = pytest.mark.django_db

DIM = 8


@pytest.fixture
def shop(bundled: ModelVersion, make_product: MakeProduct) -> list[Product]:
    """Four products whose vectors are cached: two that match, two that do not, scored."""
    ModelVersion.objects.filter(pk=bundled.pk).update(threshold=0.5)
    texts = ["a red ball", "a blue ball", "a lamp", "a shoe"]
    products = [make_product(f"P{i}", text=text) for i, text in enumerate(texts)]
    axes = np.eye(DIM, dtype=np.float16)
    for number, product in enumerate(products):
        cache(bundled, "image", product.image_sha256, axes[number])
        same = number < 2
        cache(bundled, "text", text_sha(product.text), axes[number] if same else axes[number + 2])
    Analysis.objects.all().delete()
    bundled.refresh_from_db()
    from moderation.models import Category

    Category.objects.all().delete()
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, bundled))
    return products


def text_sha(text: str) -> str:
    from moderation.services.encoding.embeddings import text_sha256

    return text_sha256(text)


def cache(version: ModelVersion, tower: str, sha: str, vector: np.ndarray) -> None:
    Embedding.objects.create(
        model_version=version,
        tower=tower,
        precision="fp32",
        content_hash=sha,
        vector=vector.astype(np.float16).tobytes(),
    )


@pytest.fixture
def candidate(shop: list[Product], bundled: ModelVersion, tmp_path: Path) -> ModelVersion:
    """A version on the same towers that sees the second photo elsewhere, the third as its text."""
    folder = tmp_path / "candidate"
    folder.mkdir()
    image = np.eye(DIM, dtype=np.float32)
    image[:, 1] = np.eye(DIM)[7]
    image[:, 2] = np.eye(DIM)[4]
    save_file({"M_image": image, "M_text": np.eye(DIM)}, folder / head_maps.FILE_NAME)
    return ModelVersion.objects.create(
        name="candidate",
        source="trained",
        status="candidate",
        location=str(folder),
        weights_sha256="other",
        threshold=0.5,
        vision_of=bundled,
    )


@pytest.fixture(autouse=True)
def no_folder_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The candidate here is its maps alone; nothing but they may be read."""
    monkeypatch.setattr(files, "folder_of", lambda version: Path(version.location))
    monkeypatch.setattr(engine, "_load", lambda version: pytest.fail("a model was loaded"))


def state() -> list[Any]:
    tables = (Product, Analysis, ReviewItem, Embedding)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def test_it_tells_the_flips_and_touches_nothing(
    shop: list[Product], candidate: ModelVersion
) -> None:
    before = state()
    report = shadow.run(candidate).report
    assert state() == before
    assert (report["compared"], report["newly_flagged"], report["no_longer_flagged"]) == (4, 1, 1)
    assert (report["flagged_before"], report["flagged_after"]) == (2, 2)
    assert report["flipped_share"] == 0.5
    assert (report["photos_encoded"], report["texts_encoded"]) == (0, 0)
    (newly,), (gone,) = report["examples"]["newly_flagged"], report["examples"]["no_longer_flagged"]
    assert (newly["external_id"], gone["external_id"]) == ("P1", "P2")
    assert newly["similarity_before"] == pytest.approx(1, abs=1e-3)
    assert newly["similarity_after"] == pytest.approx(0, abs=1e-3)
    assert newly["image"] == shop[1].image.name
    assert sum(report["histogram"]["before"]) == sum(report["histogram"]["after"]) == 4


def test_it_tells_which_decisions_change_side(
    shop: list[Product], candidate: ModelVersion, make_user: MakeUser
) -> None:
    anna = make_user("anna")
    for verdict, reason in (("confirm", "other_product"), ("dismiss", "matches")):
        item = ReviewItem.objects.open().order_by("product_id").first()
        assert item is not None
        review.decide(item, moderator=anna, verdict=verdict, reason=reason)
    decided = shadow.run(candidate).report["decided"]
    assert decided["mismatches"]["products"] == decided["matches"]["products"] == 1
    assert decided["mismatches"]["no_longer_flagged"] == 1
    assert decided["matches"]["no_longer_flagged"] == 0
    assert decided["matches"]["flagged_after"] == 1


def test_once_active_the_candidate_scores_all_without_a_pixel(
    shop: list[Product], candidate: ModelVersion
) -> None:
    report = shadow.run(candidate).report
    activation.activate(candidate, kind="promoted")
    tally = reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, candidate))
    assert (tally.scored, tally.asked) == (4, 0)
    assert (tally.newly_flagged, tally.no_longer_flagged) == (1, 1)
    flagged = Product.objects.filter(analysis__is_mismatch=True)
    assert flagged.count() == report["flagged_after"]
    assert set(flagged.values_list("external_id", flat=True)) == {"P1", "P3"}
    assert set(ReviewItem.objects.open().values_list("product__external_id", flat=True)) == {
        "P1",
        "P3",
    }


def test_examples_and_memory_are_bounded(
    shop: list[Product], candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moderation.services.release import shadow_tally

    monkeypatch.setattr(shadow, "CHUNK", 1)
    monkeypatch.setattr(shadow_tally, "EXAMPLES", 1)
    seen: list[tuple[int, int]] = []
    report = shadow.run(candidate, progress=lambda done, total: seen.append((done, total))).report
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [len(found) for found in report["examples"].values()] == [1, 1]


def test_the_command_prints_text_or_json(shop: list[Product], candidate: ModelVersion) -> None:
    out = StringIO()
    call_command("reanalyze", "--model", "candidate", "--shadow", stdout=out)
    assert "Flags: 1 more, 1 fewer (50.00% change); 2 flagged now, 2 then." in out.getvalue()
    assert "Newly flagged: P1" in out.getvalue()
    out = StringIO()
    call_command("reanalyze", "--model", "candidate", "--shadow", "--json", stdout=out)
    assert json.loads(out.getvalue())["compared"] == 4
    assert ShadowReport.objects.count() == 2


def test_it_wants_another_version_than_the_active(shop: list[Product]) -> None:
    with pytest.raises(CommandError, match="name it with --model"):
        call_command("reanalyze", "--shadow")
    with pytest.raises(CommandError, match="is the model that runs now"):
        call_command("reanalyze", "--shadow", "--model", "bundled")


def test_vectors_of_another_machine_are_no_unreadable_photos(
    shop: list[Product], candidate: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache was filled in fp32; this machine computes in bf16, and one photo is new."""
    Embedding.objects.filter(content_hash=shop[3].image_sha256).delete()

    class Encoder:
        precision = arithmetic = "bf16"

        def encode_files(self, paths: list[Path]) -> list[np.ndarray]:
            return [np.eye(DIM, dtype=np.float32)[0] for _ in paths]

        def encode_texts(self, texts: list[str]) -> list[np.ndarray]:
            return [np.eye(DIM, dtype=np.float32)[0] for _ in texts]

    loaded = SimpleNamespace(encoder=Encoder(), version_id=candidate.pk, ancestors=())
    monkeypatch.setattr(shadow, "engine_for", lambda version: loaded)

    report = shadow.run(candidate).report

    assert report["unreadable"] == 0
    assert report["photos_encoded"] == report["texts_encoded"] == 4


@pytest.mark.parametrize("option", [["--dry-run"], ["--threshold", "0.3"], ["--in-process"]])
def test_it_refuses_what_it_would_not_heed(option: list[str]) -> None:
    with pytest.raises(CommandError, match=f"{option[0]} does not go with --shadow"):
        call_command("reanalyze", "--shadow", "--model", "candidate", *option)
    with pytest.raises(CommandError, match="--json prints the report of --shadow"):
        call_command("reanalyze", "--stale", "--json")


def test_the_admin_shows_the_report_with_photos(
    shop: list[Product], candidate: ModelVersion, client: Client, make_user: MakeUser
) -> None:
    report = shadow.run(candidate)
    client.force_login(make_user("lea", group="lead"))
    page = client.get(f"/admin/moderation/shadowreport/{report.pk}/change/").content.decode()
    assert "Newly flagged" in page
    assert shop[1].image.url in page
    assert shop[2].text in page
    assert "<svg" in page
    assert "style=" not in page.split('id="content"')[1]
    assert client.get("/admin/moderation/shadowreport/").status_code == 200


def test_examples_that_the_reader_may_be_asked_blind_are_left_out(
    shop: list[Product], candidate: ModelVersion, make_user: MakeUser
) -> None:
    report = shadow.run(candidate)
    shop[1].refresh_from_db()
    ReviewItem.objects.create(
        product=shop[1],
        analysis=shop[1].analysis,
        suspicion=0.5,
        uncertainty=0.5,
        sampling_probability=1,
        in_audit=True,
    )
    pages = []
    for group in ("lead", "viewer"):
        answer = as_user(make_user(group, group=group)).get(
            f"/admin/moderation/shadowreport/{report.pk}/change/"
        )
        pages.append(answer.content.decode())
    left_out = "Left out: 1 that you may be asked to judge blind."
    assert [shop[1].image.url in page for page in pages] == [False, True]
    assert [left_out in page for page in pages] == [True, False]
    assert all(shop[2].text in page for page in pages)


def test_now_is_what_the_active_version_says_at_its_present_threshold(
    shop: list[Product], candidate: ModelVersion, bundled: ModelVersion
) -> None:
    """Of four products one carries the score of another version, the rest an old threshold."""
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.9)
    foreign = Analysis.objects.create(
        product=shop[0],
        model_version=other,
        content_hash=shop[0].content_hash,
        status="done",
        similarity=0.1,
        threshold_used=0.9,
        is_mismatch=True,
    )
    Product.objects.filter(pk=shop[0].pk).update(analysis=foreign)
    ModelVersion.objects.filter(pk=bundled.pk).update(threshold=-0.5)

    shadowed = shadow.run(candidate)
    report = shadowed.report
    assert (report["compared"], report["stale"]) == (4, 4)
    assert (report["flagged_before"], report["flagged_after"]) == (0, 2)
    assert report["threshold_before"] == -0.5
    assert report["examples"]["newly_flagged"][0]["threshold_before"] == -0.5
    assert "4 carried scores of another version or threshold" in as_text(shadowed)


def test_a_product_that_the_active_version_never_saw_is_not_compared(
    shop: list[Product], candidate: ModelVersion, bundled: ModelVersion
) -> None:
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.9)
    Analysis.objects.update(model_version=other)
    ModelVersion.objects.filter(pk=candidate.pk).update(vision_of=None)
    candidate.refresh_from_db()
    Embedding.objects.filter(tower="image").update(model_version=candidate)
    Embedding.objects.filter(tower="text").update(model_version=candidate)

    report = shadow.run(candidate).report
    assert (report["compared"], report["not_compared"], report["stale"]) == (0, 4, 4)


def test_the_button_makes_the_report_and_the_page_links_to_it(
    shop: list[Product],
    candidate: ModelVersion,
    bundled: ModelVersion,
    client: Client,
    make_user: MakeUser,
    no_heartbeats: None,
) -> None:
    client.force_login(make_user("lea", group="lead"))
    own = f"/admin/moderation/modelversion/{candidate.pk}/"
    assert "See what it would flag" in client.get(f"{own}change/").content.decode()
    assert client.get(f"{own}shadow/").status_code == 405

    answer = client.post(f"{own}shadow/", follow=True)
    assert "Looking what candidate would flag." in answer.content.decode()
    message = OrmQ.objects.get().task
    assert message["func"] == "moderation.tasks.shadow_run"
    tasks.shadow_run(*message["args"])
    report = ShadowReport.objects.get(version=candidate)
    page = client.get(f"{own}change/").content.decode()
    assert f"/admin/moderation/shadowreport/{report.pk}/change/" in page

    active = f"/admin/moderation/modelversion/{bundled.pk}/"
    assert "See what it would flag" not in client.get(f"{active}change/").content.decode()
    assert "is active" in client.post(f"{active}shadow/", follow=True).content.decode()
    client.force_login(make_user("mia"))
    assert "See what it would flag" not in client.get(f"{own}change/").content.decode()
    assert client.post(f"{own}shadow/").status_code == 403


def test_decisions_of_nobody_do_not_count(
    shop: list[Product], candidate: ModelVersion, admin_user: User
) -> None:
    item = ReviewItem.objects.open().order_by("product_id").first()
    assert item is not None
    Decision.objects.create(
        item=item,
        analysis=item.analysis,
        moderator=admin_user,
        verdict="confirm",
        reason="other_product",
        mode="automatic",
    )
    assert shadow.run(candidate).report["decided"]["mismatches"]["products"] == 0
