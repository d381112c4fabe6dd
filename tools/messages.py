"""The catalogue of messages: `update` it from the source, `compile` it, or `check` it.

python tools/messages.py update     templates of the source into wxcube.po, new ones empty
python tools/messages.py compile    wxcube.po into wxcube.mo
python tools/messages.py check      names every template without Chinese, and ends with 1
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click
from babel.messages import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "wxcube"
CATALOGUE = SOURCE / "i18n" / "locale" / "zh" / "LC_MESSAGES" / "wxcube.po"
COMPILED = CATALOGUE.with_suffix(".mo")
KEYWORDS: dict[str, Any] = {"_": None, "plural": (1, 2), "Message": None}
CLICK_KEYWORDS: dict[str, Any] = {"_": None, "ngettext": (1, 2)}
_HELP = {"help", "short_help", "epilog"}
_COMMANDS = {"command", "group"}


def templates() -> Iterator[str | tuple[str, ...]]:
    """Every template of the source, and of click, which writes a part of the help."""
    ours = {
        "cli/**.py": _extract_commands,
        "**.py": "python",
        "**/templates/**.html": "jinja2.ext:babel_extract",
    }
    for folder, keywords, methods in (
        (SOURCE, KEYWORDS, ours),
        (Path(click.__file__).parent, CLICK_KEYWORDS, {"**.py": "python"}),
    ):
        found = extract_from_dir(folder, list(methods.items()), keywords=keywords)
        yield from (message for _file, _line, message, _comments, _context in found if message)


def _extract_commands(
    file: BinaryIO, keywords: Any, comment_tags: Any, options: Any
) -> Iterator[tuple[int, str, Any, list[str]]]:
    """Messages of a module of the command line, with the help of its commands and options."""
    yield from extract_python(file, keywords, comment_tags, options)
    file.seek(0)
    for node in ast.walk(ast.parse(file.read())):
        yield from ((node_line, "_", text, []) for node_line, text in _help_of(node))


def _help_of(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.FunctionDef) and any(map(_is_command, node.decorator_list)):
        yield node.lineno, ast.get_docstring(node) or ""
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg in _HELP and isinstance(keyword.value, ast.Constant):
                yield keyword.value.lineno, keyword.value.value


def _is_command(decorator: ast.expr) -> bool:
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(call, ast.Attribute) and call.attr in _COMMANDS


def read() -> Catalog:
    """The catalogue as it stands."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans", domain="wxcube")


def updated(old: Catalog) -> Catalog:
    """The catalogue with exactly the templates of the source, in alphabetical order."""
    new = Catalog(locale="zh_Hans", domain="wxcube", project="wxcube", charset="utf-8", fuzzy=False)
    new.header_comment = "# Chinese messages of wxcube; `make messages` keeps the templates."
    new.revision_date = new.creation_date = old.creation_date
    for template in templates():
        known = old.get(template[0] if isinstance(template, tuple) else template)
        new.add(template, known.string if known else None)
    return new


def missing(catalogue: Catalog) -> list[str]:
    """Templates without Chinese."""
    return [
        str(one.id)
        for one in catalogue
        if one.id and not (any(one.string) if isinstance(one.string, tuple) else one.string)
    ]


def save(catalogue: Catalog) -> None:
    """Write the catalogue, one entry below the other."""
    with CATALOGUE.open("wb") as file:
        write_po(file, catalogue, width=100, sort_output=True, no_location=True, omit_header=False)


def compile_catalogue() -> None:
    """Write the compiled catalogue, which is what runs."""
    with COMPILED.open("wb") as file:
        write_mo(file, read())


def main(word: str) -> int:
    """Do what a word says; the exit code."""
    if word == "update":
        save(updated(read()))
    if word in {"update", "compile"}:
        compile_catalogue()
    lacking = missing(updated(read()))
    for template in lacking:
        sys.stderr.write(f"no Chinese: {template!r}\n")
    return 1 if word == "check" and lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
