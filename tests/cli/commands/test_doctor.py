"""`wxcube doctor` names damaged files and explains how to repair them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.event_files import lines, message, sample_events
from wxcube.cli.main import run


@pytest.fixture
def run_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "WXCUBE_EVENTS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("WXCUBE_EVENTS__GROUP_COUNT", "1")
    (tmp_path / "a.jsonl").write_bytes(lines(sample_events(100)))

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return called


def test_an_empty_folder_has_no_problems(run_cli: Any, tmp_path: Path) -> None:
    code, _, err = run_cli("doctor")
    assert code == 0
    assert err.splitlines() == [
        "· there is no database wxcube.db yet",
        "· there is no event store events yet",
        "no problems found",
    ]
    assert not (tmp_path / "events").exists()
    run_cli("events", "ingest", "a.jsonl")
    assert run_cli("doctor", "--deep")[0] == 0


def test_a_damaged_file_is_reported_with_its_repair(run_cli: Any, tmp_path: Path) -> None:
    run_cli("events", "ingest", "a.jsonl")
    file = next((tmp_path / "events").rglob("*.parquet"))
    file.write_bytes(b"damaged")
    code, out, _ = run_cli("doctor")
    assert code == 1
    assert str(file.relative_to(tmp_path)) in out
    assert "wxcube events forget" in out
    _, out, _ = run_cli("doctor", "--json")
    assert msgspec.json.decode(out)["is_serious"]


def test_a_truncated_segment_is_reported_but_not_serious(run_cli: Any, tmp_path: Path) -> None:
    run_cli("events", "ingest", "a.jsonl", "--no-compact")
    segment = next((tmp_path / "events" / "wal").glob("*.seg"))
    segment.write_bytes(segment.read_bytes()[:-1])
    code, out, _ = run_cli("doctor")
    assert code == 0
    assert segment.name in out
    assert "wxcube events compact" in out


def test_a_damaged_database_is_reported(run_cli: Any, tmp_path: Path) -> None:
    (tmp_path / "wxcube.db").write_bytes(b"this is no database" * 100)
    code, out, _ = run_cli("doctor")
    assert code == 1
    assert "wxcube.db" in out


def test_refused_lines_are_reported(run_cli: Any, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(lines([message(1)]) + b"{}\n")
    run_cli("events", "ingest", "b.jsonl", "--on-error", "skip")
    code, out, _ = run_cli("doctor")
    assert code == 0
    assert "refused lines in 1 dead-letter file" in out


def test_a_forgotten_file_is_reported_as_such(run_cli: Any, tmp_path: Path) -> None:
    run_cli("events", "ingest", "a.jsonl")
    file = next((tmp_path / "events").rglob("*.parquet"))
    assert run_cli("events", "forget", str(file), "--yes")[0] == 0
    code, out, _ = run_cli("doctor")
    assert code == 0
    assert "removed by `wxcube events forget`" in out
    assert "not a complete batch" not in out


def test_repair_of_intact_data_changes_nothing(run_cli: Any, tmp_path: Path) -> None:
    assert run_cli("doctor", "--repair")[0] == 0
    run_cli("events", "ingest", "a.jsonl")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, err = run_cli("doctor", "--repair")
    assert (code, out) == (0, "")
    assert "no problems found" in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_problems_without_automatic_repair_stay_serious(run_cli: Any, tmp_path: Path) -> None:
    run_cli("events", "ingest", "a.jsonl")
    next((tmp_path / "events").rglob("*.parquet")).write_bytes(b"damaged")
    code, _, err = run_cli("doctor", "--repair")
    assert code == 1
    assert "nothing can be repaired automatically" in err
