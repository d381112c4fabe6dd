"""The code blocks of the README, the tutorial and the how-to guides work as they are written.

The blocks of a page run in order, in an empty folder: console blocks as a shell session, Python
blocks as scripts. Only what the base install has can be imported. Servers that a page starts run
until the page ends or starts the same server again. Output that a page shows is compared; `…` in it
stands for any text.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from support.guide import CHINESE, ROOT, Command, blocks_of, commands_of
from wxcube.settings import load
from wxcube.testing import RunningEmulator

PAGES = sorted(
    str(page.relative_to(ROOT))
    for pattern in ("README*.md", "docs/tutorial*.md", "docs/how-to/*.md")
    for page in ROOT.glob(pattern)
)
FOLLOWED_ELSEWHERE = {"postgresql", "mysql"}
"""Pages that need a database server and an extra: test_database_servers.py follows them."""
APPID = "wx0123456789abcdef"
"""The AppID that pages show for the reader's own account."""
EVENTS = (
    f"""printf '%s\\n' '{{"event": "follow", "id": "1", "account": "{APPID}", """
    """"at": 1772326800, "user": "o1"}' | gzip > march.jsonl.gz"""
)
CALLBACKS = (
    f"""printf '[[accounts]]\\nappid = "{APPID}"\\noriginal_id = "gh_0123456789ab"\\n"""
    """message_token_env = "WXCUBE_MESSAGE_TOKEN"\\n' > wxcube.toml"""
)

PREPARED = {
    "README": [EVENTS],  # the reader's own events
    "bi-tools": ["wxcube demo --once --days 20 --accounts 1 --folder ."],
    "backup": [  # an installation that has something to back up
        f"wxcube init --appid {APPID} --since 2026-03-01",
        "export WXCUBE_SECRET_MAIN=…",
        "wxcube sync --only user",
        EVENTS,
        "wxcube events ingest march.jsonl.gz",
        "wxcube cube build --to 2026-03-09",
        "wxcube serve",
    ],
    "files": [  # an installation that has figures
        f"wxcube init --appid {APPID} --since 2026-03-01",
        "export WXCUBE_SECRET_MAIN=…",
        "wxcube sync --only user --only content --only message",
    ],
    "tap": [CALLBACKS],  # an account whose callbacks are recorded
    "serve": [  # a database with something to serve, and a server that has written its apps file
        f"wxcube init --appid {APPID} --since 2026-03-01",
        "export WXCUBE_SECRET_MAIN=…",
        EVENTS,
        "wxcube events ingest march.jsonl.gz",
        "wxcube cube build --to 2026-03-09",
        "wxcube serve",
    ],
    "report": [  # an installation that has figures, and a rule that finds nothing
        f"wxcube init --appid {APPID} --since 2026-03-01",
        "export WXCUBE_SECRET_MAIN=…",
        "wxcube sync --only user --only content --only message",
        "printf '[alerts]\\nfailure_rate = 0.9\\n' >> wxcube.toml",
    ],
}
"""Commands that create what a page assumes to exist."""

SKIPPED = {
    "make demo": "tests/slices/test_demo.py runs the demo",
    "make test": "this is one of the tests",
    "python3 -m venv": "installs packages from a network",
    ". .venv/bin/activate": "the tests run in an active environment",
    "pip install": "installs packages from a network",
    "sudo ": "changes the machine",
    "systemctl ": "needs a machine with systemd",
    "journalctl ": "needs a machine with systemd",
    "wxcube report --week --send": "needs the extra deliver; tests/cli/commands/test_report.py sends",
    "podman ": "builds and runs containers",
    "datasette ": "not in the base install; tests/integrate/test_datasette.py starts it",
    "wxcube certificate": "needs the extra tls; tests/server/test_local_certificate.py runs it",
    "wxcube serve --port 443": "the port is for HTTPS on the whole machine",
    "docker run": "needs Grafana; tests/integrate/test_grafana.py runs the queries of its panels",
    "wxcube cube build --engine": "needs a cluster; tests/cube/engines run on one",
    "export NPY_DISABLE_CPU_FEATURES": "is for one kind of processor",
}
"""Commands that are not run, by their beginning, each with the reason."""
SKIPPED_PYTHON = {
    "from wxcube.cube.engines.choice import engine": "needs a cluster; tests/cube/engines run on one",
    'followers = database.frame("getusersummary").to_pandas()': "needs pandas; tests/export has it",
    "from wechatpy import": "not in the base install; tests/slices/test_clients.py runs it",
    "import dlt": "not in the base install; tests/export/test_dlt_source.py loads rows with it",
}
"""Python blocks that are not run, by a line of theirs, each with the reason."""
DATA = {"ini", "json", "sql", "text", "toml", "{toctree}"}
"""Languages of blocks that are no commands."""
OTHER_LANGUAGES = {"csharp", "go", "java", "javascript", "php"}
"""Languages of programs that are not run here; tests/slices/test_clients.py runs those it can."""
SUBSTITUTIONS = {
    r"^wxcube emulate(?!.*--port)": ("wxcube emulate --port 8400", "names the port, for the next"),
    r"\b8300\b": ("{serve_port}", "the port may be in use"),
    r"\b8310\b": ("{pages_port}", "the port may be in use"),
    r"\b8320\b": ("{tap_port}", "the port may be in use"),
    r"\b8400\b": ("{emulate_port}", "the port may be in use"),
    r'Client\("APPID", "SECRET"\)': (
        'Client("APPID", "SECRET", base_url="{wechat}")',
        "a block about WeChat; an emulator stands for it",
    ),
    APPID: ("{appid}", "the reader's own AppID"),
    "WXCUBE_SECRET_MAIN=…": ("WXCUBE_SECRET_MAIN={secret}", "the reader's own AppSecret"),
    r"\bAPPID\b": ("{appid}", "what the emulator printed: it depends on the seed only"),
    r"\bSECRET\b": ("{secret}", "what the emulator printed"),
    r"\bTOKEN\b": ("{token}", "what the request for a token returned"),
}
"""What is replaced in the blocks, in this order, each with the reason."""
WECHAT = '# base_url = "https://api.weixin.qq.com"'
"""The line about the server in the settings of the reader's own account."""
EMULATOR = 'base_url = "{wechat}"\nemulator = true'
"""What stands for it: the emulator is called instead of WeChat."""


