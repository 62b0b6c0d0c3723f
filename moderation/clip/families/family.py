"""What all families have in common, and what each must say of itself.

Most of it holds for any model of transformers with two towers; a family overrides what differs.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from moderation.clip.checkpoints import hub, weights
from moderation.clip.errors import ModelError
from moderation.clip.pictures.preprocess import ImageTransform, pixel_values
from moderation.clip.scoring import DEFAULT_THRESHOLD

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

Tower = Literal["image", "text"]
TOWERS: tuple[Tower, ...] = ("image", "text")

FAMILIES: dict[str, Family] = {}  # by model type


class Family(ABC):
    """What a checkpoint of one kind is: its files, its two towers, its numbers.

    There is one object for all checkpoints of the family; it holds no model. `config` is what
    config.json says (`model.config`), `model` what `load_model` gave.

    `projections` names each tower's weight of the last layer, where that is linear and without a
    bias: mode `head` trains these, and needs both. `blocks` are the starts of the names of each
    tower's blocks, up to their number, `ends` those of all that follows the blocks, and `fixed` the
    ends of those that no training reaches. `preprocessor` says what a preprocessor_config.json of
    the family may omit, `stock_text` what the text_config of a config.json, and `dropped` which
    share a training of all weights leaves out in `thinned_image_features`.
    """

    projections: ClassVar[Mapping[Tower, str]] = {}
    blocks: ClassVar[Mapping[Tower, str]] = {
        "image": "vision_model.encoder.layers.",
        "text": "text_model.encoder.layers.",
    }
    ends: ClassVar[tuple[str, ...]] = ()
    fixed: ClassVar[tuple[str, ...]] = ("logit_scale",)
    dropped: ClassVar[float] = 0.0
    preprocessor: ClassVar[Mapping[str, Any]] = {}
    stock_text: ClassVar[Mapping[str, Any]] = {"max_position_embeddings": 77}

    name: ClassVar[str] = ""

    def __init_subclass__(cls, *, model_types: tuple[str, ...]) -> None:
        """`model_types` are those of config.json that mean this family, named by the first."""
        cls.name = model_types[0] if model_types else ""
        for model_type in model_types:
            FAMILIES[model_type] = cls()

    @abstractmethod
    def model_class(self) -> Any:
        """The class in transformers, imported by the call and not before."""

    @abstractmethod
    def dim(self, config: Any) -> int:
        """The length of a vector."""

    @abstractmethod
    def text_inputs(self, config: Any, rows: Sequence[list[int]]) -> tuple[np.ndarray, ...]:
        """Token rows of several lengths as the arrays [n, t] that `text_features` takes."""

    def image_size(self, config: Any) -> int:
        """The edge of the model's picture in pixels."""
        return int(config.vision_config.image_size)

    def text_length(self, config: Any) -> int:
        """The most tokens of a text; a longer one is read in parts."""
        return int(config.text_config.max_position_embeddings)

    def read_text_length(self, folder: Path) -> int:
        """The same of a folder, without torch. Raises `ModelError`."""
        path = folder / "config.json"
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            text = {**self.stock_text, **(said.get("text_config") or {})}
            return self.text_length(
                SimpleNamespace(**said | {"text_config": SimpleNamespace(**text)})
            )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{path} is not a valid model configuration.") from error

    def last_layers(self, config: Any) -> tuple[str, ...]:
        """How the names of the weights begin that mode `last` trains: last blocks and `ends`."""
        towers: dict[Tower, Any] = {"image": config.vision_config, "text": config.text_config}
        last = (
            f"{self.blocks[name]}{part.num_hidden_layers - 1}." for name, part in towers.items()
        )
        return (*last, *self.ends)

    def learns(self, name: str, config: Any, *, mode: str) -> bool:
        """Whether mode `full` or `last` trains the weight of this name."""
        chosen = mode == "full" or name.startswith(self.last_layers(config))
        return chosen and not name.endswith(self.fixed)

    def image_inputs(
        self, pictures: Sequence[np.ndarray], transform: ImageTransform
    ) -> tuple[np.ndarray, ...]:
        """Pictures as `transform` makes them, as the arrays that `image_features` takes."""
        return (pixel_values(pictures, transform),)

    def image_features(self, model: PreTrainedModel, *inputs: torch.Tensor) -> torch.Tensor:
        """What `image_inputs` gave, as tensors, or float [n, 3, H, W] alone, to vectors [n, dim] of
        any length."""
        found: torch.Tensor = model.get_image_features(pixel_values=inputs[0]).pooler_output
        return found

    def thinned_image_features(
        self,
        model: PreTrainedModel,
        pixels: torch.Tensor,
        *,
        dropped: float,
        generator: torch.Generator | None,
    ) -> torch.Tensor:
        """The same in training, where a share of what the tower sees may be left out at random."""
        return self.image_features(model, pixels)

    def text_features(self, model: PreTrainedModel, *inputs: torch.Tensor) -> torch.Tensor:
        """What `text_inputs` gave, as tensors, to vectors [n, dim] of any length."""
        found: torch.Tensor = model.get_text_features(input_ids=inputs[0]).pooler_output
        return found

    def scale(self, model: PreTrainedModel) -> torch.Tensor:
        """The factor of the cosines whose softmax is the probability of a category, to learn with.

        A bias that the model adds to all of them alike (SigLIP) makes no difference there.
        """
        found: torch.Tensor = model.logit_scale.float().exp()
        return found

    def bound_scale(self, model: PreTrainedModel) -> None:
        """Keep the factor from 1 to 100 after a step, as CLIP's authors do."""
        model.logit_scale.clamp_(0.0, math.log(100.0))

    def logit_scale(self, model: PreTrainedModel) -> float:
        """The same factor as a number."""
        return float(self.scale(model).detach())

    def read_logit_scale(self, folder: Path) -> float:
        """The same, where only that number is read, without torch. Raises `ModelError`."""
        return math.exp(weights.read_number(folder, "logit_scale"))

    def threshold(self, folder: Path) -> float:
        """The cosine below which a pair is a mismatch, until it is set by labels or by a person."""
        return DEFAULT_THRESHOLD

    def check_tokenizer(self, config: Any, tokenizer: Tokenizer) -> None:  # noqa: B027 - optional
        """Raises `ModelError` where the tokenizer belongs to another model."""

    def picture_rules(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a preprocessor_config.json means, in the fields of CLIP's own."""
        return {**self.preprocessor, **said}

    def load_transform(self, folder: Path) -> ImageTransform:
        """How a picture becomes the model's pixels. Raises `ModelError`."""
        return ImageTransform.from_folder(folder, rules=self.picture_rules)

    def load_tokenizer(self, folder: Path) -> Tokenizer:
        """The folder's tokenizer, without padding or truncation. Raises `ModelError`."""
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception for a bad file
            raise ModelError(f"{path} is not a valid tokenizer; restore the file.") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def load_config(self, folder: Path) -> Any:
        """What config.json says, as an object of the model's class. Raises `ModelError`."""
        try:
            kind = self.model_class().config_class
            return kind.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, TypeError, KeyError) as error:
            path = folder / "config.json"
            raise ModelError(f"{path} is not a valid model configuration.") from error

    def load_model(self, folder: Path, *, dtype: torch.dtype | None = None) -> PreTrainedModel:
        """The model of a folder, in eval mode, float32 unless `dtype` says otherwise.

        Nothing is asked of the network. Raises `ModelError` naming the file that is wrong.
        """
        hub.keep_quiet()
        import torch
        from safetensors import SafetensorError
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # loading takes a fifth of a second
        config = self.load_config(folder)
        path = weights.weight_files(folder)[0]
        try:
            model, found = self.model_class().from_pretrained(
                folder,
                config=config,
                dtype=dtype or torch.float32,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"{path} is damaged or does not fit config.json; restore the file or download the "
                "model again."
            ) from error
        _refuse_gaps(path, found)
        return model.eval()


def _refuse_gaps(path: Path, found: Mapping[str, Any]) -> None:
    """Left alone, transformers would fill the gaps with random numbers and continue."""
    if missing := sorted({*found["missing_keys"], *found.get("mismatched_keys", ())}, key=str):
        raise ModelError(
            f"{path} lacks {len(missing)} of the model's weights ({missing[0]}, ...); this is not "
            "a whole model."
        )
