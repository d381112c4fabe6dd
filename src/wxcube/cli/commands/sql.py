"""The command sql: a read-only query."""

from __future__ import annotations

import csv
import sys

import click

from wxcube.cli.commands.context import context, json_line
from wxcube.cli.commands.rows import MAX_ROWS, print_omitted
from wxcube.cli.help import Command
from wxcube.cli.terminal.grid import Heading, show
from wxcube.i18n import _


@click.command(cls=Command)
@click.argument("query")
@click.option(
    "--format", "file_format", type=click.Choice(["table", "csv", "jsonl"]), default="table"
)
@click.option("--json", "as_json", is_flag=True, help="Same as --format jsonl.")
def sql(query: str, file_format: str, *, as_json: bool) -> None:
    """Run a read-only SQL query on the warehouse.

    `wxcube endpoints NAME` shows the table of an endpoint and its columns. A nested list has a
    table of its own, such as article_total_detail__detail_list. Columns that wxcube adds to
    WeChat's:

    \b
      appid   the account
      origin  wechat, import, cube or derived
      params  parameters of the call other than the dates (cards only)
      place   position in WeChat's list, from 0 (ORDER BY place restores it)

    The table coverage has the state of every endpoint and day.

    \b
    Examples:
      wxcube sql "SELECT ref_date, sum(new_user) FROM user_summary GROUP BY 1"
      wxcube sql "SELECT state, count(*) FROM coverage GROUP BY 1" --json
    """
    root = context()
    if not query.strip():
        raise click.UsageError(root.translate(_("the query is empty: give one SELECT statement")))
    with root.warehouse(read_only=True) as warehouse:
        result = warehouse.query(query)
    if as_json or file_format == "jsonl":
        for row in result.rows:
            click.echo(json_line(dict(zip(result.columns, row, strict=True))))
    elif file_format == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(result.columns)
        writer.writerows(result.rows)
    else:
        show(root.console, [Heading(name) for name in result.columns], result.rows[:MAX_ROWS])
        print_omitted(root, len(result.rows) - MAX_ROWS)
