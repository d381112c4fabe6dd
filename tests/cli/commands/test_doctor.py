"""`wxcube doctor` names the damaged file and says how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.event_files import lines, message, some
from wxcube.cli.main import run


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "WXCUBE_EVENTS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("WXCUBE_EVENTS__GROUP_COUNT", "1")
    (tmp_path / "a.jsonl").write_bytes(lines(some(100)))

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return called


def test_nothing_is_wrong_where_nothing_is(say: Any, tmp_path: Path) -> None:
    code, _, err = say("doctor")
    assert (code, err.strip()) == (0, "nothing wrong found")
    assert not (tmp_path / "events").exists()
    say("events", "ingest", "a.jsonl")
    assert say("doctor", "--deep")[0] == 0


def test_a_damaged_file_is_named_with_the_way_to_mend_it(say: Any, tmp_path: Path) -> None:
    say("events", "ingest", "a.jsonl")
    file = next((tmp_path / "events").rglob("*.parquet"))
    file.write_bytes(b"damaged")
    code, out, _ = say("doctor")
    assert code == 1
    assert str(file.relative_to(tmp_path)) in out
    assert "wxcube events forget" in out
    _, out, _ = say("doctor", "--json")
    assert msgspec.json.decode(out)["is_serious"]


def test_a_cut_segment_is_no_reason_to_worry_but_told(say: Any, tmp_path: Path) -> None:
    say("events", "ingest", "a.jsonl", "--no-compact")
    segment = next((tmp_path / "events" / "wal").glob("*.seg"))
    segment.write_bytes(segment.read_bytes()[:-1])
    code, out, _ = say("doctor")
    assert code == 0
    assert segment.name in out
    assert "wxcube events compact" in out


def test_a_damaged_warehouse_is_named(say: Any, tmp_path: Path) -> None:
    (tmp_path / "wxcube.db").write_bytes(b"this is no database" * 100)
    code, out, _ = say("doctor")
    assert code == 1
    assert "wxcube.db" in out


def test_refused_lines_are_remembered(say: Any, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(lines([message(1)]) + b"{}\n")
    say("events", "ingest", "b.jsonl", "--on-error", "skip")
    code, out, _ = say("doctor")
    assert code == 0
    assert "refused lines wait" in out


def test_a_file_that_was_taken_out_is_told_as_what_it_is(say: Any, tmp_path: Path) -> None:
    say("events", "ingest", "a.jsonl")
    file = next((tmp_path / "events").rglob("*.parquet"))
    assert say("events", "forget", str(file), "--yes")[0] == 0
    code, out, _ = say("doctor")
    assert code == 0
    assert "taken out by `wxcube events forget`" in out
    assert "no whole batch" not in out


def test_mending_what_is_well_changes_nothing(say: Any, tmp_path: Path) -> None:
    assert say("doctor", "--mend")[0] == 0
    say("events", "ingest", "a.jsonl")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, err = say("doctor", "--mend")
    assert (code, out) == (0, "")
    assert "nothing wrong found" in err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_mended_by_itself_stays_serious(say: Any, tmp_path: Path) -> None:
    say("events", "ingest", "a.jsonl")
    next((tmp_path / "events").rglob("*.parquet")).write_bytes(b"damaged")
    code, _, err = say("doctor", "--mend")
    assert code == 1
    assert "nothing that can be mended by itself" in err
