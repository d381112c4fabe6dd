"""Commands that serve WeChat's protocol: serve and emulate."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from socket import socket
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.text import Text

import wxcube
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.help import Command
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.endpoint import EARLIEST
from wxcube.errors import SettingsError, WarehouseError
from wxcube.i18n import SEMICOLON, Listing, Message, _, joined
from wxcube.settings import Secret, emulator_password, events_token

if TYPE_CHECKING:
    from wxcube.cli.serving import Serving
    from wxcube.emulator.emulator import Emulator
    from wxcube.server.apps import FileChange
    from wxcube.server.events_api import EventsApi
    from wxcube.server.http import AsgiApp
    from wxcube.server.metrics import Metrics
    from wxcube.warehouse.app_store import StoredApp
    from wxcube.warehouse.store import Warehouse

FIRST_DAY, LAST_DAY = EARLIEST + timedelta(days=1), date(2099, 12, 31)
"""The days of the emulator's clock, from the first that follows one with WeChat's statistics."""


@click.command(cls=Command)
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8300).")
@click.option("--strict", is_flag=True, help="Leave out rows that WeChat has withdrawn.")
@click.option(
    "--read-through",
    is_flag=True,
    help="Ask WeChat for days that were never loaded, and store them.",
)
@click.option(
    "--missing",
    type=click.Choice(["refuse", "empty"]),
    default="refuse",
    show_default=True,
    help="Answer days that were never loaded with 61503, or with no rows as WeChat does.",
)
@click.option("--wide", is_flag=True, help="Let callers ask for any number of days at once.")
@click.option("--live", is_flag=True, help="Answer rows of today too, computed from your events.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Number of processes that answer.",
)
@click.option("--tls-cert", metavar="FILE", help="Certificate to encrypt connections with.")
@click.option("--tls-key", metavar="FILE", help="Its key, readable only by you.")
@click.option("--admin", metavar="ADDRESS", help="HOST:PORT or unix:FILE of metrics and reload.")
def serve(
    missing: str,
    workers: int,
    *,
    strict: bool,
    read_through: bool,
    wide: bool,
    live: bool,
    **options: str | int | None,
) -> None:
    """Serve the stored data over WeChat's protocol.

    Existing clients need only a new base URL, http://HOST:PORT, and the appid and secret in the
    apps file or of `wxcube app add`. The six retired article endpoints work too. A row that
    WeChat's last answer lacked has the further member withdrawn_at. If the settings have a token
    for events, the server also accepts your events, at POST /events. Where there is an event store,
    the rows of your events are computed while it runs, those of the running day too; with --live
    they are answered at once, otherwise when WeChat would answer them: from 08:00 on the next day.
    SIGHUP makes it read the settings, the apps and the certificate again.

    \b
    Examples:
      wxcube serve
      wxcube serve --port 8301
      wxcube serve --live
      wxcube serve --database demo/wxcube.db
      wxcube serve --read-through
      wxcube serve --tls-cert cert.pem --tls-key key.pem --admin 127.0.0.1:8301
    """
    from wxcube.cli.serving import Serving
    from wxcube.server.http import listen

    root = context()
    chosen = {name: value for name, value in options.items() if value is not None}
    load_settings = partial(root.load_settings, serve=chosen)
    settings = load_settings().serve
    is_new = not root.has_warehouse()
    accounts, stored = _served_accounts(root)
    gateway = _GatewayOptions(
        strict=strict, read_through=read_through, missing=missing, any_span=wide, is_live=live
    )
    # opened last, so that a start that fails does not create a database
    with listen(settings.host, settings.port) as listener:
        keeps_tokens = root.can_write_warehouse()
        serving = Serving(load_settings, accounts, stored, keeps_tokens=keeps_tokens)
        root.require_private_warehouse()

        def ready(url: str) -> None:
            if is_new:
                warn_empty(root)
            if unknown := serving.accounts_of_file.difference(accounts):
                _warn_of_unknown(root, serving.apps_file, unknown)
            _announce(root, url, serving)

        if workers == 1:
            _serve_gateway(root, listener, serving, gateway, ready)
        else:
            _serve_by_workers(root, listener, serving, gateway, ready, workers)


@dataclass(frozen=True)
class _GatewayOptions:
    strict: bool
    read_through: bool
    missing: str
    any_span: bool
    is_live: bool


def _serve_gateway(
    root: Context,
    listener: socket,
    serving: Serving,
    options: _GatewayOptions,
    ready: Callable[[str], None] | None,
    worker: _Worker | None = None,
) -> None:
    """Serve in this process, which may be one of several."""
    from wxcube.cli.gateway_app import gateway_app
    from wxcube.cli.serving import (
        PUBLIC,
        ending_in_order,
        giver_of,
        reload_logged,
        reloading_on_hangup,
    )
    from wxcube.jobs.read_through import SettingsReadThrough
    from wxcube.server.access_log import LoggedCalls, with_access_log
    from wxcube.server.gateway import Missing
    from wxcube.server.http import serve_forever
    from wxcube.server.metrics import with_metrics

    clock = root.account_clock if options.read_through else root.clock
    with ending_in_order(), _event_intake(root) as events, ExitStack() as stack:
        writable = stack.enter_context(_warehouse(root))
        # a connection that may write would write into a file that is put in place of this one
        warehouse = stack.enter_context(root.warehouse(read_only=True))
        access = stack.enter_context(serving.access_by(writable, clock))
        stack.enter_context(reloading_on_hangup(serving))
        if worker:
            # one that is started in place of another begins with the settings of the first start
            reload_logged(serving, is_told=False)
        if not worker or not worker.number:
            stack.enter_context(_builds(root, writable))
        measuring = _measuring(serving, stack, worker)
        _serve_admin(root, serving, warehouse, stack, measuring, worker)
        app = gateway_app(
            warehouse,
            access.directory,
            clock,
            serving.settings.limits,
            access=access,
            giver=stack.enter_context(giver_of(serving, access, clock)),
            metrics=measuring.metrics if measuring else None,
            strict=options.strict,
            missing=Missing(options.missing),
            any_span=options.any_span,
            is_live=options.is_live,
            accepts_events=bool(events),
            read_through=(
                SettingsReadThrough(lambda: serving.settings, writable, clock)
                if options.read_through
                else None
            ),
        )
        serving.set_limits = app.set_limits
        served = _with_events(app.asgi, events)
        if measuring and serving.settings.serve.admin == PUBLIC:
            served = with_metrics(served, measuring.text)
        serve_forever(
            with_access_log(served, serving.has_access_log),
            listener,
            limits=serving.limits,
            trusted_proxies=serving.trusted_proxies,
            tls=serving.certificate.context if serving.certificate else None,
            on_ready=ready,
            direct=lambda: LoggedCalls(app.direct) if serving.has_access_log() else app.direct,
        )


def _serve_by_workers(
    root: Context,
    listener: socket,
    serving: Serving,
    options: _GatewayOptions,
    ready: Callable[[str], None],
    workers: int,
) -> None:
    """Serve in several processes; the first one announces the address."""
    from wxcube.server.workers import run_workers

    if events_token(root.settings.events):
        raise SettingsError(
            _("events are stored by one process only, not by {workers} workers", workers=workers),
            hint=_("leave out --workers, or run a second `wxcube serve` for the events"),
        )
    # before the processes begin, tables are created or migrated once, and a wrong key is an error
    with _warehouse(root) as warehouse, serving.access_by(warehouse, root.clock):
        pass

    with TemporaryDirectory(prefix="wxcube-") as folder:
        # opened once: any worker answers at it for all
        admin = _admin_listener(serving)

        def work(number: int) -> None:
            worker = _Worker(number, Path(folder), admin)
            _serve_gateway(root, listener, serving, options, None if number else ready, worker)

        run_workers(workers, work)


@dataclass(frozen=True)
class _Worker:
    """One of several processes, and what it has in common with the others."""

    number: int
    folder: Path
    """Where they store what they have counted."""
    admin: socket | None
    """The admin address, which all of them answer at."""


def _admin_listener(serving: Serving) -> socket | None:
    """The admin address, if there is one; of its own, that is."""
    from wxcube.cli.serving import PUBLIC
    from wxcube.server.http import listen_at

    address = serving.settings.serve.admin
    return listen_at(address) if address and address != PUBLIC else None


@dataclass(frozen=True)
class _Measuring:
    metrics: Metrics
    text: Callable[[], str]


def _measuring(serving: Serving, stack: ExitStack, worker: _Worker | None) -> _Measuring | None:
    """What counts answers; None if the settings have no address for that."""
    from wxcube.server.metrics import Metrics
    from wxcube.server.worker_metrics import WorkerMetrics, counts_before

    if not serving.settings.serve.admin:
        return None
    gauges = [("wxcube_apps", "Apps that may call.", lambda: serving.app_count)]
    before = counts_before(worker.folder, worker.number) if worker else None
    metrics = Metrics(gauges, wxcube.__version__, before)
    if worker is None:
        return _Measuring(metrics, metrics.text)
    shared = stack.enter_context(WorkerMetrics(worker.folder, worker.number, metrics))
    return _Measuring(metrics, shared.text)


def _serve_admin(
    root: Context,
    serving: Serving,
    warehouse: Warehouse,
    stack: ExitStack,
    measuring: _Measuring | None,
    worker: _Worker | None,
) -> None:
    """Serve metrics and reload in another thread, if they have an address of their own."""
    from wxcube.server.admin_app import admin_app
    from wxcube.server.http import RunningServer

    listener = worker.admin if worker else _admin_listener(serving)
    if not listener or not measuring:
        return

    def reload() -> None:
        serving.reload()
        if worker:
            # what is right for this worker is so for all
            os.kill(os.getppid(), signal.SIGHUP)

    app = admin_app(measuring.text, reload, warehouse.accounts)
    url = stack.enter_context(RunningServer(app, listener=listener)).url
    if not worker or not worker.number:
        root.notes.print(root.translate(_("metrics and reload at {url}", url=url)))
        _warn_if_admin_is_reachable(root, serving.settings.serve.admin)


def _warn_if_admin_is_reachable(root: Context, address: str) -> None:
    from wxcube.server.addresses import is_loopback
    from wxcube.server.http import UNIX

    host = address.rpartition(":")[0].strip("[]")
    if not address.startswith(UNIX) and not is_loopback(host):
        warning = _("other machines can reach metrics and reload, which need no password")
        print_paragraph(root.notes, root.translate(warning), mark="! ", style="yellow")


def _with_events(app: AsgiApp, events: EventsApi | None) -> AsgiApp:
    """The application with events, where they are accepted."""
    from wxcube.server.events_api import with_events

    return with_events(app, events) if events else app


def _served_accounts(root: Context) -> tuple[list[str], dict[str, StoredApp]]:
    """The accounts of the warehouse and of the settings, and the apps of the warehouse.

    Raises:  WarehouseError if there are none and no events are accepted either.
    """
    known: list[str] = []
    stored: dict[str, StoredApp] = {}
    if root.has_warehouse():
        with _warehouse(root) as warehouse:
            known, stored = list(warehouse.accounts()), warehouse.apps.apps()
    accounts = [*known, *(a.appid for a in root.settings.accounts)]
    if not accounts and not events_token(root.settings.events):
        raise WarehouseError(
            _(
                "there is no data in {database} and no account in the settings",
                database=root.settings.database,
            ),
            hint=_("run `wxcube init` and `wxcube sync` first, or try `wxcube emulate`"),
        )
    return accounts, stored


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


def _builds(root: Context, warehouse: Warehouse) -> AbstractContextManager[object]:
    """Builds of your events in the background, unless the database cannot be written."""
    from wxcube.jobs.cube_service import CubeService

    if not root.can_write_warehouse():
        return nullcontext()
    return CubeService(root.settings.events, root.settings.cube, warehouse, root.clock)


def _with_access_log(root: Context, app: AsgiApp) -> AsgiApp:
    """The application, with an access log if the log level shows it."""
    from wxcube.server.access_log import with_access_log

    return with_access_log(app) if _has_access_log(root) else app


def _has_access_log(root: Context) -> bool:
    return root.settings.log_level in {"debug", "info"}


def warn_empty(root: Context) -> None:
    """Warn that the database was created just now."""
    message = _(
        "{database} is new and empty: days have no figures until `wxcube sync` or "
        "`wxcube cube build` has stored them",
        database=root.settings.database,
    )
    print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")


def _announce(root: Context, url: str, serving: Serving) -> None:
    translate, notes = root.translate, root.notes
    notes.print(translate(_("listening on {url}", url=url)))
    if serving.apps_file.exists():
        notes.print(translate(_credentials(serving.apps_file, serving.change)))
    else:
        notes.print(translate(_("`wxcube app list` shows the apps that may call")))
    _print_added(root, serving.apps_file, serving.change)
    if serving.certificate is None:
        warn_if_reachable(root, serving.settings.serve.host)
    notes.print(translate(_("press Ctrl-C to stop")))


def _warn_of_unknown(root: Context, file: Path, accounts: set[str]) -> None:
    message = _(
        "{file} has apps for accounts of which nothing is stored, and which the settings do not "
        "have: {accounts}",
        file=file,
        accounts=Listing(sorted(accounts)),
    )
    print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")


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
@click.option(
    "--push", metavar="URL", help="Push callbacks of the simulated people to a message server."
)
@click.option("--push-encrypted", is_flag=True, help="Push them in safe mode (AES).")
@click.option(
    "--push-speed",
    type=click.FloatRange(min=0, min_open=True),
    help="Simulated seconds per second until the clock's time is reached (default: no limit).",
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
    push: str | None,
    push_speed: float | None,
    *,
    push_encrypted: bool,
    frozen: bool,
    as_json: bool,
) -> None:
    """Serve simulated accounts over WeChat's protocol.

    The clock and the faults can be changed while it runs, with the admin API under /_wxcube/. With
    --push, messages and followers are pushed as WeChat does, from the first day on, once the server
    has answered the check of its address; its replies then make the figures of the interface group.

    \b
    Examples:
      wxcube emulate
      wxcube emulate --accounts 1 --now 2026-03-10T09:00
      wxcube emulate --fault "getuser* errcode=61503 times=2"
      wxcube emulate --days 14 --push http://127.0.0.1:8320
    """
    from wxcube.beijing import ManualClock
    from wxcube.emulator.admin_access import AdminAccess
    from wxcube.emulator.emulator import DAILY_LIMIT, Emulator
    from wxcube.emulator.faults import parse_fault
    from wxcube.emulator.pushing import Target
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
    pusher = emulator.push_to(Target(push, push_encrypted, push_speed)) if push else nullcontext()

    def ready(url: str) -> None:
        if not is_loopback(host):
            _warn_of_admin_calls(root, password)
        if push:
            _show_pushing(root, push, url)
        _show_accounts(root, emulator, url, as_json=as_json)

    with listen(host, port) as listener, pusher:
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
    headings = [Heading("appid"), Heading("secret"), Heading(translate(_("name")))]
    rows = [(app.appid, app.secret, emulator.name(app.appid)) for app in emulator.accounts]
    show(console, headings, rows)
    _show_next(root, emulator, url)
    root.notes.print(translate(_("press Ctrl-C to stop")))


def _show_pushing(root: Context, target: str, url: str) -> None:
    message = _(
        "callbacks are pushed to {target} once it has answered the check of its address; "
        "{url}/_wxcube/pushes counts them",
        target=target,
        url=url,
    )
    print_paragraph(root.notes, root.translate(message), mark="· ")


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
