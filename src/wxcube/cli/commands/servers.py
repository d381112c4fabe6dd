"""Commands that serve WeChat's protocol: serve and emulate."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import SettingsError, WarehouseError
from wxcube.i18n import Listing, Message, _
from wxcube.settings import events_token

if TYPE_CHECKING:
    from wxcube.emulator.emulator import Emulator
    from wxcube.server.apps import FileChange
    from wxcube.server.events_api import EventsApi
    from wxcube.warehouse.store import Warehouse

CLOCK_YEARS = range(2015, 2100)
"""Years to which the emulator's clock can be set; WeChat's statistics begin in December 2014."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command(cls=Command)
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8300).")
@click.option("--strict", is_flag=True, help="Leave out rows that WeChat has withdrawn.")
def serve(host: str | None, port: int | None, *, strict: bool) -> None:
    """Serve the stored data over WeChat's protocol.

    Existing clients need only a new base URL, http://HOST:PORT, and the appid and secret in the
    apps file. The six retired article endpoints work too. A row that WeChat's last answer lacked
    has the further member withdrawn_at. If the settings have a token for events, the server also
    accepts your events, at POST /events.

    \b
    Examples:
      wxcube serve
      wxcube serve --port 8301
      wxcube serve --database demo/wxcube.db
    """
    from wxcube.server import apps
    from wxcube.server.events_api import with_events
    from wxcube.server.gateway import Gateway
    from wxcube.server.http import asgi, listen, serve_forever
    from wxcube.server.protocol import Api, Era

    root = context()
    settings = root.settings.serve
    address, file = host or settings.host, Path(settings.apps_file)
    is_new = not root.has_warehouse()
    accounts = _served_accounts(root)
    # opened last, so that a start that fails does not create a database
    with listen(address, settings.port if port is None else port) as listener:
        local, change = apps.ensure(file, accounts)
        with _event_intake(root) as events, _warehouse(root) as warehouse:
            api = Api(Gateway(warehouse, local, strict=strict), root.clock, era=Era.DOCUMENTED)
            app = asgi(api, root.clock)
            if is_new:
                _warn_empty(root)
            serve_forever(
                with_events(app, events) if events else app,
                listener,
                on_ready=lambda url: _announce(root, url, address, file, change),
            )


def _served_accounts(root: Context) -> list[str]:
    """The accounts of the warehouse and of the settings.

    Raises:  WarehouseError if there are none and no events are accepted either.
    """
    stored: list[str] = []
    if root.has_warehouse():
        with _warehouse(root) as warehouse:
            stored = list(warehouse.accounts())
    accounts = [*stored, *(a.appid for a in root.settings.accounts)]
    if not accounts and not events_token(root.settings.events):
        raise WarehouseError(
            _(
                "there is no data in {database} and no account in the settings",
                database=root.settings.database,
            ),
            hint=_("run `wxcube init` and `wxcube sync` first, or try `wxcube emulate`"),
        )
    return accounts


def _warehouse(root: Context) -> Warehouse:
    """The warehouse, created or migrated; as it is if it cannot be written."""
    return root.warehouse(read_only=not root.can_write_warehouse())


def _event_intake(root: Context) -> AbstractContextManager[EventsApi | None]:
    """POST /events if the settings have a token for events."""
    settings = root.settings.events
    token = events_token(settings)
    if not token:
        return nullcontext()
    from wxcube.server.events_intake import event_intake

    return event_intake(settings, token, root.clock)


def _warn_empty(root: Context) -> None:
    message = _(
        "{database} is new and empty: requests return empty lists until `wxcube sync` or "
        "`wxcube cube build` has stored data",
        database=root.settings.database,
    )
    print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")


def _announce(root: Context, url: str, host: str, file: Path, change: FileChange) -> None:
    translate, notes = root.translate, root.notes
    notes.print(translate(_("listening on {url}", url=url)))
    notes.print(translate(_credentials(file, change)))
    _print_added(root, file, change)
    _warn_if_reachable(root, host)
    notes.print(translate(_("press Ctrl-C to stop")))


def _credentials(file: Path, change: FileChange) -> Message:
    if change.is_new:
        return _("appid and secret are in {file} (new, readable only by you)", file=file)
    return _("appid and secret are in {file}", file=file)


def _print_added(root: Context, file: Path, change: FileChange) -> None:
    if change.added:
        added = _(
            "new accounts were added to {file}: {accounts}",
            file=file,
            accounts=Listing(change.added),
        )
        print_paragraph(root.notes, root.translate(added))
    if change.not_added:
        not_added = _(
            "{file} cannot be changed ({reason}); add an [[apps]] section by hand for each of "
            "these accounts: {accounts}",
            file=file,
            reason=change.reason,
            accounts=Listing(change.not_added),
        )
        print_paragraph(root.notes, root.translate(not_added), mark="! ", style="yellow")


