"""The command status: which days are stored, which are not settled, and why."""

from __future__ import annotations

from typing import Any

import click

from wxcube import contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.selection import Options, requests_retired, selects_days, wanted_of
from wxcube.cli.coverage_table import (
    EndpointCoverage,
    as_data,
    changes_remark,
    coverage_table,
    endpoint_coverage,
    remarks,
    wanted_coverages,
)
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import stored_account
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import Message, _
from wxcube.settings import AccountSettings
from wxcube.warehouse.store import Warehouse


@click.command(cls=Command)
@selects_days
# options of a sync, which earlier versions accepted here
@click.option("--retired", is_flag=True, hidden=True)
@click.option("--retry-refused", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per endpoint.")
def status(*, as_json: bool, **options: Any) -> None:
    """Show which days are stored, which are not settled, and why.

    Every day that is not settled has the reason and the time of its next request. Accounts with
    stored data that are no longer in the settings are shown too.

    \b
    Examples:
      wxcube status
      wxcube status --account shop --from 2026-01-01
    """
    root = context()
    with root.warehouse(read_only=True) as warehouse:
        for one in _accounts(root, warehouse, options["accounts"]):
            if isinstance(one, AccountSettings):
                wanted = wanted_of(root, one, options)
                rows = wanted_coverages(
                    warehouse,
                    wanted,
                    root.account_clock.now(),
                    includes_retired=requests_retired(root, one, options),
                )
                _show(root, one.appid, rows, as_json=as_json)
            else:
                rows = _stored(root, warehouse, one, options)
                _show(root, one, rows, as_json=as_json, is_requested=False)


def _show(
    root: Context,
    appid: str,
    rows: list[EndpointCoverage],
    *,
    as_json: bool,
    is_requested: bool = True,
) -> None:
    """Print the coverage of an account; `is_requested`: it is in the settings."""
    if as_json:
        for row in rows:
            click.echo(json_line(as_data(row) | {"in_settings": is_requested}))
        return
    console, translate = root.console, root.translate
    console.print(root.title(appid), style="bold")
    if rows:
        console.print(coverage_table(rows, translate, console.width))
    for remark in remarks(rows) if is_requested else ():
        style = "red" if remark.is_alarm else "yellow"
        mark = "! " if remark.is_alarm else "· "
        print_paragraph(console, translate(remark.text), mark=mark, style=style)
    if not is_requested:
        print_paragraph(console, translate(_not_requested(rows)), mark="· ", style="yellow")
    if changed := changes_remark(rows):
        print_paragraph(console, translate(changed), mark="· ", style="yellow")


def _not_requested(rows: list[EndpointCoverage]) -> Message:
    if rows:
        return _(
            "not in the settings: what is stored stays readable, and a sync does not request it"
        )
    return _("no figures of WeChat; `wxcube cube status` shows computed ones")


def _accounts(
    root: Context, warehouse: Warehouse, names: tuple[str, ...]
) -> list[AccountSettings | str]:
    """The selected accounts: of the settings, and appids that are only in the warehouse."""
    settings, stored = root.settings.accounts, warehouse.accounts()
    known = {name: one for one in settings for name in (one.name, one.appid) if name}
    if names:
        return [known.get(name) or stored_account(name, stored) for name in names]
    return [*settings, *(appid for appid in stored if appid not in known)]


def _stored(
    root: Context, warehouse: Warehouse, appid: str, options: Options
) -> list[EndpointCoverage]:
    """Coverage of an account without settings: of what was requested, or of named endpoints."""
    now = root.account_clock.now()
    params: dict[str, list[dict[str, str]]] = {}
    for name, of_series in warehouse.known_series(appid):
        params.setdefault(name, []).append(of_series)
    without_data: list[dict[str, str]] = [{}] if options["only"] else []
    return [
        endpoint_coverage(warehouse, appid, endpoint, [], now, params=of_series)
        for endpoint in contract.select(options["only"])
        for of_series in params.get(endpoint.name, without_data)
    ]
