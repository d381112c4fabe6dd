"""Reports that `wxcube up` sends by itself: of each week and month, once to each recipient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from wxcube.cli.commands.context import Context
from wxcube.cli.deliveries import language_of, post_of, show
from wxcube.errors import WxcubeError

if TYPE_CHECKING:
    from wxcube.contract.window import Window
    from wxcube.figures.reader import Reader
    from wxcube.i18n.language import Language
    from wxcube.report.report import Report
    from wxcube.settings import RecipientSettings


def send_scheduled_reports(root: Context) -> None:
    """Send the reports that are due to those who do not have them yet; for the end of a sync.

    Raises:  SettingsError if [report] names a recipient that the settings do not have.
    """
    from wxcube.report.schedule import Period, last_period

    settings = root.settings.report
    names = {Period.WEEK: settings.weekly, Period.MONTH: settings.monthly}
    wanted = {
        period: [root.settings.recipient(name) for name in chosen]
        for period, chosen in names.items()
        if chosen
    }
    if not wanted:
        return
    from wxcube.figures.reader import Reader

    with root.warehouse(read_only=True) as warehouse:
        reader = Reader(warehouse, root.account_clock.now())
        for period, recipients in wanted.items():
            _send(root, reader, last_period(reader.yesterday, period), recipients)


def _send(
    root: Context, reader: Reader, window: Window, recipients: Sequence[RecipientSettings]
) -> None:
    """Send the report of a period to those who do not have it, if it is due."""
    from wxcube.figures.filter import Filter
    from wxcube.report.alerts import missing_endpoints
    from wxcube.report.delivery import Delivery, Outcome
    from wxcube.report.letter import letter_of
    from wxcube.report.report import report_of
    from wxcube.report.schedule import is_due

    of = Filter(range=window)
    key = f"scheduled report {window}"
    with post_of(root) as post:
        waiting = [one for one in recipients if not post.has_delivered(key, one)]
        if not waiting or not reader.accounts(of):
            return
        is_complete = not missing_endpoints(reader, of)
        if not is_due(window, reader.now, is_complete=is_complete):
            return

        @cache
        def made(language: Language) -> Report:
            return report_of(reader, of, root.account_names, language)

        for recipient in waiting:
            report = made(language_of(root, recipient))
            try:
                letter = letter_of(report, recipient.format, root.settings.report.browser)
                delivery = post.deliver(replace(letter, key=key), recipient)
            except WxcubeError as error:
                # such as a PDF without a browser; the others get theirs
                delivery = Delivery(recipient.name, Outcome.FAILED, error.as_message())
            show(root, delivery)