def _warn_if_reachable(root: Context, host: str) -> None:
    if host not in LOOPBACK:
        warning = _(
            "other machines can reach this address, and connections are not encrypted; put it "
            "behind an HTTPS proxy"
        )
        print_paragraph(root.notes, root.translate(warning), mark="! ", style="yellow")


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8400, show_default=True, help="Port."
)
@click.option(
    "--seed",
    type=int,
    default=7,
    show_default=True,
    help="Random seed; the same seed gives the same figures.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1, 50),
    default=2,
    show_default=True,
    help="Number of accounts.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 1500),
    default=120,
    show_default=True,
    help="Number of days with figures.",
)
@click.option(
    "--now",
    help="Start time of the clock, in Beijing time, e.g. 2026-03-10T09:00 (default: now).",
)
@click.option("--frozen", is_flag=True, help="Stop the clock; it then changes only when set.")
@click.option(
    "--era",
    type=click.Choice(["documented", "current"]),
    default="documented",
    show_default=True,
    help="With current, the six retired endpoints return 47009.",
)
@click.option(
    "--quirk",
    multiple=True,
    metavar="NAME",
    help="A deviation seen in real replies, such as is_delay=string; repeatable.",
)
@click.option(
    "--fault",
    multiple=True,
    metavar="SPEC",
    help='An error to inject, such as "getuserread errcode=45009 after=5"; repeatable.',
)
@click.option(
    "--daily-limit", type=click.IntRange(1), help="Calls per endpoint and day (default: 10000)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as JSON Lines.")
def emulate(  # noqa: PLR0913, PLR0917 - one per option
    host: str,
    port: int,
    seed: int,
    accounts: int,
    days: int,
    now: str | None,
    era: str,
    quirk: tuple[str, ...],
    fault: tuple[str, ...],
    daily_limit: int | None,
    *,
    frozen: bool,
    as_json: bool,
) -> None:
    """Serve simulated accounts over WeChat's protocol.

    The clock and the faults can be changed while it runs, with the admin API under /_wxcube/.

    \b
    Examples:
      wxcube emulate
      wxcube emulate --accounts 1 --now 2026-03-10T09:00
      wxcube emulate --fault "getuser* errcode=61503 times=2"
    """
    from wxcube.beijing import ManualClock
    from wxcube.emulator.emulator import DAILY_LIMIT, Emulator
    from wxcube.emulator.faults import parse_fault
    from wxcube.emulator.quirks import parse_quirks
    from wxcube.server.http import listen, serve_forever

    root = context()
    emulator = Emulator(
        seed=seed,
        accounts=accounts,
        days=days,
        era=era,
        quirks=parse_quirks(quirk),
        clock=ManualClock(_start_time(root, now), running=not frozen),
        daily_limit=daily_limit or DAILY_LIMIT,
    )
    for text in fault:
        emulator.faults.add(parse_fault(text))
    with listen(host, port) as listener:
        emulator.prepare()
        serve_forever(
            emulator.asgi,
            listener,
            on_ready=lambda url: _show_accounts(root, emulator, url, as_json=as_json),
        )


def _start_time(root: Context, text: str | None) -> datetime:
    from wxcube.beijing import parse_timestamp

    if text is None:
        return root.clock.now()
    try:
        time = parse_timestamp(text)
    except ValueError:
        raise SettingsError(
            _("--now {text!r} is not a time", text=text),
            hint=_("write it as 2026-03-10T09:00 (Beijing time)"),
        ) from None
    if time.year not in CLOCK_YEARS:
        raise SettingsError(
            _("--now {text!r} is out of range", text=text),
            hint=_(
                "choose a year from {first} to {last}", first=CLOCK_YEARS[0], last=CLOCK_YEARS[-1]
            ),
        )
    return time


def _show_accounts(root: Context, emulator: Emulator, url: str, *, as_json: bool) -> None:
    if as_json:
        for app in emulator.accounts:
            line = {"url": url, "appid": app.appid, "secret": app.secret}
            click.echo(json_line(line | {"name": emulator.name(app.appid)}))
        return
    translate, console = root.translate, root.console
    time = translate(_("Beijing time {time}", time=f"{emulator.clock.now():%Y-%m-%d %H:%M}"))
    console.print(Text.assemble((url, "bold"), f"  {time}"))
    table = Table("appid", "secret", translate(_("name")), box=None, header_style="bold")
    for app in emulator.accounts:
        table.add_row(app.appid, app.secret, emulator.name(app.appid))
    console.print(table)
    _show_next(root, emulator, url)
    root.notes.print(translate(_("press Ctrl-C to stop")))


def _show_next(root: Context, emulator: Emulator, url: str) -> None:
    """Commands to paste into another terminal."""
    app, day = emulator.accounts[0], emulator.last_day
    query = f"grant_type=client_credential&appid={app.appid}&secret={app.secret}"
    dates = f'{{"begin_date":"{day}","end_date":"{day}"}}'
    steps = {
        _("To sync from it, in another terminal:"): [f"wxcube init --emulator {url}"],
        _("To send a request:"): [
            f"TOKEN=$(curl -s '{url}/cgi-bin/token?{query}' | cut -d'\"' -f4)",
            f"curl -s -d '{dates}' \"{url}/datacube/getusersummary?access_token=$TOKEN\"",
        ],
    }
    for title, commands in steps.items():
        root.console.print(root.translate(title))
        for command in commands:
            root.console.print(f"  {command}", soft_wrap=True)
