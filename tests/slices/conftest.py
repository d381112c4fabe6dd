"""One emulator, and one site that was synced from it undisturbed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.command_line import MakeSite, Site, Synced, site_of
from wxcube.testing import RunningEmulator

DAYS = 15


@pytest.fixture(scope="session")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    with RunningEmulator(days=DAYS) as running:
        folder = tmp_path_factory.mktemp("synced")
        site = site_of(folder, running, sync="include_retired = true")
        said = site.run("--log-level", "debug", "sync")
        yield Synced(site, running, said, running.emulator.journal.calls("/datacube/*"))


@pytest.fixture
def copied(synced: Synced, tmp_path: Path) -> Site:
    """A copy of the synced site, free to be changed; its emulator is shared."""
    folder = tmp_path / "copied"
    shutil.copytree(synced.site.folder, folder)
    return replace(synced.site, folder=folder)


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    """An emulator of the test's own."""
    with RunningEmulator(days=DAYS) as found:
        yield found


@pytest.fixture
def new_site(tmp_path: Path) -> MakeSite:
    """Makes sites for an emulator, each in a folder of its own."""
    count = 0

    def made(running: RunningEmulator, **more: object) -> Site:
        nonlocal count
        count += 1
        folder = tmp_path / f"site{count}"
        folder.mkdir()
        return site_of(folder, running, **more)  # type: ignore[arg-type] # passed on as they are

    return made
