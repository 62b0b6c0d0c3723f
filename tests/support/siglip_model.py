"""A random SigLIP in a stock folder, with a tokenizer learnt from a few titles in ten scripts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

EDGE, LENGTH, DIM = 32, 32, 24
TITLES = [
    "a red mug", "Blue ceramic teapot with lid", "rote Tasse aus Keramik", "красная кружка",
    "赤いマグカップ", "κόκκινη κούπα", "كوب أحمر", "फूलदान", "빨간 머그잔",
    "photo of a shoe, size 42",
]  # fmt: skip


def build_siglip(folder: Path, *, pad: str = "</s>", **tokenizer_config: Any) -> Path:
    """What the hub has of such a model. `tokenizer_config` goes over what is usual there."""
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    words = save_tokenizer(folder, pad=pad, **tokenizer_config)
    shared = {"intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**shared, "hidden_size": 32, "projection_size": DIM, "vocab_size": words}
    config = SiglipConfig(
        text_config={**text, "max_position_embeddings": LENGTH},
        vision_config={**shared, "hidden_size": DIM, "image_size": EDGE, "patch_size": 8},
        initializer_factor=2.0,
    )
    model = SiglipModel(config)
    with torch.no_grad():  # as Google's have them
        model.logit_scale.fill_(math.log(117.33))
        model.logit_bias.fill_(-12.93)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "do_convert_rgb": None, "do_normalize": True, "do_rescale": True,
                "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
                "image_processor_type": "SiglipImageProcessor", "resample": 3,
                "rescale_factor": 1 / 255, "size": {"height": EDGE, "width": EDGE},
            }
        )
    )  # fmt: skip
    return folder


def save_tokenizer(folder: Path, *, pad: str, **more: Any) -> int:
    """Pieces with a likelihood, as T5's; returns how many there are."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    found = Tokenizer(models.Unigram())
    found.normalizer = normalizers.NFKC()
    found.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    found.train_from_iterator([*TITLES, *(title.lower() for title in TITLES)], trainer)
    found.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    found.save(str(folder / "tokenizer.json"))
    said = {"tokenizer_class": "SiglipTokenizer", "do_lower_case": True, "pad_token": pad, **more}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return int(found.get_vocab_size())
