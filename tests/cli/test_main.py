"""The command line itself: help, exit codes, languages, pipes."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from support.command_line import Site
from wxcube import __version__
from wxcube.cli.main import COMMANDS

PROGRAM = Path(sys.executable).with_name("wxcube")
HEAVY = ("sqlalchemy", "aiohttp", "duckdb", "numpy", "alembic", "uvicorn", "rich", "msgspec")
EVERY = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_help_lists_every_command_and_the_exit_codes(site: Site) -> None:
    result = site.run("--help")
    assert (result.code, result.err) == (0, "")
    listed = " ".join(result.out.split())
    for name, (_, text) in COMMANDS.items():
        assert f" {name} {text} " in listed, name
    assert "Exit codes" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    assert site.run("-h").out == result.out


def test_without_a_command_it_shows_the_help(site: Site) -> None:
    result = site.run()
    assert result.code == 2
    assert "wxcube demo" in result.text


def test_version(site: Site) -> None:
    assert site.run("--version").out.split()[-1] == __version__


@EVERY
def test_every_command_has_help(site: Site, name: str) -> None:
    result = site.run(name, "--help")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"Usage: wxcube {name} ")
    assert max(map(len, result.out.splitlines())) <= 80


@EVERY
def test_the_list_of_commands_has_the_first_line_of_each_help(name: str) -> None:
    module, listed = COMMANDS[name]
    command = getattr(import_module(f"wxcube.cli.commands.{module}"), name)
    assert isinstance(command, click.Command)
    assert (command.help or "").startswith(listed.removesuffix("."))
    assert len(listed) < 70


@EVERY
def test_every_option_is_explained(name: str) -> None:
    module, _ = COMMANDS[name]
    command = getattr(import_module(f"wxcube.cli.commands.{module}"), name)
    context = click.Context(command)
    options = (p for p in command.params if isinstance(p, click.Option))
    for option in (option for option in options if not option.hidden):
        shown = option.get_help_record(context)
        explains_itself = isinstance(option.type, click.Choice) or option.show_default
        assert shown
        assert shown[1] or explains_itself, option.name


def test_help_loads_nothing_heavy() -> None:
    """What `wxcube --help` imports decides how fast it answers."""
    script = (
        "import sys\nfrom wxcube.cli.main import run\nrun(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Exit codes" in result.stdout
    assert result.stderr.strip() == "[]"


# --- as a process ---------------------------------------------------------------------------------


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", line.replace("wxcube", str(PROGRAM), 1)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environment},
    )


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    result = shell("wxcube endpoints --json | head -c 10", tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout) == 10


def test_a_terminal_without_chinese_gets_question_marks(tmp_path: Path) -> None:
    result = shell("wxcube --lang zh endpoints", tmp_path, PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "getusersummary" in result.stdout
    assert "???" in result.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_during_output_is_reported(tmp_path: Path) -> None:
    result = shell("wxcube endpoints --json > /dev/full", tmp_path)
    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "free space on the disk" in result.stderr
    assert result.stderr.count("\n") == 1


# --- languages ------------------------------------------------------------------------------------

ENGLISH_HEADS = re.compile(r"\b(endpoint|calls|days|title|grain|from|final|moving|name|token)\b")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_the_language_of_the_option_or_else_of_the_system(site: Site) -> None:
    for words, language, chinese in (
        (["--lang", "zh"], "en_US.UTF-8", True),
        (["--lang", "en"], "zh_CN.UTF-8", False),
        ([], "zh_CN.UTF-8", True),
        ([], "en_US.UTF-8", False),
        ([], "C", False),
    ):
        site.environment["LANG"] = language
        result = site.run(*words, "endpoints").out.splitlines()[0]
        assert bool(CHINESE.search(result)) == chinese, (words, language)
        assert bool(ENGLISH_HEADS.search(result)) != chinese, (words, language)
