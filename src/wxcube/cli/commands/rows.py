"""How rows are printed on the terminal and written to files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube.cli.commands.context import Context
from wxcube.cli.file_format import Output
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.export import files, text
from wxcube.export.flat import default_part, flatten, parts
from wxcube.export.marked import marked_json, marked_table, plain
from wxcube.export.table import Header, Table
from wxcube.i18n import Listing, Message, _, plural
from wxcube.i18n.message import Code

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.day_rows import DayRows

MAX_ROWS = 200
"""The maximum number of rows of a table on the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Format and columns of the written rows."""

    file_format: Output
    part: str | None = None
    header: Header = "wire"
    language: Code = "en"
    """The reader's language."""
    excel: bool = False
    with_account: bool = False
    with_marks: bool = True
    """Whether rows have their origin and state."""

    def part_of(self, endpoint: Endpoint[Any]) -> str:
        """The part of a table."""
        return default_part(endpoint) if self.part is None else self.part


def default_header(root: Context, file_format: Output) -> Header:
    """The header unless another one is requested: a workbook has labels for its reader."""
    return root.translate.code if file_format == "xlsx" else "wire"


def check_layout(root: Context, endpoint: Endpoint[Any], layout: Layout) -> None:
    """Check that the part exists, and that the format has all options."""
    flatten(endpoint, (), layout.part or "")
    is_table = layout.file_format not in {"json", "jsonl"}
    table_options = {
        "--part": bool(layout.part) and not is_table,
        "--header": layout.header != "wire" and not is_table,
        "--excel": layout.excel and layout.file_format not in {"csv", "table"},
    }
    option = next((name for name, is_wrong in table_options.items() if is_wrong), None)
    if option:
        raise click.UsageError(
            root.translate(
                _(
                    "{option} cannot be combined with {format}, only with tables: leave it out, or "
                    "use --format csv",
                    option=option,
                    format=layout.file_format,
                )
            )
        )


def print_table(root: Context, endpoint: Endpoint[Any], rows: list[Any], part: str) -> None:
    """Print rows as a table; columns without any value are left out."""
    translate = root.translate
    table = flatten(endpoint, rows, part)
    values = list(table.rows)
    filled = [i for i in range(len(table.names)) if any(v[i] is not None for v in values)]
    headings = [Heading(table.names[i], table.columns[i].type in {int, float}) for i in filled]
    if values:
        show(root.console, headings, [[row[i] for i in filled] for row in values[:MAX_ROWS]])
    else:
        root.console.print(translate(_("no rows")))
    print_omitted(root, len(values) - MAX_ROWS)
    others = [p or _("(the row itself)") for p in parts(endpoint) if p != part]
    if others:
        names = translate(_("other parts: {names}", names=Listing(others)))
        root.notes.print(names, style="dim")


def print_omitted(root: Context, count: int) -> None:
    """Print how many rows are not shown, if any."""
    if count > 0:
        root.notes.print(
            root.translate(_("… and {count} more; --format csv shows all", count=count))
        )


def print_written(root: Context, count: int, out: Path | None) -> None:
    """Print how many rows were written to a file."""
    if out:
        root.notes.print(
            root.translate(plural("{n} row → {out}", "{n} rows → {out}", n=count, out=out))
        )


def print_no_rows(root: Context, reason: Message) -> None:
    """Print why there are no rows."""
    print_paragraph(
        root.notes, root.translate(_("no rows: {reason}", reason=reason)), mark="· ", style="yellow"
    )


def write(target: BinaryIO, endpoint: Endpoint[Any], rows: list[Any], layout: Layout) -> int:
    """Write rows of one account as WeChat has them, and return the number of them."""
    return _write(target, flatten(endpoint, rows, layout.part_of(endpoint)), rows, layout)


def write_days(
    target: BinaryIO,
    stored: Sequence[tuple[Endpoint[Any], Iterable[DayRows[Any]]]],
    layout: Layout,
) -> list[int]:
    """Write stored rows while they are read, and return the number of them for each endpoint.

    Only a workbook can have several endpoints.
    """
    columns = {"with_account": layout.with_account, "with_marks": layout.with_marks}
    if not layout.with_marks:
        stored = [(endpoint, plain(days)) for endpoint, days in stored]
    tables = [
        marked_table(endpoint, days, layout.part_of(endpoint), **columns)
        for endpoint, days in stored
    ]
    if layout.file_format == "xlsx":
        return files.write_workbook(target, tables, header=layout.header, language=layout.language)
    [(endpoint, days)], [table] = stored, tables
    return [_write(target, table, marked_json(endpoint, days, **columns), layout)]


def _write(target: BinaryIO, table: Table, rows: Iterable[Any], layout: Layout) -> int:
    """Write a table, or its rows as JSON, with their nested parts."""
    match layout.file_format:
        case "json":
            return text.write_json(target, rows)
        case "jsonl":
            return text.write_jsonl(target, rows)
        case "table":
            raise AssertionError("tables are printed")
        case file_format:
            return files.write_table(
                target,
                table,
                file_format,
                header=layout.header,
                language=layout.language,
                bom=layout.excel,
            )
