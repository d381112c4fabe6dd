"""Write the bill of materials of a release: `python tools/sbom.py FILE` (CycloneDX, JSON).

It lists what users install, at the versions and hashes of constraints.txt, and the JavaScript that
is part of the package. The packages of all extras must be installed: who needs what is read from
them.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from requirements import requirements

ROOT = Path(__file__).parents[1]
PINS = ROOT / "constraints.txt"
_PIN = re.compile(r"^(\S+?)==(?:.*\\\n)*.*", re.MULTILINE)
_VENDORED = {
    "echarts": ("echarts", "src/wxcube/charts/static/echarts.js", "Apache-2.0"),
    "swagger-ui": ("swagger-ui-dist", "src/wxcube/server/static/swagger-ui.js", "Apache-2.0"),
}
"""Recipes in tools/, with the package of npm, the file made of it, and its licence."""


def used(lines: Iterable[str]) -> set[str]:
    """The normal names of the packages that requirements need, directly or not."""
    names: set[str] = set()
    new = {name for line in lines for name in _needed(line)}
    while new:
        names |= new
        new = {name for known in new for line in _requires(known) for name in _needed(line)} - names
    return names


def _needed(line: str) -> Iterator[str]:
    """The package of a requirement, unless only an extra of ours or another package needs it."""
    requirement = Requirement(line)
    marker = str(requirement.marker or "")
    if "extra ==" not in marker:
        yield canonicalize_name(requirement.name)
        for extra in requirement.extras:
            yield from _of_extra(requirement.name, extra)


def _of_extra(name: str, extra: str) -> Iterator[str]:
    for line in _requires(name):
        requirement = Requirement(line)
        if requirement.marker and f'extra == "{extra}"' in str(requirement.marker):
            yield canonicalize_name(requirement.name)


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        # for another system
        return []


def pins(names: set[str]) -> str:
    """The entries of constraints.txt for some packages."""
    entries = _PIN.finditer(PINS.read_text(encoding="utf-8"))
    return "".join(f"{e[0]}\n" for e in entries if canonicalize_name(e[1]) in names)


def vendored() -> Iterator[dict[str, Any]]:
    """The JavaScript in the package, as components."""
    for recipe, (name, file, licence) in _VENDORED.items():
        package = json.loads((ROOT / "tools" / recipe / "package.json").read_text("utf-8"))
        version = package["dependencies"][name]
        checksum = hashlib.sha256((ROOT / file).read_bytes()).hexdigest()
        yield {
            "type": "library",
            "bom-ref": f"npm-{name}",
            "name": name,
            "version": version,
            "purl": f"pkg:npm/{name}@{version}",
            "licenses": [{"license": {"id": licence}}],
            "properties": [
                {"name": "wxcube:file", "value": file},
                {"name": "wxcube:sha256", "value": checksum},
            ],
        }


def main(target: Path) -> None:
    """Write the bill of materials."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", "-"]
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"]
    done = subprocess.run(  # noqa: S603 - constants
        [*command, *options, "--output-reproducible", "--output-format", "JSON"],
        input=pins(used(requirements(["*"]))),
        capture_output=True,
        text=True,
        check=True,
    )
    bill = json.loads(done.stdout)
    bill["components"] += vendored()
    bill["dependencies"] += [{"ref": one["bom-ref"]} for one in vendored()]
    target.write_text(json.dumps(bill, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
