"""Why listings were flagged, worked out by the worker and stored for the queue to show.

Best effort: nothing that goes wrong here fails an analysis or the worker. Only listings that are
judged in the open are explained; of blind ones nothing is computed.

`Explanation.found` has these keys, each only where it is trusted (by the margins of
`clip.explanation`, and those of the model version in `encoding.margins`):

- `wrong`: the word that does not fit: `word`; `spans`, a list of [start, end) in the analysis'
  text; `kind`, "colour" or "type"; `looks_like`, up to two colours that the photo has; `shares`,
  up to three [colour, share] and last the said one's.
- `suggestion`: the text with the right colour instead; only where the kind of product fits.
- `category`: the listing's own does not fit: `name`, `rank` (1 is best), `of`.
- `standing`: `lower`, the share of its category's current analyses with a lower similarity; `of`,
  how many were looked at; `category`, the name.
- `nearest`: up to three [decision, similarity], of other listings that people decided lately.

Empty where nothing is trusted, so that nobody asks again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.errors import ImageError, ModelError
from moderation.clip.explanation.explain import EncodedListing, Explainer
from moderation.clip.explanation.explain_finding import Explained
from moderation.clip.explanation.margins import Margins
from moderation.models import Analysis, Explanation, ReviewItem
from moderation.models.querysets import ReviewItemQuerySet

from ..encoding import embeddings, text_parts
from ..encoding import margins as model_margins
from ..encoding.engine import Engine, engine_for
from ..registry import versions
from ..rules import photos
from ..rules.photos_away import PhotosAway
from ..worker.patience import GONE, in_a_line
from .explain_category import OwnCategories
from .explain_evidence import Evidence, evidence_for

if TYPE_CHECKING:
    from moderation.clip.encoder import Encoder

logger = logging.getLogger(__name__)

AT_ONCE = 16

_explainer: tuple[Encoder, Margins, Explainer] | None = None  # of the model that was asked last


def explain(analyses: Sequence[Analysis]) -> int:
    """Explain those of these finished analyses that wait for somebody; returns how many.

    All of one model version, which is loaded. Never raises: what goes wrong is logged.
    """
    flagged = [row.pk for row in analyses if row.is_mismatch]
    if not flagged:
        return 0
    try:
        waiting = _analyses(_unexplained().filter(analysis__in=flagged))
        for start in range(0, len(waiting), AT_ONCE):
            _explain_batch(waiting[start : start + AT_ONCE])
    except GONE as error:
        logger.warning("Explanations wait for the database: %s", in_a_line(error))
        return 0
    except Exception:  # an explanation is a courtesy: analyses and the worker continue
        logger.exception("Explanations of %d analyses failed", len(flagged))
        return 0
    return len(waiting)


def explain_pending(*, limit: int, seconds: float) -> int:
    """Catch up on what came into the queue without an analysis by a worker, as by rescoring.

    The most suspicious first, only of the version that answers now, for about `seconds`. Never
    raises; returns how many were explained.
    """
    deadline, count = time.monotonic() + seconds, 0
    try:
        current = versions.current()
        waiting = _unexplained().filter(analysis__model_version=current)
        while count < limit and time.monotonic() < deadline:
            batch = _analyses(waiting[: min(AT_ONCE, limit - count)])
            if not batch:
                break
            _explain_batch(batch)
            count += len(batch)
    except (ModelError, PhotosAway, *GONE) as error:
        logger.warning("Nothing is explained: %s", in_a_line(error))
    except Exception:
        logger.exception("Catching up on explanations failed")
    return count


def _unexplained() -> ReviewItemQuerySet:
    return (
        ReviewItem.objects.open()
        .in_the_open()
        .filter(analysis__is_mismatch=True, analysis__explanation=None)
        .most_suspicious_first()
    )


def _analyses(items: ReviewItemQuerySet) -> list[Analysis]:
    related = items.select_related("analysis__model_version", "analysis__product__category")
    return [item.analysis for item in related]


def _explain_batch(batch: Sequence[Analysis]) -> None:
    """Store an explanation for each; an empty one where the batch fails, and others continue."""
    engine = engine_for(batch[0].model_version)  # where there is no model, nothing is stored
    try:
        found = _found(engine, batch)
    except (PhotosAway, *GONE):
        raise  # nothing is stored: they are explained once photos and database can be read again
    except Exception:
        logger.exception("Explanations of %d analyses failed; none is shown", len(batch))
        found = {}
    Explanation.objects.bulk_create(
        [Explanation(analysis=row, found=found.get(row.pk, {})) for row in batch],
        ignore_conflicts=True,  # another worker may have explained the same meanwhile
    )


def _found(engine: Engine, batch: Sequence[Analysis]) -> dict[int, dict[str, Any]]:
    margins, evidence = model_margins.measured(engine), evidence_for(engine)
    own = OwnCategories(engine)
    listings = _listings(engine, batch, own)
    answers = _explainer_for(engine, margins).explain(list(listings.values()))
    words = dict(zip(listings, answers, strict=True))
    return {
        row.pk: _word(words[row.pk])
        | own.denied(row, listings[row.pk].image, margins=margins)
        | _compared(evidence, row, listings[row.pk], margins)
        for row in batch
        if row.pk in listings
    }


def _listings(
    engine: Engine, batch: Sequence[Analysis], own: OwnCategories
) -> dict[int, EncodedListing]:
    """By analysis, what is asked about; nothing of a photo that cannot be used."""
    images = embeddings.image_vectors(
        engine, [(row.image_sha256, photos.source(row.image)) for row in batch]
    )
    texts = embeddings.text_vectors(engine, [row.text for row in batch])
    _fill_parts(engine, batch, images)
    return {
        row.pk: EncodedListing(
            image, texts[row.text], row.text, row.threshold_used, own.lead(row, image)
        )
        for row in batch
        if not isinstance(image := images[row.image_sha256], ImageError)
        and row.threshold_used is not None
    }


def _fill_parts(
    engine: Engine, batch: Sequence[Analysis], images: Mapping[str, np.ndarray | ImageError]
) -> None:
    """Of what came in by known vectors: whoever scored it so had no tokeniser at hand."""
    rows = [row for row in batch if row.parts is None]
    text_parts.fill(engine, rows, images)
    Analysis.objects.bulk_update(rows, ["parts"])


def _explainer_for(engine: Engine, margins: Margins) -> Explainer:
    global _explainer
    encoder = engine.encoder
    if _explainer is None or _explainer[0] is not encoder or _explainer[1] != margins:
        explainer = Explainer(
            encoder.encode_texts, logit_scale=encoder.logit_scale, margins=margins
        )
        _explainer = encoder, margins, explainer
    return _explainer[2]


def _word(one: Explained) -> dict[str, Any]:
    if one.finding is None:
        return {}
    word = one.finding
    found: dict[str, Any] = {
        "wrong": {
            "word": word.term.text,
            "spans": [list(span) for span in word.term.spans],
            "kind": word.term.kind,
            "looks_like": list(word.looks_like),
        }
    }
    if word.term.kind == "colour":
        shares = [*word.shares[:3], (word.term.name, word.said_share or 0.0)]
        found["wrong"]["shares"] = [[name, round(share, 4)] for name, share in shares]
    if one.suggestion is not None:
        found["suggestion"] = one.suggestion
    return found


def _compared(
    evidence: Evidence, row: Analysis, listing: EncodedListing, margins: Margins
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    category = row.product.category
    if category is not None and row.similarity is not None:
        place = evidence.place(category_id=category.pk, similarity=row.similarity)
        if place is not None:
            found["standing"] = {"lower": place[0], "of": place[1], "category": category.name}
    near = evidence.decided.nearest(
        listing.image, listing.text_vector, product_id=row.product_id, limit=margins.near
    )
    if near:
        found["nearest"] = [list(one) for one in near]
    return found
