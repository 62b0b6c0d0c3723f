"""The share of wrong listings that a version's probabilities are told for: presumed, then audited.

The shipped curve, and those of trainings from a CSV, presume a share. In a shop where fewer are
wrong they promise moderators too much. Once the audit tells the share, the odds are moved by it
(`Calibration.shift`). A curve that was fitted to the shop's own decisions knows the share already,
and is left alone. Moving keeps the order of the queue, the thresholds and who is drawn.

While the catalogue follows, which takes minutes for a million products, former and new
probabilities stand side by side. What is scored meanwhile takes the new ones
(`results.take_calibration_of_now`), and a re-scoring that is under way begins again
(`versions.check_as_it_was`). A worker of another release may not know of the share at all, and
would put the former probabilities back: as long as one lives, nothing is adopted.
"""

from __future__ import annotations

from django.db import transaction

from moderation.clip.statistics.prior import is_better, share_in_use
from moderation.models import ModelVersion, VersionEvent

from ..registry import versions
from ..registry.version_log import PREVALENCE
from ..scoring import stale
from ..worker import heartbeat


def adopt(version: ModelVersion, *, prevalence: float, low: float, high: float) -> bool:
    """Tell the version's probabilities for this share of mismatches in the whole catalogue, if
    it is better than the one in use; `low` and `high` are the ends of its 95% interval.

    True where it was adopted; then it is logged, and where this version answers, the worker brings
    the catalogue up to date in the background.
    """
    if heartbeat.of_other_releases():
        return False
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        calibration = locked.calibrated
        if calibration is None or not is_better(calibration, prevalence, low=low, high=high):
            return False
        locked.calibration = {**locked.calibration, PREVALENCE: prevalence}
        locked.save(update_fields=["calibration"])
        VersionEvent.objects.create(
            version=locked,
            kind=VersionEvent.Kind.CALIBRATED,
            reason=f"The audit finds {prevalence:.1%} of the listings wrong ({low:.1%} to "
            f"{high:.1%}); P(mismatch) was told for {share_in_use(calibration):.1%}.",
            before={PREVALENCE: calibration.prevalence},
            after={PREVALENCE: prevalence, "low": low, "high": high},
        )
    version.refresh_from_db()
    if versions.is_current(version):
        stale.ask(version)
    return True
