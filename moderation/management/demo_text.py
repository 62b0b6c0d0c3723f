"""What `manage.py demo` prints: a short report, a long one, and what was removed."""

from __future__ import annotations

from collections.abc import Iterator

from moderation.clip.finetune.refusals import MIN_OF_EACH
from moderation.clip.finetune.settings import MIN_LABELS
from moderation.services.running.demo_removal import Removed
from moderation.services.running.demo_report import Budget, DemoReport

_FALSE_FLAGS_SHOWN = 5  # an unfit threshold flags a hundred of them


def of_report(found: DemoReport, *, verbose: bool) -> str:
    """Caught by kind, each missed one with a reason, false flags; `verbose` lists all planted."""
    lines = [*_counts(found), *_missed(found), *_false_flags(found, verbose=verbose)]
    if found.budget and found.budget.flagged > found.flagged:
        lines.append(
            f"A threshold of {found.budget.threshold:.2f} would flag the {found.budget.flagged} "
            f"most suspicious and catch {found.budget.caught}; see “Model and threshold” in the "
            "README."
        )
    if verbose:
        lines += [*_planted(found), *_lesson(found.lesson)]
    else:
        lines.append("All planted mismatches, and how to see the model learn: --verbose")
    return "\n".join(lines)


def _counts(found: DemoReport) -> Iterator[str]:
    failed = f", {found.failed} failed" if found.failed else ""
    yield f"\n{found.analysed} products analysed{failed}, {found.flagged} flagged."
    caught = len(found.planted) - len(found.missed)
    yield f"{caught} of {len(found.planted)} planted mismatches caught:"
    for kind, (count, planted) in found.by_kind.items():
        yield f"  {kind:13} {count} of {planted}"


def _missed(found: DemoReport) -> Iterator[str]:
    for one in found.missed:
        yield f"  missed  {one.product_id}  {one.mismatch:13}  “{one.text}”: {one.why}"


def _false_flags(found: DemoReport, *, verbose: bool) -> Iterator[str]:
    flags = found.false_flags
    yield f"{len(flags)} of {found.true} true listings flagged falsely{':' if flags else '.'}"
    shown = flags if verbose else flags[:_FALSE_FLAGS_SHOWN]
    for one in shown:
        yield f"  {one.product_id}  “{one.text}”: {one.why}"
    if len(flags) > len(shown):
        yield f"  and {len(flags) - len(shown)} more"


def _planted(found: DemoReport) -> Iterator[str]:
    yield "\nAll planted mismatches, and the text that is true:"
    for one in found.planted:
        mark = "caught" if one.is_flagged else "missed"
        yield (
            f"  {mark}  {one.product_id}  {one.mismatch:13}  “{one.text}”, true: “{one.true_text}”"
        )


def _lesson(lesson: Budget | None) -> Iterator[str]:
    if lesson:
        yield (
            f"\nTo see the model learn, put about {lesson.flagged} of the most suspicious in the "
            f"queue, {lesson.caught} of them planted:\n"
            f"  python manage.py set_threshold --value {lesson.threshold:.3f}\n"
            "  python manage.py reanalyze --stale\n"
            "Decide them and press “Improve the model”. It begins from "
            f"{MIN_OF_EACH} matches and {MIN_OF_EACH} mismatches on and trains weights from "
            f"{MIN_LABELS} decisions on, less those that are kept for judging. Only a model "
            "that is proven better is activated; this shop is too small for such a proof."
        )


def of_removal(removed: Removed) -> str:
    """One sentence for what went, and one for each thing that stayed."""
    gone = [f"{what} {count}" for what, count in removed.counts.items() if count]
    said = f"Removed of the demo shop: {', '.join(gone)}." if gone else "There is no demo shop."
    return "\n".join([said, *removed.kept])
