"""`wxcube check`, builds and `wxcube doctor` name impossible figures, their cause and a remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wxcube.cli.main import run

AT = 1_772_424_000
"""2026-03-02 12:00 in Beijing."""
LAST = "2026-03-04"
UNFOLLOW_WITHOUT_FOLLOW = [
    {"event": "unfollow", "id": "u-1", "account": "acc1", "at": AT, "user": "o1", "source": 1}
]
UNFOLLOW_SENT_THREE_TIMES = [
    {"event": "follow", "id": "f-1", "account": "acc1", "at": AT, "user": "o1", "source": 1},
    *(
        {"event": "unfollow", "id": f"u-{n}", "account": "acc1", "at": AT + 9, "user": "o1"}
        | {"source": 1}
        for n in range(3)
    ),
]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in ("LC_ALL", "LC_MESSAGES", "WXCUBE_EVENTS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("WXCUBE_EVENTS__GROUP_COUNT", "1")

    def called(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return called


def build(run_cli: Run, events: list[dict[str, Any]], *options: str) -> tuple[int, str, str]:
    Path("events.jsonl").write_bytes(b"".join(msgspec.json.encode(e) + b"\n" for e in events))
    assert run_cli("events", "ingest", "events.jsonl")[0] == 0
    return run_cli("cube", "build", "--to", LAST, "--quiet", *options)


@pytest.mark.parametrize(
    ("events", "followers"), [(UNFOLLOW_WITHOUT_FOLLOW, -1), (UNFOLLOW_SENT_THREE_TIMES, -2)]
)
def test_a_build_that_writes_negative_followers_says_so(
    run_cli: Run, events: list[dict[str, Any]], followers: int
) -> None:
    code, _out, err = build(run_cli, events)
    found = f"acc1, getusercumulate, 2026-03-02: cumulate_user is {followers}, below 0"
    cause, remedy = "an unfollow was sent again with another id", "ingest an event `open`"
    assert code == 0
    assert all(text in err for text in (found, "on 2 more days", cause, remedy))
    code, out, _err = run_cli("doctor")
    assert code == 0
    assert all(text in out for text in (found, cause, remedy))
    code, out, _err = run_cli("check")
    assert code == 3
    assert all(text in out for text in (found, cause, remedy))


def test_the_marks_are_in_the_ledger_until_the_events_are_corrected(run_cli: Run) -> None:
    build(run_cli, UNFOLLOW_WITHOUT_FOLLOW)
    marked = "SELECT endpoint, ref_date, message, message_data FROM coverage WHERE message <> ''"
    with closing(sqlite3.connect("wxcube.db")) as connection:
        marks = connection.execute(marked).fetchall()
    assert [mark[:3] for mark in marks] == [
        ("getusercumulate", f"2026-03-0{day}", "cumulate_user is -1, below 0") for day in (2, 3, 4)
    ]
    opened = {"event": "open", "id": "o-1", "account": "acc1", "at": AT - 9, "followers": 5}
    code, _out, err = build(run_cli, [opened])
    assert code == 0
    assert "below 0" not in err
    with closing(sqlite3.connect("wxcube.db")) as connection:
        assert connection.execute(marked).fetchall() == []
    assert run_cli("doctor")[0] == 0
    assert run_cli("check", "--only", "getusercumulate")[0] == 0


def test_a_share_above_1_is_found_in_nested_rows(run_cli: Run) -> None:
    article = {"account": "acc1", "msgid": "100_1", "at": AT}
    sent = {"event": "publish", "id": "p-1", "publish_type": 0, "target_user": 1, **article}
    read = {"event": "read", "source": 0, **article}
    reads = [{**read, "id": f"r-{n}", "user": f"o{n}"} for n in range(2)]
    _code, _out, err = build(run_cli, [sent, *reads])
    found = "acc1, getarticletotaldetail, 2026-03-02: read_delivery_rate is 2.0, a share above 1"
    assert found in err
    assert "correct the events" in err
    code, out, _err = run_cli("check")
    assert code == 3
    assert found in out


def test_a_build_reports_impossible_figures_as_json(run_cli: Run) -> None:
    code, out, _err = build(run_cli, UNFOLLOW_WITHOUT_FOLLOW, "--json")
    (found,) = msgspec.json.decode(out)["impossible"]
    assert code == 0
    assert (found["account"], found["endpoint"], found["rule"]) == (
        "acc1",
        "getusercumulate",
        "negative",
    )
    assert (found["day"], found["last_day"], found["days"]) == ("2026-03-02", LAST, 3)


def test_one_line_per_finding_as_json(run_cli: Run) -> None:
    build(run_cli, UNFOLLOW_WITHOUT_FOLLOW)
    code, out, _err = run_cli("check", "--json", "--from", "2026-03-03")
    lines = [msgspec.json.decode(line) for line in out.splitlines()]
    assert code == 3
    assert [(line["day"], line["what"]) for line in lines] == [
        ("2026-03-03", "cumulate_user is -1, below 0"),
        ("2026-03-04", "cumulate_user is -1, below 0"),
    ]
    assert all(line["cause"] and line["remedy"] and not line["note"] for line in lines)


def test_notes_are_no_reason_for_exit_code_3(run_cli: Run) -> None:
    opened = {"event": "open", "id": "o-1", "account": "acc1", "at": AT - 90_000, "followers": 5}
    later = {**opened, "id": "o-2", "at": AT}
    build(run_cli, [opened, later])
    code, out, err = run_cli("check")
    assert code == 0
    assert "new_user less cancel_user is 0" in out
    assert "no impossible figures found" in err


def test_accounts_endpoints_and_days_are_selected(run_cli: Run) -> None:
    build(run_cli, UNFOLLOW_WITHOUT_FOLLOW)
    assert run_cli("check", "--only", "message")[0] == 0
    assert run_cli("check", "--to", "2026-03-01")[0] == 0
    assert run_cli("check", "--account", "acc1", "--only", "user")[0] == 3
    code, _out, err = run_cli("check", "--account", "acc2")
    assert code == 1
    assert "acc2" in err


def test_in_chinese(run_cli: Run) -> None:
    build(run_cli, UNFOLLOW_WITHOUT_FOLLOW)
    _code, out, _err = run_cli("check", "--lang", "zh")
    assert "cumulate_user 为 -1，小于 0" in out
    assert "原因：取消关注的人数多于关注的人数" in out
    _code, out, _err = run_cli("doctor", "--lang", "zh")
    assert "cumulate_user 为 -1，小于 0" in out


def test_without_a_database(run_cli: Run) -> None:
    code, _out, err = run_cli("check")
    assert code == 1
    assert "there is no database" in err
