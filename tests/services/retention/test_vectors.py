"""Vectors of versions that are replaced for good go, and none that another one follows from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from moderation.models import (
    Embedding,
    ModelVersion,
    TrainingRun,
    VersionEvent,
)
from moderation.services.encoding import embeddings
from moderation.services.registry import versions
from moderation.services.retention import vectors
from tests.support.factories import MakeProduct, RunWorker
from tests.support.old_rows import age

pytestmark = pytest.mark.django_db

Status = ModelVersion.Status


def version(name: str, *, status: str = Status.AVAILABLE, **fields: Any) -> ModelVersion:
    made = ModelVersion.objects.create(
        name=name, source="folder", location=f"/{name}", threshold=0.2, status=status, **fields
    )
    Embedding.objects.create(
        content_hash="a" * 64, tower="image", model_version=made, precision="fp32", vector=b"1"
    )
    return made


def switched(before: ModelVersion, to: ModelVersion) -> VersionEvent:
    return VersionEvent.objects.create(
        version=to, kind="promoted", before={"version": before.pk, "last_analysis": 0}
    )


def remove() -> set[str]:
    """Whose vectors are left."""
    for _ in vectors.remove(timezone.now() - timedelta(days=90), dry_run=False):
        pass
    return set(
        ModelVersion.objects.filter(pk__in=Embedding.objects.values("model_version")).values_list(
            "name", flat=True
        )
    )


def long_ago() -> None:
    age(ModelVersion, "created_at")
    age(VersionEvent, "created_at")


def test_those_of_replaced_versions_go(db: None) -> None:
    first, second = version("first"), version("second")
    third = version("third", status=Status.ACTIVE)
    version("candidate", status=Status.CANDIDATE)
    version("looked-at")
    switched(first, second)
    switched(second, third)
    long_ago()
    # The second one is what a rollback leads to.
    assert remove() == {"second", "third", "candidate"}


def test_what_was_replaced_lately_keeps_them(db: None) -> None:
    first, second = version("first"), version("second")
    third = version("third", status=Status.ACTIVE)
    switched(first, second)
    switched(second, third)
    age(ModelVersion, "created_at")
    assert remove() == {"first", "second", "third"}


def test_those_with_the_same_towers_stay_together(db: None) -> None:
    root = version("root")
    middle = version("middle", vision_of=root)
    version("cousin", vision_of=root)
    version("trained", vision_of=middle, status=Status.ACTIVE)
    other = version("other")
    version("descends from the other", vision_of=other)
    long_ago()
    assert remove() == {"root", "middle", "cousin", "trained"}


def test_what_a_training_starts_from_keeps_them(db: None) -> None:
    version("active", status=Status.ACTIVE)
    base = version("base")
    TrainingRun.objects.create(base=base)
    long_ago()
    assert remove() == {"active", "base"}


def test_what_clip_model_path_names_keeps_them(db: None, settings: Any, tiny_folder: Any) -> None:
    settings.CLIP_MODEL_PATH = str(tiny_folder)
    version("active", status=Status.ACTIVE)
    made = versions.current()
    ModelVersion.objects.filter(pk=made.pk).update(name="configured")
    Embedding.objects.create(
        content_hash="b" * 64, tower="text", model_version=made, precision="fp32", vector=b"1"
    )
    long_ago()
    assert remove() == {"active", "configured"}


def test_the_second_judge_keeps_them(db: None, settings: Any) -> None:
    settings.CLIP_SECOND_JUDGE = "second"
    version("active", status=Status.ACTIVE)
    version("second")
    version("third")
    long_ago()
    assert remove() == {"active", "second"}


def test_those_under_a_former_text_preparation_go(
    make_product: MakeProduct, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product("A1")
    run_worker()
    former = embeddings.text_sha256(product.text, preparation="1")
    Embedding.objects.filter(tower="text").update(content_hash=former)
    Embedding.objects.create(
        content_hash=embeddings.text_sha256(product.text),
        tower="text",
        model_version=ModelVersion.objects.get(),
        precision="fp32",
        vector=b"1",
    )
    gone = sum((one["vectors"] for one in vectors.remove(timezone.now(), dry_run=False)), start=0)
    assert gone == 1
    assert not Embedding.objects.filter(content_hash=former).exists()
    assert Embedding.objects.count() == 2  # of the photo, and of the text as it is read now
