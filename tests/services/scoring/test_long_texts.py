"""A text longer than the model reads: the title is scored, the rest looked at, nothing cut off."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from moderation.models import Analysis, ModelVersion, Product, ReviewItem
from moderation.services.encoding import embeddings, text_parts
from moderation.services.encoding.engine import engine_for
from moderation.services.queue import explain
from moderation.services.registry import versions
from moderation.services.scoring import reanalyze
from moderation.services.scoring.reanalyze import Job, Which
from tests.support.factories import MakeItem, MakeProduct, RunWorker, as_user
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

TITLE = "A red ball"
LONG = f"{TITLE}. " + "Our customers love it and so will all of your friends at home. " * 6


@pytest.fixture
def answered(make_product: MakeProduct, run_worker: RunWorker) -> Analysis:
    """A listing with a long text that the worker has answered."""
    make_product("LONG", text=LONG, image=photo())
    make_product("SHORT", text=TITLE, image=photo())
    run_worker()
    return Analysis.objects.get(product__external_id="LONG")


def test_its_score_is_the_title_s_and_the_parts_are_kept(answered: Analysis) -> None:
    title = Analysis.objects.get(product__external_id="SHORT")
    assert answered.similarity == pytest.approx(title.similarity, abs=1e-5)
    assert title.parts == []
    texts = [text for text, _, _ in answered.parts]
    assert texts[0] == TITLE
    assert set(texts[1:]) == {"Our customers love it and so will all of your friends at home"}
    assert answered.parts[0][1] == pytest.approx(answered.similarity, abs=1e-6)


def test_what_known_vectors_answer_gets_its_parts_with_the_explanation(
    answered: Analysis, bundled: ModelVersion
) -> None:
    Product.objects.filter(external_id="SHORT").delete()
    reanalyze.run(Job(Which.ALL, versions.current(), threshold=0.99))
    item = ReviewItem.objects.get(analysis__is_mismatch=True)
    assert item.analysis.parts == answered.parts, "derived from the known score"
    Analysis.objects.update(parts=None)
    explain.explain_pending(limit=1, seconds=60)
    item.analysis.refresh_from_db()
    assert [part[:2] for part in item.analysis.parts] == [part[:2] for part in answered.parts]


def test_another_threshold_judges_the_parts_again(answered: Analysis) -> None:
    product = answered.product
    parts = [[TITLE, answered.similarity, True], ["A blue mug", 0.3, True]]
    Analysis.objects.filter(pk=answered.pk).update(parts=parts)

    for threshold, fits in ((0.99, False), (0.44, True)):
        reanalyze.run(Job(Which.ALL, versions.current(), threshold=threshold))
        product.refresh_from_db()
        assert product.analysis and product.analysis.threshold_used == threshold
        assert [fits for _, _, fits in product.analysis.parts] == [True, fits]


def test_the_api_answers_with_the_parts(answered: Analysis) -> None:
    product = Client().get("/api/products/LONG").json()
    shown = product["analysis"]["parts"]
    assert [(one["text"], one["fits"]) for one in shown] == [
        (text, fits) for text, _, fits in answered.parts
    ]
    sent = SimpleUploadedFile("photo.jpg", photo(), "image/jpeg")
    answer = Client().post("/clip/analyze", {"file": sent, "text": LONG}).json()
    assert [one["text"] for one in answer["parts"]] == [one["text"] for one in shown]
    assert answer["parts"][0]["similarity_score"] == answer["similarity_score"]


def test_the_page_says_which_part_decides_and_which_does_not_fit(
    make_item: MakeItem, anna: User
) -> None:
    item = make_item("A1", text=LONG)
    address = reverse("admin:queue_item", args=[item.pk])
    page = as_user(anna)
    assert "Longer than the model reads" not in page.get(address).content.decode()

    parts = [[TITLE, 0.4, True], ["Machine washable", -0.3, True], ["A blue mug", -0.2, True]]
    Analysis.objects.filter(pk=item.analysis_id).update(parts=parts)
    html = " ".join(page.get(address).content.decode().split())
    assert f"the score is that of <q>{TITLE}</q>" in html
    assert "nothing of it clearly does not fit" in html
    parts[2][2] = False
    Analysis.objects.filter(pk=item.analysis_id).update(parts=parts)
    html = " ".join(page.get(address).content.decode().split())
    assert "Of the rest, <q>A blue mug</q> does not fit the photo." in html


def test_the_dry_run_counts_such_texts_by_the_model_that_will_be_asked(
    bundled: ModelVersion, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").write_bytes(photo())
    rows = [f"A{n},1.jpg,{text}" for n, text in enumerate((LONG, TITLE, TITLE))]
    csv = tmp_path / "shop.csv"
    csv.write_text("\n".join(["product_id,image_path,text", *rows]))
    out = StringIO()
    call_command("import_products", str(csv), "--dry-run", stdout=out)
    assert "1 of 3 texts are longer than the model reads" in out.getvalue()


def test_texts_are_parted_alike_with_and_without_the_weights(bundled: ModelVersion) -> None:
    encoder = engine_for(bundled).encoder
    alone = text_parts.tokens_of(bundled)
    assert alone.room == encoder.tokens.room
    assert alone.parts(LONG) == encoder.tokens.parts(LONG)


def test_parts_come_out_of_the_cache(answered: Analysis, bundled: ModelVersion) -> None:
    engine = engine_for(bundled)
    hashes = [embeddings.text_sha256(text) for text, _, _ in answered.parts]
    assert set(embeddings.known_of(engine).find("text", hashes)) == set(hashes)
