"""Which comparison on the same decisions one is: what counts, and from when on no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from safetensors.numpy import load_file, save_file

from moderation.models import Evaluation, ModelVersion
from moderation.services.release import evaluation, promotion
from tests.support import judged_shop
from tests.support.clip_models import build_folder
from tests.support.factories import MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def ben(bundled: ModelVersion, make_user: MakeUser) -> User:
    return make_user("ben")


@pytest.fixture
def judged(ben: User) -> list[Any]:
    """Sixty products of the audit, half of them mismatches."""
    return judged_shop.judge_all(judged_shop.taken_in(60), by=[ben])


@pytest.fixture
def candidates(bundled: ModelVersion, tmp_path: Path) -> list[ModelVersion]:
    """Three versions with weights of their own."""
    return [judged_shop.candidate(made(tmp_path / f"made-{seed}", seed=seed)) for seed in (1, 2, 3)]


def made(folder: Path, *, seed: int) -> Path:
    file = build_folder(folder) / "model.safetensors"
    rng = np.random.default_rng(seed)
    tensors = load_file(file)
    for name, weights in tensors.items():
        if weights.ndim == 2:
            noise = rng.normal(scale=0.02, size=weights.shape)
            tensors[name] = weights + noise.astype(weights.dtype)
    save_file(tensors, file, metadata={"format": "pt"})
    return folder


def attempt(candidate: ModelVersion, active: ModelVersion) -> int:
    found: int = promotion.compare(candidate, active).evaluation.report["attempt"]["number"]
    return found


def judge_more(by: User, *, upto: int, already: Sequence[Any]) -> None:
    judged_shop.judge_all(judged_shop.taken_in(upto)[len(already) :], by=[by])


def test_every_version_that_is_compared_counts_and_the_same_question_does_not(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion]
) -> None:
    first, second, third = candidates

    assert [attempt(first, bundled), attempt(first, bundled)] == [1, 1]
    assert attempt(second, bundled) == 2
    assert attempt(first, bundled) == 1  # as it was answered before
    assert attempt(third, bundled) == 3

    report = promotion.compare(third, bundled)
    assert "It is the 3rd comparison on these decisions" in report.why_not
    assert "Once 31 more wrong listings of the audit or the gold set are judged" in report.why_not


def test_a_new_curve_is_another_attempt_and_a_new_threshold_is_none(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion]
) -> None:
    one = candidates[0]
    assert attempt(one, bundled) == 1
    one.threshold += 0.1
    one.save()
    assert attempt(one, bundled) == 1
    one.platt_b = 3.0
    one.save()
    assert attempt(one, bundled) == 2


def test_who_only_looks_at_the_figures_of_another_version_has_looked(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion]
) -> None:
    for version in (*candidates, bundled):
        evaluation.evaluate(version)

    assert attempt(candidates[0], bundled) == 3  # its own figures and the active one's do not count


def test_a_refusal_of_the_past_counts_though_its_row_names_no_contender(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion]
) -> None:
    promotion.compare(candidates[0], bundled)
    for row in Evaluation.objects.all():
        del row.report["contender"], row.report["attempt"]
        row.save()

    assert attempt(candidates[1], bundled) == 2
    assert attempt(candidates[0], bundled) == 1


def test_some_more_decisions_change_nothing_and_twice_as_many_begin_anew(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion], ben: User
) -> None:
    first, second, third = candidates
    attempt(first, bundled), attempt(second, bundled)

    judge_more(ben, upto=62, already=judged)
    assert attempt(third, bundled) == 3
    assert attempt(first, bundled) == 4  # who asks again after each decision tries again

    judge_more(ben, upto=126, already=[*judged, None, None])
    assert attempt(third, bundled) == 1


def test_against_another_active_version_it_is_another_question(
    judged: list[Any], bundled: ModelVersion, candidates: list[ModelVersion]
) -> None:
    first, second, third = candidates
    attempt(first, bundled)

    assert attempt(third, second) == 1
