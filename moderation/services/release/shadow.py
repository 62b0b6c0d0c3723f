"""What a version would flag, found without touching products, analyses or queue.

Only the cache of vectors is filled, so a run that was stopped resumes where it was, and the
analyses after a promotion are then a matter of reading.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from django.db import reset_queries
from django.db.models import F
from django_q.tasks import async_task

from moderation.clip.errors import ModelError
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Decision, ModelVersion, Product, ShadowReport

from ..encoding import embeddings
from ..encoding.engine import engine_for
from ..queries.one_parameter import among
from ..registry import files, versions
from ..rules import photos
from ..rules.thresholds import Thresholds, Traits, columns
from ..scoring.bulk_results import NewAnalysis
from ..scoring.rescore import Case, Rescorer
from ..worker import heartbeat
from .shadow_tally import Comparison, Tally

CHUNK = 2000
ENCODED_AT_ONCE = 256

Progress = Callable[[int, int], None]


class _Row(NamedTuple):
    """A product as it is, and what its current analysis says of it."""

    pk: int
    external_id: str
    content_hash: str
    image_sha256: str
    image: str
    text: str
    category: str | None
    judged_content: str | None
    scored_by: int | None
    preparation: str | None
    similarity: float | None
    threshold: float | None
    traits: Traits

    def case(self, limits: Thresholds) -> Case:
        """To be judged by these thresholds."""
        return Case(
            product_id=self.pk,
            external_id=self.external_id,
            content_hash=self.content_hash,
            image_sha256=self.image_sha256,
            text=self.text,
            category=self.category,
            threshold=limits.of(self.traits),
            current_id=None,
            was_flagged=False,
            newest=None,
        )


_FIELDS = (
    *("pk", "external_id", "content_hash", "image_sha256", "image", "text"),
    *("category__name", "analysis__content_hash"),
    *("analysis__model_version", "analysis__preparation"),
    *("analysis__similarity", "analysis__threshold_used"),
)


def ask(version: ModelVersion) -> None:
    """Let the worker make the report, in the background."""
    async_task("moderation.tasks.shadow_run", version.pk, timeout=int(heartbeat.LONGEST_STEP))


def run(version: ModelVersion, *, progress: Progress | None = None) -> ShadowReport:
    """Score the catalogue by this version beside the current one and keep the report.

    What the current one flags is asked of itself, at its present threshold: where the catalogue
    still carries other scores, its cached vectors give its own. Raises `ModelError` where the
    version's files are not here, or where it is the current one.
    """
    baseline = versions.current()
    if version.pk == baseline.pk:
        raise ModelError(
            f"{version.name} is the model that runs now; name another version to compare with it."
        )
    files.folder_of(version)
    judge, now = Rescorer(version), Rescorer(baseline)
    tally, started = Tally(), time.monotonic()
    for rows, done, total in _chunks():
        _fill(judge, rows, tally)
        labels = _decided([row.pk for row in rows])
        answers = _scored(judge, rows)
        before = _before(now, rows, tally)
        for row, answer in zip(rows, answers, strict=True):
            if answer is None:
                tally.unreadable += 1
                continue
            if answer.similarity is None or answer.threshold_used is None:
                tally.texts_unread += 1
                continue
            pair = Comparison(
                product_id=row.pk,
                external_id=row.external_id,
                text=row.text,
                image=row.image,
                category=row.category or "",
                before=before.get(row.pk),
                after=(answer.similarity, answer.threshold_used),
            )
            tally.add(pair, verdict=labels.get(row.pk))
        reset_queries()  # with DEBUG on, Django keeps each, however long the run
        if progress:
            progress(done, total)
    report = tally.report() | {
        "threshold_before": Thresholds(baseline).general,
        "threshold_after": Thresholds(version).general,
        "seconds": round(time.monotonic() - started, 1),
    }
    return ShadowReport.objects.create(version=version, baseline=baseline, report=report)


def _chunks() -> Iterator[tuple[list[_Row], int, int]]:
    """The catalogue in chunks, with how many products came so far, of how many."""
    scored = Product.objects.scorable()
    total, done, last = scored.count(), 0, 0
    products = scored.order_by("pk").values_list(*_FIELDS, *columns())
    known = len(_FIELDS)
    while found := list(products.filter(pk__gt=last)[:CHUNK]):
        rows = [_Row._make((*row[:known], row[known:])) for row in found]
        last, done = rows[-1].pk, done + len(rows)
        yield rows, done, max(done, total)


def _fill(judge: Rescorer, rows: Sequence[_Row], tally: Tally) -> None:
    """Encode what cannot be had from cached vectors, and keep it there; loads the model once."""
    files, texts = _not_known(judge, rows)
    if not files and not texts:
        return
    engine = engine_for(judge.version)
    if judge.known.precision != engine.encoder.arithmetic:
        # What the cache holds was computed on another machine, or it is empty.
        judge.known = embeddings.known_of(engine)
        files, texts = _not_known(judge, rows)
    missing, unread = list(files.items()), sorted(texts)
    for start in range(0, len(missing), ENCODED_AT_ONCE):
        part = missing[start : start + ENCODED_AT_ONCE]
        embeddings.image_vectors(engine, [(sha, photos.source(name)) for sha, name in part])
    for start in range(0, len(unread), ENCODED_AT_ONCE):
        embeddings.text_vectors(engine, unread[start : start + ENCODED_AT_ONCE])
    tally.photos_encoded += len(missing)
    tally.texts_encoded += len(unread)


def _not_known(judge: Rescorer, rows: Sequence[_Row]) -> tuple[dict[str, str], set[str]]:
    """Photos (SHA-256 -> file) and texts without a cached vector."""
    _, has_image = judge.known.matrix("image", [row.image_sha256 for row in rows])
    hashes = [embeddings.text_sha256(row.text) for row in rows]
    _, has_text = judge.known.matrix("text", hashes)
    photos = {
        r.image_sha256: r.image for r, there in zip(rows, has_image, strict=True) if not there
    }
    return photos, {row.text for row, there in zip(rows, has_text, strict=True) if not there}


def _before(now: Rescorer, rows: Sequence[_Row], tally: Tally) -> dict[int, tuple[float, float]]:
    """Product -> the similarity that the current version finds, and the threshold it has now."""
    found: dict[int, tuple[float, float]] = {}
    limits, of_others = Thresholds(now.version), []
    for row in rows:
        if row.judged_content != row.content_hash or row.similarity is None:
            continue
        threshold = limits.of(row.traits)
        is_own = row.scored_by == now.version.pk and row.preparation == PREPARATION
        tally.stale += not is_own or row.threshold != threshold
        if is_own:
            found[row.pk] = row.similarity, threshold
        else:
            of_others.append(row)
    for row, answer in zip(of_others, _scored(now, of_others), strict=True):
        if answer and answer.similarity is not None and answer.threshold_used is not None:
            found[row.pk] = answer.similarity, answer.threshold_used
    return found


def _scored(judge: Rescorer, rows: Sequence[_Row]) -> list[NewAnalysis | None]:
    limits = Thresholds(judge.version)
    return judge.score([row.case(limits) for row in rows], ranked=False) if rows else []


def _decided(products: Sequence[int]) -> dict[int, str]:
    """Product -> the newest standing verdict of a person on its present photo and text."""
    decisions = Decision.objects.standing().filter(
        among("analysis__product", products),
        analysis__content_hash=F("analysis__product__content_hash"),
        mode=Decision.Mode.QUEUE,
    )
    return dict(decisions.order_by("pk").values_list("analysis__product", "verdict"))
