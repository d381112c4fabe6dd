"""The cube's rows are the same in every database, built at once or in several builds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest

from support.command_line import Site
from support.database import Content, content, empty
from support.database_servers import environment_of
from support.events import crowded
from wxcube.beijing import BEIJING, ManualClock
from wxcube.cube.compute import CUBE_ENDPOINTS
from wxcube.warehouse.tables import ROW_TABLES

EVENTS = 900


def moment_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(9), BEIJING)


def in_two_builds(folder: Path, environment: Mapping[str, str]) -> None:
    """Build all days but some, ingest late events of days that are built, and build the rest."""
    events, through = crowded(5, EVENTS)
    site = Site(folder, environment=dict(environment))
    late, early = events[::9], [event for n, event in enumerate(events) if n % 9]
    for some, last in ((early, through - timedelta(days=2)), (late, through)):
        site.clock = ManualClock(moment_after(last))
        (folder / "events.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(some))
        for arguments in (("events", "ingest", "events.jsonl"), ("cube", "build", "--quiet")):
            result = site.run(*arguments)
            assert result.code == 0, result.text


@pytest.fixture(scope="module")
def in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Content:
    """The rows of a build into SQLite; every endpoint that the cube computes has some."""
    folder = tmp_path_factory.mktemp("cube")
    in_two_builds(folder, {})
    rows = content(folder / "wxcube.db")
    for endpoint in CUBE_ENDPOINTS:
        for table in ROW_TABLES[endpoint.name].walk():
            assert rows[table.table.name], table.table.name
    return rows


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_has_the_rows_of_a_file(
    kind: str, in_a_file: Content, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue(kind)
    empty(url)
    in_two_builds(tmp_path, environment_of(url))
    rows = content(url)
    unequal = [name for name in rows if rows[name] != in_a_file[name]]
    assert not unequal
