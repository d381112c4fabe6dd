"""The circle on one machine: simulated people, a message server with a tap, events, and figures.

The emulator pushes callbacks as WeChat does. The tap makes events of them, from which the cube
computes figures; the sync fetches the emulator's. Both origins agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.command_line import Site
from support.polling import eventually
from support.receivers import free_port
from support.tapping import message_server, tap_process
from wxcube.contract import ENDPOINTS, Window
from wxcube.contract.endpoint import Group
from wxcube.contract.source import Origin
from wxcube.emulator.pushing import Target
from wxcube.testing import RunningEmulator
from wxcube.warehouse.store import Warehouse

DAYS = 14
COMPARED = [one for one in ENDPOINTS if one.group in {Group.MESSAGE, Group.INTERFACE}]
TIMES = {"total_time_cost", "max_time_cost"}


@contextmanager
def circle(folder: Path, *, is_encrypted: bool) -> Iterator[tuple[Site, RunningEmulator]]:
    """A site whose store and database have both origins."""
    with RunningEmulator(days=DAYS, accounts=2, seed=3) as running, message_server() as server:
        target_port = free_port()
        url = f"http://127.0.0.1:{target_port}"
        emulator = running.emulator
        with emulator.push_to(Target(url, is_encrypted=is_encrypted)) as pusher:
            site = Site(folder, emulator.clock)
            assert site.run("init", "--emulator", running.url).code == 0
            with tap_process(folder, "--to", server.url, port=target_port) as tap:
                last = emulator.last_day
                eventually(lambda: pusher.state.through == last, 240)
                pusher.stop()
        assert tap.result["refused"] == {}
        assert tap.result["replies"] == pusher.state.attempts
        assert pusher.state.failed == 0
        assert site.run("cube", "build").code == 0
        # one account lacks a right, which is not what this is about
        assert site.run("sync", "--quiet").code in {0, 3}
        yield site, running


def without_times(rows: list[Any]) -> list[dict[str, Any]]:
    """Rows without the times of replies: the emulator measures a way that the tap does not see."""
    members = [msgspec.to_builtins(row) for row in rows]
    return [{n: v for n, v in one.items() if n not in TIMES} for one in members]


@pytest.mark.slow
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_both_origins_agree(tmp_path: Path, is_encrypted: bool) -> None:
    with circle(tmp_path, is_encrypted=is_encrypted) as (site, running):
        emulator = running.emulator
        window = Window(emulator.simulation.first_day - timedelta(days=40), emulator.last_day)
        compared = 0
        with Warehouse.open(site.database) as warehouse:
            for app in emulator.accounts:
                for endpoint in COMPARED:
                    if endpoint.permission_set not in app.permission_sets:
                        continue
                    wechat, cube = (
                        warehouse.read(app.appid, endpoint, window, origin)
                        for origin in (Origin.WECHAT, Origin.CUBE)
                    )
                    assert without_times(wechat) == without_times(cube), endpoint.name
                    compared += len(wechat)
        assert compared > 100
        assert_differences_are_explained(site)


def assert_differences_are_explained(site: Site) -> None:
    """`check` finds times alone, and says how many milliseconds the way to the tap takes."""
    result = site.run("check", "--only", "message", "--only", "interface", "--json")
    assert result.code == 0, result.text
    for finding in result.lines:
        assert finding["rule"] == "origins_differ"
        assert finding["note"]
        assert finding["column"] in TIMES
        assert re.search(r"both count \d+ calls.*[\d.]+ ms for each call", str(finding["cause"]))
