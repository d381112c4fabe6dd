"""The format of the rows that a command writes: by an option, or by the extension of the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click

from wxcube.cli.commands.context import Context
from wxcube.cli.help import reader
from wxcube.export.files import BINARY, FORMATS, Format
from wxcube.i18n import Listing, _

Output: TypeAlias = Format | Literal["table"]
"""A format of files, or a table on the terminal."""
NAMES = sorted(set(FORMATS.values()))
"""The formats of files."""
UNSUPPORTED_EXTENSIONS = frozenset({".xls", ".ods", ".feather", ".arrow"})
"""File extensions of formats that cannot be written."""


class OutFile(click.Path):
    """A file to write; `-` stands for standard output."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, allow_dash=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; a directory is refused, also one that does not exist yet."""
        if str(value).endswith(("/", os.sep)):
            message = _("{path} is a directory: name a file in it", path=value)
            self.fail(reader(ctx)(message) if ctx else message, param, ctx)
        return super().convert(value, param, ctx)


STANDARD_OUTPUT = Path("-")
"""The path that stands for it."""


def _file_only(_ctx: click.Context, _param: click.Parameter, out: Path | None) -> Path | None:
    return None if out == STANDARD_OUTPUT else out


format_option = click.option(
    "--format",
    "file_format",
    type=click.Choice(["table", *NAMES]),
    help="Default: the one of the file extension of --out, or table.",
)
out_option = click.option(
    "--out",
    type=OutFile(),
    callback=_file_only,
    help="File .csv, .xlsx, .json, .jsonl, .ndjson or .parquet (default: standard output).",
)
"""The options of commands that can print a table, and of all that write files."""


def output_format(
    root: Context, option: Output | None, out: Path | None, default: Output = "csv"
) -> Output:
    """The format: the option's, or else that of the file's extension, or else the default.

    Raises:  click.UsageError if both contradict each other, or nothing can show the format.
    """
    if out:
        return _format_of_file(root, option, out)
    chosen = option or default
    if chosen in BINARY and sys.stdout.isatty():
        message = _("a terminal cannot show {format}: name a file with --out", format=chosen)
        raise click.UsageError(root.translate(message))
    return chosen


def _format_of_file(root: Context, option: Output | None, out: Path) -> Format:
    extension = out.suffix.lower()
    by_extension = FORMATS.get(extension)
    if option == "table":
        message = _("--format table is for the terminal: leave --format or --out out")
    elif option and (extension in UNSUPPORTED_EXTENSIONS or by_extension not in {None, option}):
        message = _(
            "--format {format} contradicts the extension of {out}: leave --format out, or "
            "use the extension .{format}",
            format=option,
            out=out,
        )
    elif not option and extension and not by_extension:
        message = _(
            "{extension} files cannot be written: use one of {extensions}",
            extension=extension,
            extensions=Listing(FORMATS),
        )
    else:
        return option or by_extension or "csv"
    raise click.UsageError(root.translate(message))
