"""Every dependency has a hash, an audit says what it did not do, and a release lists its parts."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.guide import ROOT

PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tool(name: str) -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return import_module(name)
    finally:
        sys.path.pop(0)


def entries() -> dict[str, str]:
    """The pins by name; one package may have several, for versions of Python."""
    found = re.finditer(r"^(\S+?)==(?:.*\\\n)*.*", PINS, re.MULTILINE)
    return {entry[0]: entry[1] for entry in found}


def test_every_pin_has_a_version_and_hashes() -> None:
    assert len(entries()) > 200
    assert len("".join(f"{entry}\n" for entry in entries())) == len(PINS)
    for entry in entries():
        first, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9.-]+==\S+( ; .+)?", first), first
        assert hashes, first
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", one) for one in hashes), first


def test_every_requirement_of_the_project_is_pinned() -> None:
    groups = PROJECT["dependency-groups"]
    lines = [
        *tool("requirements").requirements(["*"]),
        *(line for group in groups.values() for line in group if isinstance(line, str)),
        *PROJECT["build-system"]["requires"],
    ]
    assert len(lines) > 50
    pinned = set(entries().values())
    assert {canonicalize_name(Requirement(line).name) for line in lines} <= pinned


def test_the_bill_lists_what_users_install_and_the_javascript(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py", reason="make sbom installs it")
    target = tmp_path / "bill.json"
    tool("sbom").main(target)
    bill: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    components = {one["name"]: one for one in bill["components"]}
    base = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    assert base | {"pyspark", "yarl", "echarts", "swagger-ui-dist"} <= set(components)
    assert not {"pytest", "sphinx", "playwright", "chdb"} & set(components)
    assert bill["metadata"]["component"]["name"] == "wxcube"
    for name in base:
        assert f"{name}=={components[name]['version']}" in PINS
    references = [one["bom-ref"] for one in bill["components"]]
    assert len(references) == len(set(references))


def test_an_audit_reports_vulnerabilities_and_what_it_skipped() -> None:
    known = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": "bad"}
    packages = [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "bad", "version": "1.0", "vulns": [known]},
        {"name": "own", "skip_reason": "not on PyPI"},
    ]
    lines, is_clean = tool("audit").report(packages)
    assert not is_clean
    assert lines == [
        "NOT AUDITED: own: not on PyPI",
        "bad 1.0: PYSEC-1, fixed in 2.0",
        "2 packages audited, 1 vulnerabilities",
    ]
    assert tool("audit").report(packages[:1])[1]


def test_an_audit_without_its_data_says_so_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tool("audit"), "DATA", "https://127.0.0.1:9/")
    assert tool("audit").main(tmp_path / "stamp") == 0
    assert "DEPENDENCIES NOT AUDITED: api.osv.dev cannot be reached" in capsys.readouterr().err
    assert not (tmp_path / "stamp").exists()
