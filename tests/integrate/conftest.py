"""The database of a short demo."""

from __future__ import annotations

import pytest

from support.command_line import Site

DAYS = "20"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A folder with the database of a demo, `demo/wxcube.db`."""
    site = Site(tmp_path_factory.mktemp("demo"))
    assert site.run("demo", "--once", "--days", DAYS, "--accounts", "1").code == 0
    return site
