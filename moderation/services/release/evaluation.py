"""What a version is worth on labelled pairs: those of a CSV, or the gold set and the audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip import scoring
from moderation.clip.errors import ImageError
from moderation.clip.statistics.assess import JudgedPairs, Scores, assess, told
from moderation.clip.statistics.design import Design
from moderation.models import Category, Evaluation, ModelVersion, Product, key_of

from ..encoding import embeddings
from ..encoding.engine import engine_for
from ..estimates import figures
from ..rules import reading
from ..rules.thresholds import Thresholds, traits
from . import attempts, judged_pairs, pairs_file
from .judged_pairs import LabelledPair

GOLD_AND_AUDIT = attempts.GOLD_AND_AUDIT
CHUNK = 256

Progress = Callable[[int, int], None]


class NothingToEvaluate(Exception):
    """There are no labelled pairs; `str(error)` says where they would come from."""


def evaluate(
    version: ModelVersion,
    *,
    csv: Path | None = None,
    image_base_path: Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score the pairs of the CSV, or gold and audit, and store the report.

    Pairs that the version was trained on are not in gold and audit. With too few pairs of a class
    the report holds a sentence, `too_few`, instead of figures. Raises `NothingToEvaluate`,
    `BadPairs` and `ModelError`.
    """
    lost: list[str] = []
    if csv is not None:
        pairs, lost = pairs_file.read(csv, image_base_path=image_base_path)
        pairs = with_categories(pairs)
    else:
        pairs = judged_pairs.gold_and_audit(unseen_by=[version], alive=alive(progress))
    if not pairs:
        learned = len(judged_pairs.gold_and_audit()) if csv is None else 0
        there = (
            f"All {learned} gold and audit decisions are among what {version.name} has learned from"
            if learned
            else "There are no gold or audit decisions yet"
        )
        raise NothingToEvaluate(
            f"{there}; review the queue first, or evaluate on a CSV of labelled pairs."
        )
    similarity = score(version, pairs, progress=progress)
    known = np.isfinite(similarity)
    lost += sorted({pair.image.name for pair, ok in zip(pairs, known, strict=True) if not ok})
    pairs = [pair for pair, ok in zip(pairs, known, strict=True) if ok]
    report = report_on(judged_of(pairs), scores_of(version, pairs, similarity[known]))
    return Evaluation.objects.create(
        version=version,
        dataset=str(csv) if csv else GOLD_AND_AUDIT,
        dataset_sha256=judged_pairs.sha256_of(pairs),
        report=report
        | {"threshold": Thresholds(version).general, **unreadable(lost)}
        | {"contender": attempts.contender(version)},
    )


def alive(progress: Progress | None) -> Callable[[], None]:
    """What reports, through `progress`, that work of unknown length continues."""
    return lambda: progress(0, 1) if progress else None


def unreadable(lost: Sequence[str]) -> dict[str, Any]:
    """What the report says of photos that are gone or broken; nothing where there are none."""
    return {"unreadable": len(lost), "unreadable_first": list(lost[:10])} if lost else {}


def with_categories(pairs: Sequence[LabelledPair]) -> list[LabelledPair]:
    """The pairs with the categories of this shop that their names mean, for their thresholds."""
    known = {category.key: category for category in Category.objects.all()}
    found = [known.get(key_of(pair.category)) for pair in pairs]
    return [
        replace(
            pair,
            category=category.name if category else pair.category,
            traits=traits(Product(category=category)),
        )
        for pair, category in zip(pairs, found, strict=True)
    ]


def score(
    version: ModelVersion, pairs: Sequence[LabelledPair], *, progress: Progress | None = None
) -> np.ndarray:
    """The version's similarity of each pair, [n]; NaN where the photo cannot be used.

    Vectors come from the cache where they are in it. Raises `ModelError`.
    """
    engine = engine_for(version)
    found = np.full(len(pairs), np.nan)
    for start in range(0, len(pairs), CHUNK):
        part = pairs[start : start + CHUNK]
        images = embeddings.image_vectors(engine, [(p.image_sha256, p.image) for p in part])
        texts = embeddings.text_vectors(engine, [pair.text for pair in part])
        for place, pair in enumerate(part, start):
            image = images[pair.image_sha256]
            if not isinstance(image, ImageError):
                found[place] = scoring.similarity(image[None], texts[pair.text][None])[0]
        if progress:
            progress(min(start + CHUNK, len(pairs)), len(pairs))
    return found


def report_on(judged: JudgedPairs, scores: Scores) -> dict[str, Any]:
    """What `assess` says; of the version in force, precision and recall as *Quality* shows them."""
    report = assess(judged, scores)
    if scores.in_force and "overall" in report:
        quality = figures.overall()
        # From the pairs alone: it would not go with those two.
        report["overall"].pop("f1", None)
        report["overall"] |= {
            "precision": told(quality.precision),
            "recall": told(quality.recall),
        }
    return report


def judged_of(pairs: Sequence[LabelledPair]) -> JudgedPairs:
    """The pairs as the statistics take them."""
    return JudgedPairs(
        labels=np.array([pair.label for pair in pairs], dtype=int),
        weights=np.array([pair.weight for pair in pairs], dtype=np.float64),
        groups=[pair.group for pair in pairs],
        categories=[pair.category for pair in pairs],
        kinds=[pair.kind for pair in pairs],
        strata=[pair.stratum for pair in pairs],
        design=_design_of(pairs),
    )


def _design_of(pairs: Sequence[LabelledPair]) -> Design | None:
    """From which cells of the catalogue they were drawn, if from any."""
    cells = np.array([pair.cell for pair in pairs], dtype=int)
    drawn = cells >= 0
    if not drawn.any():
        return None
    stands_for = np.array([pair.weight for pair in pairs])
    flagged = np.zeros(cells.max() + 1, dtype=bool)
    flagged[cells[drawn]] = [pair.cell_flagged for pair in pairs if pair.cell >= 0]
    return Design(cells, np.bincount(cells[drawn], weights=stands_for[drawn]), flagged)


def scores_of(
    version: ModelVersion, pairs: Sequence[LabelledPair], similarity: np.ndarray
) -> Scores:
    """Flags by the thresholds that are deployed, and calibrated P where the version has it."""
    limits = Thresholds(version)
    flagged = np.array(
        [
            s < limits.of(p.traits) and not reading.unreadable(version, p.text)
            for s, p in zip(similarity, pairs, strict=True)
        ],
        dtype=bool,
    )
    calibration, p_mismatch = version.calibrated, None
    if calibration is not None:
        p_mismatch = np.array(
            [
                calibration.p_mismatch(float(s), p.category or None)
                for s, p in zip(similarity, pairs, strict=True)
            ]
        )
    return Scores(
        similarity=similarity,
        flagged=flagged,
        p_mismatch=p_mismatch,
        in_force=version.status == ModelVersion.Status.ACTIVE and any(p.source for p in pairs),
    )
