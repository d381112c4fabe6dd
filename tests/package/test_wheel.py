"""The wheel contains the package, and no tests or tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
NOT_SHIPPED = {"ruff.toml"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(target),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return ZipFile(next(target.glob("wxcube-*.whl")))


def shipped(wheel: ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def in_tree() -> set[str]:
    files = {
        path
        for path in (SOURCE / "wxcube").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    return {path.relative_to(SOURCE).as_posix() for path in files if path.name not in NOT_SHIPPED}


def test_the_wheel_contains_only_the_package(wheel: ZipFile) -> None:
    assert shipped(wheel) == in_tree()


def test_types_and_migrations_are_in_it(wheel: ZipFile) -> None:
    names = shipped(wheel)
    assert "wxcube/py.typed" in names
    assert any(name.startswith("wxcube/warehouse/migrations/versions/") for name in names)


def test_licence_and_commands_are_in_it(wheel: ZipFile) -> None:
    about = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "licenses/LICENSE" in about
    assert "wxcube = wxcube.cli.main:main" in wheel.read(about["entry_points.txt"]).decode()
    assert "Requires-Python: >=3.11" in wheel.read(about["METADATA"]).decode()
