"""The command up: pages, the API and daily syncs in one process, from nothing."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

import click

from wxcube import beijing
from wxcube.cli.alerting import look_for_alerts
from wxcube.cli.commands.context import Context, context
from wxcube.cli.help import Command
from wxcube.cli.scheduled_reports import send_scheduled_reports
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import WxcubeError
from wxcube.i18n import Message, _
from wxcube.jobs.accounts import DEFAULT_DAYS
from wxcube.jobs.sync_report import SyncResult, report_lines
from wxcube.jobs.sync_service import SyncProgress, SyncService
from wxcube.settings import DEFAULT_FILE, PREFIX, Settings, load
from wxcube.settings.template import settings_text
from wxcube.warehouse.store import Warehouse


@click.command(cls=Command)
@click.option("--host", help="Address of the pages (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the pages (default: 8310).")
def up(host: str | None, port: int | None) -> int:
    """Show pages in the browser, serve the API, and sync every morning, until Ctrl-C.

    Without settings it writes wxcube.toml, and the first page adds an account by its AppID and
    AppSecret or starts simulated ones. Pages need a login; the first person chooses a password with
    the code that is printed here. WeChat's protocol is served as by `wxcube serve`. Syncs begin at
    08:10, 10:10 and 12:10 Beijing time, the later ones for figures that were not ready; alerts and
    the reports of weeks and months are sent after them, if the settings name recipients.

    \b
    Examples:
      wxcube up
      wxcube up --port 8311
    """
    root = context()
    file = _settings_file(root)
    _write_settings(root, file)
    with _sigterm_as_ctrl_c(), ExitStack() as stack:
        _serve(root, file, host, port, stack)
    root.notes.print(
        root.translate(_("stopped; stored data stays, start the command again to resume"))
    )
    return 0


def _serve(root: Context, file: Path, host: str | None, port: int | None, stack: ExitStack) -> None:
    """Serve until a signal arrives; what was opened is closed by the stack."""
    from wxcube.cli.demo_accounts import DemoAccounts
    from wxcube.cli.pages import new_site
    from wxcube.jobs.account_setup import AccountSetup
    from wxcube.jobs.cube_service import CubeService
    from wxcube.pages.app import pages_app
    from wxcube.pages.site import Source
    from wxcube.pages.warming import warm
    from wxcube.server.http import listen, serve_forever

    settings, load_settings = root.settings, _loader(root, file)
    address = host or settings.pages.host
    listener = stack.enter_context(listen(address, settings.pages.port if port is None else port))
    clock = root.account_clock
    root.require_private_warehouse()
    warehouse = stack.enter_context(root.warehouse())
    api_url, serve_new_accounts = _serve_api(root, warehouse, stack)
    report = _reporter(root)

    def after_sync(progress: SyncProgress) -> None:
        try:
            report(progress)
        finally:
            serve_new_accounts()
            warm(site)

    service = SyncService(load_settings, warehouse, root.clock, after_sync)
    stack.callback(service.stop)
    source = Source(
        warehouse,
        clock,
        lambda: _names(load_settings()),
        service,
        daily_calls=settings.sync.daily_calls_per_endpoint,
    )
    site = new_site(source, root.clock, settings.pages, browser=settings.report.browser)
    site.setup = AccountSetup(file, warehouse, clock)
    site.start_demo = stack.enter_context(
        DemoAccounts(root.clock, on_end=lambda _: warm(site))
    ).start
    if site.people.is_empty():
        site.first_code = secrets.token_urlsafe(9)
    service.start()
    stack.enter_context(CubeService(settings.events, settings.cube, warehouse, root.clock))
    serve_forever(
        pages_app(site),
        listener,
        on_ready=lambda url: _announce(
            root, settings.pages.url or url, api_url, address, site.first_code
        ),
    )
    root.notes.print(root.translate(_("stopping …")))


def _serve_api(
    root: Context, warehouse: Warehouse, stack: ExitStack
) -> tuple[str, Callable[[], None]]:
    """Serve WeChat's protocol in another thread; its URL, and what serves new accounts too."""
    from wxcube.cli.gateway_app import gateway_app
    from wxcube.cli.serving import Serving, giver_of, reloading_on_hangup
    from wxcube.server.http import RunningServer

    def accounts() -> list[str]:
        return [*warehouse.accounts(), *(one.appid for one in root.settings.accounts)]

    clock = root.account_clock
    serving = Serving(root.load_settings, accounts(), warehouse.apps.apps(), has_pages=True)
    access = stack.enter_context(serving.access_by(warehouse, clock))
    stack.enter_context(reloading_on_hangup(serving))
    app = gateway_app(
        warehouse,
        access.directory,
        clock,
        serving.settings.limits,
        access=access,
        giver=stack.enter_context(giver_of(serving, access, clock)),
    )
    serving.set_limits = app.set_limits
    serve = serving.settings.serve
    server = RunningServer(
        app.asgi,
        serve.host,
        serve.port,
        serving.limits,
        trusted_proxies=serving.trusted_proxies,
        tls=serving.certificate.context if serving.certificate else None,
        direct=app.direct,
    )
    url = stack.enter_context(server).url
    return url, lambda: serving.add_accounts(accounts(), warehouse.apps.apps())


