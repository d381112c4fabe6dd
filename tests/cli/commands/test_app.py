"""The command app, and a running server that takes its changes in."""

from __future__ import annotations

import http.client
import os
import secrets
import signal
import socket
import sqlite3
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.command_line import Site
from support.polling import eventually
from support.private_files import write_private
from support.tls import certificate
from wxcube.beijing import ManualClock, parse_timestamp

SETTINGS = '[[accounts]]\nappid = "wxdemo-1"\nname = "shop"\n[[accounts]]\nappid = "wxdemo-2"\n'
NOW = "2026-03-10T09:00"
BODY = b'{"begin_date":"2026-03-09","end_date":"2026-03-09"}'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder with settings of two accounts."""
    site = Site(tmp_path, ManualClock(parse_timestamp(NOW)))
    site.settings.write_text(SETTINGS, encoding="utf-8")
    return site


def added(site: Site, *words: str) -> dict[str, str]:
    """The appid and the secret that a command prints."""
    result = site.run("app", *words, "--json")
    assert result.code == 0, result.text
    [line] = result.lines
    return {name: str(value) for name, value in line.items()}


def listed(site: Site) -> dict[str, dict[str, Any]]:
    return {str(line["appid"]): line for line in site.run("app", "list", "--json").lines}


# --- the commands ---------------------------------------------------------------------------------


def test_a_secret_is_shown_once_and_stored_as_a_hash(site: Site) -> None:
    app = added(site, "add", "reports", "--account", "shop")
    assert len(app["secret"]) == 32
    result = site.run("app", "list")
    assert "reports" in result.out
    assert app["secret"] not in result.text + str(listed(site))
    raw = b"".join(file.read_bytes() for file in site.folder.iterdir())
    assert app["secret"].encode() not in raw
    assert added(site, "rotate", "reports")["secret"] != app["secret"]


def test_an_app_has_the_rights_that_were_named(site: Site) -> None:
    rights = "--permission-set 2 --permission-set 7 --address 192.0.2.0/24 --daily-limit 5"
    more = "--minute-limit 6 --platform --wechat-token --account wxdemo-2"
    added(site, "add", "shop-app", *rights.split(), *more.split())
    line = listed(site)["shop-app"]
    assert {name: line[name] for name in line if name != "created_at"} == {
        "appid": "shop-app",
        "account": "wxdemo-2",
        "permission_sets": [2, 7],
        "addresses": ["192.0.2.0/24"],
        "daily_limit": 5,
        "minute_limit": 6,
        "is_platform": True,
        "gets_wechat_token": True,
        "source": "database",
        "revoked_at": None,
    }
    result = site.run("app", "change", "shop-app", "--daily-limit", "9")
    assert (result.code, result.out.split()[-2:]) == (0, ["9", "6"])
    assert listed(site)["shop-app"] == line | {"daily_limit": 9}
    assert site.run("app", "change", "shop-app", "--address", "192.0.2.7").code == 0
    assert listed(site)["shop-app"] == line | {"daily_limit": 9, "addresses": ["192.0.2.7"]}
    result = site.run("app", "change", "shop-app", "--reset", "--daily-limit", "4")
    # what was not named is the default again, and shown
    assert (result.code, result.out.split()[-3:]) == (0, ["wxdemo-2", "all", "4"])
    line = listed(site)["shop-app"]
    assert (line["daily_limit"], line["addresses"], line["is_platform"]) == (4, [], False)
    result = site.run("app", "change", "shop-app")
    assert result.code == 1
    assert "--reset" in result.err
    assert listed(site)["shop-app"] == line


@pytest.mark.parametrize(
    ("words", "english", "chinese"),
    [
        ("add x --account shop", "cannot be the appid", "不能用作"),
        ("add app1 --account nobody", "no data of account", "nobody"),
        ("add app1", "select one with --account", "--account"),
        ("add app1 --account shop --address 300.1.1.1", "--address: '300.1.1.1'", "--address"),
        ("rotate nobody", "the database has no app nobody", "没有应用 nobody"),
        ("revoke nobody", "the database has no app nobody", "没有应用 nobody"),
        ("change nobody --reset", "the database has no app nobody", "没有应用 nobody"),
        ("import missing.toml", "the apps file missing.toml cannot be read", "missing.toml"),
    ],
)
def test_what_is_wrong_is_reported(site: Site, words: str, english: str, chinese: str) -> None:
    added(site, "add", "reports", "--account", "shop")
    result = site.run("app", *words.split())
    assert (result.code, english in result.err) == (1, True), result.err
    assert chinese in site.run("app", *words.split(), "--lang", "zh").err


def test_an_appid_is_used_once_also_after_it_was_revoked(site: Site) -> None:
    added(site, "add", "reports", "--account", "shop")
    assert (
        "there is an app reports already"
        in site.run("app", "add", "reports", "--account", "shop").err
    )
    assert site.run("app", "revoke", "reports").code == 0
    assert listed(site)["reports"]["revoked_at"]
    for again in (("add", "reports", "--account", "shop"), ("rotate", "reports")):
        result = site.run("app", *again)
        assert (result.code, "was revoked; add one with another appid" in result.err) == (1, True)


@pytest.mark.parametrize(
    "words", ["import", "new-key", "log", "revoke own", "rotate own", "change own --reset"]
)
def test_a_mistyped_database_is_not_created_with_tokens_that_have_ended(
    site: Site, words: str
) -> None:
    added(site, "add", "own", "--account", "shop")
    text = '[[apps]]\nappid = "of-file"\nsecret = "0123456789abcdef"\naccount = "wxdemo-1"\n'
    write_private(site.folder / "wxcube-apps.toml", text)
    result = site.run("app", *words.split(), "--database", "wxcube.bd")
    assert (result.code, result.out) == (1, "")
    assert "there is no database wxcube.bd" in result.err
    assert not (site.folder / "wxcube.bd").exists()


def test_the_first_app_says_that_its_database_is_new(site: Site) -> None:
    is_told = [
        "wxcube.db is new and empty"
        in " ".join(site.run("app", "add", name, "--account", "shop").err.split())
        for name in ("first", "second")
    ]
    assert is_told == [True, False]


def test_the_list_shortens_nothing(site: Site) -> None:
    assert "there are no apps yet" in site.run("app", "list").err
    addresses = [f"192.0.2.{number}" for number in range(1, 12)]
    rights = [word for one in addresses for word in ("--address", one)]
    added(site, "add", "an-app-with-quite-a-long-name", "--account", "shop", *rights)
    result = site.run("app", "list").out
    assert all(
        text in result for text in ("an-app-with-quite-a-long-name", "(wxdemo-1)", *addresses)
    )
    assert "all" in result


def test_a_short_secret_of_the_apps_file_is_not_stored_as_a_hash(site: Site) -> None:
    text = '[[apps]]\nappid = "own"\nsecret = "12345678"\naccount = "wxdemo-1"\n'
    write_private(site.folder / "wxcube-apps.toml", text)
    result = site.run("app", "import")
    assert (result.code, "own" in result.err, listed(site)["own"]["source"]) == (1, True, "file")


# --- a running server -----------------------------------------------------------------------------


@dataclass
class RunningServe:
    """A `wxcube serve` in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    output: str
    log: Path
    tls: ssl.SSLContext | None = None

    def connection(self) -> http.client.HTTPConnection:
        host = self.url.partition("://")[2]
        if self.tls:
            port = int(host.rpartition(":")[2])
            return http.client.HTTPSConnection("localhost", port, context=self.tls)
        return http.client.HTTPConnection(host)

    def ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        with closing(self.connection()) as connection:
            connection.request(method, path, body)
            answer: dict[str, Any] = msgspec.json.decode(connection.getresponse().read())
            return answer

    def token(self, app: dict[str, str]) -> dict[str, Any]:
        query = f"grant_type=client_credential&appid={app['appid']}&secret={app['secret']}"
        return self.ask("GET", f"/cgi-bin/token?{query}")

    def stable(self, app: dict[str, str]) -> dict[str, Any]:
        body = msgspec.json.encode({"grant_type": "client_credential", **app})
        return self.ask("POST", "/cgi-bin/stable_token", body)

    def code(self, token: str) -> int:
        answer = self.ask("POST", f"/datacube/getusersummary?access_token={token}", BODY)
        return int(answer.get("errcode", 0))


