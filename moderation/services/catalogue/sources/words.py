"""What became of a run, in sentences."""

from __future__ import annotations

from moderation.models import CatalogueSource, SourceRun

State = SourceRun.State


def told(run: SourceRun) -> str:
    """In one line."""
    if run.state == State.NOTHING_NEW:
        return "The file is the one of before."
    if run.state == State.FAILED and not run.read:
        return run.error
    kept = f"Nothing was withdrawn. {run.kept_because}" if run.kept_because else ""
    return " ".join(filter(None, [_counts(run), _gone(run), kept, run.error]))


def _counts(run: SourceRun) -> str:
    return (
        f"{run.created:,} new, {run.updated:,} updated, {run.unchanged:,} unchanged, "
        f"{run.bad:,} bad."
    )


def _gone(run: SourceRun) -> str:
    if not run.missing:
        return ""
    if run.state == State.ASKS:
        return (
            f"{run.missing:,} of {run.known:,} listings are gone, more than may be withdrawn "
            "without asking: withdraw or keep them?"
        )
    kept = "; they are kept" if not run.withdrawn else f", {run.withdrawn:,} withdrawn"
    return f"{run.missing:,} are gone{kept}."


def interval(source: CatalogueSource) -> str:
    hours = source.every_hours
    if not hours:
        return "by hand"
    if hours % 24 == 0:
        return "every day" if hours == 24 else f"every {hours // 24} days"
    return "every hour" if hours == 1 else f"every {hours} hours"
