"""Mode `auto`: which steps to take, by the number of labels and listings, the model, the device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from moderation.clip import checkpoint
from moderation.clip.device import choose_device
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.settings import MIN_LABELS, SMALL

# Fewer listings than this are learnt by heart rather than learnt from.
MIN_LISTINGS = 500


@dataclass(frozen=True)
class Plan:
    """The steps in their order, and a sentence for each choice."""

    steps: list[str]
    reasons: list[str] = field(default_factory=list)


def plan(data: FinetuneData, *, model: Path, device: str) -> Plan:
    """What to do with this data and the model in the folder `model`.

    The shop's listings teach most (DESIGN 7), the decisions beside them as hard negatives and as
    judges. Without enough listings the decisions teach alone: a large model's two projections, or
    all of a small one. Under a hundred labels only the calibration is fitted.
    """
    whole = trains_whole(model, device=device)
    labels = len(data.train) + len(data.validation) + len(data.calibration)
    listings = len(data.listings) if data.listings is not None else 0
    where = (
        "all weights"
        if whole
        else "the two projections, on cached features, since the model is large and there is no GPU"
    )
    if listings >= MIN_LISTINGS:
        return Plan(
            ["adapt"],
            [
                f"adapt, because {listings:,} listings of the shop are there to learn from; it "
                f"trains {where}.",
                f"The {labels:,} decisions serve as hard examples and as the judge.",
            ],
        )
    few = f"{listings:,} listings are too few to adapt to (at least {MIN_LISTINGS:,})."
    if labels < MIN_LABELS:
        return Plan(
            ["calibrate"],
            [few, f"calibrate, because {labels} labels are too few to train weights "
             f"(at least {MIN_LABELS})."],
        )  # fmt: skip
    mode = "full" if whole else "head"
    return Plan([mode], [few, f"{mode}, from {labels:,} decisions; it trains {where}."])


def trains_whole(model: Path, *, device: str) -> bool:
    """Whether all weights of this model can be trained here within minutes."""
    size = sum(path.stat().st_size for path in checkpoint.weight_files(model))
    return size // 4 < SMALL or choose_device(device) != "cpu"
