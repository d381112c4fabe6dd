"""Code blocks of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CHINESE = ".zh-CN.md"


class Block(NamedTuple):
    """A fenced code block."""

    language: str
    content: str


class Command(NamedTuple):
    """A command of a console block, and the output that the page shows below it."""

    text: str
    output: str


BLOCK = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    return [Block(*found) for found in BLOCK.findall(page.read_text(encoding="utf-8"))]


def commands_of(console: str) -> Iterator[Command]:
    r"""The commands of a console block.

    >>> list(commands_of("$ echo a \\\n    b\na b\n"))
    [Command(text='echo a \\\n    b', output='a b')]
    >>> list(commands_of("$ cat <<'END'\n$ x\nEND\n"))
    [Command(text="cat <<'END'\n$ x\nEND", output='')]
    """
    lines = iter(console.splitlines())
    text: list[str] = []
    output: list[str] = []
    for line in lines:
        if not line.startswith("$ "):
            output.append(line)
            continue
        if text:
            yield Command("\n".join(text), "\n".join(output))
        text, output = [line.removeprefix("$ ")], []
        is_document = text[0].endswith("<<'END'")
        while text[-1].endswith("\\") or (is_document and text[-1] != "END"):
            text.append(next(lines))
    yield Command("\n".join(text), "\n".join(output))
