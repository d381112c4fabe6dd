"""The emulator for tests of other projects."""

from __future__ import annotations

import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import msgspec
import pytest

from wxcube.contract import named
from wxcube.emulator.emulator import NOW, Emulator
from wxcube.testing import RunningEmulator


def token_over_http(running: RunningEmulator) -> dict[str, object]:
    app = running.account()
    connection = HTTPConnection(running.url.removeprefix("http://"), timeout=30)
    query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
    connection.request("GET", f"/cgi-bin/token?{query}")
    reply: dict[str, object] = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return reply


def test_the_fixture_is_a_running_emulator(wxcube_emulator: RunningEmulator) -> None:
    assert token_over_http(wxcube_emulator)["expires_in"] == 7200
    assert wxcube_emulator.emulator.clock.now() == NOW
    assert len(wxcube_emulator.emulator.accounts) == 2


def test_each_test_has_its_own_journal_and_faults(wxcube_emulator: RunningEmulator) -> None:
    assert len(wxcube_emulator.emulator.journal) == 0
    assert len(wxcube_emulator.emulator.faults) == 0


def test_a_client_of_an_account(wxcube_emulator: RunningEmulator) -> None:
    other = wxcube_emulator.emulator.accounts[1]
    with wxcube_emulator.client(other.appid) as client:
        rows = client.fetch(named("getusersummary"), "2026-02-01", "2026-03-09")
    expected = wxcube_emulator.emulator.rows(other.appid, named("getusersummary"))
    assert rows == [row for row in expected if str(row.ref_date) >= "2026-02-01"]
    assert len(wxcube_emulator.emulator.journal.calls("getusersummary", other.appid)) == 6


async def test_an_async_client_of_the_first_account(wxcube_emulator: RunningEmulator) -> None:
    async with wxcube_emulator.async_client() as client:
        rows = await client.fetch(named("getuserread"), "2026-03-01", "2026-03-09")
    assert {row.ref_date.day for row in rows} == set(range(1, 10))


def test_an_existing_emulator_can_be_run() -> None:
    emulator = Emulator(accounts=1, days=3)
    with RunningEmulator(emulator=emulator) as running:
        assert running.emulator is emulator
        assert "access_token" in token_over_http(running)
    with pytest.raises(ConnectionError):
        token_over_http(running)


IMPORTS = """
import sys, wxcube.testing
heavy = {"duckdb", "numpy", "msgspec", "uvicorn", "sqlalchemy", "aiohttp", "asyncio"} & set(sys.modules)
pytest_loads = {"asyncio"} if "pytest" in sys.modules else set()
assert not heavy - pytest_loads, heavy
"""


def test_the_plugin_imports_no_large_modules() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)


OTHER_PROJECT = """
from wxcube import named

def test_growth(wxcube_emulator):
    with wxcube_emulator.client() as client:
        rows = client.fetch(named("getusersummary"), "2026-03-01", "2026-03-07")
    assert {row.ref_date.day for row in rows} == set(range(1, 8))
    assert len(wxcube_emulator.emulator.journal.calls("getusersummary")) == 1
"""


def test_the_fixture_is_available_in_other_projects(tmp_path: Path) -> None:
    (tmp_path / "test_growth.py").write_text(OTHER_PROJECT)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:randomly",
        "-p",
        "no:asyncio",
        str(tmp_path),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
