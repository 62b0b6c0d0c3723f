"""Evaluation of the bundled model: a CSV, gold and audit, and what is left out of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from moderation.clip.statistics.assess import told
from moderation.models import Decision, Evaluation, ModelVersion, Product, TrainingRun
from moderation.services.estimates import figures
from moderation.services.release import evaluation, judged_pairs
from moderation.services.rules import sampling
from tests.support import judged_shop, sampled_shop
from tests.support.factories import MakeUser
from tests.support.photos import photo

pytestmark = pytest.mark.django_db


def pairs_csv(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "pairs.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    """Twelve photos of balls, each with its text and with the text of another colour."""
    found = []
    for number in range(12):
        colours = judged_shop.COLOURS
        colour, other = colours[number % 8], colours[(number + 3) % 8]
        (tmp_path / f"{number}.jpg").write_bytes(photo(colour, mark=number))
        for said, label, kind in ((colour, 1, "match"), (other, 0, "colour")):
            text = f"A {said} ball"
            found.append(
                {"image_path": f"{number}.jpg", "text": text, "label": label, "kind": kind}
            )
    return found


# ── A CSV ─────────────────────────────────────────────────────────────────────────────────────
def test_a_csv_is_measured_printed_written_and_kept(
    bundled: ModelVersion, rows: list[dict[str, Any]], tmp_path: Path, capsys: Any
) -> None:
    path, output = pairs_csv(tmp_path, rows), tmp_path / "report.json"

    call_command("evaluate", str(path), output=output)

    shown = capsys.readouterr().out
    assert f"bundled on {path}: 12 mismatches, 12 matches" in shown
    assert "ROC-AUC" in shown and "Precision at recall 0.8" in shown and "colour" in shown
    stored = Evaluation.objects.get()
    assert (stored.version, stored.baseline, stored.passed) == (bundled, None, None)
    assert stored.report["overall"]["auc"]["value"] > 0.7
    low, high = (stored.report["overall"]["auc"][end] for end in ("low", "high"))
    assert low <= stored.report["overall"]["auc"]["value"] <= high
    assert json.loads(output.read_text())["report"] == json.loads(json.dumps(stored.report))
    call_command("evaluate", str(path), json=True)
    assert json.loads(capsys.readouterr().out)["dataset_sha256"] == stored.dataset_sha256


def test_too_few_of_a_class_say_so_instead_of_figures(
    bundled: ModelVersion, rows: list[dict[str, Any]], tmp_path: Path, capsys: Any
) -> None:
    call_command("evaluate", str(pairs_csv(tmp_path, rows[:5])))

    shown = capsys.readouterr().out
    assert "Not enough labels: 2 mismatches and 3 matches; at least 5 of each are needed." in shown
    assert "ROC-AUC" not in shown


def test_photos_that_are_gone_or_broken_are_counted(
    bundled: ModelVersion, rows: list[dict[str, Any]], tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "0.jpg").unlink()
    (tmp_path / "1.jpg").write_bytes(b"no picture")

    call_command("evaluate", str(pairs_csv(tmp_path, rows)))

    assert "10 mismatches, 10 matches" in (shown := capsys.readouterr().out)
    assert "photos could not be used: " in shown and "1.jpg" in shown


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": "2"}, "line 2: label is “2”; write 1 for a match and 0 for a mismatch"),
        ({"text": " "}, "line 2: text is empty"),
        ({"weight": "-1"}, "line 2: weight is “-1”; write a number above 0"),
    ],
)
def test_a_bad_row_is_named(
    bundled: ModelVersion,
    rows: list[dict[str, Any]],
    tmp_path: Path,
    change: dict[str, str],
    sentence: str,
) -> None:
    rows = [{"weight": "1", **row} for row in rows]
    rows[0] |= change
    with pytest.raises(CommandError, match=sentence):
        call_command("evaluate", str(pairs_csv(tmp_path, rows)))
    assert not Evaluation.objects.exists()


def test_a_bad_file_is_named(bundled: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("evaluate", str(tmp_path / "nowhere.csv"))
    with pytest.raises(CommandError, match="has no column text, label"):
        call_command("evaluate", str(pairs_csv(tmp_path, [{"image_path": "x.jpg"}])))
    lost = pairs_csv(tmp_path, [{"image_path": "x.jpg", "text": "A ball", "label": 1}])
    with pytest.raises(CommandError, match=r"No photo .* --image-base-path"):
        call_command("evaluate", str(lost))
    with pytest.raises(CommandError, match="no gold or audit decisions"):
        call_command("evaluate")


# ── Gold and audit ────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def scored(bundled: ModelVersion, make_user: MakeUser) -> list[Product]:
    """Twelve products judged by lot, six of them flagged, twelve flagged ones that people picked.

    Beside them there are 94 more that passed.
    """
    products, ben = judged_shop.taken_in(24), make_user("ben")
    judged_shop.judge_all(products[:6], by=[ben])
    judged_shop.judge_all(products[6:12], by=[ben], stratum="audit", probability=0.02)
    judged_shop.judge_all(products[12:], by=[ben], in_audit=False)
    for number, product in enumerate(products):
        row, passed = product.analyses.get(), 6 <= number < 12
        row.similarity, row.threshold_used = (0.4 if passed else 0.1), 0.25
        row.is_mismatch = not passed
        row.save()
        product.analysis, product.audit_share = row, 0.02 if passed else 0.1
        product.save()
    sampled_shop.add(94, version=bundled, by=ben, flagged=False, share=0.02)
    return products


def test_the_audit_counts_and_chosen_items_do_not(scored: list[Product]) -> None:
    pairs = judged_pairs.gold_and_audit()

    assert len(pairs) == 12 and {pair.source for pair in pairs} == {"audit"}
    assert sum(pair.label for pair in pairs) == 6
    # Six stand for eighteen that are flagged, and six for a hundred that passed.
    weights = {(pair.stratum, round(pair.weight, 6)) for pair in pairs}
    assert weights == {("flagged", 3.0), ("audit", round(100 / 6, 6))}
    assert {pair.kind for pair in pairs} == {"", "other_colour"}


def test_pairs_stand_for_the_catalogue_as_it_is_now(
    scored: list[Product], bundled: ModelVersion, make_user: MakeUser
) -> None:
    before = judged_pairs.sha256_of(judged_pairs.gold_and_audit())
    sampled_shop.add(200, version=bundled, by=make_user("eve"), flagged=False, share=0.02)
    changed = scored[0]
    changed.content_hash = "what is shown since"
    changed.save()

    pairs = judged_pairs.gold_and_audit()

    weights = {round(pair.weight, 6) for pair in pairs if pair.stratum == "audit"}
    assert weights == {round(300 / 6, 6)}
    own = [pair.weight for pair in pairs if pair.text == changed.text]
    assert own == [1.0]  # what a listing showed before stands for itself
    assert judged_pairs.sha256_of(pairs) == before  # what was asked is the same


def test_the_version_in_force_has_the_figures_of_the_page_of_quality(
    scored: list[Product], bundled: ModelVersion, capsys: Any
) -> None:
    report = evaluation.evaluate(bundled).report["overall"]

    quality = figures.overall()
    assert report["precision"] == told(quality.precision) == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert report["recall"] == told(quality.recall) and report["recall"]["value"] < 0.2
    assert "f1" not in report
    call_command("evaluate")
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("Precision at the threshold")]
    assert line.endswith(" 0.500")  # all flagged ones were judged: known exactly


def test_gold_is_what_two_decided_alike_in_the_gold_share(
    bundled: ModelVersion, make_user: MakeUser, settings: Any
) -> None:
    products = judged_shop.taken_in(30)
    decisions = judged_shop.judge_all(
        products, by=[make_user("ben"), make_user("mia")], in_audit=False
    )
    settings.GOLD_SHARE = 0.4
    drawn = {p.external_id for p in products if sampling.drawn_for_gold(p.external_id)}
    assert 0 < len(drawn) < 30

    pairs = judged_pairs.gold_and_audit()
    assert len(pairs) == len(drawn) and {pair.source for pair in pairs} == {"gold"}

    # One of two takes it back: they no longer agree, and it was not drawn for the audit.
    last = next(d for d in reversed(decisions) if d.item.product.external_id in drawn)
    Decision.objects.create(
        item=last.item,
        analysis=last.analysis,
        moderator=last.moderator,
        corrects=last,
        verdict="confirm" if last.verdict == "dismiss" else "dismiss",
    )
    assert len(judged_pairs.gold_and_audit()) == len(drawn) - 1


def test_unclear_and_automatic_verdicts_are_no_labels(
    bundled: ModelVersion, make_user: MakeUser
) -> None:
    first, second, third = judged_shop.judge_all(judged_shop.taken_in(3), by=[make_user("ben")])
    for old, change in ((first, {"reason": "unclear"}), (second, {"mode": "automatic"})):
        Decision.objects.create(
            item=old.item,
            analysis=old.analysis,
            moderator=old.moderator,
            corrects=old,
            verdict="dismiss",
            **change,
        )
    assert [pair.text for pair in judged_pairs.gold_and_audit()] == [third.analysis.text]


def test_what_a_version_or_its_parent_was_trained_on_is_left_out(
    bundled: ModelVersion, make_user: MakeUser, tmp_path: Path
) -> None:
    decisions = judged_shop.judge_all(judged_shop.taken_in(20), by=[make_user("ben")])
    folder = tmp_path / "data"
    folder.mkdir()
    seen = [decision.analysis for decision in decisions[:4]]
    for name, part in (("train.csv", seen[:2]), ("calibration.csv", seen[2:])):
        # The photos under other names: the titles alone tell, whatever their punctuation.
        photo = "images/{}.jpg" if name == "train.csv" else "photo-of-{}.jpg"
        lines = [f"{photo.format(row.image_sha256)},{row.text.upper()}!,1\n" for row in part]
        (folder / name).write_text("image_path,text,label\n" + "".join(lines))
    child = judged_shop.candidate(tmp_path / "child", parent=bundled)
    TrainingRun.objects.create(base=bundled, version=bundled, dataset=str(folder), live=None)

    assert len(judged_pairs.gold_and_audit()) == 20
    left = judged_pairs.gold_and_audit(unseen_by=[child])
    assert len(left) == 16
    assert not {pair.image_sha256 for pair in left} & {row.image_sha256 for row in seen}
    assert evaluation.evaluate(bundled).report["pairs"] == 16

    (folder / "train.csv").unlink()  # any of the audit may have been in it
    assert not judged_pairs.gold_and_audit(unseen_by=[child])
