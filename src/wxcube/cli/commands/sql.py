"""The command sql: a read-only query."""

from __future__ import annotations

from pathlib import Path

import click

from wxcube.cli.as_of import as_of_option, moment_of, warehouse_at
from wxcube.cli.commands.context import context
from wxcube.cli.commands.rows import MAX_ROWS, print_omitted, print_written
from wxcube.cli.file_format import Output, format_option, out_option, output_format
from wxcube.cli.help import Command
from wxcube.cli.replaced_file import written_to
from wxcube.cli.terminal.grid import Heading, show
from wxcube.export.files import write_table
from wxcube.export.query_table import query_table
from wxcube.i18n import _


@click.command(cls=Command)
@click.argument("query")
@format_option
@out_option
@as_of_option
@click.option("--json", "as_json", is_flag=True, help="Same as --format jsonl.")
def sql(
    query: str, file_format: Output | None, out: Path | None, as_of: str | None, *, as_json: bool
) -> None:
    """Run a read-only SQL query on the warehouse.

    Every endpoint has a view, such as v_user_summary, and every nested list too, such as
    v_article_total_detail__detail_list. A view has WeChat's columns, the meaning of each code in
    Chinese and English, such as user_source_zh, and:

    \b
      appid         the account
      params        parameters of the call other than the dates (cards only)
      origin        wechat, import, cube or derived: the best one of each day
      state         state of the row's day: final, moving, …
      fetched_at    time of the answer that the day's rows are from
      revision      how often the day changed after it was final
      withdrawn_at  time since which answers lack the row; null: they have it

    Six views are for people and BI tools: v_follower_day, v_article_day, v_article_curve,
    v_message_hour, v_channel_day and v_interface_day. They join endpoints, across the end of the
    retired ones (column era), and leave out withdrawn rows.

    \b
    Tables that describe the others:
      endpoints  endpoints, with the name of the view (view_name)
      columns    columns of the views: meaning, unit, whether rows may be added up
      codes      meanings of codes
      coverage   state of every endpoint and day

    The tables without v_, such as user_summary, have the rows of every origin, and place, the
    position in WeChat's list (ORDER BY place restores it).

    \b
    Examples:
      wxcube sql "SELECT view_name, title_en FROM endpoints"
      wxcube sql "SELECT name, en FROM columns WHERE view_name='v_user_summary'"
      wxcube sql "SELECT msg_type_en, msg_count, state FROM v_upstream_msg"
      wxcube sql "SELECT ref_date, net_user, cumulate_user FROM v_follower_day"
      wxcube sql "SELECT state, count(*) FROM coverage GROUP BY 1" --json
      wxcube sql "SELECT * FROM v_user_summary" --out users.xlsx
    """
    root = context()
    if not query.strip():
        raise click.UsageError(root.translate(_("the query is empty: give one SELECT statement")))
    chosen = output_format(root, "jsonl" if as_json else file_format, out, default="table")
    moment = moment_of(root, as_of)
    with (
        root.warehouse(read_only=True) as present,
        warehouse_at(root, present, moment) as warehouse,
    ):
        result = warehouse.query(query)
    if chosen == "table":
        show(root.console, [Heading(name) for name in result.columns], result.rows[:MAX_ROWS])
        print_omitted(root, len(result.rows) - MAX_ROWS)
        return
    with written_to(out) as target:
        table, language = query_table(result), root.translate.code
        print_written(root, write_table(target, table, chosen, language=language), out)
