"""Help in the reader's language, for every command, with the options of every command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from rich.cells import cell_len

from wxcube.cli.main import COMMANDS, run

NAMES = re.compile(
    r"`[^`]*`|\"[^\"]*\"|“[^”]*”|\[[^\]]*\]|--[\w-]+|https?://\S+|^(用法：)? +\$? ?wxcube .*$",
    re.MULTILINE,
)
ENGLISH = re.compile(r"\b[A-Za-z][a-z]+ [a-z]{2,}\b(?: [a-z]+)?")
"""Two English words in a row, the second in lower case."""


def _paths() -> Iterator[tuple[str, ...]]:
    yield ()
    for name, (module, _text) in COMMANDS.items():
        command = getattr(import_module(f"wxcube.cli.commands.{module}"), name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, sub) for sub in command.commands)


PATHS = list(_paths())
every_command = pytest.mark.parametrize("path", PATHS, ids=" ".join)


@every_command
def test_help_in_chinese_has_no_english_sentence(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--lang", "zh", "--help"]) == 0
    text = capsys.readouterr().out
    assert "选项" in text
    assert not re.findall("(?<!用法)[，。；：、！？] \\S", text)
    assert not ENGLISH.findall(NAMES.sub("", text))


@every_command
def test_help_in_english_has_no_chinese_sentence(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, "--lang", "en", "--help"]) == 0
    text = capsys.readouterr().out.replace("微信公众号数据统计", "")
    assert "General options" in text
    assert not re.search("[\u4e00-\u9fff]", text)


@every_command
@pytest.mark.parametrize("language", ["zh", "en"])
def test_help_fits_the_terminal(
    path: tuple[str, ...],
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run([*path, "--lang", language, "--help"])
    long = [line for line in capsys.readouterr().out.splitlines() if cell_len(line) > 80]
    assert not [line for line in long if "wxcube " not in line]


@pytest.mark.parametrize(
    "line",
    [
        "--database {db} status --lang zh",
        "status --database {db} --lang zh",
        "--lang en status --database {db} --lang zh",
        "--database /nowhere/a.db --lang zh status --database {db}",
    ],
)
def test_general_options_stand_before_or_behind_the_command(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "missing.db"
    assert run(line.format(db=path).split()) == 1
    result = capsys.readouterr().err
    assert result.startswith("错误：")
    assert "missing.db" in result


def test_help_asks_the_system_for_the_language(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    run(["--help"])
    assert "退出码" in capsys.readouterr().out


def test_the_language_of_help_can_be_set_in_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wxcube.toml").write_text('language = "zh"\n')
    run(["plan", "--help"])
    assert "选项" in capsys.readouterr().out


def test_the_language_of_one_run_is_not_that_of_the_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for language, word in (("zh", "选项"), ("en", "Options"), ("zh", "选项")):
        run(["--lang", language, "--help"])
        assert word in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys\nfrom wxcube.cli.main import run\nrun(['--help'])\n"
        "heavy = {'sqlalchemy', 'duckdb', 'numpy', 'aiohttp', 'uvicorn', 'alembic'}\n"
        "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"
