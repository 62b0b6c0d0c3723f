"""A random model of each family in a stock folder, with a tokenizer learnt from a few titles."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.clip_models import build_folder, tiny_config
from tests.support.siglip_model import TITLES, build_siglip, save_tokenizer

EDGE, LENGTH, DIM = 32, 40, 16
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
PICTURES = {**SMALL, "image_size": EDGE, "patch_size": 8}
CLIP_PICTURES = {
    "image_processor_type": "CLIPImageProcessor",
    "size": {"shortest_edge": EDGE},
    "crop_size": {"height": EDGE, "width": EDGE},
}


@dataclass(frozen=True)
class FamilyModel:
    """How to build a model of a family, and what of it is known without asking it."""

    build: Callable[[Path], Path]
    has_head: bool  # whether mode `head` can train it
    threshold: float  # with which it begins


def build(name: str, folder: Path) -> Path:
    return FAMILIES[name].build(folder)


def _save(model: Any, folder: Path, *, pictures: dict[str, Any]) -> Path:
    """With larger weights than usual: with the first ones all vectors would be alike."""
    import torch

    dice = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in ("logit_scale", "logit_bias", "temperature"):
                continue
            if weight.ndim > 1:
                weight.normal_(std=1.5 / math.sqrt(weight[0].numel()), generator=dice)
            elif name.endswith("bias") and "norm" not in name.lower() and "_bn" not in name:
                weight.normal_(std=0.3, generator=dice)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    return folder


def _metaclip_2(folder: Path) -> Path:
    from transformers import MetaClip2Config, MetaClip2Model

    text = {
        "vocab_size": save_pieces(folder), "max_position_embeddings": LENGTH, "bos_token_id": 0,
        "eos_token_id": 2, "pad_token_id": 1, "projection_dim": DIM,
    }  # fmt: skip
    config = MetaClip2Config(text_config=SMALL | text, vision_config=PICTURES, projection_dim=DIM)
    return _save(MetaClip2Model(config), folder, pictures=CLIP_PICTURES)


def _chinese_clip(folder: Path) -> Path:
    from transformers import ChineseCLIPConfig, ChineseCLIPModel

    words = save_words(folder)
    config = ChineseCLIPConfig(
        text_config=SMALL | {"vocab_size": words, "max_position_embeddings": 64},
        vision_config=PICTURES,
        projection_dim=DIM,
    )
    pictures = {
        "image_processor_type": "ChineseCLIPImageProcessor", "do_center_crop": False,
        "size": {"height": EDGE, "width": EDGE},
    }  # fmt: skip
    return _save(ChineseCLIPModel(config), folder, pictures=pictures)


def _altclip(folder: Path) -> Path:
    from transformers import AltCLIPConfig, AltCLIPModel

    text = {"vocab_size": save_pieces(folder), "max_position_embeddings": LENGTH + 2}
    config = AltCLIPConfig(
        text_config=SMALL | text | {"project_dim": 20},
        vision_config=PICTURES,
        projection_dim=DIM,
    )
    return _save(AltCLIPModel(config), folder, pictures=CLIP_PICTURES)


def _align(folder: Path) -> Path:
    from transformers import AlignConfig, AlignModel

    words = save_words(folder, model_max_length=64)
    pictures = {
        "width_coefficient": 0.1, "depth_coefficient": 0.3, "hidden_dim": 64, "image_size": 600,
        "num_hidden_layers": 64,  # as the stock configuration says, of another network
    }  # fmt: skip
    config = AlignConfig(
        text_config=SMALL | {"vocab_size": words, "max_position_embeddings": 80},
        vision_config=pictures,
        projection_dim=32,
        temperature_init_value=0.02,
    )
    return _save(
        AlignModel(config),
        folder,
        pictures={
            "image_processor_type": "EfficientNetImageProcessor", "do_center_crop": True,
            "do_normalize": False, "include_top": False, "rescale_offset": True, "resample": 2,
            "rescale_factor": 1 / 127.5, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
            "size": {"height": 48, "width": 48}, "crop_size": {"height": 40, "width": 40},
        },
    )  # fmt: skip


def _siglip_naflex(folder: Path) -> Path:
    from transformers import Siglip2Config, Siglip2Model

    folder.mkdir(parents=True, exist_ok=True)
    words = save_tokenizer(folder, pad="<pad>", tokenizer_class="GemmaTokenizer")
    config = Siglip2Config(
        text_config=SMALL
        | {"vocab_size": words, "projection_size": DIM, "max_position_embeddings": LENGTH},
        vision_config=SMALL | {"hidden_size": DIM, "patch_size": 8, "num_patches": 16},
    )
    model = Siglip2Model(config)
    model.logit_scale.data.fill_(math.log(112.0))
    model.logit_bias.data.fill_(-16.8)
    return _save(
        model,
        folder,
        pictures={
            "image_processor_type": "Siglip2ImageProcessor", "patch_size": 8,
            "max_num_patches": 16, "resample": 2, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
        },
    )  # fmt: skip


def _other_clip(**changes: Any) -> Callable[[Path], Path]:
    """CLIP as others have converted theirs; `changes` go into the parts of its configuration."""

    def builder(folder: Path) -> Path:
        config = tiny_config()
        for name, change in changes.items():
            config[name] = config[name] | change if isinstance(change, dict) else change
        return build_folder(folder, config=config)

    return builder


def save_words(folder: Path, **said: Any) -> int:
    """Word pieces as BERT's: vocab.txt alone, as the hub has them; returns how many there are."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    found = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer()
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    found.train_from_iterator(
        [*TITLES, ",.()!?&"],
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False),
    )
    words = sorted(found.get_vocab().items(), key=lambda one: one[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _number in words))
    if said:
        (folder / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, **said})
        )
    return len(words)


def save_pieces(folder: Path) -> int:
    """Pieces with a likelihood, as XLM-RoBERTa's; returns how many there are."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import XLMRobertaTokenizer

    found = Tokenizer(models.Unigram())
    found.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=250, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    found.train_from_iterator(TITLES, trainer)
    pieces = json.loads(found.to_str())["model"]["vocab"]
    stock = XLMRobertaTokenizer(vocab=[(piece, score) for piece, score in pieces])
    stock.save_pretrained(folder)
    return len(stock)


FAMILIES = {
    "clip": FamilyModel(build_folder, has_head=True, threshold=0.25),
    "clip like LAION's": FamilyModel(
        _other_clip(
            projection_dim=24,
            text_config={"hidden_act": "gelu", "eos_token_id": 2, "pad_token_id": 1},
            vision_config={"hidden_act": "gelu", "patch_size": 16},
        ),
        has_head=True,
        threshold=0.25,
    ),
    "clip with a larger text tower": FamilyModel(
        _other_clip(
            text_config={
                "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3,
                "max_position_embeddings": 77,
            },
            vision_config={"hidden_act": "quick_gelu"},
        ),
        has_head=True,
        threshold=0.25,
    ),
    "metaclip_2": FamilyModel(_metaclip_2, has_head=True, threshold=0.25),
    "chinese_clip": FamilyModel(_chinese_clip, has_head=True, threshold=0.25),
    "altclip": FamilyModel(_altclip, has_head=True, threshold=0.25),
    "align": FamilyModel(_align, has_head=False, threshold=0.25),
    "siglip": FamilyModel(build_siglip, has_head=False, threshold=0.071),
    "siglip2": FamilyModel(_siglip_naflex, has_head=False, threshold=0.109),
}  # fmt: skip
