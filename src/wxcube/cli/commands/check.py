"""The command check: impossible figures among the stored rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import Day
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Command
from wxcube.cli.impossible_figures import as_json as finding_as_json
from wxcube.cli.impossible_figures import print_group
from wxcube.cli.stored_accounts import stored_account
from wxcube.contract.window import Window
from wxcube.i18n import _
from wxcube.warehouse.finding import grouped

if TYPE_CHECKING:
    from wxcube.warehouse.finding import Finding
    from wxcube.warehouse.store import Warehouse


@click.command(cls=Command)
@click.option("--account", "accounts", multiple=True, help="Name or AppID (default: all stored).")
@click.option("--only", multiple=True, metavar="NAME", help="Endpoint or group.")
@click.option("--from", "first", type=Day(), help="First day.")
@click.option("--to", "last", type=Day(), help="Last day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per finding.")
def check(
    accounts: tuple[str, ...],
    only: tuple[str, ...],
    first: date | None,
    last: date | None,
    *,
    as_json: bool,
) -> int:
    """Find impossible figures among the stored rows.

    Reported with account, day, cause and what to do:

    \b
      negative           a figure below 0, such as followers
      above_one          a share of users above 1
      users_above_times  more users than times, such as msg_user above msg_count
      part_above_whole   more users in one channel or hour than in all together
      hours_differ       hours that do not add up to their day
      falling            a running total below that of the day before
      no_rows            a final day whose rows are missing
      no_entry           rows of a day that has no state

    \b
    Only noted, because WeChat's figures may be so:
      balance            a change of followers that is not new less cancelled ones
      withdrawn          rows that a later answer lacked
      origins_differ     messages or replies that differ from your own events

    Nothing is changed. Exit code 3 means that impossible figures were found; notes do not count.

    \b
    Examples:
      wxcube check
      wxcube check --only user --from 2026-01-01 --json
    """
    root = context()
    has_problems = False
    with root.warehouse(read_only=True) as warehouse:
        window = Window(first or date.min, last or date.max) if first or last else None
        for findings in _findings(root, warehouse, accounts, only, window):
            if as_json:
                for finding in findings:
                    click.echo(json_line(finding_as_json(finding)))
                    has_problems |= not finding.is_note
                continue
            for group in grouped(findings):
                print_group(root, root.console, group)
                has_problems |= not group.first.is_note
    if not has_problems and not as_json:
        root.notes.print(root.translate(_("no impossible figures found")))
    return INCOMPLETE if has_problems else 0


def _findings(
    root: Context,
    warehouse: Warehouse,
    names: tuple[str, ...],
    only: tuple[str, ...],
    window: Window | None,
) -> Iterator[Iterator[Finding]]:
    """The findings of each account and endpoint."""
    stored = warehouse.accounts()
    appids = [stored_account(name, stored, root.settings.accounts) for name in names]
    for appid in dict.fromkeys(appids or sorted(stored)):
        for endpoint in contract.select(only):
            yield warehouse.check(appid, endpoint, window)
