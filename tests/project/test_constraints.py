"""constraints.txt pins, with hashes, all that `requirements.txt` leads to; sbom.json lists it."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import constraints, sbom
from tools.installed import needed, requirements

pytestmark = pytest.mark.any_database

TEXT = constraints.CONSTRAINTS.read_text(encoding="utf-8")
PINS = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", TEXT, re.M))


def test_every_requirement_is_pinned_within_what_it_asks_for() -> None:
    for one in requirements():
        name = canonicalize_name(one.name)
        pinned = re.search(r"tested was (\S+)\.$", TEXT, re.M)
        assert pinned is not None
        found = pinned[1] if name == constraints.LEFT_OUT else PINS.get(name)
        assert found is not None, f"{name} is missing: run `make constraints`."
        assert one.specifier.contains(found), f"{name} is {found}: run `make constraints`."


def test_whatever_a_pinned_version_asks_for_is_pinned_too() -> None:
    missing = {
        child
        for name, pinned in PINS.items()
        if version(name) == pinned  # of another version's wishes nothing is known here
        for child in needed([Requirement(name)])
    }
    assert missing - PINS.keys() == set(), "Run `make constraints`."


def test_every_pin_has_hashes_and_nothing_names_a_host() -> None:
    for part in re.split(r"\n(?=[a-z0-9-]+==)", TEXT)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", part), part.splitlines()[0]
    assert "://" not in TEXT and "index" not in TEXT
    assert constraints.LEFT_OUT not in PINS


def test_what_would_be_pinned_is_what_is_installed() -> None:
    pins = constraints.pins()
    assert "torch" not in {pin.partition("==")[0] for pin in pins}
    assert f"django=={version('django')}" in pins
    assert f"sympy=={version('sympy')}" in pins  # which torch alone asks for
    assert not [pin for pin in pins if pin.startswith(("nvidia-", "pytest"))]


def test_the_bill_of_materials_names_every_requirement_with_its_licence() -> None:
    bill = sbom.bill()
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(part["name"]): part for part in bill["components"]}
    assert {name: part["version"] for name, part in listed.items()} == needed(requirements())
    assert [name for name, part in listed.items() if not part.get("licenses")] == []
    (clipmod,) = (one for one in bill["dependencies"] if one["ref"] == "root-component")
    assert len(clipmod["dependsOn"]) == len(requirements())
    assert bill["metadata"]["component"]["name"] == "clipmod"


@pytest.mark.slow
def test_the_bill_of_materials_is_of_the_standards_form() -> None:
    bill = sbom.bill()
    form = SchemaVersion.from_version(bill["specVersion"])
    assert JsonStrictValidator(form).validate_str(json.dumps(bill)) is None
