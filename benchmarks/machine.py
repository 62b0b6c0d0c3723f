"""What the figures were measured on."""

from __future__ import annotations

import os


def machine() -> str:
    """Cores and what the processor does fast, in one line."""
    import torch

    abilities = torch.cpu.get_capabilities()
    fast = [n for n in ("avx2", "avx512_bf16", "avx512_vnni", "amx_bf16") if abilities.get(n)]
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {', '.join(fast) or 'no AVX2'}, torch {torch.__version__}"
