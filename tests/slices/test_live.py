"""Events that are posted to `wxcube serve` are answered within a minute, by `--live` only."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.event_files import lines
from support.polling import eventually
from wxcube.beijing import SystemClock, day_of
from wxcube.contract import named
from wxcube.events import kinds as ev
from wxcube.settings import CubeSettings

WXCUBE = [sys.executable, "-c", "import sys, wxcube.cli.main as m; sys.exit(m.run(sys.argv[1:]))"]
ACCOUNT, TOKEN = "wxown", "0123456789abcdef0123"


class Server:
    """A running `wxcube serve`, as a client sees it."""

    def __init__(self, client: httpx.Client, secret: str) -> None:
        self._client = client
        login = {"grant_type": "client_credential", "appid": ACCOUNT, "secret": secret}
        self._token = self._client.get("/cgi-bin/token", params=login).json()["access_token"]

    def post(self, *events: ev.AnyEvent) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
        reply = self._client.post("/events", content=lines(events), headers=headers)
        assert reply.json() == {"accepted": len(events), "refused": 0}

    def ask(self, name: str, day: date) -> dict[str, Any]:
        dates = {"begin_date": str(day), "end_date": str(day)}
        params = {"access_token": self._token}
        answer: dict[str, Any] = self._client.post(
            named(name).path, params=params, json=dates
        ).json()
        return answer

    def rows(self, name: str, day: date) -> list[dict[str, Any]]:
        """The rows of a day."""
        answer = self.ask(name, day)
        assert "list" in answer, answer
        rows: list[dict[str, Any]] = answer["list"]
        return rows


@contextmanager
def serving(folder: Path, *options: str, **variables: str) -> Iterator[Server]:
    """Run `wxcube serve` in a folder until the end of the block."""
    environment = _environment({"WXCUBE_EVENTS_TOKEN": TOKEN, **variables})
    log = folder / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*WXCUBE, "serve", "--port", "0", *options],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=file,
        )
        try:
            eventually(lambda: "Ctrl-C" in log.read_text("utf-8") or process.poll() is not None)
            url = re.search(r"http://[0-9.:]+", log.read_text("utf-8"))
            assert url, log.read_text("utf-8")
            apps = tomllib.loads((folder / "wxcube-apps.toml").read_text("utf-8"))["apps"]
            with httpx.Client(base_url=url[0], trust_env=False, timeout=60) as client:
                yield Server(client, apps[0]["secret"])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=120)
        assert process.returncode == 0
        assert "Traceback" not in log.read_text("utf-8")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    host = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_", "LANG"))}
    return {**host, "LANG": "en_US.UTF-8", "COLUMNS": "80", **more}


def command(folder: Path, *words: str) -> None:
    process = subprocess.run(
        [*WXCUBE, *words],
        cwd=folder,
        env=_environment({}),
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an account that got one message the day before yesterday, which is built."""
    (tmp_path / "wxcube.toml").write_text("")
    earlier = int(SystemClock().now().timestamp()) - 2 * 86_400
    (tmp_path / "e.jsonl").write_bytes(lines([message("m0", earlier)]))
    command(tmp_path, "events", "ingest", "e.jsonl")
    command(tmp_path, "cube", "build")
    return tmp_path


def message(identity: str, at: int) -> ev.Message:
    return ev.Message(id=identity, account=ACCOUNT, at=at, user=f"o-{identity}", msg_type=1)


def test_an_event_of_now_is_answered_within_a_minute(folder: Path) -> None:
    """With the default pause between two builds, and while the first one may still run.

    Here the pause is shorter, and counted in addition.
    """
    pause = CubeSettings().refresh_seconds
    with serving(folder, "--live", WXCUBE_CUBE__REFRESH_SECONDS="1") as server:
        assert pause + _seconds_until_answered(server, 1) < 60
        assert pause + _seconds_until_answered(server, 2) < 60


def _seconds_until_answered(server: Server, count: int) -> float:
    """Post the account's message with this number, and wait until the API counts it."""
    now, posted = SystemClock().now(), time.monotonic()
    server.post(message(f"now{count}", int(now.timestamp())))
    eventually(lambda: _messages(server, day_of(now)) >= count)
    return time.monotonic() - posted


def _messages(server: Server, day: date) -> int:
    return sum(row["msg_count"] for row in server.rows("getupstreammsg", day))


def test_without_live_wechats_rule_holds_for_rows_of_a_running_day(folder: Path) -> None:
    now = SystemClock().now()
    today, at = day_of(now), int(now.timestamp())
    publish = ev.Publish(id="p", account=ACCOUNT, at=at - 2 * 86_400, msgid="9_1", title="题")
    read = ev.Read(id="r", account=ACCOUNT, at=at, user="o", msgid="9_1", source=0)
    refresh = {"WXCUBE_CUBE__REFRESH_SECONDS": "0.2"}

    def days(server: Server) -> list[str]:
        """The days of the running totals of the article."""
        rows = server.rows("getarticletotal", today - timedelta(days=2))
        return [total["stat_date"] for row in rows for total in row["details"]]

    with serving(folder, "--live", **refresh) as server:
        server.post(publish, read)
        eventually(lambda: str(today) in days(server))
    with serving(folder, **refresh) as server:
        assert server.ask("getupstreammsg", today)["errcode"] == 61501
        assert str(today) not in days(server)
        assert str(today - timedelta(days=2)) in days(server)
