"""wxcube's command line in this process: its exit code, and what it printed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from unittest.mock import patch

import msgspec

from wxcube.beijing import Clock
from wxcube.cli.main import run
from wxcube.emulator.journal import Entry
from wxcube.testing import RunningEmulator

AT_MOMENT = Path(__file__).with_name("at_moment.py")
"""Runs the command line in a process of its own, at a given time."""


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str
    raw: bytes
    """Standard output as bytes."""

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def lines(self) -> list[dict[str, object]]:
        """Standard output as JSON lines."""
        return [msgspec.json.decode(line) for line in self.out.splitlines()]


@dataclass
class Site:
    """A folder with settings and a database, and the environment of its user."""

    folder: Path
    clock: Clock | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "wxcube.db"

    @property
    def settings(self) -> Path:
        return self.folder / "wxcube.toml"

    def run(self, *arguments: str) -> CommandResult:
        with _user(self.folder, self.environment), _captured() as (out, err):
            code = run(list(arguments), clock=self.clock)
            for stream in (out, err):
                stream.flush()
        stdout, stderr = out.buffer.getvalue(), err.buffer.getvalue()
        return CommandResult(code, stdout.decode(), stderr.decode(), stdout)

    def launch(self, now: str, *arguments: str) -> list[str]:
        """The command line of a process that runs a command with its clock set to `now`."""
        return [sys.executable, str(AT_MOMENT), now, *arguments]

    @contextmanager
    def process(self, now: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A running process of a command, with its clock set; it is killed at the end."""
        with subprocess.Popen(
            self.launch(now, *arguments),
            cwd=self.folder,
            env={**os.environ, **self.environment, "LANG": "en_US.UTF-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as started:
            try:
                yield started
            finally:
                started.kill()


MakeSite = Callable[..., Site]
"""Creates a site for an emulator, in a new folder."""


@dataclass(frozen=True)
class Synced:
    """A site after its first sync."""

    site: Site
    running: RunningEmulator
    result: CommandResult
    calls: list[Entry]
    """The emulator's journal of the sync."""


def site_of(
    folder: Path, running: RunningEmulator, *, sync: str = "", since: date | None = None
) -> Site:
    """A site for the accounts of an emulator, with their membership cards in its settings."""
    emulator = running.emulator
    site = Site(folder, emulator.clock)
    first = since or emulator.simulation.first_day
    text = f"[sync]\nsince = {first}\nretry_pause_seconds = 0.01\n{sync}\n"
    for place, app in enumerate(emulator.accounts):
        variable = f"SECRET_OF_{place}"
        site.environment[variable] = app.secret
        card_ids = [
            c.card_id for c in emulator.simulation.accounts[app.appid].cards if c.is_membership
        ]
        text += (
            f'[[accounts]]\nappid = "{app.appid}"\nname = "shop{place}"\n'
            f'secret_env = "{variable}"\nbase_url = "{running.url}"\n'
        )
        text += f"cards = {msgspec.json.encode(card_ids).decode()}\n"
    site.settings.write_text(text, encoding="utf-8")
    return site


@contextmanager
def _user(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    host = {k: v for k, v in os.environ.items() if not k.startswith(("WXCUBE_", "LC_", "LANG"))}
    terminal = {"COLUMNS": "80", "NO_COLOR": "1", "LANG": "en_US.UTF-8"}
    with chdir(folder), patch.dict(os.environ, {**host, **terminal, **environment}, clear=True):
        yield


class _Stream(io.TextIOWrapper):
    buffer: io.BytesIO

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)


@contextmanager
def _captured() -> Iterator[tuple[_Stream, _Stream]]:
    out, err = _Stream(), _Stream()
    with redirect_stdout(out), redirect_stderr(err):
        yield out, err
