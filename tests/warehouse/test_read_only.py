"""A read-only file in a read-only directory is read; newer changes beside it are never ignored."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from support.command_line import AT_MOMENT
from wxcube.server import apps
from wxcube.warehouse.store import Warehouse

WITHOUT_ROOT = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""Runs a command without root's right to write everything."""
IS_ROOT = os.geteuid() == 0
pytestmark = pytest.mark.skipif(
    IS_ROOT and not shutil.which("setpriv"), reason="root may write everything"
)
APPID = "wx0123456789abcdef"
COUNT = ("sql", "select count(*) as n from accounts", "--json")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that may write only what its permissions say."""
    command = [sys.executable, str(AT_MOMENT), "2026-03-20T09:00", *words]
    return subprocess.run(
        [*(WITHOUT_ROOT if IS_ROOT else []), *command],
        cwd=folder,
        env={**os.environ, "LANG": "en_US.UTF-8", "TMPDIR": str(folder.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A Python process, in the same way, that goes on running."""
    return subprocess.Popen(
        [*(WITHOUT_ROOT if IS_ROOT else []), sys.executable, *words],
        cwd=folder,
        env={**os.environ, "LANG": "en_US.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A directory with a database of one account; `lock` makes it read-only."""
    folder = tmp_path / "archive"
    folder.mkdir()
    settings = f'[[accounts]]\nappid = "{APPID}"\nsecret_env = "NONE"\n'
    (folder / "wxcube.toml").write_text(settings, encoding="utf-8")
    with Warehouse.open(folder / "wxcube.db"):
        pass
    change(folder, APPID)
    yield folder
    folder.chmod(0o755)


def change(folder: Path, appid: str, *, interrupted: bool = False) -> None:
    """Add an account; an interrupted program leaves it in the -wal."""
    connection = sqlite3.connect(folder / "wxcube.db")
    connection.execute("INSERT INTO accounts VALUES (?, '2026-03-10T09:00:00+08:00')", (appid,))
    connection.commit()
    if interrupted:
        names = ("wxcube.db", "wxcube.db-wal", "wxcube.db-shm")
        copies = {name: (folder / name).read_bytes() for name in names}
        connection.close()
        for name, content in copies.items():
            (folder / name).write_bytes(content)
    connection.close()


def lock(folder: Path) -> None:
    for file in folder.iterdir():
        # a server refuses what others may read
        file.chmod(0o400)
    folder.chmod(0o555)


@pytest.mark.parametrize(
    "words",
    [COUNT, ("status",), ("export", "getusersummary"), (*COUNT, "--as-of", "2026-03-10")],
    ids=["sql", "status", "export", "as-of"],
)
def test_a_read_only_database_is_read(folder: Path, words: tuple[str, ...]) -> None:
    lock(folder)
    result = run(folder, *words)
    assert result.returncode == 0, result.stderr
    assert words[0] != "sql" or result.stdout == '{"n":1}\n'
    assert sorted(path.name for path in folder.iterdir()) == ["wxcube.db", "wxcube.toml"]


def test_changes_of_an_interrupted_program_are_read(folder: Path) -> None:
    change(folder, "wx2", interrupted=True)
    lock(folder)
    result = run(folder, *COUNT)
    assert (result.returncode, result.stdout) == (0, '{"n":2}\n'), result.stderr


def test_changes_that_cannot_be_read_are_an_error(folder: Path) -> None:
    change(folder, "wx2", interrupted=True)
    (folder / "wxcube.db-shm").unlink()
    lock(folder)
    for words in (COUNT, ("status",)):
        result = run(folder, *words)
        assert result.returncode == 1
        assert "wxcube.db-wal has changes of an interrupted program" in result.stderr
        assert "copy both files" in result.stderr


def test_a_read_only_database_is_served(folder: Path) -> None:
    [app], _change = apps.ensure(folder / "wxcube-apps.toml", [APPID])
    lock(folder)
    with start(
        folder, str(AT_MOMENT), "2026-03-20T09:00", "serve", "--port", "0", "--missing", "empty"
    ) as process:
        assert process.stdout
        announced = next(line for line in process.stdout if "listening on" in line)
        url = announced.split()[-1]
        query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
        with urlopen(f"{url}/cgi-bin/token?{query}", timeout=30) as reply:
            token = json.load(reply)["access_token"]
        day = json.dumps({"begin_date": "2026-03-09", "end_date": "2026-03-09"}).encode()
        with urlopen(f"{url}/datacube/getusersummary?access_token={token}", day) as reply:
            assert json.load(reply) == {"list": []}
        process.terminate()


READS_TWICE = """
import sys
from wxcube.warehouse.store import Warehouse

with Warehouse.open("wxcube.db", read_only=True) as warehouse:
    print(len(warehouse.accounts()), flush=True)
    sys.stdin.readline()
    print(len(warehouse.accounts()), flush=True)
"""


def test_changes_of_another_user_are_noticed(folder: Path) -> None:
    lock(folder)
    with start(folder, "-c", READS_TWICE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "1\n"
        folder.chmod(0o755)
        (folder / "wxcube.db").chmod(0o644)
        change(folder, "wx2")
        lock(folder)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "2\n"
