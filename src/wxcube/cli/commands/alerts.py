"""The command alerts: what the rules of the settings find in the stored figures."""

from __future__ import annotations

import click

from wxcube.cli.alerting import evaluate, print_alerts, send_alerts
from wxcube.cli.commands.context import context, json_line
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Command
from wxcube.cli.stored_accounts import stored_account
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _


@click.command(cls=Command)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    help="Name or AppID, may be repeated (default: all with stored data).",
)
@click.option("--send", is_flag=True, help="Send them to the recipients of [alerts].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per alert.")
def alerts(accounts: tuple[str, ...], *, send: bool, as_json: bool) -> int:
    """Show what the rules of the settings find in the stored figures.

    Rules are limits in [alerts]: failed pushes, unusual numbers of new followers, articles far
    above the median, late data, quota, revisions. `wxcube sync` looks at them after each run, and
    sends what is new to the recipients of [alerts].

    \b
    Examples:
      wxcube alerts
      wxcube alerts --send
    """
    root = context()
    if not root.settings.alerts.has_rules:
        from wxcube.settings import ALERT_RULES

        raise SettingsError(
            _("the settings have no rules for alerts"),
            hint=_("set limits in [alerts]: {names}", names=Listing(ALERT_RULES)),
        )
    with root.warehouse(read_only=True) as warehouse:
        stored = warehouse.accounts()
        appids = [stored_account(name, stored, root.settings.accounts) for name in accounts]
        found = evaluate(root, warehouse, appids)
    if as_json:
        for one in found:
            click.echo(
                json_line(
                    {"rule": one.rule, "appid": one.appid, "subject": one.subject}
                    | {"text": root.shown(one.text)}
                )
            )
    else:
        print_alerts(root, found)
        if not found:
            root.notes.print(root.translate(_("no alerts")))
    return 0 if not send or send_alerts(root, found) else INCOMPLETE
