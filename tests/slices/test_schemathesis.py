"""Schemathesis sends what each server's own description allows, and what it does not allow.

Every answer is one that the description knows: no 5xx, no other status, type or shape. More
requests: `WXCUBE_EXAMPLES=500 pytest --timeout 3600 tests/slices/test_schemathesis.py`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from support.command_line import Synced
from support.serving import serving
from wxcube.testing import RunningEmulator

PROGRAM = Path(sys.executable).with_name("schemathesis")
EXAMPLES = os.environ.get("WXCUBE_EXAMPLES", "15")
SETTINGS = """
[parameters]
"query.access_token" = "${TOKEN}"
"""
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(params=["emulate", "serve"])
def server(
    request: pytest.FixtureRequest, synced: Synced, tmp_path: Path
) -> Iterator[tuple[str, str, str]]:
    """URL of a server, and the appid and secret of an app."""
    if request.param == "emulate":
        with RunningEmulator(accounts=1, days=40) as running:
            account = running.account()
            yield running.url, account.appid, account.secret
        return
    with serving(synced.site, tmp_path / "log.txt") as url:
        file = synced.site.folder / "wxcube-apps.toml"
        app, *_others = tomllib.loads(file.read_text(encoding="utf-8"))["apps"]
        yield url, app["appid"], app["secret"]
    assert "Traceback" not in (tmp_path / "log.txt").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_answer_is_as_described(server: tuple[str, str, str], tmp_path: Path) -> None:
    url, appid, secret = server
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    done = subprocess.run(
        [
            *(PROGRAM, "run", f"{url}/openapi.json", "--max-examples", EXAMPLES),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
            # faults and clocks are for the caller to plant
            *("--exclude-path-regex", "^/_", "--continue-on-failure", "--no-color"),
        ],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "TOKEN": _token(url, appid, secret)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert passed, done.stdout
    assert passed[1] == passed[2]
    assert int(passed[1]) > 25 * int(EXAMPLES)


def _token(url: str, appid: str, secret: str) -> str:
    query = f"grant_type=client_credential&appid={appid}&secret={secret}"
    with urlopen(f"{url}/cgi-bin/token?{query}", timeout=30) as answer:
        token: str = msgspec.json.decode(answer.read())["access_token"]
    return token
