"""A small CLIP tokenizer of its own: byte-level BPE with CLIP's rules, learnt from the texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
# How CLIP cuts a text into words (OpenAI's simple_tokenizer.py).
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def train_tokenizer(
    texts: Iterable[str], *, vocabulary: int, max_tokens: int
) -> PreTrainedTokenizerFast:
    """A stock CLIP tokenizer with at most `vocabulary` pieces, texts cut at `max_tokens` tokens.

    Start and end are tokens 0 and 1; a stock `CLIPModel` finds the end by its id, provided that
    the id is not 2, which transformers reads as the old layout of OpenAI's configuration.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    learner = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>"))
    learner.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    # CLIP's own layout: start, end, 256 bytes, 256 bytes at a word's end, merges. Naming the pieces
    # here fixes their ids, by which the trainer breaks ties: the same texts give the same merges.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[START, END, *alphabet, *(f"{byte}</w>" for byte in alphabet)],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    model = json.loads(learner.to_str())["model"]
    return CLIPTokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=max_tokens,
    )
