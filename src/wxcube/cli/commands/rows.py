"""How rows are printed and written: as a table on the terminal, CSV, JSON or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from wxcube.cli.commands.context import Context
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.export import text as files
from wxcube.export.flat import FlatTable, default_part, flatten, parts
from wxcube.export.marked import marked_json, marked_table
from wxcube.i18n import Listing, Message, _

if TYPE_CHECKING:
    from wxcube.contract.endpoint import Endpoint
    from wxcube.warehouse.day_rows import DayRows

MAX_ROWS = 200
"""The maximum number of rows of a table on the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Format and columns of the written rows."""

    file_format: str
    part: str | None = None
    header: str = "wire"
    excel: bool = False
    with_account: bool = False
    with_marks: bool = True
    """Whether rows have their origin and state."""

    def part_of(self, endpoint: Endpoint[Any]) -> str:
        """The part of a table."""
        return default_part(endpoint) if self.part is None else self.part


def check_layout(root: Context, endpoint: Endpoint[Any], layout: Layout) -> None:
    """Check that the part exists, and that no option for tables is used with JSON."""
    flatten(endpoint, (), layout.part or "")
    if layout.file_format in {"csv", "table"}:
        return
    table_options = {
        "--part": bool(layout.part),
        "--header": layout.header != "wire",
        "--excel": layout.excel,
    }
    option = next((name for name, is_used in table_options.items() if is_used), None)
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


def print_no_rows(root: Context, reason: Message) -> None:
    """Print why there are no rows."""
    print_paragraph(
        root.notes, root.translate(_("no rows: {reason}", reason=reason)), mark="· ", style="yellow"
    )


def write(target: BinaryIO, endpoint: Endpoint[Any], rows: list[Any], layout: Layout) -> int:
    """Write rows of one account as WeChat has them, and return the number of them."""
    return _write(target, flatten(endpoint, rows, layout.part_of(endpoint)), rows, layout)


def write_days(
    target: BinaryIO, endpoint: Endpoint[Any], days: Iterable[DayRows[Any]], layout: Layout
) -> int:
    """Write stored rows while they are read, and return the number of them."""
    columns = {"with_account": layout.with_account, "with_marks": layout.with_marks}
    table = marked_table(endpoint, days, layout.part_of(endpoint), **columns)
    return _write(target, table, marked_json(endpoint, days, **columns), layout)


def _write(target: BinaryIO, table: FlatTable, rows: Iterable[Any], layout: Layout) -> int:
    """Write a table, or its rows as JSON."""
    import io

    if layout.file_format == "json":
        return files.write_json(target, rows)
    if layout.file_format == "jsonl":
        return files.write_jsonl(target, rows)
    text = io.TextIOWrapper(target, encoding="utf-8", newline="")
    try:
        return files.write_csv(text, table, header=layout.header, bom=layout.excel)
    finally:
        # flushes, and leaves the file open for its owner
        text.detach()
