"""Exported labels tell the share of wrong listings of a shop in which it is known."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User

from moderation.clip.statistics.catalogue_estimate import Figure
from moderation.models import Analysis, ModelVersion
from moderation.services.datasets import dataset
from moderation.services.estimates import figures
from tests.support import sampled_shop
from tests.support.docs_runner import blocks
from tests.support.paths import ROOT
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


def part(
    size: int, *, wrong: float, share: float, opened: int, rng: np.random.Generator
) -> tuple[dict[str, int], int]:
    """What is judged of some products, half of the sample and the most suspicious others."""
    truth = rng.random(size) < wrong
    suspicion = truth + rng.normal(0, 0.7, size)
    lot = rng.random(size) < share
    judged = np.flatnonzero(lot)[: int(lot.sum()) // 2]
    others = np.flatnonzero(~lot)
    front = others[np.argsort(-suspicion[others])[:opened]]
    return {
        "lot": int(lot.sum()),
        "judged": len(judged),
        "wrong": int(truth[judged].sum()),
        "opened": len(front),
        "opened_wrong": int(truth[front].sum()),
    }, int(truth.sum())


@pytest.fixture
def true_share(bundled: ModelVersion, anna: User, media: Path) -> float:
    """The share of wrong listings of a shop, most of whose labels are of suspicious ones."""
    rng = np.random.default_rng(2)
    size = wrong = 0
    for count, share_wrong, share, opened, flagged in (
        (400, 0.5, 0.2, 150, True),
        (600, 0.05, 0.16, 0, False),
        (5000, 0.005, 0.06, 0, False),
    ):
        about, found = part(count, wrong=share_wrong, share=share, opened=opened, rng=rng)
        sampled_shop.add(count, version=bundled, by=anna, flagged=flagged, share=share, **about)
        size, wrong = size + count, wrong + found
    (media / "products").mkdir(exist_ok=True)
    (media / "products" / "one.jpg").write_bytes(photo("red"))
    Analysis.objects.update(image="products/one.jpg", image_sha256="0" * 64)
    return wrong / size


def documented_command() -> str:
    shown = [
        block.code
        for block in blocks(ROOT / "docs" / "datasets.md")
        if "analysis_weight" in block.code
    ]
    assert len(shown) == 1
    return shown[0].replace("python -", f"{sys.executable} -")


def test_the_documented_command_tells_the_share_of_wrong_listings(
    true_share: float, tmp_path: Path
) -> None:
    folder = tmp_path / "exports" / "judged"
    dataset.export(folder, with_images=False)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["label"] == "0" for row in rows) / len(rows) > 4 * true_share

    ran = subprocess.run(
        ["bash", "-c", documented_command()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    share, _, products = ran.stdout.partition("% of ")
    assert products == "6,000 products\n"
    quality = figures.overall().prevalence
    assert isinstance(quality, Figure)
    assert quality.low <= float(share) / 100 <= quality.high
    assert float(share) / 100 == pytest.approx(quality.value, abs=0.002)
    # Half of the sample was judged: the standard error is 0.0075.
    assert float(share) / 100 == pytest.approx(true_share, abs=0.015)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["analysis_weight"]["products"] == 6000
    assert manifest["analysis_weight"]["unknown"] == ""


def test_only_what_was_judged_by_lot_stands_for_others(true_share: float, tmp_path: Path) -> None:
    dataset.export(tmp_path / "out", format="jsonl", with_images=False)
    lines = (tmp_path / "out" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    assert {row["in_audit"] for row in rows} == {0, 1}
    assert all((row["analysis_weight"] > 1) == bool(row["in_audit"]) for row in rows)
    assert {row["analysis_weight"] for row in rows if not row["in_audit"]} == {0.0}


def test_labels_that_cannot_tell_are_not_weighed(
    bundled: ModelVersion, anna: User, media: Path, tmp_path: Path
) -> None:
    sampled_shop.add(50, version=bundled, by=anna, flagged=True, lot=10, judged=10, wrong=6)
    sampled_shop.add(900, version=bundled, by=anna, flagged=False)
    (media / "products").mkdir(exist_ok=True)
    (media / "products" / "one.jpg").write_bytes(photo("red"))
    Analysis.objects.update(image="products/one.jpg", image_sha256="0" * 64)
    folder = tmp_path / "exports" / "judged"
    manifest = dataset.export(folder, with_images=False)

    said = manifest.as_json()["analysis_weight"]["unknown"]
    assert said.startswith("Unknown: ")
    ran = subprocess.run(
        ["bash", "-c", documented_command()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "not known yet\n"
