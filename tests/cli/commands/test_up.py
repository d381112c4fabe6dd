"""`wxcube up` as a process: from an empty folder to a page with figures, and a clean end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import pytest

from support.polling import eventually
from support.receivers import Hook, web_hook
from support.visitor import Visitor
from wxcube.beijing import BEIJING, ManualClock, SystemClock
from wxcube.emulator.emulator import Emulator
from wxcube.server.backend import App
from wxcube.server.http import RunningServer, listen

PASSWORD = "a long password"
COMMAND = (sys.executable, "-c", "from wxcube.cli.main import main; main()", "up")


class Up:
    """A process of the command, and what it printed."""

    def __init__(self, folder: Path, *words: str) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WXCUBE_")}
        environment |= {"LC_ALL": "C.UTF-8", "WXCUBE_SERVE__PORT": str(_free_port())}
        self._process = subprocess.Popen(
            [*COMMAND, "--port", "0", *words],
            cwd=folder,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def read_until(self, text: str, *, times: int = 1) -> str:
        assert self._process.stderr
        while self.printed.count(text) < times:
            line = self._process.stderr.readline()
            assert line, f"{text!r} was not printed: {self.printed}"
            self.printed += line
        return self.printed

    @property
    def url(self) -> str:
        found = re.search(r"pages: (http://\S+)", self.read_until("Ctrl-C"))
        assert found
        return found[1]

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """The exit code after a signal, and what was printed since."""
        self._process.send_signal(number)
        _out, printed = self._process.communicate(timeout=60)
        return self._process.returncode, printed


@pytest.fixture
def emulator() -> Iterator[tuple[Emulator, str]]:
    """An emulator whose clock is that of the machine, as WeChat's is."""
    clock = ManualClock(SystemClock().now().astimezone(BEIJING), running=True)
    emulator = Emulator(accounts=1, days=20, clock=clock)
    with RunningServer(emulator.asgi) as server:
        yield emulator, server.url


def _free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


def test_from_nothing_to_a_page_with_figures(
    tmp_path: Path, emulator: tuple[Emulator, str]
) -> None:
    wechat, server = emulator
    app = wechat.accounts[0]
    with Up(tmp_path) as up:
        visitor = Visitor(up.url)
        code = re.search(r"welcome\?code=(\S+)", up.printed)
        assert code
        welcome = visitor.post("/welcome", code=code[1], name="me", password=PASSWORD)
        assert welcome.location == "/accounts"
        assert visitor.get("/").location == "/accounts"
        wrong = visitor.post("/accounts", appid=app.appid, secret="wrong" * 6, base_url=server)
        assert wrong.status == 400
        assert "40125" in wrong.text
        assert "wrongwrong" not in wrong.text
        added = visitor.post(
            "/accounts", appid=app.appid, secret=app.secret, base_url=server, name="mine"
        )
        assert added.location == f"/accounts/{app.appid}"
        account = visitor.get(added.location).text
        assert "AppID and AppSecret are valid" in account
        assert re.search(r"\d+ calls, for \d+ days", account)
        visitor.post("/sync", account=app.appid)
        up.read_until("days by state")
        assert "The last sync ended" in visitor.get("/sync").text
        overview = visitor.get("/")
        assert overview.status == 200
        assert "mine" in overview.text
        assert visitor.get("/followers/daily.csv").body.count(b"\n") == 31
        _check_api(up, tmp_path)
        up.printed = ""
        day = f"{wechat.last_day}"
        visitor.post("/sync", account=app.appid, endpoint="getusersummary", days=f"{day}..{day}")
        up.read_until("1 call, ")
        ended, printed = up.end(signal.SIGTERM)
        assert ended == 0
        assert "stopped; stored data stays" in printed
        assert app.secret not in up.printed + printed
    settings = tomllib.loads((tmp_path / "wxcube.toml").read_text(encoding="utf-8"))
    assert [one["appid"] for one in settings["accounts"]] == [app.appid]
    with Up(tmp_path) as again:
        visitor.url = again.url
        assert "welcome" not in again.printed
        assert visitor.get("/followers").status == 200
        assert again.end(signal.SIGINT)[0] == 0


