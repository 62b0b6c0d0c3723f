"""What a version's explanations may say: measured once, kept, or brought along by its folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.explanation.margins import KindMargins, Margins
from moderation.models import ModelVersion
from moderation.services.encoding import margins
from moderation.services.encoding.engine import engine_for
from moderation.services.registry import registering
from tests.support.clip_models import build_folder, tiny_config

pytestmark = pytest.mark.django_db

OTHER = {**tiny_config(), "projection_dim": 8}
SOME = Margins(KindMargins(2.0, 6.0), KindMargins(4.0, None), guess=0.7, near=0.9)


@pytest.fixture(autouse=True)
def measured_anew(monkeypatch: pytest.MonkeyPatch, no_heartbeats: None) -> None:
    monkeypatch.setattr(margins, "_measured", {})
    monkeypatch.setattr(margins, "LISTINGS", 35)


def say(folder: Path, explanations: object) -> None:
    """Let the folder say this of its explanations."""
    about = folder / checkpoint.ABOUT_NAME
    known = json.loads(about.read_text()) if about.is_file() else {}
    about.write_text(json.dumps({**known, "explanations": explanations}))


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model folder that says nothing of its explanations."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def test_a_version_is_measured_once_and_registering_it_again_keeps_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registering.register(str(folder))
    engine = engine_for(version)
    assert margins.of(version) is None

    first = margins.measured(engine)
    monkeypatch.setattr(margins, "on_drawn_products", None)  # not asked again

    again = registering.register(str(folder))
    assert again.pk == version.pk
    assert margins.of(again) == first == margins.measured(engine)


def test_random_weights_are_trusted_with_no_guess(folder: Path) -> None:
    found = margins.measured(engine_for(registering.register(str(folder))))

    assert found.guess is None
    assert found.category.wrong is None


def test_what_a_folder_brings_along_is_taken(folder: Path) -> None:
    say(folder, SOME.as_json())

    assert margins.of(registering.register(str(folder))) == SOME


def test_damaged_margins_are_said_with_their_file(folder: Path) -> None:
    say(folder, {"guess": 0.4})

    with pytest.raises(ModelError, match=r"clipmod\.json: the margins of the explanations"):
        registering.register(str(folder))
    assert not ModelVersion.objects.exists()


def test_the_margins_that_are_written_are_the_ones_taken(folder: Path) -> None:
    from benchmarks import margins as benchmark

    benchmark.write(SOME, folder / checkpoint.ABOUT_NAME)

    assert margins.of(registering.register(str(folder))) == SOME


def test_other_weights_are_measured_for_themselves(folder: Path, tmp_path: Path) -> None:
    first = registering.register(str(folder))
    margins.measured(engine_for(first))

    other = registering.register(str(build_folder(tmp_path / "other", config=OTHER)))

    assert margins.of(other) is None