def _settings_file(root: Context) -> Path:
    return Path(root.flags.get("config") or os.environ.get(f"{PREFIX}CONFIG") or DEFAULT_FILE)


def _write_settings(root: Context, file: Path) -> None:
    """Write settings without accounts where there are none."""
    if file.exists():
        return
    first = beijing.day_of(root.clock.now()) - timedelta(days=DEFAULT_DAYS)
    file.write_text(settings_text(first, []), encoding="utf-8")
    print_paragraph(root.notes, root.translate(_("wrote the settings file {path}", path=file)))


def _loader(root: Context, file: Path) -> Callable[[], Settings]:
    """What reads the settings anew, with the options of this command line."""
    options = {name: root.flags.get(name) for name in ("database", "log_level")}
    return lambda: load(file, language=root.flags.get("lang"), **options)


def _names(settings: Settings) -> Mapping[str, str]:
    return {account.appid: account.name for account in settings.accounts}


def _reporter(root: Context) -> Callable[[SyncProgress], None]:
    """What prints the report of each sync, and sends what is due."""

    def report(progress: SyncProgress) -> None:
        time = f"{progress.ended_at:%Y-%m-%d %H:%M} " if progress.ended_at else ""
        if progress.error:
            _warn(root, progress.error, time)
        if progress.last:
            for problem in _after_sync(root, progress.last, time):
                _warn(root, problem, time)

    return report


def _after_sync(root: Context, result: SyncResult, time: str) -> Iterable[Message]:
    """Print what a sync did, and send alerts and reports; the problems, which end no syncs."""
    # with the settings of this moment: accounts and recipients may have been added
    now = Context(root.flags, root.clock)
    steps: tuple[Callable[[], None], ...] = (
        lambda: _print_report(now, result, time),
        lambda: look_for_alerts(now, [account.appid for account in now.settings.accounts]),
        lambda: send_scheduled_reports(now),
    )
    problems = {}
    for step in steps:
        try:
            step()
        except WxcubeError as error:
            problems[str(error)] = error.as_message()
        except OSError:
            """A terminal that was closed; alerts and reports are sent without it."""
    return problems.values()


def _print_report(root: Context, result: SyncResult, time: str) -> None:
    names = root.account_names
    for line in report_lines(result, lambda appid: names.get(appid, appid)):
        style = "yellow" if line.mark else ""
        print_paragraph(root.notes, root.shown(line.text), mark=time + line.mark, style=style)


def _warn(root: Context, message: Message, time: str) -> None:
    print_paragraph(root.notes, root.shown(message), mark=f"{time}! ", style="yellow")


def _announce(root: Context, url: str, api_url: str, host: str, first_code: str) -> None:
    from wxcube.cli.commands.servers import warn_if_reachable

    translate, notes = root.translate, root.notes
    if first_code:
        text = _("Choose a password first: {url}/welcome?code={code}", url=url, code=first_code)
        notes.print(translate(text), soft_wrap=True)
    notes.print(translate(_("pages: {url}", url=url)), soft_wrap=True)
    notes.print(
        translate(
            _("API: {url}, credentials in {file}", url=api_url, file=root.settings.serve.apps_file)
        ),
        soft_wrap=True,
    )
    if not root.settings.pages.url.startswith("https:"):
        warn_if_reachable(root, host)
    notes.print(
        translate(_("syncs every day at 08:10, 10:10 and 12:10 Beijing time; press Ctrl-C to stop"))
    )


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does, so that everything is closed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
