"""The bundled model's shape: settings, a stock `CLIPModel` with a good start, and how it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError
from moderation.clip.pretrain.tokenizer import train_tokenizer

if TYPE_CHECKING:
    from transformers import CLIPModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class PretrainSettings:
    """Everything that decides what comes out. `steps` ends a run by count, else `minutes`."""

    minutes: float = 60.0
    steps: int | None = None
    seed: int = 0
    batch_size: int = 128
    lanes: int = 2  # parts of a batch, each with its own losses, in a thread of its own
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    warmup: float = 0.04  # share of the run
    ema: float = 0.998
    source_power: float = 0.7  # below 1, small sources come up more often than their size
    prompt_weight: float = 0.7  # of the zero-shot losses over all categories and colours
    min_zoom: float = 0.72  # pictures are cropped down to this share of a side
    patch_drop: float = 0.5  # share of patches dropped in training
    full_from: float = 0.6  # from this share of the run on, all patches are kept
    held_out: float = 0.06  # share of families for monitoring and calibration
    stored_side: int = 96  # pictures are cropped from this size
    image_size: int = 72
    patch_size: int = 12
    vision_width: int = 192
    vision_layers: int = 6
    vision_heads: int = 3
    text_width: int = 128
    text_layers: int = 3
    text_heads: int = 2
    projection: int = 128
    vocabulary: int = 4096
    max_tokens: int = 48

    def changed(self, changes: Sequence[str]) -> PretrainSettings:
        """With each "name=value" applied. Raises ModelError for what is no setting or no number."""
        values: dict[str, Any] = {}
        for change in changes:
            name, _equals, value = change.partition("=")
            if name not in asdict(self):
                known = ", ".join(asdict(self))
                raise ModelError(f"There is no setting {name!r}; choose from {known}.")
            kind = float if isinstance(getattr(self, name), float) else int
            try:
                values[name] = kind(value)
            except ValueError as error:
                raise ModelError(f"The setting {name} needs a number, not {value!r}.") from error
        return replace(self, **values)


def build_model(settings: PretrainSettings, *, vocabulary: int) -> CLIPModel:
    """A stock `CLIPModel`; the published part of the architecture that the settings choose."""
    from transformers import CLIPConfig, CLIPModel

    common: dict[str, Any] = {"hidden_act": "gelu", "projection_dim": settings.projection}
    config = CLIPConfig(
        text_config=common
        | {
            "vocab_size": vocabulary,
            "hidden_size": settings.text_width,
            "intermediate_size": 4 * settings.text_width,
            "num_hidden_layers": settings.text_layers,
            "num_attention_heads": settings.text_heads,
            "max_position_embeddings": settings.max_tokens,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": 1,
        },
        vision_config=common
        | {
            "hidden_size": settings.vision_width,
            "intermediate_size": 4 * settings.vision_width,
            "num_hidden_layers": settings.vision_layers,
            "num_attention_heads": settings.vision_heads,
            "image_size": settings.image_size,
            "patch_size": settings.patch_size,
        },
        projection_dim=settings.projection,
    )
    config._attn_implementation = "eager"  # faster than sdpa at this size on a CPU
    return CLIPModel(config)


def new_model(
    texts: list[str], settings: PretrainSettings
) -> tuple[CLIPModel, PreTrainedTokenizerFast]:
    """A model with random weights, and a tokenizer learnt from these texts."""
    tokenizer = train_tokenizer(
        texts, vocabulary=settings.vocabulary, max_tokens=settings.max_tokens
    )
    return build_model(settings, vocabulary=len(tokenizer)), tokenizer


def load_model(
    folder: Path, settings: PretrainSettings
) -> tuple[CLIPModel, PreTrainedTokenizerFast]:
    """A model folder to train further, in fp32. Raises ModelError where it does not fit."""
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.utils import logging

    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} is no model folder: it has no config.json.")
    logging.disable_progress_bar()  # loading takes a fifth of a second
    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").float()
    side = model.config.vision_config.image_size
    if side != settings.image_size:
        raise ModelError(
            f"{folder} works on pictures of {side} pixels and this run on "
            f"{settings.image_size}: add --set image_size={side}."
        )
    return model, CLIPTokenizer.from_pretrained(folder)
