"""The commands serve and emulate: what they print, and what a failing start leaves behind."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from support.command_line import Site
from support.private_files import write_private
from wxcube.emulator.admin_access import AdminAccess
from wxcube.server.http import listen
from wxcube.settings import Secret
from wxcube.testing import RunningEmulator

ACCOUNT = '[[accounts]]\nappid = "wxdemo-1"\n'
NOW = "2026-03-10T09:00"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty folder."""
    return Site(tmp_path)


def files(site: Site) -> set[str]:
    return {path.name for path in site.folder.iterdir()}


def test_serve_without_data_and_accounts_names_the_next_step_and_creates_nothing(
    site: Site,
) -> None:
    result = site.run("serve", "--port", "0")
    assert result.code == 1
    assert "there is no data in wxcube.db and no account in the settings" in result.err
    assert "`wxcube init` and `wxcube sync`" in result.err
    assert files(site) == set()
    assert "没有数据" in site.run("serve", "--lang", "zh").err


def test_serve_on_a_busy_port_creates_nothing(site: Site) -> None:
    site.settings.write_text(ACCOUNT, encoding="utf-8")
    with listen("127.0.0.1", 0) as listener:
        result = site.run("serve", "--port", str(listener.getsockname()[1]))
    assert (result.code, "cannot listen" in result.err) == (1, True)
    assert files(site) == {"wxcube.toml"}


def test_serve_with_an_invalid_apps_file_creates_no_database(site: Site) -> None:
    site.settings.write_text(ACCOUNT, encoding="utf-8")
    write_private(site.folder / "wxcube-apps.toml", "[[apps]]\nappid = 3\n")
    result = site.run("serve", "--port", "0")
    assert (result.code, "correct that line" in result.err) == (1, True)
    assert not site.database.exists()


@contextmanager
def running(site: Site, *arguments: str) -> Iterator[str]:
    """Run a server until the end of the block; gives its output up to its last line."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_"))}
    with subprocess.Popen(
        site.launch(NOW, *arguments),
        cwd=site.folder,
        env=environment | {"LANG": "en_US.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        try:
            output = ""
            for line in process.stdout:
                output += line
                if "Ctrl-C" in line:
                    break
            yield output
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0


def test_serve_with_a_new_database_warns_that_it_is_empty(site: Site) -> None:
    site.settings.write_text(ACCOUNT, encoding="utf-8")
    with running(site, "serve", "--port", "0") as output:
        assert "wxcube.db is new and empty: days have no figures until" in " ".join(output.split())
    with running(site, "serve", "--port", "0") as output:
        assert "new and empty" not in output


def test_the_commands_that_emulate_prints_can_be_pasted(site: Site) -> None:
    with running(site, "emulate", "--port", "0", "--accounts", "1", "--days", "10") as output:
        commands = [line.strip() for line in output.splitlines() if line.startswith("  ")]
        init, *curl = commands
        done = site.run(*init.split()[1:])
        assert done.code == 0, done.text
        assert 'base_url = "http://127.0.0.1:' in site.settings.read_text(encoding="utf-8")
        reply = subprocess.run(
            ["bash", "-c", "\n".join(curl)], capture_output=True, text=True, check=True
        )
    rows = msgspec.json.decode(reply.stdout)["list"]
    assert {row["ref_date"] for row in rows} == {"2026-03-09"}


def test_emulate_says_where_it_pushes_callbacks_and_how_many(site: Site) -> None:
    words = ("emulate", "--port", "0", "--accounts", "1", "--days", "5")
    with running(site, *words, "--push", "http://127.0.0.1:9") as output:
        text = " ".join(output.split())
        assert "callbacks are pushed to http://127.0.0.1:9 once" in text
        assert re.search(r"http://127\.0\.0\.1:\d+/_wxcube/pushes counts them", text)


def test_emulate_starts_at_the_machines_time_by_default(site: Site) -> None:
    with running(site, "emulate", "--port", "0", "--days", "5") as output:
        assert "Beijing time 2026-03-10 09:00" in output
    with running(site, "emulate", "--port", "0", "--days", "5", "--now", "2026-02-01") as output:
        assert "Beijing time 2026-02-01 00:00" in output


@pytest.mark.parametrize(
    ("option", "value", "chinese"),
    [
        ("--fault", "x", "一个故障必须且只能有其中一项"),
        ("--fault", "x errcode=many", "应为"),
        ("--quirk", "nothing", "没有这种异常行为"),
        ("--now", "soon", "不是时间"),
    ],
)
def test_errors_are_in_chinese(site: Site, option: str, value: str, chinese: str) -> None:
    result = site.run("emulate", "--lang", "zh", option, value)
    assert (result.code, chinese in result.err) == (1, True), result.err


def test_emulate_for_other_machines_has_a_password(site: Site) -> None:
    arguments = ("emulate", "--host", "0.0.0.0", "--port", "0", "--days", "5", "--name", "lab-7")
    with running(site, *arguments) as output:
        url = re.search(r"http://0\.0\.0\.0:(\d+)", output)
        password = re.search(r"need the password\s+(\S+);", output)
        assert url, output
        assert password, output
        port = int(url[1])
        assert _status(port, {"Host": f"lab-7:{port}"}) == 401
        given = {"Host": f"lab-7:{port}", "Authorization": f"Bearer {password[1]}"}
        assert _status(port, given) == 200


def _status(port: int, headers: dict[str, str]) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/_wxcube/state", headers=headers)
        return connection.getresponse().status


def test_init_sends_the_password_of_the_emulator(site: Site) -> None:
    access = AdminAccess(Secret("correct horse"))
    with RunningEmulator(accounts=1, days=5, admin_access=access) as emulator:
        refused = site.run("init", "--emulator", emulator.url)
        assert (refused.code, "WXCUBE_EMULATOR_PASSWORD" in refused.err) == (1, True)
        site.environment["WXCUBE_EMULATOR_PASSWORD"] = "correct horse"
        assert site.run("init", "--emulator", emulator.url).code == 0
        assert site.run("plan").code == 0
