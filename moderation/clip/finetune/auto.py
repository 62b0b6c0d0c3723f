"""What to do: what was requested, or by the number of labels and listings, model, device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from moderation.clip import families
from moderation.clip.backends.device import choose_device
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.settings import MIN_LABELS, FinetuneSettings, is_small

# Fewer listings than this are memorised rather than learnt from.
MIN_LISTINGS = 500
# From so many labels on the last blocks of a large model learn more than its projections do.
LAST_FROM = 3000
_LABELLED = ("head", "last", "full")  # modes that learn from decided pairs
_TRAINS = {
    "head": "the two projections, on cached features, since the model is large",
    "last": "the last blocks of both towers, since the model is large and there is a GPU",
    "full": "all weights, since the model is small",
}


@dataclass(frozen=True)
class Plan:
    """What to do, and a sentence for each choice."""

    mode: str
    reasons: list[str] = field(default_factory=list)


def chosen(data: FinetuneData, *, model: Path, settings: FinetuneSettings) -> Plan:
    """The mode that was requested, unless labels are too few; `plan` where none was."""
    mode, listings = settings.mode, len(data.listings or ())
    if mode == "auto":
        return plan(data, model=model, device=settings.device)
    if mode == "adapt" and 0 < listings < MIN_LISTINGS:
        return Plan(
            mode,
            [
                f"{listings:,} listings are few to adapt to (auto does it from {MIN_LISTINGS:,} "
                "on): the model may memorise them. It was requested, so it was done."
            ],
        )
    if mode in _LABELLED and (labels := label_count(data)) < MIN_LABELS:
        return Plan(
            "calibrate",
            [f"{labels} labels are too few to train weights (at least {MIN_LABELS})."],
        )
    return Plan(mode, _without_replay(data, mode))


def plan(data: FinetuneData, *, model: Path, device: str) -> Plan:
    """What to do with this data and the model in the folder `model`.

    The shop's listings teach most (docs/training.md), the decisions beside them as hard negatives
    and as judges. Without enough listings the decisions teach alone.
    """
    listings = len(data.listings) if data.listings is not None else 0
    if listings >= MIN_LISTINGS and not _trainable(model, device=device):
        return by_decisions(data, model=model, device=device)
    if listings >= MIN_LISTINGS:
        where = (
            "all weights"
            if trains_whole(model, device=device)
            else "the two projections, on cached features, since the model is large and there is "
            "no GPU"
        )
        return Plan(
            "adapt",
            [
                f"adapt, because {listings:,} listings of the shop are there to learn from; it "
                f"trains {where}.",
                f"The {label_count(data):,} decisions serve as hard examples and as the judge.",
            ],
        )
    few = f"{listings:,} listings are too few to adapt to (at least {MIN_LISTINGS:,})."
    decided = by_decisions(data, model=model, device=device)
    return Plan(decided.mode, [few, *decided.reasons])


def by_decisions(data: FinetuneData, *, model: Path, device: str) -> Plan:
    """What the decisions can teach alone: a small model all of it; a large one its projections, or
    from 3,000 labels on, with a GPU, its last blocks. Too few only calibrate."""
    labels = label_count(data)
    if labels < MIN_LABELS:
        return Plan(
            "calibrate",
            [
                f"calibrate, because {labels} labels are too few to train weights "
                f"(at least {MIN_LABELS})."
            ],
        )
    if not _trainable(model, device=device):
        return Plan(
            "calibrate",
            [
                "calibrate, because there is no GPU, and the towers of this large model do not "
                "both end in a linear projection that could be trained without one."
            ],
        )
    mode = "full"
    if not is_small(model):
        mode = "head"
        if choose_device(device) != "cpu" and (labels >= LAST_FROM or not _has_projections(model)):
            mode = "last"
    return Plan(
        mode,
        [
            f"{mode}, from {labels:,} decisions; it trains {_TRAINS[mode]}.",
            *_without_replay(data, mode),
        ],
    )


def label_count(data: FinetuneData) -> int:
    """The decided pairs of all parts."""
    return len(data.train) + len(data.validation) + len(data.calibration)


def trains_whole(model: Path, *, device: str) -> bool:
    """Whether all weights of this model can be adapted here within minutes."""
    return is_small(model) or choose_device(device) != "cpu"


def _trainable(model: Path, *, device: str) -> bool:
    """Whether its towers can be trained here, or else its projections."""
    return _has_projections(model) or trains_whole(model, device=device)


def _has_projections(model: Path) -> bool:
    """Whether both towers end in one that mode head can train."""
    return families.of(model).projections.keys() >= set(families.TOWERS)


def _without_replay(data: FinetuneData, mode: str) -> list[str]:
    if data.replay is None or mode not in _LABELLED:
        return []
    return [f"The mode {mode} does not use the {len(data.replay):,} pairs to replay."]
