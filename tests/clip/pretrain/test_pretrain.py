"""The recipe of the bundled model, small: what it learns from, its losses, and a tiny run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.clip.data.catalogue_csv import CatalogueError
from moderation.clip.encoder import Encoder
from moderation.clip.errors import ModelError
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.pretrain.read import PretrainData, read_catalogue, read_pairs
from moderation.clip.pretrain.run import pretrain
from moderation.clip.training.task import Run
from moderation.demo import training_products

pytestmark = pytest.mark.slow

TINY = PretrainSettings(
    steps=4,
    batch_size=16,
    held_out=0.2,
    stored_side=40,
    early_size=24,
    image_size=32,
    imagenet=0,
    text_width=32,
    text_layers=1,
    projection=16,
    vocabulary=700,
    max_tokens=32,
)


@pytest.fixture(scope="module")
def drawn_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of 120 drawn products with their pictures beside it."""
    folder = tmp_path_factory.mktemp("catalogue")
    lines = ["product_id,image_path,text,category"]
    for product in training_products(120, seed=3):
        product.image(32).convert("RGB").save(folder / f"{product.product_id}.jpg")
        lines.append(
            f'{product.product_id},{product.product_id}.jpg,"{product.text}",{product.category}'
        )
    csv = folder / "catalogue.csv"
    csv.write_text("\n".join(lines), encoding="utf-8")
    return csv


@pytest.fixture(scope="module")
def data(drawn_csv: Path) -> PretrainData:
    return read_catalogue(drawn_csv, settings=TINY)


# Losses


def test_losses_fall_when_pictures_and_texts_agree() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.training.losses import contrastive_loss, pair_loss

    scale, bias = torch.tensor(10.0), torch.tensor(-5.0)
    image = torch.eye(4)
    right = torch.cat([torch.eye(4), -torch.eye(4)])  # own text, then the opposite
    wrong = right.roll(1, dims=0)
    ignored = torch.zeros(4, 8, dtype=torch.bool)

    for loss in (
        lambda text: contrastive_loss(image, text, scale=scale, ignored=ignored),
        lambda text: pair_loss(image, text, scale=scale, bias=bias, ignored=ignored),
    ):
        assert loss(right) < 0.1 < 1.0 < loss(wrong)


def test_an_ignored_pair_has_no_say() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.training.losses import contrastive_loss, pair_loss

    image = torch.nn.functional.normalize(torch.randn(3, 8), dim=1)
    text = torch.nn.functional.normalize(torch.randn(6, 8), dim=1).requires_grad_()
    ignored = torch.zeros(3, 6, dtype=torch.bool)
    ignored[:, 5] = True  # a text that may be true of every picture
    scale, bias = torch.tensor(10.0), torch.tensor(-5.0)

    loss = contrastive_loss(image, text, scale=scale, ignored=ignored) + pair_loss(
        image, text, scale=scale, bias=bias, ignored=ignored
    )
    loss.backward()

    assert torch.isfinite(loss)
    assert text.grad[5].abs().max() == 0 < text.grad[4].abs().max()


def test_prompt_loss_counts_any_true_prompt_and_skips_unknown_rows() -> None:
    torch = pytest.importorskip("torch")
    from moderation.clip.training.losses import prompt_loss

    image, prompts = torch.eye(3), torch.eye(3)
    scale = torch.tensor(20.0)
    own = torch.eye(3, dtype=torch.bool)
    none = torch.zeros(3, 3, dtype=torch.bool)

    assert prompt_loss(image, prompts, scale=scale, positive=own) < 1e-6
    assert prompt_loss(image, prompts, scale=scale, positive=~own) > 10
    assert prompt_loss(image, prompts, scale=scale, positive=none) == 0


# A tiny run


