"""EfficientNet-Lite0 as a picture tower: the convolutions alone, batch norms folded into them.

Tan and Le 2019 (EfficientNet); the Lite variants leave out squeeze-and-excitation and use ReLU6.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

STEM, FEATURES = 32, 1280


class Stage(NamedTuple):
    """Blocks of one resolution: the first one has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does, where the weights come from: the odd pixel after."""

    def __init__(
        self, before: int, after: int, kernel: int, *, stride: int = 1, groups: int = 1
    ) -> None:
        even = kernel // 2 if stride == 1 else 0
        super().__init__(before, after, kernel, stride=stride, padding=even, groups=groups)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        stride, kernel = self.stride[0], self.kernel_size[0]
        if stride > 1:
            hidden = functional.pad(
                hidden,
                [*_same(hidden.shape[3], stride, kernel), *_same(hidden.shape[2], stride, kernel)],
            )
        return super().forward(hidden)


def _same(side: int, stride: int, kernel: int) -> tuple[int, int]:
    """Pixels before and after, so that a side becomes its length over the stride, rounded up."""
    missing = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return missing // 2, missing - missing // 2


class Block(nn.Module):
    """Inverted residual: widen, look around in each channel, narrow again."""

    def __init__(
        self, before: int, after: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = before * expansion
        self.expand = SameConv(before, wide, 1) if expansion > 1 else None
        self.depthwise = SameConv(wide, wide, kernel, stride=stride, groups=wide)
        self.project = SameConv(wide, after, 1)
        self.residual = stride == 1 and before == after

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        wide = hidden if self.expand is None else functional.relu6(self.expand(hidden))
        narrow = self.project(functional.relu6(self.depthwise(wide)))
        return hidden + narrow if self.residual else narrow


class EfficientNetLite0(nn.Module):
    """Pictures [n, 3, s, s], about -1 to 1, to features [n, 1280]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM, 3, stride=2)
        blocks, before = [], STEM
        for stage in STAGES:
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(
                    Block(
                        before,
                        stage.channels,
                        kernel=stage.kernel,
                        stride=stride,
                        expansion=stage.expansion,
                    )
                )
                before = stage.channels
        self.blocks = nn.ModuleList(blocks)
        self.head = SameConv(before, FEATURES, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # Convolutions of this size are twice as fast with the channels last.
        hidden = pixels.contiguous(memory_format=torch.channels_last)
        hidden = functional.relu6(self.stem(hidden))
        for block in self.blocks:
            hidden = block(hidden)
        return functional.relu6(self.head(hidden)).mean(dim=(2, 3))
