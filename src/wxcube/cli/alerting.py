"""Alerts of the rules of the settings: evaluated, printed and sent."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from wxcube.beijing import day_of
from wxcube.cli.commands.context import Context
from wxcube.cli.deliveries import language_of, post_of, show
from wxcube.cli.terminal.paragraph import print_paragraph

if TYPE_CHECKING:
    from wxcube.report.alerts import Alert
    from wxcube.warehouse.store import Warehouse


def look_for_alerts(root: Context, appids: Sequence[str]) -> None:
    """Print and send the alerts of accounts, if the settings have rules; for the end of a sync."""
    if not (appids and root.settings.alerts.has_rules):
        return
    with root.warehouse(read_only=True) as warehouse:
        found = evaluate(root, warehouse, appids)
    # a terminal that was closed keeps nobody from an alert
    with suppress(OSError):
        print_alerts(root, found)
    send_alerts(root, found)


def evaluate(root: Context, warehouse: Warehouse, appids: Sequence[str] = ()) -> list[Alert]:
    """The alerts of accounts, or of all with stored data."""
    from wxcube.figures.filter import Filter
    from wxcube.figures.reader import Reader
    from wxcube.report.alerts import alerts

    settings = root.settings
    return alerts(
        Reader(warehouse, root.account_clock.now()),
        Filter(accounts=tuple(appids)),
        settings.alerts,
        root.account_names,
        settings.sync.daily_calls_per_endpoint,
    )


def print_alerts(root: Context, alerts: Sequence[Alert]) -> None:
    """Print each alert as a paragraph."""
    for alert in alerts:
        print_paragraph(root.notes, root.shown(alert.text), mark="! ", style="yellow")


def send_alerts(root: Context, alerts: Sequence[Alert]) -> bool:
    """Send alerts to the recipients of the settings; whether all have them now.

    An alert is sent once; a state that lasts is sent again after `repeat_hours`.
    """
    from wxcube.report.delivery import Outcome

    rules = root.settings.alerts
    is_silent = rules.silent_until and day_of(root.clock.now()) < rules.silent_until
    recipients = [root.settings.recipient(name) for name in rules.send]
    if is_silent or not (alerts and recipients):
        return True
    repeat = timedelta(hours=rules.repeat_hours)
    succeeded = True
    with post_of(root) as post:
        for recipient in recipients:
            for alert in alerts:
                delivery = post.deliver(
                    alert.letter(language_of(root, recipient)),
                    recipient,
                    again_after=repeat if alert.lasts else None,
                )
                succeeded = succeeded and delivery.outcome is not Outcome.FAILED
                if delivery.outcome is not Outcome.KNOWN:
                    show(root, delivery)
    return succeeded
