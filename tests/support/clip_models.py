"""Random CLIP models in stock folders, for tests: real code paths, no download."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TINY_IMAGE = 32


def build_folder(folder: Path, *, config: dict[str, Any] | None = None, **files: str) -> Path:
    """A stock model folder with random weights; `files` are extra texts by name (`_` for `.`)."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    save_tokenizer(folder)
    # Larger than usual first weights: with the default ones all vectors would be alike.
    settings = CLIPConfig(**(config or tiny_config()), initializer_factor=2.0)
    CLIPModel(settings).save_pretrained(folder)
    size = settings.vision_config.image_size
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "CLIPImageProcessor", "size": size, "crop_size": size})
    )
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def tiny_config() -> dict[str, Any]:
    shared = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    return {
        "projection_dim": 16,
        "text_config": {
            **shared,
            "num_hidden_layers": 2,
            "vocab_size": 514,
            "max_position_embeddings": 24,
            "bos_token_id": 512,
            "eos_token_id": 513,
            "pad_token_id": 513,
        },
        "vision_config": {
            **shared,
            "num_hidden_layers": 2,
            "image_size": TINY_IMAGE,
            "patch_size": 8,
        },
    }


def save_tokenizer(folder: Path) -> None:
    """A stock CLIP tokenizer that knows single bytes only."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=24).save_pretrained(folder)


def photo(seed: int, width: int = 60, height: int = 45) -> Image.Image:
    """A smooth colourful picture, different for each seed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)
