"""Public libraries call `emulate` and `serve`, by the code of the guide, unmodified.

Those for Node are installed by `make clients`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from support.command_line import Synced
from support.guide import ROOT, blocks_of
from support.serving import serving
from support.tls import tls_server
from wxcube.contract import ENDPOINTS
from wxcube.emulator.faults import Fault
from wxcube.server.local_certificate import NAMES, local_certificate

MODULES = Path(sys.prefix) / "clients" / "node_modules"
GUIDE = ROOT / "docs" / "how-to" / "clients.md"
DAY = "2026-03-09"
BLOCKS = {
    line.split('"')[1]: block.content
    for block in blocks_of(GUIDE)
    if block.language == "javascript"
    for line in block.content.splitlines()[-20:]
    if "require(" in line
}
CLIENTS = ["co-wechat-api", "wechat-api", "node-easywechat", "@tnwx/wxmp"]
ALL_CALLS = (
    "await Promise.all(CALLS.map(async ([name, day]) => {"
    "  const method = Object.keys(API.prototype).find((one) => one.toLowerCase() === name);"
    "  return [name, (await call(method, day, day)).list];"
    "}))"
)
CALL = {
    "co-wechat-api": "const call = (method, ...days) => api[method](...days);",
    "wechat-api": (
        "const call = (method, ...days) => new Promise((resolve, reject) =>"
        " api[method](...days, (error, answer) => error ? reject(error) : resolve(answer)));"
    ),
}
"""One way to call both libraries, whose methods are the same."""
SEVENTEEN = [
    endpoint
    for endpoint in ENDPOINTS
    if endpoint.group.value in {"user", "article", "message", "interface"}
]


@dataclass(frozen=True)
class Server:
    """Where a server is, and the credentials of an account."""

    url: str
    appid: str
    secret: str

    def rows(self, name: str, day: str) -> Any:
        """The rows of a day, without a library."""
        query = f"grant_type=client_credential&appid={self.appid}&secret={self.secret}"
        token = self._answer(f"/cgi-bin/token?{query}")["access_token"]
        body = json.dumps({"begin_date": day, "end_date": day}).encode()
        return self._answer(f"/datacube/{name}?access_token={token}", body)["list"]

    def _answer(self, path: str, body: bytes | None = None) -> Any:
        with urlopen(f"{self.url}{path}", body, timeout=30) as answer:
            return json.load(answer)

    def fill(self, code: str) -> str:
        """Code of the guide for this server."""
        code = code.replace("http://127.0.0.1:8400", self.url)
        return code.replace('"APPID"', f'"{self.appid}"').replace('"SECRET"', f'"{self.secret}"')


@pytest.fixture(scope="module", params=["emulate", "serve"])
def server(
    request: pytest.FixtureRequest, synced: Synced, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    synced.running.emulator.prepare()
    account = synced.running.account()
    if request.param == "emulate":
        yield Server(synced.running.url, account.appid, account.secret)
        return
    with serving(synced.site, tmp_path_factory.mktemp("serve") / "log.txt") as url:
        file = synced.site.folder / "wxcube-apps.toml"
        apps = tomllib.loads(file.read_text(encoding="utf-8"))["apps"]
        secret = next(app["secret"] for app in apps if app["appid"] == account.appid)
        yield Server(url, account.appid, secret)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    program = shutil.which("node")
    if program is None or not MODULES.is_dir():
        pytest.skip("NO NODE CLIENTS: install Node and npm, then run `make clients`")
    return Node(program, tmp_path)


@dataclass(frozen=True)
class Node:
    program: str
    folder: Path

    def run(self, script: str, **environment: str) -> str:
        """What a script printed; some libraries keep tokens in the folder for temporary files."""
        variables = {
            "NODE_PATH": str(MODULES),
            "TMPDIR": str(self.folder),
            "HOME": str(self.folder),
        }
        done = subprocess.run(
            [self.program, "-"],
            check=False,
            input=script,
            cwd=self.folder,
            env=variables | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_the_guide_shows_every_client_that_is_installed() -> None:
    assert set(CLIENTS) <= set(BLOCKS)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_code_of_the_guide_works(client: str, server: Server, node: Node) -> None:
    as_json = "console.log = (list) => process.stdout.write(JSON.stringify(list));\n"
    printed = json.loads(node.run(as_json + server.fill(BLOCKS[client])))
    assert printed == server.rows("getusersummary", DAY) != []


def test_the_code_of_the_guide_for_wechatpy_works(server: Server, tmp_path: Path) -> None:
    code = next(b.content for b in blocks_of(GUIDE) if "import WeChatClient" in b.content)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", server.fill(code)],
        env={"no_proxy": "127.0.0.1", "PYTHONUTF8": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout.replace("'", '"')) == server.rows("getusersummary", DAY)


def setup_of(client: str) -> str:
    """The code of the guide without its call."""
    return BLOCKS[client].rpartition("\n\n")[0]


@pytest.mark.parametrize("client", CALL)
def test_all_seventeen_calls_return_what_others_get(
    client: str, server: Server, node: Node, synced: Synced
) -> None:
    rows = synced.running.emulator.rows
    newest = {
        e.name: str(rows(server.appid, e)[-1].ref_date) for e in SEVENTEEN if rows(server.appid, e)
    }
    assert len(newest) > 12
    calls = json.dumps(list(newest.items()))
    script = f"""{server.fill(setup_of(client))}
{CALL[client]}
const [API, CALLS] = [WechatAPI, {calls}];
(async () => process.stdout.write(JSON.stringify({ALL_CALLS})))();"""
    answers = dict(json.loads(node.run(script)))
    assert answers == {name: server.rows(name, day) for name, day in newest.items()}


@pytest.mark.parametrize("client", CALL)
def test_an_errcode_is_the_librarys_error(client: str, server: Server, node: Node) -> None:
    script = f"""{server.fill(setup_of(client))}
{CALL[client]}
call("getUserSummary", "2026-03-01", "2026-03-09").catch((error) => console.log(error.code, error.message));"""
    assert node.run(script).startswith("61501 date range error rid: ")


def test_a_token_that_another_program_replaced_is_renewed(node: Node, synced: Synced) -> None:
    client = "co-wechat-api"
    emulator, account = synced.running.emulator, synced.running.account()
    emulator.prepare()
    script = f"""{Server(synced.running.url, account.appid, account.secret).fill(setup_of(client))}
{CALL[client]}
call("getUserSummary", "{DAY}", "{DAY}").then((answer) => console.log(answer.list.length));"""
    before = len(emulator.journal.calls("getusersummary"))
    emulator.faults.add(Fault(path="getusersummary", expire_tokens=True, times=1))
    try:
        assert int(node.run(script)) > 0
    finally:
        emulator.faults.clear()
    asked = emulator.journal.calls("getusersummary")[before:]
    assert [call.errcode for call in asked] == [40001, 0]


async def test_a_client_that_trusts_the_local_certificate_needs_no_other_host(
    server: Server, node: Node, synced: Synced
) -> None:
    """As with an entry in the hosts file: only the address behind WeChat's name is another."""
    made = local_certificate(NAMES, synced.running.emulator.clock.now())
    pem, authority = node.folder / "both.pem", node.folder / "authority.pem"
    pem.write_bytes(made.certificate + made.key)
    authority.write_bytes(made.authority)
    async with tls_server(pem, server.url.removeprefix("http://")) as address:
        port = address.rpartition(":")[2]
        there = f'{{ host: "127.0.0.1", port: {port}, servername: "{NAMES[0]}" }}'
        script = f"""const WechatAPI = require("co-wechat-api");
const api = new WechatAPI("{server.appid}", "{server.secret}");
api.setOpts({{ beforeRequest: (options) => ({{ ...options, ...{there} }}) }});
api.getUserSummary("{DAY}", "{DAY}").then((answer) => console.log(answer.list.length));"""
        printed = await asyncio.to_thread(node.run, script, NODE_EXTRA_CA_CERTS=str(authority))
    assert int(printed) == len(server.rows("getusersummary", DAY))
