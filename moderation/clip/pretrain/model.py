"""The bundled model's numbers, and how it begins: fresh, with a known text tower, or further on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip import families
from moderation.clip.errors import ModelError
from moderation.clip.pretrain.imagenet import load_imagenet
from moderation.clip.pretrain.tokenizer import completed, train_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from moderation.clip.architectures.clipmod import ClipmodModel


DRAWN = "drawn"  # the source of products that clipmod draws itself


@dataclass(frozen=True)
class PretrainSettings:
    """Everything that decides what comes out. `steps` ends a run by count, else `minutes`."""

    minutes: float = 60.0
    steps: int | None = None
    seed: int = 0
    batch_size: int = 80
    lanes: int = 2  # parts of a batch, each with its own losses, in a thread of its own
    learning_rate: float = 5e-4  # of the picture tower
    head_rate: float = 5.0  # of the projections and scales, as a multiple of it
    text_rate: float = 0.2  # of the text tower
    text_from: float = 0.0  # share of the run from which the text tower learns
    weight_decay: float = 0.05
    clip: float = 2.0  # the largest length of a gradient
    warmup: float = 0.08  # share of the run
    ema: float = 0.998
    source_power: float = 0.7  # below 1, small sources come up more often than their size
    drawn_share: float = 0.15  # of each batch, where there are drawn products
    noise: float = 0.0  # share of texts with what shops add to them
    prompt_weight: float = 0.7  # of the zero-shot losses over all categories and colours
    min_zoom: float = 0.6  # pictures are cropped down to this share of a side
    dropped: float = 0.2  # share of what the picture tower sees or says left out in training
    full_from: float = 1.0  # from this share of the run on, nothing is left out
    early_size: int = 96  # pixels of a side at first: cheaper, and crops show things larger
    late_from: float = 0.6  # share of the run from which pictures have their full size
    held_out: float = 0.06  # share of families for monitoring and calibration
    stored_side: int = 128  # pictures are cropped from this size
    imagenet: int = 1  # whether a new picture tower starts from ImageNet's weights
    image_size: int = 112
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


def build_model(settings: PretrainSettings, *, vocabulary: int) -> ClipmodModel:
    """The bundled model's architecture in the size that the settings choose, random weights."""
    from moderation.clip.architectures.clipmod import ClipmodConfig, ClipmodModel

    text: dict[str, Any] = {
        "hidden_act": "gelu",
        "projection_dim": settings.projection,
        "vocab_size": vocabulary,
        "hidden_size": settings.text_width,
        "intermediate_size": 4 * settings.text_width,
        "num_hidden_layers": settings.text_layers,
        "num_attention_heads": settings.text_heads,
        "max_position_embeddings": settings.max_tokens,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }
    config = ClipmodConfig(
        text_config=text, image_size=settings.image_size, projection_dim=settings.projection
    )
    text_config: Any = config.text_config
    text_config._attn_implementation = "eager"  # faster than sdpa at this size on a CPU
    return ClipmodModel(config)


def new_model(
    texts: list[str], settings: PretrainSettings, *, text_from: Path | None = None
) -> tuple[ClipmodModel, Tokenizer]:
    """A picture tower from ImageNet beside a new text tower, or beside that of a model folder.

    Without a folder the tokenizer is learnt from the texts; with one it is the folder's, completed.
    """
    if text_from is None:
        tokenizer = train_tokenizer(texts, vocabulary=settings.vocabulary)
    else:
        tokenizer = completed(families.of(text_from).load_tokenizer(text_from))
    model = build_model(settings, vocabulary=tokenizer.get_vocab_size())
    if settings.imagenet:
        load_imagenet(model.vision_model)
    if text_from is not None:
        families.of_model(model).check_tokenizer(model.config, tokenizer)
        _take_text_tower(model, text_from)
    return model, tokenizer


def load_model(folder: Path, settings: PretrainSettings) -> tuple[PreTrainedModel, Tokenizer]:
    """A model folder to train further, in fp32. Raises ModelError where it does not fit."""
    family = families.of(folder)
    model = family.load_model(folder)
    side = family.image_size(model.config)
    if side != settings.image_size:
        raise ModelError(
            f"{folder} works on pictures of {side} pixels and this run on "
            f"{settings.image_size}: add --set image_size={side}."
        )
    return model, family.load_tokenizer(folder)


def _take_text_tower(model: ClipmodModel, folder: Path) -> None:
    """Text tower, its projection and the scale; pieces that the folder lacks begin as the mean."""
    import torch

    found = {
        name: weight
        for name, weight in families.of(folder).load_model(folder).state_dict().items()
        if name.startswith(("text_model.", "text_projection.", "logit_scale"))
    }
    pieces = "text_model.embeddings.token_embedding.weight"
    known, wanted = found[pieces], model.state_dict()[pieces]
    missing = len(wanted) - len(known)
    found[pieces] = torch.cat([known, known.mean(dim=0).expand(missing, -1)])
    try:
        model.load_state_dict(found, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"The text tower of {folder} has another shape than this run's settings say: {error}"
        ) from error
