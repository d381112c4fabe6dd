"""The command demo: emulate accounts, sync them, verify the rows and show some figures."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import click
from rich.text import Text

from wxcube.cli import demo as show
from wxcube.cli.commands.context import Context, context
from wxcube.cli.coverage_table import coverage_table, remarks, wanted_coverages
from wxcube.cli.help import Command
from wxcube.cli.terminal.chart import bar, columns, sparkline
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.cli.terminal.progress_bar import SyncBar
from wxcube.emulator.emulator import Emulator
from wxcube.errors import SettingsError, WarehouseError
from wxcube.i18n import Listing, Message, _, plural
from wxcube.server.http import RunningServer, listen
from wxcube.warehouse.store import Warehouse
from wxcube.warehouse.sync.progress import Report
from wxcube.wechat.client import SIMULATED

CHART_HEIGHT = 6
HOST = "127.0.0.1"
VISITOR = "demo"
"""The name under which everybody is logged in to the pages of the demo."""


@click.command(cls=Command)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="demo",
    show_default=True,
    help="Directory for the database.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same figures.")
@click.option(
    "--accounts",
    type=click.IntRange(1, 20),
    default=2,
    show_default=True,
    help="Number of accounts.",
)
@click.option(
    "--days", type=click.IntRange(10, 800), default=120, show_default=True, help="Days of figures."
)
@click.option("--once", is_flag=True, help="Exit when done, do not serve.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8310,
    show_default=True,
    help="Port of the pages; a free one if it is in use.",
)
def demo(folder: Path, seed: int, accounts: int, days: int, port: int, *, once: bool) -> int:
    """Run the whole job on simulated accounts, without your own.

    It emulates accounts, syncs them over HTTP, verifies every row and shows some figures. On a
    terminal it then shows the data as pages in the browser, and serves it, until Ctrl-C.

    \b
    Examples:
      wxcube demo
      wxcube demo --once --days 30
    """
    root = context()
    path = folder / "wxcube.db"
    _remove_earlier(path)
    serves = not once and sys.stdin.isatty() and sys.stdout.isatty()
    if serves:
        port = _free_port(root, port)
        _announce_serving(root, port)
    started = time.perf_counter()
    emulator = _emulate(root, seed, accounts, days)
    with Warehouse.open(path) as warehouse:
        with RunningServer(emulator.asgi) as server:
            _sync(root, emulator, server.url, warehouse)
        _show_coverage(root, emulator, warehouse)
        _show_figures(root, emulator, warehouse)
        is_verified = _verify(root, emulator, warehouse)
        _show_next(root, path, time.perf_counter() - started)
        if is_verified and serves:
            _serve(root, emulator, warehouse, folder, port)
    return 0 if is_verified else 1


def _free_port(root: Context, wanted: int) -> int:
    """The wanted port, or a free one if it is in use."""
    try:
        with listen(HOST, wanted) as listener:
            return int(listener.getsockname()[1])
    except SettingsError:
        with listen(HOST, 0) as listener:
            port = int(listener.getsockname()[1])
    message = _("port {wanted} is in use, so {port} is used instead", wanted=wanted, port=port)
    print_paragraph(root.console, root.translate(message), mark="! ", style="yellow")
    return port


def _announce_serving(root: Context, port: int) -> None:
    message = _(
        "At the end this shows the data in the browser at http://{host}:{port} until you press "
        "Ctrl-C; with --once it exits when done.",
        host=HOST,
        port=port,
    )
    print_paragraph(root.console, root.translate(message))


def _remove_earlier(path: Path) -> None:
    """Remove the database of an earlier demo.

    Raises:  WarehouseError if it has accounts that are not simulated.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    with Warehouse.open(path) as earlier:
        yours = [appid for appid in earlier.accounts() if not appid.startswith(SIMULATED)]
    if yours:
        raise WarehouseError(
            _(
                "{path} has accounts of yours ({appids}), which the demo would remove",
                path=path,
                appids=Listing(yours),
            ),
            hint=_("choose another directory with --folder"),
        )
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _step(root: Context, number: int, title: Message) -> None:
    heading = Text.assemble((f"{number}", "bold cyan"), " ", (root.translate(title), "bold"))
    root.console.print("\n", heading, sep="")


