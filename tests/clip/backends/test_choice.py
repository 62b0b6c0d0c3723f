"""What was decided for a model is read by all processes of the machine, and by no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from moderation.clip.analyzer import CLIPAnalyzer
from moderation.clip.backends import choice, export, machine
from moderation.clip.backends.choice import Choice, Tried
from moderation.clip.configuration import arithmetic, arithmetics

DECIDED = Choice(
    backend="onnx",
    precision="int8",
    pairs=1000,
    of_the_shop=True,
    made_at="2026-11-30T10:00:00+00:00",
    machine="a processor",
    tried=(Tried("onnx", "int8", 10.0, 1.0, times=3.5, flips=2, decision="chosen"),),
)


def test_a_decision_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    assert choice.read(folder, "model") is None
    choice.write(folder, "model", DECIDED)
    choice.write(folder, "model", replace(DECIDED, precision="fp32"))
    choice.write(folder, "model", DECIDED)
    assert choice.read(folder, "model") == DECIDED
    assert choice.read(folder, "another") is None
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o044 == 0o044, "other users of the machine read it"
    assert choice.forget(folder, "model") and not choice.forget(folder, "model")


def test_another_machine_has_nothing_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice.write(tmp_path, "model", DECIDED)
    other = "another processor, 8 cores; torch 9"
    monkeypatch.setattr(machine, "name", lambda: other)
    assert choice.read(tmp_path, "model") is None


def test_the_machines_name_tells_what_a_choice_depends_on() -> None:
    assert " cores; torch 2" in machine.name() and ", onnxruntime 1" in machine.name()


def test_a_damaged_file_decides_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "exported"
    choice.write(folder, "model", DECIDED)
    (file,) = folder.iterdir()
    for text in ("{", "[]", '{"tried": []}'):
        file.write_text(text)
        assert choice.read(folder, "model") is None
    assert "is not used, since it cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("stored", "device", "backend", "precision", "found"),
    [
        (None, "auto", "auto", "auto", ("torch", "auto")),
        (None, "auto", "auto", "bf16", ("torch", "bf16")),
        (None, "auto", "auto", "int8", ("onnx", "int8")),
        (DECIDED, "auto", "auto", "auto", ("onnx", "int8")),
        (DECIDED, "cpu", "auto", "int8", ("onnx", "int8")),
        (DECIDED, "cuda", "auto", "auto", ("torch", "auto")),
        (DECIDED, "auto", "auto", "fp32", ("torch", "fp32")),
        (DECIDED, "auto", "torch", "auto", ("torch", "auto")),
        (DECIDED, "auto", "openvino", "bf16", ("openvino", "bf16")),
    ],
)
def test_what_is_set_comes_before_what_was_decided(
    stored: Choice | None, device: str, backend: str, precision: str, found: tuple[str, str]
) -> None:
    assert found == choice.resolved(stored, device=device, backend=backend, precision=precision)


def test_each_arithmetic_has_a_name_of_its_own_and_torchs_are_as_they_were() -> None:
    names = arithmetics()
    assert len(set(names)) == len(names) and max(map(len, names)) <= 10, "the column's length"
    assert [arithmetic("torch", one) for one in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert arithmetic("onnx", "fp32") == "onnx-fp32"


@pytest.mark.slow
def test_an_analyzer_of_ones_own_follows_the_decision(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_EXPORT_DIR", str(tmp_path / "exported"))
    monkeypatch.setenv("CLIP_PRECISION", "")
    assert CLIPAnalyzer(tiny_folder).encoder.backend == "torch"
    choice.write(tmp_path / "exported", export.key_of(tiny_folder), DECIDED)
    encoder = CLIPAnalyzer(tiny_folder).encoder
    assert (encoder.backend, encoder.precision) == ("onnx", "int8")
    monkeypatch.setenv("CLIP_BACKEND", "torch")
    assert CLIPAnalyzer(tiny_folder).encoder.backend == "torch"