# --- the base install ----------------------------------------------------------------------------


def base_install() -> set[str]:
    """The distributions that `pip install .` installs, by their normal names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    distributions = {"wxcube"}
    new = _required(project["dependencies"])
    while new:
        distributions |= new
        new = {
            name for known in new for name in _required(metadata.requires(known) or ())
        } - distributions
    return distributions


def _required(lines: Iterable[str]) -> set[str]:
    requirements = map(Requirement, lines)
    return {
        _normal(one.name)
        for one in requirements
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


HIDING = """\
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: (
    None if name.partition(".")[0] in {hidden} else find_spec(name, *more)
)
"""


@pytest.fixture(scope="module")
def only_base_install(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH; with it Python finds no package beyond the base install."""
    base = base_install()
    hidden = {
        module
        for module, owners in metadata.packages_distributions().items()
        if base.isdisjoint(map(_normal, owners))
    }
    folder = tmp_path_factory.mktemp("base")
    (folder / "sitecustomize.py").write_text(HIDING.format(hidden=hidden), encoding="utf-8")
    return folder


# --- a session -----------------------------------------------------------------------------------


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@dataclass
class Session:
    """A shell in a folder; it keeps environment, folder and servers from one block to the next."""

    folder: Path
    wechat: RunningEmulator
    environment: dict[str, str]
    ports: dict[str, int]
    servers: dict[str, Server] = field(default_factory=dict)
    output: str = ""

    def __post_init__(self) -> None:
        self.start_folder = self.folder

    def filled(self, text: str) -> str:
        """The text after the substitutions."""
        account = self.wechat.account()
        token = re.search(r'"access_token":"([^"]+)"', self.output)
        values = {
            "wechat": self.wechat.url,
            "appid": account.appid,
            "secret": account.secret,
            "token": token[1] if token else "TOKEN",
            "serve_port": self.ports["serve"],
            "pages_port": self.ports["up"],
            "emulate_port": self.ports["emulate"],
            "tap_port": self.ports["tap"],
        }
        for pattern, (replacement, _reason) in SUBSTITUTIONS.items():
            text = re.sub(pattern, replacement.format(**values), text)
        return text

    def run(self, command: Command) -> None:
        """Run a command and compare its output."""
        text = self.filled(command.text)
        if server := re.match(r"wxcube (emulate|serve|up|tap(?= proxy| mirror))\b", text):
            self._serve(server[1], text, command.output)
            return
        result = self._shell(text)
        self.output = result.stdout
        assert result.returncode == 0, f"$ {text}\n{result.stdout}{result.stderr}"
        assert self._shows(command.output, result.stdout), f"$ {text}\n{result.stdout}"
        if text.startswith("wxcube init --appid"):
            self._use_emulator()

    def _shell(self, text: str) -> subprocess.CompletedProcess[str]:
        state = self.start_folder / ".state"
        script = f"set -o pipefail\n{text}\nstatus=$?\n{{ pwd; env -0; }} > '{state}'\nexit $status"
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        folder, _, variables = state.read_text(encoding="utf-8").partition("\n")
        self.folder = Path(folder)
        pairs = (pair.partition("=") for pair in variables.split("\0") if pair)
        self.environment = {name: value for name, _equals, value in pairs}
        return result

    def _use_emulator(self) -> None:
        settings = self.folder / "wxcube.toml"
        text = settings.read_text(encoding="utf-8")
        assert WECHAT in text
        emulator = EMULATOR.format(wechat=self.wechat.url)
        settings.write_text(text.replace(WECHAT, emulator), encoding="utf-8")

    def _serve(self, kind: str, text: str, shown: str) -> None:
        if kind in self.servers:
            self.servers.pop(kind).stop()
        log = self.start_folder / f".{kind}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {text}"],
                cwd=self.folder,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.servers[kind] = Server(process, log)
        port = self.ports[kind]
        for _wait in range(600):
            result = log.read_text(encoding="utf-8")
            assert process.poll() is None, f"$ {text}\n{result}"
            if _answers(port) and self._shows(shown, result):
                return
            time.sleep(0.1)
        raise AssertionError(f"$ {text}\n{result}")

    def _shows(self, shown: str, result: str) -> bool:
        """Whether the output is what a page shows: words in order, `…` for any text."""
        words = (re.escape(word).replace("…", ".*?") for word in self.filled(shown).split())
        return re.search(r"\s+".join(words), result, re.DOTALL) is not None

    def run_python(self, content: str) -> None:
        """Run a Python block; a block with a test runs under pytest."""
        script = self.folder / "test_block.py"
        script.write_text(self.filled(content), encoding="utf-8")
        is_test = "\ndef test_" in f"\n{content}"
        command = [sys.executable, *(("-m", "pytest", "-q") if is_test else ()), script.name]
        environment = {**self.environment, **({"PYTHONPATH": ""} if is_test else {})}
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, f"{content}\n{result.stdout}{result.stderr}"

    def stop(self) -> None:
        """End the servers."""
        for server in self.servers.values():
            server.stop()
        self.servers.clear()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> dict[str, int]:
    """A free port for each of our servers."""
    with ExitStack() as stack:
        probes = {
            kind: stack.enter_context(socket.socket()) for kind in ("serve", "emulate", "up", "tap")
        }
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {kind: probe.getsockname()[1] for kind, probe in probes.items()}