def _emulate(root: Context, seed: int, accounts: int, days: int) -> Emulator:
    _step(root, 1, _("Simulated accounts"))
    began = time.perf_counter()
    emulator = Emulator(seed=seed, accounts=accounts, days=days)
    emulator.prepare()
    seconds = time.perf_counter() - began
    translate, console = root.translate, root.console
    for app in emulator.accounts:
        console.print(f"  {app.appid}  {emulator.name(app.appid)}")
    window = f"{emulator.simulation.first_day} … {emulator.last_day}"
    now = f"{emulator.clock.now():%Y-%m-%d %H:%M}"
    console.print(
        translate(
            _(
                "  {window}, computed in {seconds:.1f} s\n  their clock shows {now} (Beijing time)",
                window=window,
                seconds=seconds,
                now=now,
            ),
        )
    )
    return emulator


def _sync(root: Context, emulator: Emulator, url: str, warehouse: Warehouse) -> None:
    _step(root, 2, _("Sync over HTTP into a database"))
    translate, console = root.translate, root.console
    todo = show.next_plan(emulator, warehouse)
    console.print(
        translate(
            _(
                "  {url}: {count:,} calls planned for {days:,} days (weeks, months)",
                url=url,
                count=len(todo.calls),
                days=todo.days,
            )
        )
    )
    began = time.perf_counter()
    with SyncBar(root.notes, translate, len(todo.calls)) as progress:
        report = asyncio.run(show.fill(emulator, url, warehouse, todo, on_progress=progress))
    seconds = time.perf_counter() - began
    console.print(
        translate(
            _(
                "  {count:,} calls made, {rows:,} rows in {seconds:.1f} s",
                count=report.calls,
                rows=report.rows,
                seconds=seconds,
            )
        )
    )
    _show_skipped(root, report)


def _show_skipped(root: Context, report: Report) -> None:
    skipped = report.not_made.total()
    if not skipped:
        return
    message = plural(
        "{n} planned call was skipped: an earlier call of {endpoints} was refused, since the "
        "account lacks the permission",
        "{n} planned calls were skipped: earlier calls of {endpoints} were refused, since the "
        "account lacks the permission",
        n=skipped,
        endpoints=Listing(dict.fromkeys(endpoint for _appid, endpoint, _reason in report.not_made)),
    )
    print_paragraph(root.console, root.translate(message), mark="  ")


def _show_coverage(root: Context, emulator: Emulator, warehouse: Warehouse) -> None:
    _step(root, 3, _("State of the data: which days can still change"))
    wanted, now = show.wants(emulator), emulator.clock.now()
    coverage = wanted_coverages(warehouse, wanted, now, includes_retired=True)
    for app in emulator.accounts:
        rows = [row for row in coverage if row.appid == app.appid]
        root.console.print(emulator.name(app.appid), style="bold")
        root.console.print(coverage_table(rows, root.translate, root.console.width))
        for remark in remarks(rows):
            text = root.translate(remark.text)
            print_paragraph(root.console, text, mark="· ", style="yellow")


def _show_figures(root: Context, emulator: Emulator, warehouse: Warehouse) -> None:
    app = emulator.accounts[0]
    _step(root, 4, _("Some figures of {account}", account=emulator.name(app.appid)))
    _show_growth(root, warehouse, app.appid)
    _show_article(root, warehouse, app.appid)
    _show_hours(root, warehouse, app.appid)