@contextmanager
def serving(site: Site, *words: str, tls: ssl.SSLContext | None = None) -> Iterator[RunningServe]:
    """A server until the end of the block; its later output is in a file."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_"))}
    log = site.folder / f"serve-{secrets.token_hex(4)}.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            # their accounts have no data
            site.launch(NOW, "serve", "--port", "0", "--missing", "empty", *words),
            cwd=site.folder,
            env=environment | {"LANG": "en_US.UTF-8"},
            stderr=file,
            text=True,
        )
        try:
            eventually(lambda: "Ctrl-C" in log.read_text("utf-8") or process.poll() is not None)
            output = log.read_text("utf-8")
            assert process.poll() is None, output
            [url] = [x.split()[-1] for x in output.splitlines() if x.startswith("listening on")]
            yield RunningServe(process, url, output, log, tls)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def test_tokens_are_good_after_a_restart(site: Site) -> None:
    app = added(site, "add", "reports", "--account", "shop")
    added(site, "add", "other", "--account", "wxdemo-2")
    with serving(site) as server:
        assert "`wxcube app list` shows the apps" in server.output
        token, stable = server.token(app)["access_token"], server.stable(app)
        assert server.code(token) == 0
    assert not (site.folder / "wxcube-apps.toml").exists()
    key = site.folder / "wxcube-serve.key"
    assert key.stat().st_mode & 0o777 == 0o600
    with serving(site) as server:
        assert server.code(token) == 0
        assert server.stable(app) == stable
    key.unlink()
    result = site.run("serve", "--port", "0")
    assert (result.code, "another server key" in result.err) == (1, True)
    assert site.run("app", "new-key").code == 0
    with serving(site) as server:
        assert server.code(token) == 40001
        assert server.stable(app)["access_token"] != stable["access_token"]


def test_two_servers_share_tokens_and_a_revoked_app_is_refused_by_both(site: Site) -> None:
    app = added(site, "add", "reports", "--account", "shop")
    with serving(site) as one:
        stable = one.stable(app)
        with serving(site) as other:
            assert other.stable(app) == stable
            token = other.token(app)["access_token"]
            assert [one.code(token), other.code(token)] == [0, 0]
            assert site.run("app", "revoke", "reports").code == 0
            for server in (one, other):
                eventually(lambda server=server: server.code(token) == 40001)  # type: ignore[misc]
                assert server.token(app)["errcode"] == 40013


def test_apps_of_the_file_go_on_and_are_imported_with_their_tokens(site: Site) -> None:
    with serving(site) as server:
        assert "appid and secret are in wxcube-apps.toml (new" in server.output
        file = site.folder / "wxcube-apps.toml"
        import tomllib

        [first, _second] = tomllib.loads(file.read_text("utf-8"))["apps"]
        app = {"appid": first["appid"], "secret": first["secret"]}
        token = server.token(app)["access_token"]
        result = site.run("app", "import")
        assert "2 apps were taken into the database" in result.out
        file.unlink()
        eventually(lambda: listed(site)["wxdemo-1"]["source"] == "database")
        assert server.code(token) == 0
        assert "access_token" in server.token(app)
    with serving(site) as server:
        assert server.code(token) == 0
        assert "access_token" in server.token(app)
    assert not file.exists()


def test_an_app_of_an_account_that_nobody_knows_is_reported(site: Site) -> None:
    text = '[[apps]]\nappid = "own"\nsecret = "0123456789abcdef"\naccount = "wxdemo-{}"\n'
    write_private(site.folder / "wxcube-apps.toml", text.format(1))
    with serving(site) as server:
        assert "nothing is stored" not in server.output
    write_private(site.folder / "wxcube-apps.toml", text.format(11))
    with serving(site) as server:
        assert "the settings do not have: wxdemo-11" in " ".join(server.output.split())


def test_sighup_takes_in_the_apps_file_without_closing_connections(site: Site) -> None:
    with serving(site) as server:
        log = server.log
        file = site.folder / "wxcube-apps.toml"
        with closing(server.connection()) as connection:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            socket_before = connection.sock
            text = '\n[[apps]]\nappid = "late"\nsecret = "0123456789abcdef"\naccount = "wxdemo-1"\n'
            file.write_text(file.read_text("utf-8") + text, encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: "server.reloaded" in log.read_text("utf-8"))
            assert "access_token" in server.token({"appid": "late", "secret": "0123456789abcdef"})
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            assert connection.sock is socket_before
        file.write_text("wrong", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "server.not_reloaded" in log.read_text("utf-8"))
        assert "access_token" in server.token({"appid": "late", "secret": "0123456789abcdef"})


def test_sighup_takes_in_what_it_can_and_names_what_needs_a_restart(site: Site) -> None:
    app = added(site, "add", "reports", "--account", "shop")
    settings = site.folder / "wxcube.toml"
    before = settings.read_text("utf-8") if settings.exists() else ""
    with serving(site) as server:
        changed = (
            'log_level = "info"\n[serve]\ntrusted_proxies = ["127.0.0.1"]\nport = 8399\n'
            'admin = "public"\n[limits]\nkept_bytes = 0\nbody_bytes = 2048\n'
        )
        settings.write_text(changed, encoding="utf-8")
        try:
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: "server.restart_needed" in server.log.read_text("utf-8"))
            assert server.code(server.token(app)["access_token"]) == 0
            # the access log is on; its line comes after the answer
            eventually(lambda: "path=/datacube/getusersummary" in server.log.read_text("utf-8"))
        finally:
            settings.write_text(before, encoding="utf-8")
            if not before:
                settings.unlink()
        text = server.log.read_text("utf-8")
    [line] = [line for line in text.splitlines() if "server.restart_needed" in line]
    assert "serve.admin, limits.body_bytes" in line
    assert "kept_bytes" not in line
    assert "proxies" not in line


@pytest.mark.parametrize(
    ("address", "is_warned"), [("0.0.0.0:0", True), ("127.0.0.1:0", False), ("unix:a.sock", False)]
)
def test_an_admin_address_that_other_machines_reach_is_warned_of(
    site: Site, address: str, is_warned: bool
) -> None:
    with serving(site, "--admin", address) as server:
        assert ("other machines can reach metrics and reload" in server.output) is is_warned


def test_serve_with_tls_and_an_admin_address(site: Site) -> None:
    pem = certificate(site.folder, "localhost")
    pem.chmod(0o644)
    refused = site.run("serve", "--port", "0", "--tls-cert", str(pem))
    assert (refused.code, "its mode is 0644" in refused.err) == (1, True)
    assert not site.database.exists()
    pem.chmod(0o600)
    trusted = ssl.create_default_context(cafile=str(pem))
    admin = site.folder / "admin.sock"
    words = ("--tls-cert", str(pem), "--tls-key", str(pem), "--admin", f"unix:{admin}")
    app = added(site, "add", "reports", "--account", "shop")
    with serving(site, *words, tls=trusted) as server:
        assert server.url.startswith("https://")
        assert server.code(server.token(app)["access_token"]) == 0
        with closing(server.connection()) as connection:
            connection.request("GET", "/metrics")
            assert connection.getresponse().status == 404
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(admin))
            caller.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: caller.recv(65536), b"")).decode()
    assert 'endpoint="getusersummary",status="200",errcode="0"} 1' in text
    assert app["secret"] not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_ended_gives_back_the_calls_that_it_set_aside(
    site: Site, number: signal.Signals
) -> None:
    app = added(site, "add", "reports", "--account", "shop", "--daily-limit", "100")
    with serving(site) as server:
        token = server.token(app)["access_token"]
        assert server.code(token) == 0
        server.process.send_signal(number)
        server.process.wait(60)
    with closing(sqlite3.connect(site.database)) as connection:
        [calls] = connection.execute(
            "SELECT calls FROM app_calls WHERE path = '/datacube/getusersummary'"
        ).fetchone()
    assert calls == 1
    assert server.process.returncode == (-signal.SIGTERM if number is signal.SIGTERM else 0)
