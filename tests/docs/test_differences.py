"""The page of differences has every endpoint and rule, and names only what exists."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from types import ModuleType

import pytest

from support.guide import ROOT
from wxcube.contract import ENDPOINTS, Endpoint
from wxcube.contract.codes import ERRCODES
from wxcube.contract.field import Row
from wxcube.contract.rules import RULES, Area, Rule
from wxcube.emulator.faults import Fault
from wxcube.emulator.quirks import Quirks


def extension() -> ModuleType:
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        return import_module("differences")
    finally:
        sys.path.pop(0)


PAGE: str = extension().page()


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_every_endpoint_has_its_evidence_and_what_wxcube_does(endpoint: Endpoint[Row]) -> None:
    section = (
        PAGE.partition(f"### {endpoint.name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    )
    for fact in endpoint.evidence:
        assert f"- **{extension().KNOWN[fact.status]}**: " in section
        assert fact.url in section
        assert extension().escaped(fact.note) in section
    line = next(one for one in PAGE.splitlines() if one.startswith(f"| [{endpoint.name}]"))
    assert "a call, from" in line
    assert ("47009" in line) == endpoint.is_retired


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.wechat[:40])
def test_every_rule_is_listed_with_its_evidence(rule: Rule) -> None:
    line = next(one for one in PAGE.splitlines() if extension().escaped(rule.wechat) in one)
    assert f"**{extension().KNOWN[rule.status]}**: {rule.source}" in line
    assert rule.served or rule.fetched
    assert rule.served in line
    assert rule.fetched in line


def test_every_area_has_rules() -> None:
    assert {rule.area for rule in RULES} == set(Area)
    assert len({rule.wechat for rule in RULES}) == len(RULES)


def test_rules_name_quirks_faults_and_errcodes_that_exist() -> None:
    text = "\n".join(f"{rule.wechat} {rule.served} {rule.fetched}" for rule in RULES)
    quirks = re.findall(r"quirk `(\w+)`", text)
    faults = re.findall(r"fault `(\w+)`", text)
    assert set(quirks) <= set(Quirks.__struct_fields__)
    assert set(faults) <= set(Fault.__struct_fields__)
    assert len(quirks) > 3
    assert faults
    assert {int(code) for code in re.findall(r"\b[4-6]\d{4}\b", text)} <= ERRCODES.keys()


def test_errcodes_beyond_the_documents_are_listed() -> None:
    section = PAGE.partition("## Errcodes")[2].partition("\n## ")[0]
    listed = {int(code) for code in re.findall(r"^\| \[(-?\d+)\]", section, re.MULTILINE)}
    assert listed == {code for code, known in ERRCODES.items() if known.status != "official"}
