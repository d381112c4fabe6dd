"""Commands for setting up accounts: init, account."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from wxcube import beijing, contract
from wxcube.cli.commands.context import Context, context
from wxcube.cli.help import Command, Group, reader
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.source import Origin
from wxcube.contract.window import Window, parse_day
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, Message, _, plural, verbatim
from wxcube.settings import (
    DEFAULT_FILE,
    AccountSettings,
    default_secret_variable,
    write_private_file,
)
from wxcube.settings.template import (
    account_section,
    callback_lines,
    emulated_account_section,
    settings_text,
)

if TYPE_CHECKING:
    from wxcube.jobs.emulator_admin import EmulatedAccount

DEFAULT_DAYS = 90
"""Days before today from which `init` fetches by default."""
PLACEHOLDER = "wx0000000000000000"
"""AppID in the settings file until the user enters the real one."""


@click.command(cls=Command)
@click.option("--appid", default="", help="AppID of the account.")
@click.option("--name", default="main", show_default=True, help="A short name for the account.")
@click.option(
    "--emulator", metavar="URL", help="Set up all accounts of a running emulator instead."
)
@click.option(
    "--since",
    metavar="DAY",
    help="First day to fetch (default: 90 days ago, or the emulator's first day).",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(appid: str, name: str, emulator: str | None, since: str | None, *, force: bool) -> None:
    """Write a commented wxcube.toml.

    With --emulator the file is complete: its accounts are those of the emulator, their secrets are
    in files of their own, and the commands use the emulator's clock.

    \b
    Examples:
      wxcube init --appid wx0123456789abcdef --since 2026-01-01
      wxcube init --emulator http://127.0.0.1:8400
    """
    root = context()
    if emulator and appid:
        translate = reader(click.get_current_context())
        raise click.UsageError(translate(_("--appid and --emulator exclude each other")))
    path = Path(root.flags.get("config") or DEFAULT_FILE)
    if path.exists() and not force:
        raise SettingsError(
            _("{path} already exists", path=path),
            hint=_("edit it, or overwrite it with `wxcube init --force`"),
        )
    first = parse_day(since) if since else None
    if emulator:
        _init_emulator(root, path, emulator.rstrip("/"), first)
    else:
        _init_account(root, path, _account(appid or PLACEHOLDER, name), first)


def _account(appid: str, name: str) -> AccountSettings:
    try:
        return msgspec.convert({"appid": appid, "name": name}, AccountSettings)
    except msgspec.ValidationError:
        raise SettingsError(
            _("{appid!r} is not an AppID", appid=appid),
            hint=_("copy it from mp.weixin.qq.com, it looks like wx0123456789abcdef"),
        ) from None


def _init_account(root: Context, path: Path, one: AccountSettings, first: date | None) -> None:
    since = first or beijing.day_of(root.clock.now()) - timedelta(days=DEFAULT_DAYS)
    variable = default_secret_variable(one)
    section = account_section(one.appid, one.name, variable)
    path.write_text(settings_text(since, [section]), encoding="utf-8")
    wxcube = _wxcube(path)
    steps = [
        *([_("put your AppID into {path}", path=path)] if one.appid == PLACEHOLDER else []),
        _("add this machine's IP address to the account's IP allow-list on mp.weixin.qq.com"),
        verbatim(f"export {variable}=<AppSecret>"),
        verbatim(f"{wxcube} account check"),
        verbatim(f"{wxcube} plan && {wxcube} sync && {wxcube} status"),
    ]
    _show_steps(root, _("Wrote {path}. Next:", path=path), steps)


def _init_emulator(root: Context, path: Path, url: str, first: date | None) -> None:
    from wxcube.jobs.emulator_admin import emulated_accounts, emulator_state

    since, accounts = first or emulator_state(url).first_day, emulated_accounts(url)
    files = [path.with_name(f"{one.appid}.secret") for one in accounts]
    sections = []
    for one, file in zip(accounts, files, strict=True):
        write_private_file(file, f"{one.secret}\n")
        section = emulated_account_section(one.appid, one.name, str(file), url)
        sections.append(section + _callbacks(path, one))
    path.write_text(settings_text(since, sections), encoding="utf-8")
    title = _(
        "Wrote {path} for the emulator at {url}, and secrets into {files}. Next:",
        path=path,
        url=url,
        files=Listing(files),
    )
    steps = [verbatim(f"{_wxcube(path)} {command}") for command in ("plan", "sync", "status")]
    _show_steps(root, title, steps)


def _callbacks(path: Path, one: EmulatedAccount) -> str:
    """What the section needs for callbacks that the emulator pushes; their secrets get files."""
    if not one.original_id:
        return ""
    token = path.with_name(f"{one.appid}.token")
    write_private_file(token, f"{one.message_token}\n")
    key = path.with_name(f"{one.appid}.key") if one.message_key else None
    if key:
        write_private_file(key, f"{one.message_key}\n")
    return callback_lines(one.original_id, str(token), str(key or ""))


def _wxcube(path: Path) -> str:
    """The command that uses these settings."""
    return "wxcube" if path == Path(DEFAULT_FILE) else f"wxcube --config {path}"


def _show_steps(root: Context, title: Message, steps: list[Message]) -> None:
    print_paragraph(root.console, root.translate(title))
    for number, step in enumerate(steps, start=1):
        print_paragraph(root.console, root.translate(step), mark=f"  {number}. ")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def account(ctx: click.Context) -> None:
    """List the accounts, or check them against WeChat.

    \b
    Examples:
      wxcube account
      wxcube account check main
    """
    if ctx.invoked_subcommand is None:
        _list(context())


def _list(root: Context) -> None:
    translate = root.translate
    titles = (translate(_("name")), "appid", translate(_("token")), translate(_("endpoints")))
    rows = [
        (one.title, one.appid, one.token, ", ".join(one.endpoints) or translate(_("all")))
        for one in root.settings.chosen(())
    ]
    show(root.console, [Heading(title) for title in titles], rows)


@account.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Check AppID, secret, IP address and permissions with one call.

    NAMES are names or AppIDs of accounts; without them all accounts are checked.

    \b
    Examples:
      wxcube account check
      wxcube account check main
    """
    root = context()
    day = beijing.latest_ready_day(root.account_clock.now())
    for one in root.settings.chosen(names):
        rows = asyncio.run(_fetch(root, one, day))
        message = plural(
            "{account}: the token works; {endpoint} returned {n} row for {day}",
            "{account}: the token works; {endpoint} returned {n} rows for {day}",
            account=one.title,
            endpoint=_probe(one),
            n=rows,
            day=day,
        )
        print_paragraph(root.console, root.translate(message), mark="✓ ", style="green")


async def _fetch(root: Context, one: AccountSettings, day: date) -> int:
    """The number of rows of one day; if there is a database, they are stored."""
    from wxcube.jobs.accounts import account_client

    endpoint = _probe(one)
    async with account_client(one, root.settings.sync, root.account_clock) as client:
        if not root.has_warehouse():
            return len(await client.fetch(endpoint, day, day))
        with root.warehouse() as warehouse:
            log = root.ask_log(warehouse, one.appid, "check")
            answer = await client.ask(endpoint, Window(day, day), log=log)
            warehouse.replace(one.appid, Origin.WECHAT, answer)
            return len(answer.rows)


def _probe(one: AccountSettings) -> Endpoint[Any]:
    """An endpoint of the account that needs nothing but one day."""
    simple = (
        e
        for e in contract.select(one.endpoints)
        if not (e.is_retired or e.has_labels or any(p.required for p in e.params))
    )
    return next(simple, contract.user.getusersummary)
