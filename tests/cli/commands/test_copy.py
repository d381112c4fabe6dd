"""Copying a database from the command line."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from support.command_line import Site
from support.database_servers import Server
from support.rows import sample_rows
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract import named
from wxcube.contract.source import Answer, Origin
from wxcube.contract.window import Window
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
WINDOW = Window(date(2026, 3, 1), date(2026, 3, 7))
SUMMARY = named("getusersummary")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path, ManualClock(NOW))
    with Warehouse.open(site.database) as warehouse:
        rows: list[Any] = sample_rows(SUMMARY, WINDOW)
        warehouse.replace("wx1", Origin.WECHAT, Answer(SUMMARY, WINDOW, rows, b"{}", NOW))
    return site


def without_password(url: str) -> str:
    before, _at, after = url.rpartition("@")
    return f"{before.rpartition(':')[0]}@{after}"


def test_the_copy_is_a_database_like_the_first(site: Site) -> None:
    copied = site.run("copy", "--to", "copy.db")
    assert (copied.code, copied.err.count("Traceback")) == (0, 0)
    assert "copied to copy.db; the counts of every table are equal" in " ".join(copied.out.split())
    query = ("sql", "select * from v_user_summary", "--json")
    assert site.run("--database", "copy.db", *query).out == site.run(*query).out
    again = site.run("copy", "--to", "copy.db")
    assert again.code == 1
    assert "copy.db is not empty" in again.err


def test_the_counts_come_as_json(site: Site) -> None:
    result = site.run("copy", "--to", "copy.db", "--json")
    assert result.err == ""
    (counts,) = result.lines
    assert (counts["accounts"], counts["asks"], counts["coverage"]) == (1, 1, 7)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
@pytest.mark.parametrize("by", ["COPY_PASSWORD", "DATABASE_PASSWORD", "file"])
def test_the_password_is_not_on_the_command_line(
    site: Site, request: pytest.FixtureRequest, kind: str, by: str
) -> None:
    server: Server = request.getfixturevalue(f"{kind}_server")
    with server.database() as url:
        refused = site.run("copy", "--to", url)
        assert refused.code == 1
        assert "WXCUBE_COPY_PASSWORD" in refused.err
        password, plain = str(sa.make_url(url).password), without_password(url)
        assert password not in refused.text
        more: tuple[str, ...] = ()
        if by == "file":
            secret = site.folder / "password"
            secret.write_text(password, "utf-8")
            secret.chmod(0o600)
            more = ("--to-password-file", "password")
        else:
            site.environment[f"WXCUBE_{by}"] = password
        result = site.run("copy", "--to", plain, *more)
        assert result.code == 0, result.text
        assert password not in result.text