@pytest.fixture(scope="module")
def wechat() -> Iterator[RunningEmulator]:
    with RunningEmulator() as running:
        yield running


@pytest.fixture
def session(tmp_path: Path, wechat: RunningEmulator, only_base_install: Path) -> Iterator[Session]:
    ports = _free_ports()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(only_base_install),
        "PYTHONUTF8": "1",
        "HOME": str(tmp_path),
        "LANG": "en_US.UTF-8",
        "WXCUBE_SERVE__PORT": str(ports["serve"]),
        "WXCUBE_PAGES__PORT": str(ports["up"]),
    }
    session = Session(tmp_path, wechat, environment, ports)
    yield session
    session.stop()


# --- the tests -----------------------------------------------------------------------------------


def name_of(page: str) -> str:
    """The name of a page, the same in both languages."""
    return Path(page).name.partition(".")[0]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if name_of(page) not in FOLLOWED_ELSEWHERE]
)
def test_page_works_as_written(page: str, session: Session) -> None:
    if page.endswith(CHINESE):
        session.environment["LANG"] = "zh_CN.UTF-8"
    for text in PREPARED.get(name_of(page), ()):
        session.run(Command(text, ""))
    session.stop()
    for block in blocks_of(ROOT / page):
        if block.language == "console":
            for command in commands_of(block.content):
                if not is_skipped(command):
                    session.run(command)
        elif block.language == "python":
            if not any(line in block.content for line in SKIPPED_PYTHON):
                session.run_python(block.content)
        else:
            assert block.language in DATA | OTHER_LANGUAGES, (
                "a block that is neither run nor known as data"
            )


def is_skipped(command: Command) -> bool:
    return any(command.text.startswith(beginning) for beginning in SKIPPED)


def test_every_exception_is_used() -> None:
    blocks = [block for page in PAGES for block in blocks_of(ROOT / page)]
    commands = [
        command
        for block in blocks
        if block.language == "console"
        for command in commands_of(block.content)
    ]
    used = {b for b in SKIPPED for command in commands if command.text.startswith(b)}
    used_python = {
        line
        for line in SKIPPED_PYTHON
        for b in blocks
        if b.language == "python" and line in b.content
    }
    assert used == set(SKIPPED)
    assert used_python == set(SKIPPED_PYTHON)


@pytest.mark.parametrize("page", PAGES)
def test_settings_of_a_page_are_valid(page: str, tmp_path: Path) -> None:
    for block in blocks_of(ROOT / page):
        if block.language == "toml":
            path = tmp_path / "wxcube.toml"
            path.write_text(block.content, encoding="utf-8")
            load(str(path))
