"""Commands that answer WeChat's protocol: serve and emulate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.terminal.paragraph import tell
from wxcube.errors import SettingsError, WarehouseError
from wxcube.settings import events_token

if TYPE_CHECKING:
    from wxcube.emulator.emulator import Emulator
    from wxcube.server.apps import Written
    from wxcube.server.http import AsgiApp

CLOCK_YEARS = range(2015, 2100)
"""WeChat's figures begin at the end of 2014."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8300).")
def serve(host: str | None, port: int | None) -> None:
    """Answer WeChat's protocol from the warehouse.

    Existing clients work by changing their base URL to http://HOST:PORT and using the appid and
    secret of the apps file. The six retired article calls stay alive. With a token for events in
    the settings it also takes in own events, at POST /events.
    """
    from wxcube.server import apps
    from wxcube.server.gateway import Gateway
    from wxcube.server.http import asgi, serve_forever
    from wxcube.server.protocol import Api, Era

    root = context()
    wanted = root.settings.serve
    address = host or wanted.host
    with root.warehouse() as warehouse:
        accounts = [*warehouse.accounts(), *(a.appid for a in root.settings.accounts)]
        if not accounts and not events_token(root.settings.events):
            raise WarehouseError(
                "the warehouse is empty and no account is set up",
                hint="fill it with `wxcube sync`, or try `wxcube emulate`",
            )
        local, written = apps.ensure(Path(wanted.apps_file), accounts)
        api = Api(Gateway(warehouse, local), root.clock, era=Era.DOCUMENTED)
        with _taking_events(asgi(api), root) as app:
            serve_forever(
                app,
                address,
                wanted.port if port is None else port,
                on_ready=lambda url: _announce(root, url, address, wanted.apps_file, written),
            )


@contextmanager
def _taking_events(app: AsgiApp, root: Context) -> Iterator[AsgiApp]:
    """The application, taking events in too if the settings have a token for that."""
    if not events_token(root.settings.events):
        yield app
        return
    from wxcube.server.events_intake import taking_events

    with taking_events(app, root.settings.events, root.clock) as both:
        yield both


def _announce(root: Context, url: str, host: str, file: str, written: Written) -> None:
    say, notes = root.say, root.notes
    notes.print(say(f"正在监听 {url}", f"listening on {url}"))
    new = say("（刚刚生成，仅本人可读）", " (written just now, readable by you alone)")
    notes.print(
        say(f"appid 和 secret 在 {file}", f"appid and secret stand in {file}")
        + (new if written.is_new else "")
    )
    _tell_added(root, file, written)
    _warn_if_open(root, host)
    notes.print(say("按 Ctrl-C 结束", "Ctrl-C ends it"))


def _tell_added(root: Context, file: str, written: Written) -> None:
    say, added, without = root.say, ", ".join(written.added), ", ".join(written.without)
    if added:
        tell(root.notes, say(f"{file} 新增了账号：{added}", f"{file} has new accounts: {added}"))
    if without:
        told = say(
            f"{file} 无法修改（{written.trouble}），请手工添加这些账号的 [[apps]]：{without}",
            f"{file} cannot be changed ({written.trouble}); add an [[apps]] section by hand "
            f"for each of these accounts: {without}",
        )
        tell(root.notes, told, mark="! ", style="yellow")


def _warn_if_open(root: Context, host: str) -> None:
    if host not in LOOPBACK:
        root.notes.print(
            root.say(
                "注意：此地址可被其他机器访问，且没有加密；请放在 HTTPS 反向代理之后",
                "careful: other machines can reach this address, unencrypted; "
                "put it behind an HTTPS proxy",
            ),
            style="yellow",
        )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8400, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same figures.")
@click.option("--accounts", type=click.IntRange(1, 50), default=2, show_default=True)
@click.option("--days", type=click.IntRange(1, 1500), default=120, show_default=True)
@click.option("--now", help="Beijing time of its clock, e.g. 2026-03-10T09:00 (default: now).")
@click.option("--frozen", is_flag=True, help="The clock stands still until it is moved.")
@click.option("--era", type=click.Choice(["documented", "current"]), default="documented")
@click.option(
    "--quirk", multiple=True, metavar="NAME", help="An oddity of real answers: is_delay=string …"
)
@click.option(
    "--fault",
    multiple=True,
    metavar="SPEC",
    help='Something that goes wrong: "getuserread errcode=45009 after=5" …',
)
@click.option("--daily-limit", type=click.IntRange(1), help="Calls per endpoint and day.")
@click.option("--json", "as_json", is_flag=True, help="Print the accounts as JSON lines.")
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
    """Answer WeChat's protocol from simulated accounts.

    The clock and faults can be changed while it runs, through the admin API under /_wxcube/.
    """
    from wxcube.beijing import ManualClock
    from wxcube.emulator.emulator import DAILY_LIMIT, Emulator
    from wxcube.emulator.faults import parse_fault
    from wxcube.emulator.quirks import parse_quirks
    from wxcube.server.http import serve_forever

    root = context()
    emulator = Emulator(
        seed=seed,
        accounts=accounts,
        days=days,
        era=era,
        quirks=parse_quirks(quirk),
        clock=ManualClock(_moment(root, now), running=not frozen),
        daily_limit=daily_limit or DAILY_LIMIT,
    )
    for text in fault:
        emulator.faults.add(parse_fault(text))
    emulator.prepare()
    serve_forever(
        emulator.asgi,
        host,
        port,
        on_ready=lambda url: _show_accounts(root, emulator, url, as_json=as_json),
    )


def _moment(root: Context, text: str | None) -> datetime:
    from wxcube.beijing import moment_of

    if text is None:
        return root.clock.now()
    try:
        moment = moment_of(text)
    except ValueError:
        raise SettingsError(
            f"--now {text!r} is not a moment", hint="write it as 2026-03-10T09:00 (Beijing time)"
        ) from None
    if moment.year not in CLOCK_YEARS:
        raise SettingsError(
            f"--now {text!r} is too far away",
            hint=f"give a moment from {CLOCK_YEARS[0]} to {CLOCK_YEARS[-1]}",
        )
    return moment


def _show_accounts(root: Context, emulator: Emulator, url: str, *, as_json: bool) -> None:
    if as_json:
        for app in emulator.accounts:
            line = {"url": url, "appid": app.appid, "secret": app.secret}
            click.echo(json_line(line | {"name": emulator.name(app.appid)}))
        return
    say, console, now = root.say, root.console, f"{emulator.clock.now():%Y-%m-%d %H:%M}"
    told = say(f"北京时间 {now}", f"Beijing time {now}")
    console.print(Text.assemble((url, "bold"), f"  {told}"))
    table = Table("appid", "secret", say("名称", "name"), box=None, header_style="bold")
    for app in emulator.accounts:
        table.add_row(app.appid, app.secret, emulator.name(app.appid))
    console.print(table)
    first = emulator.accounts[0]
    console.print(say("试一试：", "try:"))
    query = f"grant_type=client_credential&appid={first.appid}&secret={first.secret}"
    console.print(f"  curl -s '{url}/cgi-bin/token?{query}'", soft_wrap=True)
    root.notes.print(say("按 Ctrl-C 结束", "Ctrl-C ends it"))
