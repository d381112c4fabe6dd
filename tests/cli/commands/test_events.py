"""`wxcube events`: output, language and exit codes."""

from __future__ import annotations

import gzip
import io
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.event_files import (
    FIRST,
    NOW,
    PLANTED,
    lines,
    message,
    open_store,
    sample_events,
    store_events,
)
from support.events import moment
from support.private_files import write_private
from wxcube.cli.commands.compacted import stoppable
from wxcube.cli.main import run
from wxcube.errors import SettingsError
from wxcube.events.store.backlog import segments
from wxcube.events.store.keys import USER_KEY
from wxcube.events.store.retention import retain
from wxcube.events.store.status import status
from wxcube.settings import EventsSettings, events_key, events_token


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("WXCUBE_EVENTS__GROUP_COUNT", "2")
    for name in ("LC_ALL", "LC_MESSAGES", "WXCUBE_EVENTS_TOKEN", "WXCUBE_EVENTS_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run_command(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command; returns its exit code, output and standard error."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return run_it


def json_lines(out: str) -> list[Any]:
    return [msgspec.json.decode(line) for line in out.splitlines()]


def test_files_are_stored_and_compacted(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines(sample_events(300)))
    (folder / "b.jsonl.gz").write_bytes(
        gzip.compress(lines(sample_events(300) + sample_events(50, seed=2)))
    )
    code, out, err = run_command("events", "ingest", "a.jsonl", "b.jsonl.gz")
    assert (code, out) == (0, "")
    assert "a.jsonl: 300 events stored" in err
    assert "300 duplicates dropped" in err
    code, out, _ = run_command("events", "status", "--json", "--exact")
    report = json_lines(out)[0]
    assert (report["events"], report["duplicates"], report["waiting"]) == (350, 300, 0)
    assert report["waiting_duplicates"] == 0
    assert sum(report["families"].values()) == 350


def test_json_reports_acknowledged_lines(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines(sample_events(300)))
    code, out, _ = run_command("events", "ingest", "--json", "a.jsonl")
    acknowledged, end, compacted = json_lines(out)
    assert code == 0
    assert acknowledged == {"file": "a.jsonl", "lines": 300, "events": 300, "refused": 0}
    assert end["done"]
    assert compacted["compacted"]["events"] == 300


def test_a_bad_line_stops_or_is_skipped(folder: Path, run_command: Any) -> None:
    bad = b'{"event":"message","user":"%s"}\n' % PLANTED.encode()
    (folder / "a.jsonl").write_bytes(lines([message(1)]) + bad + lines([message(2)]))
    code, _, err = run_command("events", "ingest", "a.jsonl")
    assert code == 1
    assert "a.jsonl line 2: Object missing required field" in err
    assert "--on-error skip" in err
    assert PLANTED not in err
    code, out, _ = run_command("events", "ingest", "a.jsonl", "--on-error", "skip", "--json")
    end = json_lines(out)[1]
    assert (code, end["events"], end["refused"]) == (3, 2, 1)
    assert end["errors"][0]["line"] == 2
    assert Path(end["dead_letters"][0]).exists()
    assert json_lines(run_command("events", "status", "--json")[1])[0]["dead_letters"] == 1


READ: dict[str, Any] = {"event": "read", "id": "1", "account": "a", "at": moment(FIRST)}
READ |= {"user": "o1", "msgid": "1_1"}
IN_CHINESE: list[tuple[bytes | dict[str, Any], str]] = [
    ({"event": "dance"}, "成员 `event`：值 'dance' 不在允许之列"),
    ({"at": "x"}, "成员 `at`：应为整数，却是文本"),
    ({"at": 1}, "成员 `at`：不能小于 1417363200"),
    ({"source": 8}, "成员 `source`：不能大于 7"),
    ({"id": ""}, "成员 `id`：长度不能小于 1"),
    ({"id": "x" * 129}, "成员 `id`：长度不能大于 128"),
    ({"colour": 1}, "有未知的成员 `colour`"),
    ({"msgid": "1"}, "成员 `msgid`：应符合正则表达式 '^[1-9][0-9]{0,15}_[1-9][0-9]?$'"),
    (b'{"event":"like"}', "缺少成员 `id`"),
    (b"7", "应为对象，却是整数"),
    (b"{x", "不是正确的 JSON（JSON is malformed: "),
    (b'{"event', "不是正确的 JSON（Input data was truncated）"),
    (b'{"x":' + b"[" * 100_000, "嵌套太深"),
]


@pytest.mark.parametrize(("bad", "reason"), IN_CHINESE)
def test_reasons_are_in_chinese(
    folder: Path, run_command: Any, bad: bytes | dict[str, Any], reason: str
) -> None:
    line = bad if isinstance(bad, bytes) else msgspec.json.encode(READ | bad)
    (folder / "a.jsonl").write_bytes(line + b"\n")
    code, _, err = run_command("--lang", "zh", "events", "ingest", "a.jsonl")
    assert code == 1
    assert f"a.jsonl 第 1 行：{reason}".replace(" ", "") in "".join(err.split())


def test_of_many_bad_lines_only_some_are_shown(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(b"{}\n" * 500)
    code, _, err = run_command("events", "ingest", "a.jsonl", "--on-error", "skip")
    assert code == 3
    assert "and 480 more" in err
    assert len((next((folder / "events" / "dead").iterdir())).read_bytes().splitlines()) == 500


def test_memory_for_very_many_short_bad_lines_is_bounded(folder: Path, run_command: Any) -> None:
    good = lines([message(number) for number in range(3)])
    (folder / "a.jsonl").write_bytes(good + b"1\n" * 250_000 + good)
    tracemalloc.start()
    try:
        code, out, _ = run_command("events", "ingest", "a.jsonl", "--on-error", "skip", "--json")
        # without batches they took 150 MiB
        assert tracemalloc.get_traced_memory()[1] < 90 << 20
    finally:
        tracemalloc.stop()
    end = next(one for one in json_lines(out) if "done" in one)
    assert (code, end["lines"], end["events"], end["refused"]) == (3, 250_006, 6, 250_000)
    letters = b"".join(Path(path).read_bytes() for path in end["dead_letters"]).splitlines()
    numbers = [msgspec.json.decode(line)["line"] for line in letters]
    assert numbers == list(range(4, 250_004))


def test_a_missing_file_is_reported_in_one_line(run_command: Any) -> None:
    code, out, err = run_command("events", "ingest", "none.jsonl")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("error: none.jsonl cannot be read")


def test_without_a_store_the_hint_is_how_to_create_one(run_command: Any) -> None:
    for command in ("status", "compact", "retain"):
        code, _, err = run_command("events", command)
        assert code == 1
        assert "`wxcube events ingest FILE`" in err


def test_status_is_in_both_languages(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines(sample_events(20)))
    run_command("events", "ingest", "a.jsonl", "--no-compact")
    _, out, _ = run_command("events", "status", "--exact")
    assert "events waiting in the log, with duplicates" in out
    assert "20" in out
    _, out, _ = run_command("--lang", "zh", "events", "status")
    assert "待归档的事件（含重复）" in out


@pytest.mark.parametrize("is_readable", [True, False])
def test_status_works_with_an_unreadable_ledger(
    folder: Path, run_command: Any, *, is_readable: bool
) -> None:
    (folder / "a.jsonl").write_bytes(lines(sample_events(20)))
    run_command("events", "ingest", "a.jsonl")
    ledger = folder / "events" / "facts" / "cube.db"
    ledger.parent.mkdir()
    if is_readable:
        ledger.write_bytes(b"no ledger any more" * 100)
    else:
        ledger.mkdir()
    code, out, _ = run_command("events", "status")
    assert code == 0
    assert "not known, see `wxcube doctor`" in out
    assert "未知" in run_command("--lang", "zh", "events", "status")[1]
    report = json_lines(run_command("events", "status", "--json")[1])[0]
    assert (report["events"], report["days_to_compute"]) == (20, None)


def test_status_reads_the_log_segment_by_segment(tmp_path: Path) -> None:
    with open_store(tmp_path / "events", segment_bytes=1 << 18) as store:
        for number in range(40):
            store_events(store, [message(number * 1_000 + n) for n in range(1_000)])
        store_events(store, [message(n) for n in range(1_000)])
        log = sum(path.stat().st_size for path in segments(store.folder))
        tracemalloc.start()
        try:
            assert status(store).waiting == 41_000
            assert tracemalloc.get_traced_memory()[1] < log / 2
        finally:
            tracemalloc.stop()
        assert status(store, exact=True).waiting_duplicates == 1_000


def test_retention_by_settings_and_by_option(
    folder: Path, run_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [message(n, at=moment(FIRST) + n * 86_400) for n in range(9)]
    (folder / "a.jsonl").write_bytes(lines(days))
    run_command("events", "ingest", "a.jsonl")
    assert json_lines(run_command("events", "retain", "--json")[1])[0]["events"] == 0
    monkeypatch.setenv("WXCUBE_EVENTS__RETENTION_DAYS_EVENTS", "5")
    assert json_lines(run_command("events", "retain", "--json")[1])[0]["events"] == 4
    assert "deleted 3 events of 3 days" in run_command("events", "retain", "--events", "2")[2]


def test_facts_are_retained_longer_than_events(
    folder: Path, run_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.jsonl").write_bytes(lines([message(1)]))
    run_command("events", "ingest", "a.jsonl")
    retain = ("events", "retain")
    assert run_command(*retain, "--events", "10", "--facts", "41")[0] == 0
    assert run_command(*retain, "--events", "10")[0] == 0
    code, out, err = run_command(*retain, "--events", "10", "--facts", "40", "--json")
    assert (code, out) == (1, "")
    assert "facts for 40 days is too short while events are retained for 10 days" in err
    assert "retain facts for 41 days or more (retention_days_facts, --facts)" in err
    assert "or retain events for 9 days or fewer (retention_days_events, --events)" in err
    code, _, err = run_command(*retain, "--facts", "400")
    assert code == 1
    assert "facts for 400 days is too short while all events are retained" in err
    assert "retain facts without a limit" in err
    # each option overrides its setting, and is checked together with the other one
    monkeypatch.setenv("WXCUBE_EVENTS__RETENTION_DAYS_EVENTS", "30")
    monkeypatch.setenv("WXCUBE_EVENTS__RETENTION_DAYS_FACTS", "70")
    assert run_command(*retain)[0] == 0
    assert run_command(*retain, "--facts", "61")[0] == 0
    assert run_command(*retain, "--events", "39")[0] == 0
    assert "events are retained for 40 days" in run_command(*retain, "--events", "40")[2]
    assert "retaining facts for 60 days" in run_command(*retain, "--facts", "60")[2]
    assert run_command(*retain, "--events", "40", "--facts", "71")[0] == 0


def test_retention_reports_the_compaction_before_it(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines([message(1), message(1)]))
    run_command("events", "ingest", "--no-compact", "a.jsonl")
    code, _, err = run_command("events", "retain", "--events", "5")
    assert code == 0
    assert "1 event compacted into 1 partition; 1 duplicate dropped" in err
    done = json_lines(run_command("events", "retain", "--events", "5", "--json")[1])[0]
    assert (done["events"], done["compacted"]["events"]) == (0, 0)


def test_events_of_deleted_days_are_reported(folder: Path, run_command: Any) -> None:
    days = [message(n, at=moment(FIRST) + n * 86_400) for n in range(9)]
    (folder / "a.jsonl").write_bytes(lines(days))
    run_command("events", "ingest", "a.jsonl")
    (folder / "late.jsonl").write_bytes(lines([message(9, at=moment(FIRST))]))
    run_command("events", "ingest", "--no-compact", "late.jsonl")
    # the event waits in the log while its day is removed
    retain(folder / "events", NOW, event_days=5, fact_days=None)
    code, _, err = run_command("events", "compact")
    assert code == 0
    assert "1 event is from a day that retention has deleted; it does not count" in err


# One thread: with more, DuckDB's main thread may wait for the others without checking for signals.
STOPPED_QUERY = """
import os, signal, threading, duckdb
from wxcube.cli.commands.compacted import stoppable
# a process started in the background inherits that Ctrl-C is ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
connection = duckdb.connect(config={"threads": 1})
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
with stoppable():
    connection.execute("SELECT sum(hash(range) % 7) FROM range(1000000000000)")
"""


def test_an_interrupt_inside_duckdb_stops_the_program() -> None:
    # in a separate process: packages of other tests install their own signal handlers
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_QUERY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")


def test_another_error_inside_duckdb_is_passed_on() -> None:
    with pytest.raises(RuntimeError, match="another"), stoppable():
        raise RuntimeError("another")


def test_a_damaged_file_is_reported_and_can_be_moved_out(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines([message(1)]))
    run_command("events", "ingest", "a.jsonl")
    file = next((folder / "events" / "days").rglob("*.parquet"))
    file.write_bytes(b"damaged")
    code, _, err = run_command("events", "ingest", "a.jsonl")
    assert code == 3
    assert f"{file.relative_to(folder)} cannot be read" in err
    assert "1 event is still waiting in the log" in err
    assert run_command("events", "compact")[0] == 3
    assert run_command("events", "forget", str(file), "--yes")[0] == 0
    assert run_command("events", "compact")[0] == 0
    assert json_lines(run_command("events", "status", "--json")[1])[0]["events"] == 1


@pytest.mark.parametrize("words", ["retract --account a id", "forget file", "rotate-key"])
def test_without_a_terminal_to_ask_in_the_option_is_named(
    folder: Path, run_command: Any, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, _, err = run_command("events", *words.split())
    assert code == 1
    assert "confirm the action with --yes" in err
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run_command("events", *words.split())[0] == 130


def test_the_key_is_changed_only_on_command(folder: Path, run_command: Any) -> None:
    (folder / "a.jsonl").write_bytes(lines([message(1)]))
    run_command("events", "ingest", "a.jsonl")
    before = (folder / "events" / USER_KEY).read_text()
    assert run_command("events", "rotate-key", "--yes")[0] == 0
    assert (folder / "events" / USER_KEY).read_text() != before
    assert run_command("events", "ingest", "a.jsonl")[0] == 0


def test_the_key_may_come_from_the_settings(
    folder: Path, run_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.jsonl").write_bytes(lines([message(1)]))
    monkeypatch.setenv("WXCUBE_EVENTS_KEY", "a key of my own")
    assert run_command("events", "ingest", "a.jsonl")[0] == 0
    assert not (folder / "events" / USER_KEY).exists()
    open_store(folder / "events", user_key="a key of my own").close()
    monkeypatch.delenv("WXCUBE_EVENTS_KEY")
    code, _, err = run_command("events", "status")
    assert code == 1
    assert "another key" in err
    assert "a key of my own" not in err


def test_secrets_are_read_from_a_variable_or_a_file(folder: Path) -> None:
    write_private(folder / "token", " a-token-of-32-characters-0123456 \n")
    assert events_token(EventsSettings(token_file="token"), {}).reveal().startswith("a-token")
    given = {"MY_KEY": "k"}
    assert events_key(EventsSettings(key_env="MY_KEY"), given).reveal() == "k"
    assert not events_key(EventsSettings(), {})
    with pytest.raises(SettingsError, match="MY_KEY is empty or missing"):
        events_key(EventsSettings(key_env="MY_KEY"), {})
    with pytest.raises(SettingsError, match="shorter than 16 characters"):
        events_token(EventsSettings(), {"WXCUBE_EVENTS_TOKEN": "short"})


def test_the_guide_names_every_setting_kind_and_command() -> None:
    from typing import get_args

    from wxcube.cli.commands.events import events
    from wxcube.events.kinds import AnyEvent

    guide = Path(__file__).parents[3] / "docs" / "how-to" / "events.md"
    text = guide.read_text(encoding="utf-8")
    for name in EventsSettings.__struct_fields__:
        assert f"`{name}`" in text
    for kind in get_args(AnyEvent):
        assert f"`{kind.__struct_config__.tag}`" in text
    for name in events.commands:
        assert f"wxcube events {name}" in text
