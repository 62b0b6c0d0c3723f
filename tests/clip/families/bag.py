"""A second family, as unlike CLIP as it gets: a bag of words beside a grid of colours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.checkpoints import weights
from moderation.clip.families.family import Family

if TYPE_CHECKING:
    import torch

EDGE, GRID, DIM = 24, 4, 8
WORDS = ("<pad>", "<unknown>", "a", "red", "blue", "mug", "shoe", "photo", "of")


class Bag(Family, model_types=("bag",)):
    """Other names, an attention mask, another scale, pictures squashed and scaled to -1 to 1."""

    projections = {"image": "colour_head.weight", "text": "word_head.weight"}
    preprocessor = {
        "do_center_crop": False,
        "size": {"height": EDGE, "width": EDGE},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }

    def model_class(self) -> Any:
        return bag_model()

    def dim(self, config: Any) -> int:
        return int(config.width)

    def image_size(self, config: Any) -> int:
        return EDGE

    def text_length(self, config: Any) -> int:
        return 6

    def last_layers(self, config: Any) -> tuple[str, ...]:
        return "colour_head.", "word_head."

    def text_inputs(self, config: Any, rows: Sequence[list[int]]) -> tuple[np.ndarray, ...]:
        longest = max(map(len, rows))
        ids = np.array([row + [0] * (longest - len(row)) for row in rows])
        return ids, np.array([[place < len(row) for place in range(longest)] for row in rows])

    def image_features(self, model: Any, pixels: torch.Tensor) -> torch.Tensor:
        return model.see(pixels)

    def text_features(self, model: Any, *inputs: torch.Tensor) -> torch.Tensor:
        return model.read(*inputs)

    def logit_scale(self, model: Any) -> float:
        return 1 / float(model.temperature.detach())

    def read_logit_scale(self, folder: Path) -> float:
        return 1 / weights.read_number(folder, "temperature")


@cache
def bag_model() -> Any:
    """The model's class; torch is imported now and not before."""
    import torch
    from torch.nn import functional
    from transformers import PretrainedConfig, PreTrainedModel

    class BagConfig(PretrainedConfig):
        model_type = "bag"
        width = DIM

    class BagModel(PreTrainedModel):
        config_class = BagConfig

        def __init__(self, config: BagConfig) -> None:
            super().__init__(config)
            self.words = torch.nn.Embedding(len(WORDS), 16)
            self.word_head = torch.nn.Linear(16, config.width, bias=False)
            self.colour_head = torch.nn.Linear(3 * GRID * GRID, config.width, bias=False)
            self.temperature = torch.nn.Parameter(torch.tensor(0.05))
            self.post_init()

        def _init_weights(self, module: torch.nn.Module) -> None:
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                torch.nn.init.normal_(module.weight)

        def see(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.colour_head(functional.adaptive_avg_pool2d(pixels, GRID).flatten(1))

        def read(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            words = self.words(ids) * mask[..., None]
            return self.word_head(words.sum(1) / mask.sum(1, keepdim=True))

    return BagModel


def build_bag(folder: Path, *, seed: int = 0) -> Path:
    """A model folder of the family with random weights."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    torch.manual_seed(seed)
    model = bag_model()
    model(model.config_class()).save_pretrained(folder)
    words = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"resample": 3}))
    return folder
