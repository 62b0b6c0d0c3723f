"""Mode `adapt` for a large model on a CPU: two square matrices, learnt on cached vectors.

As in mode `head`, M u stands for a new projection (maps.py), so no pixel is touched and the result
folds into the stock model. What teaches are the shop's listings, by the contrastive loss that CLIP
was trained with; decided pairs stand beside them, and both matrices are kept near the identity.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moderation.clip.finetune.adaptation.judge import Figures, chosen_ratio
from moderation.clip.finetune.adaptation.vectors_judge import figures_by_ratio, hold_out
from moderation.clip.finetune.adaptation.vectors_task import MapsTask
from moderation.clip.finetune.features import encodable
from moderation.clip.finetune.maps import base_projections, folded, part_way
from moderation.clip.finetune.step import Step, Tuned
from moderation.clip.training.loop import train
from moderation.clip.training.progress import ProgressHeartbeat, Update, part, rising

LEFT_OUT = 0.12  # share of the listings, the lowest scores
HELD_OUT = 0.1  # share of the listings by which the ratio is chosen


def adapt_vectors(step: Step) -> Tuned:
    """New projections for the model.

    Pairs to replay are not learnt from; they only judge what was forgotten. A step that is resumed
    requests the vectors again, which a cache has.
    """
    assert step.data.listings is not None
    heartbeat, seed = ProgressHeartbeat(rising(step.tell)), step.settings.seed
    source = step.remembered(lambda doing, done: heartbeat.tell(Update(doing, 0.7 * done)))
    known = encodable(
        source,
        step.data.listings.images,
        tell=lambda done: heartbeat.tell(Update("Encoding the listings", 0.7 * done)),
    )
    listings = step.data.listings.take(known)
    rng = np.random.default_rng(seed)
    held, rest = hold_out(listings, share=HELD_OUT, rng=rng)
    task = MapsTask(step, listings, rest, source=source, report=part(heartbeat.tell, 0.7, 0.95))
    task.leave_out(LEFT_OUT)
    train(
        task,
        state=step.state_file([task.epochs, task.batch_size, task.learning_rate, seed]),
        batch_size=task.batch_size,
        steps=task.epochs * task.steps,
        clip=float("inf"),
    )
    figures = figures_by_ratio(
        task.weights,
        listings.take(held),
        step.data,
        source,
        seed=seed,
        rng=rng,
        alive=heartbeat.again,
    )
    return _outcome(step.folder, task, figures, left_out=len(rest) - len(task.learnt))


def _outcome(
    folder: Path, task: MapsTask, figures: dict[float, Figures], *, left_out: int
) -> Tuned:
    ratio, learnt = chosen_ratio(figures), len(task.learnt)
    chosen, before, after = part_way(task.weights, ratio), figures[0.0], figures[ratio]
    kept = ""
    if "replayed" in after:
        kept = f"; ROC-AUC on pairs to replay {before['replayed']:.3f} and {after['replayed']:.3f}"
    return Tuned(
        tensors=folded(chosen, base_projections(folder), folder=folder) if ratio else {},
        maps=chosen if ratio else None,
        reasons=[
            f"Both projections learnt from {learnt:,} listings and go {ratio:.0%} of the way; "
            f"average precision on what was held out {before['judged']:.3f} before, "
            f"{after['judged']:.3f} after{kept}."
        ],
        metrics={
            "listings": learnt,
            "left_out": left_out,
            "ratio": ratio,
            **{
                name: {
                    str(one): round(found[name], 4)
                    for one, found in figures.items()
                    if name in found
                }
                for name in ("judged", "replayed")
            },
        },
    )
