"""Modes `last` and `full`: the towers themselves, from pixels and tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from moderation.clip import families
from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.backends.cores import CorePool
from moderation.clip.checkpoints import checkpoint
from moderation.clip.finetune.decisions.task import DecisionTask
from moderation.clip.finetune.settings import Recipe
from moderation.clip.finetune.step import Step
from moderation.clip.pictures.images import open_image
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.clip.texts.tokens import Tokens
from moderation.clip.training.model_parts import unit
from moderation.clip.training.progress import ProgressHeartbeat, part
from moderation.clip.training.weights import Weights

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")

_KEPT_BYTES = 2**30  # of decoded pictures; those beyond are decoded again
_ENCODED = 32  # items at once where no gradient is needed


class Towers(DecisionTask):
    """All weights of a model (`full`), or those of its last blocks and what follows them."""

    def __init__(self, step: Step, recipe: Recipe, heartbeat: ProgressHeartbeat) -> None:
        device, folder = step.device, step.folder
        super().__init__(step, recipe, device=device, report=part(heartbeat.tell, 0.2, 0.9))
        self.alive = heartbeat.again  # called every few pictures that are encoded
        self.cores = CorePool(cpu_cores() if device == "cpu" else 1)
        self.family = families.of(folder)
        self.model = checkpoint.load_model(folder).to(device)  # eval: trained without dropout
        self.pixels = Pixels(self.family.load_transform(folder))
        most = self.family.text_length(self.model.config)
        self.tokens = Tokens(checkpoint.load_tokenizer(folder), most=most)
        self.weights = {}
        for name, weight in self.model.named_parameters():
            weight.requires_grad_(self.family.learns(name, self.model.config, mode=recipe.mode))
            if weight.requires_grad:
                self.weights[name] = weight
        self.start_scale()

    def encode(self, images: Sequence[Path], texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        import torch

        def pictures(part: Sequence[Path]) -> np.ndarray:
            with torch.inference_mode():
                return self._images(self.pixels.of(part)).cpu().numpy()

        def sentences(part: Sequence[str]) -> np.ndarray:
            with torch.inference_mode():
                return self._texts(part).cpu().numpy()

        unique = sorted(dict.fromkeys(texts), key=lambda text: (len(text), text))
        image = self.cores.map(pictures, _parts(images), each=self.alive)
        text = self.cores.map(sentences, _parts(unique), each=self.alive)
        rows = {text: row for row, text in enumerate(unique)}
        return (
            np.concatenate(image) if image else np.zeros((0, 0)),
            np.concatenate(text)[[rows[one] for one in texts]] if text else np.zeros((0, 0)),
        )

    def towers(
        self, rows: np.ndarray, *, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        import torch

        pictures = self.pixels.of([self.pairs.images[row] for row in rows])
        texts, made, owner = [self.pairs.texts[row] for row in rows], [], []
        for place, row in enumerate(rows):
            rng = np.random.default_rng([self.recipe.seed, epoch, row])
            if rng.random() < 0.5:  # as good a photo when mirrored
                pictures[place] = pictures[place][:, ::-1]
            swapped = self.swaps.draw(int(row), rng=rng)
            if swapped is not None:
                made.append(swapped)
                owner.append(place)
        image = self._images(pictures)  # [b, d]
        text = self._texts(texts + made)  # [b + s, d]
        return (
            image,
            text[: len(rows)],
            text[len(rows) :],
            torch.tensor(owner, dtype=torch.long, device=self.device),
        )

    def tensors(self, weights: Mapping[str, torch.Tensor]) -> Weights:
        return {name: weight.detach().float().cpu() for name, weight in weights.items()}

    def _images(self, pictures: list[np.ndarray]) -> torch.Tensor:
        """uint8 pictures to unit vectors [b, d], float32."""
        import torch

        inputs = self.family.image_inputs(pictures, self.pixels.transform)
        with self._precision():
            found = self.family.image_features(
                self.model, *(torch.from_numpy(one).to(self.device) for one in inputs)
            )
        return unit(found)

    def _texts(self, texts: Sequence[str]) -> torch.Tensor:
        """Texts to unit vectors [m, d], float32; each different one runs once."""
        import torch

        unique = list(dict.fromkeys(texts))
        rows = self.tokens.rows(unique)
        inputs = self.family.text_inputs(self.model.config, rows)  # [u, t] each
        with self._precision():
            found = self.family.text_features(
                self.model, *(torch.from_numpy(one).to(self.device) for one in inputs)
            )
        place = {text: row for row, text in enumerate(unique)}
        order = torch.tensor([place[text] for text in texts], device=self.device)
        return unit(found)[order]

    def _precision(self) -> contextlib.AbstractContextManager[None]:
        import torch

        bf16 = self.recipe.bf16
        return torch.autocast(self.device, torch.bfloat16, enabled=bf16, cache_enabled=False)


def _parts(items: Sequence[Item]) -> list[Sequence[Item]]:
    return [items[start : start + _ENCODED] for start in range(0, len(items), _ENCODED)]


class Pixels:
    """Pictures in the model's size, uint8 [H, W, 3]; decoded once as long as memory allows."""

    def __init__(self, transform: ImageTransform) -> None:
        self.transform = transform
        self._kept: dict[Path, np.ndarray] = {}
        self._bytes = 0

    def of(self, paths: Sequence[Path]) -> list[np.ndarray]:
        """The pictures of these files, in order. Raises `ImageError`."""
        new = list(dict.fromkeys(path for path in paths if path not in self._kept))
        if not new:
            return [self._kept[path] for path in paths]
        with ThreadPoolExecutor(cpu_cores()) as pool:
            decoded = dict(zip(new, pool.map(self._decode, new), strict=True))
        found = [decoded[p] if p in decoded else self._kept[p] for p in paths]
        for path, picture in decoded.items():
            if self._bytes + picture.nbytes <= _KEPT_BYTES:
                self._kept[path] = picture
                self._bytes += picture.nbytes
        return found

    def _decode(self, path: Path) -> np.ndarray:
        return self.transform(open_image(path, shortest_edge=self.transform.target_edge))
