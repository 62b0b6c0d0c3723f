"""Model folders are found by name or path, checked, and written whole or not at all."""

import json
import shutil
from pathlib import Path

import pytest

from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError, UnsafeWeights


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model folder that the test may damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def test_a_local_folder_is_taken_as_it_is(folder: Path) -> None:
    resolved = checkpoint.resolve(folder)
    assert (resolved.folder, resolved.name, resolved.revision) == (folder, str(folder), None)
    assert resolved.weights_sha256 == checkpoint.weights_sha256(folder)


def test_the_hash_follows_the_weights_and_nothing_else(folder: Path) -> None:
    before = checkpoint.weights_sha256(folder)
    (folder / "clipmod.json").write_text("{}")
    assert checkpoint.weights_sha256(folder) == before
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert checkpoint.weights_sha256(folder) != before


@pytest.mark.parametrize("name", ["no/such/folder", "nothing", "../up", ""])
def test_a_name_that_is_nothing_says_what_could_be_given(name: str, tmp_path: Path) -> None:
    location = name if name else str(tmp_path / "none")
    with pytest.raises(ModelError, match="bundled"):
        checkpoint.resolve(location, local_only=True)


@pytest.mark.parametrize("missing", ["config.json", "preprocessor_config.json"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        checkpoint.resolve(folder)


def test_a_folder_without_weights_is_no_model(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        checkpoint.resolve(folder)


def test_a_local_pickle_is_refused_and_not_even_opened(folder: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(
        b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR."
    )
    for use in (checkpoint.resolve, checkpoint.load_model, checkpoint.weights_sha256):
        with pytest.raises(UnsafeWeights, match="pickle"):
            use(folder)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("tokenizer.json", "{"),
        ("preprocessor_config.json", "{"),
        ("model.safetensors", "junk"),
        ("model.safetensors", ""),
    ],
)
def test_a_damaged_file_is_named(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(ModelError, match=file.replace(".", r"\.")) as caught:
        Encoder.load(folder, device="cpu")
    assert str(caught.value).endswith(".")


def test_weights_that_were_cut_off_or_belong_elsewhere_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        checkpoint.load_model(folder)
    weights.write_bytes(whole)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] += 1
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="lacks"):
        checkpoint.load_model(folder)
    config["vision_config"]["num_hidden_layers"] -= 1
    config["vision_config"]["hidden_size"] *= 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        checkpoint.load_model(folder)


def test_a_config_of_another_kind_of_model_is_refused(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert", "hidden_size": 8}')
    with pytest.raises(ModelError, match=r"config\.json|lacks"):
        checkpoint.load_model(folder)


def test_a_tokenizer_that_ends_texts_differently_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = 511
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"511.*513"):
        Encoder.load(folder, device="cpu")


def test_weights_in_several_files_are_one_model(folder: Path, tmp_path: Path) -> None:
    model = checkpoint.load_model(folder)
    parts = tmp_path / "parts"
    shutil.copytree(folder, parts, ignore=shutil.ignore_patterns("*.safetensors"))
    model.save_pretrained(parts, max_shard_size="50KB")
    shards = sorted(parts.glob("*.safetensors"))
    assert len(shards) > 1
    assert len(checkpoint.resolve(parts).weights_sha256) == 64
    assert checkpoint.load_model(parts).config.projection_dim == model.config.projection_dim
    shards[0].unlink()
    with pytest.raises(ModelError, match=shards[0].name):
        checkpoint.resolve(parts)


def test_saving_writes_a_folder_that_loads_and_never_overwrites(
    folder: Path, tmp_path: Path
) -> None:
    import torch

    model = checkpoint.load_model(folder)
    target = tmp_path / "new" / "version-2"
    checkpoint.save_model(model, target)
    for name in ("preprocessor_config.json", "tokenizer.json"):
        shutil.copy(folder / name, target)
    again = checkpoint.load_model(target)
    assert torch.equal(again.visual_projection.weight, model.visual_projection.weight)
    with pytest.raises(ModelError, match="exists already"):
        checkpoint.save_model(model, target)


def test_an_interrupted_save_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "models" / "version-3"
    for error, seen in ((KeyboardInterrupt, KeyboardInterrupt), (OSError, ModelError)):
        with pytest.raises(seen), checkpoint.whole_folder(target) as unfinished:
            (unfinished / "config.json").write_text("{}")
            assert not target.exists()
            raise error
        assert list(target.parent.iterdir()) == []


def test_what_a_folder_says_of_itself(folder: Path) -> None:
    assert checkpoint.read_about(folder) == {}
    (folder / "clipmod.json").write_text('{"threshold": 0.1}')
    assert checkpoint.read_about(folder) == {"threshold": 0.1}
    for text in ("{", "[]"):
        (folder / "clipmod.json").write_text(text)
        with pytest.raises(ModelError, match=r"clipmod\.json"):
            checkpoint.read_about(folder)


TEXTS = [
    "a photo of a cat",
    "Émile's CAFÉ  \n\t x",
    "",
    "日本語 テスト 👟",
    "don't WE'LL 100% cotton!!! 3.5mm",
    "<|endoftext|> hello <|startoftext|>",
    "İstanbul ß ſ ﬁ e\u0301 \u200b zero",
]


def test_the_tokenizer_equals_the_stock_one(folder: Path) -> None:
    from transformers import CLIPTokenizer

    stock = CLIPTokenizer.from_pretrained(folder)
    fast = checkpoint.load_tokenizer(folder)
    assert [fast.encode(text).ids for text in TEXTS] == stock(TEXTS)["input_ids"]


def test_a_tokenizer_in_the_old_two_files_is_read_too(folder: Path) -> None:
    fast = checkpoint.load_tokenizer(folder)
    expected = [fast.encode(text).ids for text in TEXTS]
    fast.model.save(str(folder))
    (folder / "tokenizer.json").unlink()
    assert [checkpoint.load_tokenizer(folder).encode(text).ids for text in TEXTS] == expected
    (folder / "merges.txt").unlink()
    (folder / "vocab.json").unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        checkpoint.load_tokenizer(folder)
