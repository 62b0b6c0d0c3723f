"""What a training run leaves behind: a model folder with its calibration and its figures."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip import families
from moderation.clip.data.product_rows import Pairs
from moderation.clip.pretrain.model import DRAWN
from moderation.clip.pretrain.tokenizer import tokenizer_config
from moderation.clip.statistics.metrics import roc_auc
from moderation.clip.statistics.platt import fit_platt
from moderation.clip.statistics.thresholds import review_threshold
from moderation.clip.texts.prepare import prepare
from moderation.clip.training.model_parts import encode_images, encode_texts, unit

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from moderation.clip.texts.tokens import Tokens

PRIOR = 0.05  # share of mismatches assumed in a real catalogue
FLAGGED = 0.05  # share of true matches that the default threshold may send to review
_BATCH = 256


def similarities(model: PreTrainedModel, tokens: Tokens, pairs: Pairs) -> np.ndarray:
    """Cosine of each pair, [m] float32, of what the app hands to the model."""
    import torch

    device = model.device
    with torch.inference_mode():
        image = [
            encode_images(model, to_input(pairs.pixels[start : start + _BATCH]).to(device))
            for start in range(0, len(pairs.pixels), _BATCH)
        ]
        text = encode_texts(model, [prepare(text) for text in pairs.texts], tokens)
        found = unit(torch.cat(image))[torch.from_numpy(pairs.image)]
        return (found * unit(text)).sum(dim=1).cpu().numpy()


def to_input(pixels: np.ndarray) -> Any:
    """[n, s, s, 3] uint8 -> [n, 3, s, s] float in -1..1, as the preprocessor file says."""
    import torch

    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def measure(pairs: Pairs, scores: np.ndarray) -> dict[str, Any]:
    """ROC-AUC overall, by source, and by kind of mismatch within each source, with counts.

    A kind is scored against the matches of the same source; kinds with under 25 pairs are skipped.
    """

    def figure(chosen: np.ndarray) -> dict[str, Any]:
        labels = pairs.labels[chosen]
        auc = round(roc_auc(labels, scores[chosen]), 4)
        return {"auc": auc, "matches": int(labels.sum()), "mismatches": int((labels == 0).sum())}

    everything = np.ones(len(pairs), dtype=bool)
    result: dict[str, Any] = {"overall": figure(everything), "by_kind": {}, "by_source": {}}
    for kind in sorted(set(pairs.kinds[pairs.labels == 0])):
        result["by_kind"][str(kind)] = figure((pairs.kinds == kind) | (pairs.labels == 1))
    for source in sorted(set(pairs.sources)):
        here = pairs.sources == source
        if len(set(pairs.labels[here])) < 2:
            continue
        found = figure(here)
        for kind in sorted(set(pairs.kinds[here & (pairs.labels == 0)])):
            chosen = here & ((pairs.kinds == kind) | (pairs.labels == 1))
            if ((pairs.kinds == kind) & here).sum() >= 25:
                found[str(kind)] = figure(chosen)
        result["by_source"][str(source)] = found
    return result


def in_words(figures: dict[str, Any]) -> str:
    """One line of ROC-AUCs: "all 0.950, hard 0.930, ... fashion 0.960, ..."."""
    parts = {"all": figures["overall"], **figures["by_kind"], **figures["by_source"]}
    return ", ".join(f"{name} {figure['auc']:.3f}" for name, figure in parts.items())


def calibrate(pairs: Pairs, scores: np.ndarray) -> dict[str, Any]:
    """Threshold and Platt values for clipmod.json, from held-out pairs with made mismatches.

    Drawn products are nobody's catalogue, and easier than one: where there are others they are left
    out, or a threshold at which few of all matches fall would have many of the real ones below it.
    """
    real = pairs.sources != DRAWN
    if real.any():
        pairs, scores = pairs.take(real), scores[real]
    platt = fit_platt(scores, pairs.labels, prior=PRIOR)
    threshold = review_threshold(scores[pairs.labels == 1], flagged=FLAGGED)
    flagged = scores[pairs.labels == 0] < threshold
    return {
        "threshold": round(threshold, 4),
        "platt": {"a": round(platt.a, 5), "b": round(platt.b, 5)},
        "calibration": {
            "matches": int(pairs.labels.sum()),
            "mismatches": int((pairs.labels == 0).sum()),
            "prior": PRIOR,
            "matches_flagged": FLAGGED,
            "mismatches_flagged": round(float(flagged.mean()), 4),
        },
    }


def save_model(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    *,
    clipmod: dict[str, Any],
    keep: Sequence[str] = ("MODEL_CARD.md",),
) -> None:
    """Write a model folder in fp16, whole or not at all; hand-written `keep` files stay."""
    import torch

    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        copy = type(model)(model.config).to(torch.float16)
        copy.load_state_dict(model.state_dict())
        with _quiet():
            copy.save_pretrained(fresh)
        for weights in fresh.glob("*.safetensors"):
            weights.chmod(0o644)  # safetensors keeps the file to its owner
        family = families.of_model(model)
        tokenizer.save(str(fresh / "tokenizer.json"), pretty=False)
        _write_json(
            fresh / "tokenizer_config.json", tokenizer_config(family.text_length(model.config))
        )
        side = family.image_size(model.config)
        _write_json(fresh / "preprocessor_config.json", preprocessor_config(side))
        _write_json(fresh / "clipmod.json", clipmod)
        for name in keep:
            if (folder / name).is_file():
                shutil.copy2(folder / name, fresh / name)
        if folder.exists():
            old = fresh.with_name(fresh.name + "-old")
            folder.rename(old)
            fresh.rename(folder)
            shutil.rmtree(old)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def preprocessor_config(side: int) -> dict[str, Any]:
    """What a stock `CLIPImageProcessor` reads: squash the whole picture to a square.

    Catalogue photos are mostly 3:4 portraits; a centre crop would cut off what they show.
    """
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": 3,
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own bar, which would break ours."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
