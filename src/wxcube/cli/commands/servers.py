"""Commands that serve WeChat's protocol: serve and emulate."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.endpoint import EARLIEST
from wxcube.errors import SettingsError, WarehouseError
from wxcube.i18n import SEMICOLON, Listing, Message, _, joined
from wxcube.settings import Secret, emulator_password, events_token

if TYPE_CHECKING:
    from wxcube.emulator.emulator import Emulator
    from wxcube.server.apps import FileChange
    from wxcube.server.events_api import EventsApi
    from wxcube.server.http import AsgiApp
    from wxcube.warehouse.store import Warehouse

FIRST_DAY, LAST_DAY = EARLIEST + timedelta(days=1), date(2099, 12, 31)
"""The days of the emulator's clock, from the first that follows one with WeChat's statistics."""


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
    from wxcube.server.health import with_health
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
            app = asgi(api, root.clock, body_bytes=root.settings.limits.body_bytes)
            app = with_health(with_events(app, events) if events else app, warehouse.accounts)
            if is_new:
                _warn_empty(root)
            serve_forever(
                _with_access_log(root, app),
                listener,
                limits=root.settings.limits,
                trusted_proxies=settings.trusted_proxies,
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

    return event_intake(settings, token, root.clock, root.settings.limits.bad_lines)


def _with_access_log(root: Context, app: AsgiApp) -> AsgiApp:
    """The application, with an access log if the log level shows it."""
    from wxcube.server.access_log import with_access_log

    return with_access_log(app) if root.settings.log_level in {"debug", "info"} else app


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
    warn_if_reachable(root, host)
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


def warn_if_reachable(root: Context, host: str) -> None:
    """Warn if an address that is served without encryption is not only this machine's."""
    from wxcube.server.addresses import is_loopback

    if not is_loopback(host):
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
    "--name",
    "names",
    multiple=True,
    help="A name of this machine that admin calls may use; repeatable.",
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
    type=click.Choice(["documented", "last-documented", "current"]),
    default="documented",
    show_default=True,
    help="With current, the six retired endpoints return 47009; with last-documented, "
    "getarticletotal has the four columns that only its last documents list.",
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
    names: tuple[str, ...],
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
    from wxcube.emulator.admin_access import AdminAccess
    from wxcube.emulator.emulator import DAILY_LIMIT, Emulator
    from wxcube.emulator.faults import parse_fault
    from wxcube.emulator.quirks import parse_quirks
    from wxcube.server.addresses import is_loopback
    from wxcube.server.http import listen, serve_forever

    root = context()
    password = _admin_password(host)
    emulator = Emulator(
        seed=seed,
        accounts=accounts,
        days=days,
        era=era,
        quirks=parse_quirks(quirk),
        clock=ManualClock(_start_time(root, now), running=not frozen),
        daily_limit=daily_limit or DAILY_LIMIT,
        admin_access=AdminAccess(password, names),
    )
    for text in fault:
        emulator.faults.add(parse_fault(text))

    def ready(url: str) -> None:
        if not is_loopback(host):
            _warn_of_admin_calls(root, password)
        _show_accounts(root, emulator, url, as_json=as_json)

    with listen(host, port) as listener:
        emulator.prepare()
        serve_forever(
            _with_access_log(root, emulator.asgi),
            listener,
            limits=root.settings.limits,
            on_ready=ready,
        )


def _admin_password(host: str) -> Secret | None:
    """The password of the admin API; a new one if other machines can reach it."""
    from wxcube.server.addresses import is_loopback

    chosen = emulator_password()
    if chosen or is_loopback(host):
        return chosen or None
    return Secret(secrets.token_urlsafe(18))


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
    if not FIRST_DAY <= time.date() <= LAST_DAY:
        raise SettingsError(
            _("--now {text!r} is out of range", text=text),
            hint=_("choose a day from {first} to {last}", first=FIRST_DAY, last=LAST_DAY),
        )
    return time


def _warn_of_admin_calls(root: Context, password: Secret | None) -> None:
    """Say that other machines can reach the admin API, and with which password."""
    warning = _("other machines can reach this address")
    if password and not emulator_password():
        needed = _(
            "admin calls under /_wxcube/ need the password {password}; choose your own with "
            "WXCUBE_EMULATOR_PASSWORD",
            password=password.reveal(),
        )
    else:
        needed = _("admin calls under /_wxcube/ need the password in WXCUBE_EMULATOR_PASSWORD")
    message = joined((warning, needed), SEMICOLON)
    print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")


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
