"""What the second judge says, as far as it holds: of the version that is named now.

A verdict belongs to one analysis, so to its photo and text; what an older second judge said of
them is told nobody and moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings

from moderation.models import Analysis, SecondVerdict

from ..queries.one_parameter import among

# For `select_related`, from an analysis.
WITH_ITS_VERSION = "second_verdict__model_version"


def present_on(analyses: Sequence[int]) -> dict[int, SecondVerdict]:
    """The verdicts on these analyses, by their keys; with those that are waited for."""
    if not settings.CLIP_SECOND_JUDGE or not analyses:
        return {}
    rows = SecondVerdict.objects.filter(
        among("analysis", list(analyses)), model_version__name=settings.CLIP_SECOND_JUDGE
    )
    return {row.pk: row for row in rows}


def shown(analysis: Analysis) -> SecondVerdict | None:
    """What may be told beside an analysis to whom that one may be told; None where nothing is."""
    if not settings.CLIP_SECOND_JUDGE:
        return None
    row: SecondVerdict | None = getattr(analysis, "second_verdict", None)
    if row is None or not row.is_present or not row.answered_at:
        return None
    return row if row.unreadable or row.similarity is not None else None
