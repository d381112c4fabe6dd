"""`wxcube cube`: events on disk to rows of the warehouse, from the command line."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from support.events import crowded
from wxcube.beijing import BEIJING, ManualClock
from wxcube.contract.source import Origin
from wxcube.contract.user import getusercumulate
from wxcube.contract.window import Window
from wxcube.errors import SettingsError
from wxcube.outlets.cli import run
from wxcube.outlets.cube_build import memory_bytes
from wxcube.warehouse.store import Warehouse


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_events_are_ingested_built_and_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events, through = crowded(5, 200)
    clock = ManualClock(datetime(through.year, through.month, through.day, 9, tzinfo=BEIJING))
    (folder / "e.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
    assert run(["events", "ingest", "e.jsonl", "--json"], clock=clock) == 0
    capsys.readouterr()
    assert run(["cube", "build", "--json"], clock=clock) == 0
    built = json.loads(capsys.readouterr().out)
    assert built["days"] > 0
    assert built["rows"] > 0
    assert run(["cube", "build", "--json"], clock=clock) == 0
    assert json.loads(capsys.readouterr().out)["days"] == 0
    assert run(["cube", "status", "--json"], clock=clock) == 0
    assert json.loads(capsys.readouterr().out)["through"] == built["through"]
    day = datetime.fromisoformat(built["through"]).date()
    with Warehouse.open(folder / "wxcube.db", read_only=True) as warehouse:
        [row] = warehouse.read(events[0].account, getusercumulate, Window(day, day), Origin.CUBE)
    assert row.ref_date == day


def test_without_a_store_the_error_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cube", "build"]) == 1
    assert "error:" in capsys.readouterr().err


def test_sizes_of_memory_are_read_as_written() -> None:
    assert memory_bytes("1.5GiB") == 3 << 29
    assert memory_bytes("2gb") == 2 * 10**9
    assert memory_bytes("") > 0
    with pytest.raises(SettingsError, match="no size"):
        memory_bytes("much")
    with pytest.raises(SettingsError, match="too little"):
        memory_bytes("1MB")
