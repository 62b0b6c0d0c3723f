"""A small CLIP tokenizer of its own: byte-level BPE with CLIP's rules, learnt from the texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
# How CLIP cuts a text into words (OpenAI's simple_tokenizer.py).
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
_AT_END = "</w>"


def train_tokenizer(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """A stock CLIP tokenizer with at most `vocabulary` pieces.

    Start and end are tokens 0 and 1; a stock text tower finds the end by its id, provided that
    the id is not 2, which transformers reads as the old layout of OpenAI's configuration.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learner = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix=_AT_END))
    learner.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    # Naming the pieces here fixes their ids, by which the trainer breaks ties: the same texts give
    # the same merges.
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[START, END, *_bytes()],
        end_of_word_suffix=_AT_END,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    model = json.loads(learner.to_str())["model"]
    made = CLIPTokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
    )
    return Tokenizer.from_str(made.backend_tokenizer.to_str())


def completed(tokenizer: Tokenizer) -> Tokenizer:
    """The same with every byte, alone and at a word's end; new pieces come after the known ones.

    Without them a sign that the training texts never had is no piece at all.
    """
    from tokenizers import Tokenizer

    content: dict[str, Any] = json.loads(tokenizer.to_str())
    pieces = content["model"]["vocab"]
    for piece in _bytes():
        pieces.setdefault(piece, len(pieces))
    return Tokenizer.from_str(json.dumps(content))


def tokenizer_config(max_tokens: int) -> dict[str, Any]:
    """What tokenizer_config.json says, so that stock transformers reads the tokenizer too."""
    return {
        "tokenizer_class": "CLIPTokenizer",
        "bos_token": START,
        "eos_token": END,
        "pad_token": END,
        "unk_token": END,
        "model_max_length": max_tokens,
    }


def _bytes() -> list[str]:
    """CLIP's own layout: 256 bytes, then 256 bytes at a word's end."""
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*alphabet, *(f"{byte}{_AT_END}" for byte in alphabet)]