def _check_api(up: Up, folder: Path) -> None:
    """The account that was added on a page has an app of the API after its first sync."""
    url = re.search(r"API: (http://[^\s,]+)", up.printed)
    assert url

    def tokens() -> list[bytes]:
        text = (folder / "wxcube-apps.toml").read_text(encoding="utf-8")
        apps = tomllib.loads(text).get("apps", [])
        query = "/cgi-bin/token?grant_type=client_credential&appid={appid}&secret={secret}"
        return [Visitor(url[1]).get(query.format(**app)).body for app in apps]

    eventually(lambda: [b"access_token" in token for token in tokens()] == [True])


def test_the_demo_accounts_leave_the_settings_as_they_are(tmp_path: Path) -> None:
    with Up(tmp_path) as up:
        visitor = Visitor(up.url)
        code = re.search(r"welcome\?code=(\S+)", up.printed)
        assert code
        before = (tmp_path / "wxcube.toml").read_bytes()
        visitor.post("/welcome", code=code[1], name="me", password=PASSWORD)
        assert visitor.post("/demo").location == "/sync"
        eventually(lambda: "The last sync ended" in visitor.get("/sync").text)
        assert "simulated" in visitor.get("/").text
        assert (tmp_path / "wxcube.toml").read_bytes() == before
        assert up.end(signal.SIGTERM)[0] == 0


def test_alerts_and_the_report_of_the_week_are_sent_once(tmp_path: Path) -> None:
    with pushing_account(tmp_path, weekly="team") as (app, hook):
        with Up(tmp_path) as up:
            up.read_until("sent to team", times=2)
            titles = [message["title"] for message in hook.got]
            assert titles[1] == "WeChat statistics, 2026-03-02 – 2026-03-08"
            assert re.fullmatch(r"shop: .*% of the pushes on 2026-03-09 failed.*", titles[0])
            assert up.end(signal.SIGTERM)[0] == 0
            assert "SECRETPATH" not in up.printed
        with Up(tmp_path) as again:
            sync_once_more(again, app)
            assert len(hook.got) == 2


def test_a_recipient_that_is_not_in_the_settings_ends_no_syncs(tmp_path: Path) -> None:
    with pushing_account(tmp_path, weekly="nobody") as (app, hook), Up(tmp_path) as up:
        up.read_until("the settings have no recipient 'nobody'")
        sync_once_more(up, app)
        assert len(hook.got) == 1, "the alert has a recipient"


def test_a_report_that_cannot_be_made_keeps_nobody_else_from_theirs(tmp_path: Path) -> None:
    with pushing_account(tmp_path, weekly='paper", "team') as (_app, hook), Up(tmp_path) as up:
        up.read_until("sent to team", times=2)
        assert "not sent to paper" in up.printed
        assert len(hook.got) == 2


SETTINGS = """\
[[accounts]]
appid = "{appid}"
name = "shop"
secret_file = "secret"
base_url = "{url}"
emulator = true
endpoints = ["interface", "user"]

[[recipients]]
name = "team"
url_file = "hook"

[[recipients]]
name = "paper"
url_file = "hook"
format = "pdf"

[alerts]
failure_rate = 0
send = ["team"]

[report]
browser = "no-browser"
weekly = ["{weekly}"]
"""


@contextmanager
def pushing_account(folder: Path, *, weekly: str) -> Iterator[tuple[App, Hook]]:
    """An account whose server failed yesterday, a Tuesday, and the receiver of the settings."""
    wechat = Emulator(accounts=1, days=20, now=datetime(2026, 3, 10, 13, tzinfo=BEIJING))
    (app,) = wechat.accounts
    with RunningServer(wechat.asgi) as server, web_hook() as hook:
        settings = SETTINGS.format(appid=app.appid, url=server.url, weekly=weekly)
        (folder / "wxcube.toml").write_text(settings)
        for name, text in (("secret", app.secret), ("hook", hook.url)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        yield app, hook


def sync_once_more(up: Up, app: App) -> None:
    """Wait until another sync has begun: then all that follows the first one is done."""
    visitor = Visitor(up.url)
    code = re.search(r"welcome\?code=(\S+)", up.printed)
    assert code
    visitor.post("/welcome", code=code[1], name="me", password=PASSWORD)
    visitor.post(
        "/sync", account=app.appid, endpoint="getusersummary", days="2026-03-01..2026-03-01"
    )
    up.read_until("1 call, ")