@pytest.fixture(scope="module")
def trained(data: PretrainData, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A folder that held an older model and a card by hand, after a tiny run; and what it says."""
    folder = tmp_path_factory.mktemp("models") / "small"
    folder.mkdir()
    (folder / "MODEL_CARD.md").write_text("By hand.", encoding="utf-8")
    (folder / "old.bin").write_text("x", encoding="utf-8")
    return folder, pretrain(data, folder, settings=TINY, device="cpu")


def test_a_run_leaves_a_folder_that_the_app_loads(trained: tuple[Path, dict]) -> None:
    from transformers import AutoTokenizer, CLIPImageProcessor

    folder, _clipmod = trained

    encoder = Encoder.load(folder, device="cpu", precision="fp32")
    assert (encoder.dim, encoder.image_size) == (16, 32)
    text = encoder.encode_texts(["red shirt", "blue mug"])
    assert text[0] @ text[1] < 0.999
    tokens = AutoTokenizer.from_pretrained(folder)("red shirt")["input_ids"]
    assert tokens == encoder.tokens.rows(["red shirt"])[0]
    processor = CLIPImageProcessor.from_pretrained(folder)
    pixels = processor(Image.new("RGB", (30, 40), "red"), return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 32, 32)


def test_a_run_says_how_it_was_made_and_what_it_is_worth(trained: tuple[Path, dict]) -> None:
    folder, clipmod = trained

    written = json.loads((folder / "clipmod.json").read_text(encoding="utf-8"))
    assert written == clipmod
    assert {"name", "threshold", "platt", "metrics", "trained"} <= set(written)
    assert written["trained"]["steps"] == TINY.steps
    assert 0 <= written["metrics"]["held_out_of_training"]["overall"]["auc"] <= 1


def test_a_run_replaces_the_folder_whole_but_keeps_its_card(trained: tuple[Path, dict]) -> None:
    folder, _clipmod = trained

    assert (folder / "MODEL_CARD.md").read_text(encoding="utf-8") == "By hand."
    assert not (folder / "old.bin").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["small"]  # nothing half-written


def test_one_seed_gives_the_same_weights_and_another_gives_others(
    data: PretrainData, tmp_path: Path
) -> None:
    import torch

    from moderation.clip.pretrain.run import state_file
    from moderation.clip.pretrain.task import Pretraining

    def weights(seed: int) -> torch.Tensor:
        settings = replace(TINY, steps=2, seed=seed)
        task = Pretraining(data.train, settings, device="cpu", bf16=False)
        task.train(state_file(task, tmp_path / "state.pt", resume=False))
        return torch.cat([value.flatten() for value in task.average.state_dict().values()])

    one, again, other = weights(5), weights(5), weights(6)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_tokenizer_is_the_same_every_time() -> None:
    from moderation.clip.pretrain.tokenizer import train_tokenizer

    texts = [product.text for product in training_products(100, seed=1)]
    one, two = (train_tokenizer(texts, vocabulary=700) for _turn in range(2))

    assert one.to_str() == two.to_str()
    row = one.encode("Red shirt").ids
    assert (row[0], row[-1]) == (0, 1)


def test_training_lowers_the_loss(data: PretrainData, tmp_path: Path) -> None:
    from moderation.clip.pretrain.run import state_file
    from moderation.clip.pretrain.task import Pretraining

    losses: list[float] = []
    task = Pretraining(data.train, replace(TINY, steps=40), device="cpu", bf16=False)
    task.each_step = lambda _run, loss: losses.append(loss)
    task.train(state_file(task, tmp_path / "state.pt", resume=False))

    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_a_run_that_was_cut_off_goes_on(data: PretrainData, tmp_path: Path) -> None:
    import torch

    from moderation.clip.pretrain.run import state_file
    from moderation.clip.pretrain.task import Pretraining

    cut, state = replace(TINY, steps=3), tmp_path / "state.pt"
    first = Pretraining(data.train, cut, device="cpu", bf16=False)
    first.train(state_file(first, state, resume=False))
    second = Pretraining(data.train, replace(TINY, steps=5), device="cpu", bf16=False)
    saved = state_file(second, state, resume=True)
    saved.load(Run(micro=8), second, second.optimizer())
    for name, value in second.model.state_dict().items():
        assert torch.equal(value, first.model.state_dict()[name])

    assert second.train(saved).step == 5
    with pytest.raises(ModelError, match="--resume"):
        other = Pretraining(
            data.train, replace(TINY, text_width=16, steps=5), device="cpu", bf16=False
        )
        other.train(state_file(other, state, resume=True))
    with pytest.raises(ModelError, match="--resume"):
        state_file(second, tmp_path / "none.pt", resume=True)


def test_a_run_that_was_cut_off_ends_where_it_would_have(
    data: PretrainData, tmp_path: Path
) -> None:
    import torch

    from moderation.clip.pretrain.run import state_file
    from moderation.clip.pretrain.task import Pretraining

    def run(name: str, *, resume: bool = False, until: int = 9) -> dict[str, torch.Tensor]:
        def stop(run: Run, _loss: float) -> None:
            if run.step == until:
                raise KeyboardInterrupt

        task = Pretraining(data.train, replace(TINY, steps=5), device="cpu", bf16=False)
        task.each_step = stop
        state = state_file(task, tmp_path / name, resume=resume)
        state.seconds = 0.0
        task.train(state)
        return task.average.state_dict()

    undisturbed = run("undisturbed")
    with pytest.raises(KeyboardInterrupt):
        run("cut", until=3)
    went_on = run("cut", resume=True)

    assert all(torch.equal(went_on[name], value) for name, value in undisturbed.items())


def test_a_resumed_run_takes_its_own_share_from_which_the_text_tower_learns(
    data: PretrainData, tmp_path: Path
) -> None:
    import torch

    from moderation.clip.pretrain.run import state_file
    from moderation.clip.pretrain.task import Pretraining

    def texts(steps: int, *, text_from: float, resume: bool = False) -> torch.Tensor:
        settings = replace(TINY, steps=steps, text_from=text_from)
        task = Pretraining(data.train, settings, device="cpu", bf16=False)
        task.train(state_file(task, tmp_path / "state.pt", resume=resume))
        return task.weights["text_projection.weight"]

    kept = texts(2, text_from=1.0)
    assert torch.equal(texts(4, text_from=1.0, resume=True), kept)
    assert not torch.equal(texts(6, text_from=0.0, resume=True), kept)


def test_a_model_can_be_trained_further(
    data: PretrainData, trained: tuple[Path, dict], tmp_path: Path
) -> None:
    folder, clipmod = trained
    further = pretrain(
        data,
        tmp_path / "further",
        settings=replace(TINY, steps=1),
        device="cpu",
        start_from=folder,
    )

    assert further["trained"]["before"] == clipmod["trained"]
    old, new = ((f / "tokenizer.json").read_bytes() for f in (folder, tmp_path / "further"))
    assert old == new
    with pytest.raises(ModelError, match="image_size=32"):
        pretrain(
            data,
            tmp_path / "other",
            settings=replace(TINY, image_size=40),
            device="cpu",
            start_from=folder,
        )


# What people can do wrong


def test_settings_are_changed_by_name() -> None:
    changed = TINY.changed(["learning_rate=5e-4", "batch_size=8"])

    assert (changed.learning_rate, changed.batch_size) == (5e-4, 8)
    with pytest.raises(ModelError, match="no setting 'speed'"):
        TINY.changed(["speed=9"])
    with pytest.raises(ModelError, match="batch_size needs a number"):
        TINY.changed(["batch_size=many"])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    csv = tmp_path / "bad.csv"
    csv.write_text("image_path,title\na.jpg,A\n", encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"bad\.csv has no column text, category"):
        read_catalogue(csv, settings=TINY)


def test_a_wrong_folder_is_explained(drawn_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="--image-base-path"):
        read_catalogue(drawn_csv, settings=TINY, folder=tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"no file .*none\.csv"):
        read_catalogue(tmp_path / "none.csv", settings=TINY)


def test_pairs_without_their_products_are_refused(drawn_csv: Path) -> None:
    with pytest.raises(CatalogueError, match="--val-csv"):
        read_catalogue(drawn_csv, settings=TINY, val_pairs=drawn_csv)


def test_a_label_in_words_is_named_with_its_line(drawn_csv: Path) -> None:
    pairs = drawn_csv.with_name("worded.csv")
    pairs.write_text("image_path,text,label,kind\na.jpg,A cup,1,match\na.jpg,A hat,no,random\n")
    with pytest.raises(CatalogueError, match=r"worded\.csv, line 3: label is “no”"):
        read_pairs(pairs, folder=drawn_csv.parent, sources={}, side=32)


def test_two_beginnings_are_refused(drawn_csv: Path, tmp_path: Path) -> None:
    data = read_catalogue(drawn_csv, settings=TINY)
    with pytest.raises(ModelError, match="give one of the two"):
        pretrain(data, tmp_path / "out", settings=TINY, start_from=tmp_path, text_from=tmp_path)


def test_too_few_rows_are_refused(drawn_csv: Path, tmp_path: Path) -> None:
    few = drawn_csv.with_name("few.csv")
    few.write_text("\n".join(drawn_csv.read_text(encoding="utf-8").splitlines()[:8]), "utf-8")

    with pytest.raises(CatalogueError, match="too few"):
        read_catalogue(few, settings=TINY)
