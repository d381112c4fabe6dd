"""The command plan: the calls of a sync, without making them."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import (
    Options,
    check_again,
    plan_of,
    selects_days,
    selects_repeats,
)
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import COMMA, Listing, Message, _, joined, plural
from wxcube.warehouse.explanation import explain_skipped
from wxcube.warehouse.sync.plan import EmptyLedger, Plan


@click.command(cls=Command)
@selects_days
@selects_repeats
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per call.")
def plan(*, as_json: bool, **options: Any) -> None:
    """Show what a sync would request: calls and days, without requesting it.

    \b
    Examples:
      wxcube plan
      wxcube plan --only user --from 2026-01-01
      wxcube plan --again 2026-02-01..2026-02-07
    """
    root = context()
    check_again(root, options)
    planned = _plan(root, options)
    if as_json:
        for call in planned.calls:
            click.echo(
                json_line(
                    {
                        "appid": call.appid,
                        "endpoint": call.endpoint.name,
                        "begin_date": call.window.first,
                        "end_date": call.window.last,
                        "days": len(call.labels),
                        **call.params,
                    }
                )
            )
    else:
        _show_plan(root, planned)


def _plan(root: Context, options: Options) -> Plan:
    """The plan, without creating or changing the database."""
    accounts = root.settings.chosen(options["accounts"])
    if not root.has_warehouse():
        return plan_of(root, EmptyLedger(), accounts, options)
    with root.warehouse(read_only=True) as warehouse:
        return plan_of(root, warehouse, accounts, options)


def _show_plan(root: Context, planned: Plan) -> None:
    appids = [*(call.appid for call in planned.calls), *(one.appid for one in planned.skipped)]
    for appid in dict.fromkeys(appids):
        root.console.print(root.title(appid), style="bold")
        root.console.print(_plan_table(root, planned, appid))
        for line in _skipped_lines(root, planned, appid):
            print_paragraph(root.console, line, mark="· ", style="dim")
    show_cost(root, planned)


def show_cost(root: Context, planned: Plan) -> None:
    """Print the number of calls of a plan, and of the days they are made for."""
    cost = (
        plural("{n} call", "{n} calls", n=len(planned.calls)),
        plural("{n} day (week, month)", "{n} days (weeks, months)", n=planned.days),
    )
    print_paragraph(root.notes, root.translate(joined(cost, COMMA)))


def _plan_table(root: Context, planned: Plan, appid: str) -> Table:
    translate = root.translate
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(translate(_("endpoint")))
    table.add_column(translate(_("calls")), justify="right")
    table.add_column(translate(_("days (weeks, months)")), justify="right")
    for (owner, name), cost in planned.cost.items():
        if owner == appid:
            table.add_row(name, str(cost.calls), str(cost.days))
    return table


def _skipped_lines(root: Context, planned: Plan, appid: str) -> list[str]:
    """Endpoints without calls, those with the same reason on one line."""
    names: dict[Message, list[str]] = {}
    for skipped in planned.skipped:
        if skipped.appid == appid:
            names.setdefault(explain_skipped(skipped), []).append(skipped.endpoint.name)
    return [
        root.translate(_("{endpoints}: {reason}", endpoints=Listing(of), reason=reason))
        for reason, of in names.items()
    ]
