"""The losses of all trainings, on unit vectors and their cosines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def contrastive_loss(
    image: torch.Tensor,
    text: torch.Tensor,
    *,
    scale: torch.Tensor,
    ignored: torch.Tensor,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """InfoNCE in both directions (CLIP, Radford et al. 2021) with extra texts and masked pairs.

    image [b, d]; text [m, d], m >= b: text i belongs to image i, the rest are extra mismatches.
    ignored [b, m] bool: pairs that may be true though not each other's (same kind, same colour);
    they count neither for nor against.
    """
    import torch
    from torch.nn import functional

    count = image.shape[0]
    logits = (scale * image @ text.T).masked_fill(ignored, float("-inf"))  # [b, m]
    target = torch.arange(count, device=image.device)
    by_image = functional.cross_entropy(logits, target)
    by_text = functional.cross_entropy(logits[:, :count].T, target)
    return (by_image + by_text) / 2


def pair_loss(
    image: torch.Tensor,
    text: torch.Tensor,
    *,
    scale: torch.Tensor,
    bias: torch.Tensor,
    ignored: torch.Tensor,
) -> torch.Tensor:
    """Sigmoid loss (SigLIP, Zhai et al. 2023); matches, made and chance mismatches weigh alike.

    Shapes as in `contrastive_loss`, m = 2 b: text b + i is the mismatch made for image i. It puts
    all pairs on one scale, which is what a threshold over a mixed catalogue needs.
    """
    import torch
    from torch.nn import functional

    count = image.shape[0]
    logits = scale * image @ text.T + bias  # [b, 2 b]
    match = functional.softplus(-logits[:, :count].diagonal()).mean()
    wrong = functional.softplus(logits)
    made = wrong[:, count:].diagonal()
    kept = ~ignored
    kept.diagonal().fill_(False)
    made_kept = ~ignored[:, count:].diagonal()
    # Chance mismatches are mostly easy: weigh each by how wrong the model still is about it.
    weight = torch.where(kept, logits.detach().sigmoid() + 0.02, 0.0)
    chance = (wrong * weight).sum() / weight.sum().clamp(min=1e-6)
    made_mean = (made * made_kept).sum() / made_kept.sum().clamp(min=1)
    return match + (made_mean + chance) / 2


def prompt_loss(
    image: torch.Tensor, prompts: torch.Tensor, *, scale: torch.Tensor, positive: torch.Tensor
) -> torch.Tensor:
    """Zero-shot classification as a loss: softmax over prompts, any positive one counts.

    image [b, d]; prompts [k, d]; positive [b, k] bool. Rows with no positive are skipped.
    """
    import torch

    logits = scale * image @ prompts.T  # [b, k]
    known = positive.any(dim=1)
    if not known.any():
        return logits.sum() * 0.0
    logits, positive = logits[known], positive[known]
    right = logits.masked_fill(~positive, float("-inf"))
    return (torch.logsumexp(logits, dim=1) - torch.logsumexp(right, dim=1)).mean()


def pair_losses(
    cosine: torch.Tensor, label: torch.Tensor, *, scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """-log P of each label, [m], with P(match) = sigmoid(scale * cosine + bias).

    cosine [m]; label [m], 1 match and 0 mismatch. The loss of SigLIP (Zhai et al. 2023) without its
    pairing of everything with everything: a sum over rows, so that it may be computed in parts.
    """
    from torch.nn import functional

    logit = scale * cosine + bias
    return functional.softplus(logit * (1 - 2 * label))
