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
        result = site.run("--log-level", "debug", "sync")
        yield Synced(site, running, result, running.emulator.journal.calls("/datacube/*"))


@pytest.fixture
def copied(synced: Synced, tmp_path: Path) -> Site:
    """A copy of the synced site, free to be changed; its emulator is shared."""
    folder = tmp_path / "copied"
    shutil.copytree(synced.site.folder, folder)
    return replace(synced.site, folder=folder)


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    """An emulator of the test's own."""
    with RunningEmulator(days=DAYS) as emulator:
        yield emulator


@pytest.fixture
def new_site(tmp_path: Path) -> MakeSite:
    """Create a site for an emulator, in a new folder."""
    count = 0

    def new_site(running: RunningEmulator, **more: object) -> Site:
        nonlocal count
        count += 1
        folder = tmp_path / f"site{count}"
        folder.mkdir()
        return site_of(folder, running, **more)  # type: ignore[arg-type] # passed on as they are

    return new_site
