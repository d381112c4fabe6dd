"""The command rebuild: tables from asks and replies."""

from __future__ import annotations

import time

import click

from wxcube.cli.commands.context import context, json_line
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import _, plural
from wxcube.jobs.sync_report import busy_message
from wxcube.warehouse.sync.exclusive import exclusive


@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON line.")
def rebuild(*, as_json: bool) -> int:
    """Recompute the tables from the stored replies.

    Every answer is applied once more, in its order, as this version of wxcube reads it: for
    example after an update that knows further columns. Nothing is requested. Days whose replies are
    not stored, and computed figures, do not change. While a sync is at work, it does nothing and
    ends with exit code 3.

    \b
    Examples:
      wxcube rebuild
      wxcube --database copy.db rebuild --json
    """
    root = context()
    began = time.perf_counter()
    # one that does not exist is an error, as its name may be mistyped
    with root.warehouse(read_only=not root.has_warehouse()) as warehouse:
        accounts = warehouse.accounts()
        if not accounts:
            root.notes.print(root.translate(_("the database has no data yet")))
            return 0
        with exclusive(warehouse, accounts, root.clock) as own:
            for lease in own.busy.values():
                message = busy_message(root.title(lease.appid), lease)
                print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")
            if own.busy:
                return INCOMPLETE
            result = warehouse.rebuild()
    seconds = time.perf_counter() - began
    if as_json:
        counts = {"replies": result.replies, "rows": result.rows, "unreadable": result.unreadable}
        click.echo(json_line(counts | {"seconds": round(seconds, 3)}))
        return 0
    rows = plural("{n:,} row", "{n:,} rows", n=result.rows)
    total = plural(
        "{n:,} reply read again: {rows} in {seconds:.1f} s",
        "{n:,} replies read again: {rows} in {seconds:.1f} s",
        n=result.replies,
        rows=rows,
        seconds=seconds,
    )
    root.notes.print(root.translate(total))
    if result.unreadable:
        unreadable = plural(
            "{n} reply cannot be read; its days retain the rows they have",
            "{n} replies cannot be read; their days retain the rows they have",
            n=result.unreadable,
        )
        print_paragraph(root.notes, root.translate(unreadable), mark="! ", style="yellow")
    return 0
