"""The accounts, endpoints and days that plan, sync and status are about, and the calls for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import click

from wxcube.cli.commands.context import Context
from wxcube.cli.help import reader
from wxcube.contract.window import Window, parse_day
from wxcube.errors import WxcubeError
from wxcube.i18n import _
from wxcube.jobs.accounts import includes_retired, wanted_days
from wxcube.settings import AccountSettings
from wxcube.warehouse.sync.plan import Choices, LedgerReader, Plan, joined_plans
from wxcube.warehouse.sync.plan import plan as plan_calls
from wxcube.warehouse.sync.wanted import WantedDays

Options = dict[str, Any]
"""The values of the options below, by name."""


class Day(click.ParamType[date]):
    """A day as YYYY-MM-DD."""

    name = "DAY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day, or a usage error with the format of days."""
        if isinstance(value, date):
            return value
        try:
            return parse_day(str(value))
        except WxcubeError as error:
            message = error.as_message()
            self.fail(reader(ctx)(message) if ctx else message, param, ctx)


class Days(click.ParamType[Window]):
    """Days as FIRST..LAST, or one day."""

    name = "DAYS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Window:
        """The days, or a usage error with the format of days."""
        if isinstance(value, Window):
            return value
        try:
            return Window.parse(str(value))
        except WxcubeError as error:
            message = error.as_message()
            self.fail(reader(ctx)(message) if ctx else message, param, ctx)


def selects_days(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that select accounts, endpoints and days."""
    for option in reversed(
        (
            click.option("--account", "accounts", multiple=True, help="Name or AppID."),
            click.option("--only", multiple=True, metavar="NAME", help="Endpoint or group."),
            click.option("--from", "first", type=Day(), help="First day."),
            click.option("--to", "last", type=Day(), help="Last day."),
        )
    ):
        command = option(command)
    return command


def selects_repeats(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that add calls to a plan."""
    for option in reversed(
        (
            click.option(
                "--again",
                type=Days(),
                metavar="FIRST..LAST",
                help="Request the days of this window once more, final ones too.",
            ),
            click.option("--retired", is_flag=True, help="Request the six retired endpoints too."),
            click.option("--retry-refused", is_flag=True, help="Request refused days again."),
        )
    ):
        command = option(command)
    return command


def check_again(root: Context, options: Options) -> None:
    """Refuse --again together with other days.

    Raises:  click.UsageError.
    """
    if options["again"] and (options["first"] or options["last"]):
        raise click.UsageError(
            root.translate(_("--again names the days itself: leave --from and --to out"))
        )


def plan_of(
    root: Context, ledger: LedgerReader, accounts: Sequence[AccountSettings], options: Options
) -> Plan:
    """The calls that a sync of some accounts makes."""
    return joined_plans(
        plan_calls(
            wanted_of(root, account, options),
            ledger,
            root.account_clock.now(),
            _choices(root, account, options),
        )
        for account in accounts
    )


def wanted_of(root: Context, account: AccountSettings, options: Options) -> list[WantedDays]:
    """The selected days of an account."""
    again = options.get("again")
    return wanted_days(
        account,
        root.settings.sync,
        root.account_clock.now(),
        only=options["only"],
        first=again.first if again else options["first"],
        last=again.last if again else options["last"],
    )


def _choices(root: Context, account: AccountSettings, options: Options) -> Choices:
    names = ("only", "first", "last", "again")
    is_selective = any(options[name] for name in names)
    return Choices(
        include_retired=requests_retired(root, account, options),
        retry_refused=options["retry_refused"],
        again=options["again"],
        samples=0 if is_selective else root.settings.sync.samples_per_week,
    )


def requests_retired(root: Context, account: AccountSettings, options: Options) -> bool:
    """Whether retired endpoints of an account are requested too."""
    return bool(options["retired"]) or includes_retired(account, root.settings.sync)
