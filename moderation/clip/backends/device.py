"""Which processor runs the model, and in which precision it is really fast."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Literal, cast

from moderation.clip.configuration import DEVICES, PRECISIONS
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    import torch

Device = Literal["cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]

# Tensor cores for fp16 came with compute capability 7.0.
_FP16_CAPABILITY = (7, 0)
# What torch, onnxruntime and OpenVINO say where memory is short.
_TOO_LITTLE = (
    *("not enough memory", "out of memory", "can't allocate", "failed to allocate"),
    *("bad_alloc", "bad allocation"),
)
# bf16 costs digits, so a gain within what clocks and clouds vary by is not worth it.
_CLEARLY = 1.2


def choose_device(name: str | None = "auto") -> Device:
    """The device to use: the named one, or the best there is. Raises `ModelError`."""
    name = (name or "auto").lower()
    if name not in DEVICES:
        raise ModelError(f"There is no device {name!r}; use one of {', '.join(DEVICES)}.")
    if name == "cpu":
        return "cpu"
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return cast("Device", next((device for device, found in there.items() if found), "cpu"))
    if not there[name]:
        raise ModelError(f"The device {name!r} is not there; use auto or cpu.")
    return cast("Device", name)


def choose_precision(device: Device, wanted: str | None = "auto") -> Precision:
    """The wanted precision, or the one that the device runs fast; fp32 where in doubt.

    CLIP was trained in fp16, so a GPU with fp16 tensor cores keeps the most of it. A CPU gets bf16
    only where that is faster: emulated, bf16 is five times slower than fp32.
    """
    wanted = (wanted or "auto").lower()
    if wanted not in PRECISIONS:
        raise ModelError(f"There is no precision {wanted!r}; use one of {', '.join(PRECISIONS)}.")
    if wanted == "int8":
        raise ModelError("torch does not run int8 here; the backend onnx does.")
    if wanted == "fp16" and device == "cpu":
        raise ModelError("fp16 does not run on the CPU; use auto, bf16 or fp32.")
    if wanted != "auto":
        return cast("Precision", wanted)
    if device == "cuda":
        import torch

        fast = torch.cuda.get_device_capability() >= _FP16_CAPABILITY
        return "fp16" if fast else "fp32"
    return "bf16" if device == "cpu" and cpu_has_fast_bf16() else "fp32"


def trains_in_bf16(device: Device, wanted: str | None = "auto") -> bool:
    """Whether to train in bf16: gradients leave fp16's range, so fp16 is no choice there.

    A GPU that has no bf16 of its own emulates it, which is slower than fp32. Nothing is trained in
    int8: where the model runs in it, a training chooses for itself.
    """
    wanted = "auto" if wanted == "int8" else wanted
    chosen = choose_precision(device, wanted)
    if device != "cuda" or (wanted or "").lower() == "fp32":
        return chosen == "bf16"
    import torch

    return torch.cuda.is_bf16_supported(including_emulation=False)


@cache
def cpu_has_fast_bf16() -> bool:
    """Whether the CPU multiplies bf16 matrices natively, and clearly faster than fp32 ones.

    The second is measured: some processors name AVX512-bf16 and are slower with it (a Xeon whose
    AMX is hidden by its host: 74 against 95 GFLOP/s). What counts is the processor time of one
    thread, the least of several interleaved tries: a busy machine must not change the answer, or
    two processes would give the same photo two vectors.
    """
    import torch

    from moderation.clip.backends.cores import single_threaded

    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    if not native or not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    with single_threaded():
        for _round in range(6):
            for dtype, found in seconds.items():
                found.append(_linear_seconds(dtype))
    return min(seconds[torch.float32]) > _CLEARLY * min(seconds[torch.bfloat16])


def _linear_seconds(dtype: torch.dtype) -> float:
    """Processor time of one linear layer of ViT-B's width for 256 tokens (milliseconds)."""
    import torch

    tokens, weight = torch.ones(256, 768, dtype=dtype), torch.ones(768, 768, dtype=dtype)
    with torch.inference_mode():
        started = time.thread_time()
        torch.nn.functional.linear(tokens, weight)
        return time.thread_time() - started


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a backend, on any device, had too little memory."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in _TOO_LITTLE)