def _show_growth(root: Context, warehouse: Warehouse, appid: str) -> None:
    days = show.growth(warehouse, appid)
    (first, start), (last, end) = days[0], days[-1]
    root.console.print(
        root.translate(
            _(
                "  followers {start:,} → {end:,} ({change:+,}) from {first} to {last}",
                start=start,
                end=end,
                change=end - start,
                first=first,
                last=last,
            ),
        )
    )
    low = min(count for _, count in days)
    step = max(1, len(days) // 60)
    line = sparkline([count - low + 1 for _, count in days[::step]])
    root.console.print(f"  {line}", style="green")


def _show_article(root: Context, warehouse: Warehouse, appid: str) -> None:
    article = show.best_article(warehouse, appid)
    if article is None:
        return
    root.console.print(
        root.translate(
            _(
                "\n  most read: 《{title}》\n"
                "  published on {published}, {readers:,} readers so far; new ones by day:",
                title=article.title,
                published=article.published,
                readers=article.readers[-1],
            ),
        )
    )
    new = article.new_readers[:10]
    for number, count in enumerate(new):
        day = article.published + timedelta(days=number)
        line = Text.assemble(f"  {day:%m-%d} ", (bar(count, max(new), 36), "blue"), f" {count:,}")
        root.console.print(line)


def _show_hours(root: Context, warehouse: Warehouse, appid: str) -> None:
    hours = show.messages_by_hour(warehouse, appid)
    peak = hours.index(max(hours))
    root.console.print(
        root.translate(
            _(
                "\n  messages by hour of day, {total:,} in total, most at {peak}:00",
                total=sum(hours),
                peak=peak,
            ),
        )
    )
    for line in columns(hours, CHART_HEIGHT, width=3):
        root.console.print(f"  {line}", style="magenta")
    root.console.print(
        "  " + "".join(f"{hour:<3}" if hour % 3 == 0 else "   " for hour in range(24))
    )


def _verify(root: Context, emulator: Emulator, warehouse: Warehouse) -> bool:
    """Whether rows and calls are what the emulator has; prints the result of each check."""
    _step(root, 5, _("Verification"))
    compared, call_count = show.compare(emulator, warehouse), show.calls_made(emulator)
    fewest, again = show.fewest_calls(emulator), show.next_plan(emulator, warehouse)
    for name in compared.differing:
        _show_check(root, _("{name} differs", name=name), passed=False)
    if not compared.differing:
        equal = _("all {rows:,} rows in the database equal the emulator's", rows=compared.rows)
        _show_check(root, equal, passed=True)
    count = _(
        "the emulator counted {made:,} calls; the spans permit no fewer than {fewest:,}",
        made=call_count,
        fewest=fewest,
    )
    _show_check(root, count, passed=call_count == fewest)
    next_sync = _(
        "a sync right now would make {count} calls ({days} days that WeChat may still fill)",
        count=len(again.calls),
        days=again.days,
    )
    _show_check(root, next_sync, passed=True)
    return call_count == fewest and not compared.differing


def _show_check(root: Context, message: Message, *, passed: bool) -> None:
    mark, style = ("  ✓ ", "green") if passed else ("  ✗ ", "red")
    print_paragraph(root.console, root.translate(message), mark=mark, style=style)


def _show_next(root: Context, path: Path, seconds: float) -> None:
    _step(root, 6, _("Next steps"))
    translate, wxcube = root.translate, _program()
    then = translate(_("then: "))
    query = "select * from user_cumulate limit 5"
    lines = (
        translate(_("  {seconds:.0f} s in total. Explore the data:", seconds=seconds)),
        f"    {wxcube} --database {path} status",
        f"    {wxcube} --database {path} sql '{query}'",
        translate(_("  In the browser, with your own account or with simulated ones:")),
        f"    {wxcube} up",
        translate(_("  With your own account, in the terminal:")),
        f"    {wxcube} init --appid wx…  # {then}account check, plan, sync, status",
        translate(_("  To develop against it:")),
        f"    {wxcube} emulate --port 8400",
    )
    for line in lines:
        root.console.print(line, soft_wrap=True)


def _program() -> str:
    """The command as the user called it."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "wxcube" and not called.is_absolute() else "wxcube"


def _serve(
    root: Context, emulator: Emulator, warehouse: Warehouse, folder: Path, port: int
) -> None:
    """Show the pages, and serve the data over WeChat's protocol, until Ctrl-C."""
    from wxcube.cli.gateway_app import gateway_app
    from wxcube.cli.pages import new_site
    from wxcube.pages.app import pages_app
    from wxcube.pages.site import Source
    from wxcube.server.apps import ensure
    from wxcube.server.http import serve_forever
    from wxcube.settings import LimitSettings, PagesSettings, SyncSettings

    file = folder / "wxcube-apps.toml"
    apps, _written = ensure(file, [app.appid for app in emulator.accounts])
    app = gateway_app(warehouse, apps, emulator.clock, LimitSettings())
    names = {app.appid: emulator.name(app.appid) for app in emulator.accounts}
    limit = SyncSettings().daily_calls_per_endpoint
    source = Source(warehouse, emulator.clock, lambda: names, is_demo=True, daily_calls=limit)
    settings = PagesSettings(file=str(folder / "wxcube-logins.db"))
    site = new_site(
        source, root.clock, settings, visitor=VISITOR, browser=root.settings.report.browser
    )
    server = RunningServer(app.asgi, HOST, direct=app.direct)
    with listen(HOST, _free_port(root, port)) as listener, server:
        ready = partial(_announce_pages, root, server.url, file)
        serve_forever(pages_app(site), listener, on_ready=ready)


def _announce_pages(root: Context, api_url: str, file: Path, url: str) -> None:
    translate = root.translate
    root.console.print()
    root.console.print(translate(_("Pages in the browser: {url}", url=url)), style="bold")
    message = _(
        "The same data as WeChat would serve it: {url}; credentials are in {file}; press Ctrl-C "
        "to stop",
        url=api_url,
        file=file,
    )
    print_paragraph(root.console, translate(message))
