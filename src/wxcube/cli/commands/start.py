"""Commands to begin with an own account: init, account."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from wxcube import beijing, contract
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.terminal.paragraph import tell
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.window import parse_day
from wxcube.errors import SettingsError
from wxcube.settings import DEFAULT_FILE, AccountSettings, default_secret_variable

TEMPLATE = """\
# wxcube 的设置 · settings of wxcube
# 命令行选项 > 环境变量 WXCUBE_… > 本文件 > 默认值
# flags go over the environment (WXCUBE_…), that over this file, that over the defaults

# SQLite 文件 · a SQLite file
database = "wxcube.db"
# zh / en，留空则看系统 · empty: as the system
language = ""

[sync]
# 要哪天以来的数据 · fetch from this day on
since = {since}
# 同时进行的请求数 · calls at once
concurrency = 8
# 每个账号每个接口每天最多请求数 · calls per account, endpoint and day
daily_calls_per_endpoint = 500
# 2026 年已下线的六个图文接口 · the six article endpoints switched off in 2026
include_retired = false

# 每个公众号一段 · one section for each account
[[accounts]]
appid = "{appid}"
name = {name}
# AppSecret 不写在这里：放进下面的环境变量，或用 secret_file 指向一个文件
# the secret does not stand here: put it into this variable, or name a file with secret_file
secret_env = "{secret_env}"
# stable（默认）、classic、url（中控）、command、fixed · where the token comes from
token = "stable"
# token_url = "https://token.example.com/wx"
# 只要这些接口或分组 · only these endpoints or groups
# endpoints = ["user", "content", "message", "interface"]
# 会员卡 ID · ids of membership cards
# cards = []

[serve]
host = "127.0.0.1"
port = 8300

# 自有事件：wxcube events ingest，或设置令牌后 POST /events
# own events: wxcube events ingest, or POST /events once a token is set
# [events]
# folder = "events"
# token_env = "WXCUBE_EVENTS_TOKEN"
# 保留多少天（默认全部）；事实至少比事件多 31 天，迟到的事件所在的月和累计数要用到它们
# days kept (default: all); facts 31 days longer than events or more, since the month and the
# running totals of an event that comes late are made of them
# retention_days_events = 400
# retention_days_facts = 431
"""


@click.command()
@click.option("--appid", default="", help="The account's AppID.")
@click.option("--name", default="main", show_default=True, help="A short name for it.")
@click.option("--since", metavar="DAY", help="First day wanted (default: 90 days ago).")
@click.option("--force", is_flag=True, help="Overwrite the file.")
def init(appid: str, name: str, since: str | None, *, force: bool) -> None:
    """Write a commented wxcube.toml."""
    root = context()
    path = Path(root.flags.get("config") or DEFAULT_FILE)
    if path.exists() and not force:
        raise SettingsError(
            f"{path} is there already", hint="edit it, or overwrite it with `wxcube init --force`"
        )
    today = beijing.day_of(root.clock.now())
    first = parse_day(since) if since else today - timedelta(days=90)
    one = _account(appid or "wx0000000000000000", name)
    variable = default_secret_variable(one)
    # a JSON text is a TOML text too
    text = TEMPLATE.format(
        appid=one.appid, name=json_line(one.name), since=first, secret_env=variable
    )
    path.write_text(text, encoding="utf-8")
    _tell_next_steps(root, path, variable)


def _account(appid: str, name: str) -> AccountSettings:
    try:
        return msgspec.convert({"appid": appid, "name": name}, AccountSettings)
    except msgspec.ValidationError:
        raise SettingsError(
            f"{appid!r} is not an AppID",
            hint="copy it from mp.weixin.qq.com, it looks like wx0123456789abcdef",
        ) from None


def _tell_next_steps(root: Context, path: Path, variable: str) -> None:
    say, console = root.say, root.console
    console.print(say(f"已写入 {path}。接下来：", f"Wrote {path}. Next:"))
    console.print(
        say(
            "  1. 在其中填入 AppID，并把本机 IP 加入公众平台的 IP 白名单",
            "  1. put your AppID into it, and this machine's address on the IP allow-list",
        )
    )
    console.print(f"  2. export {variable}=<AppSecret>")
    console.print("  3. wxcube account check")
    console.print("  4. wxcube plan && wxcube sync && wxcube status")


@click.group(invoke_without_command=True)
@click.pass_context
def account(ctx: click.Context) -> None:
    """List the accounts, or try one against WeChat."""
    if ctx.invoked_subcommand is None:
        _list(context())


def _list(root: Context) -> None:
    say = root.say
    table = Table(
        say("名称", "name"), "appid", say("令牌", "token"), say("接口", "endpoints"), box=None
    )
    for one in root.settings.chosen(()):
        wanted = ", ".join(one.endpoints) or say("全部", "all")
        table.add_row(one.title, one.appid, one.token, wanted)
    root.console.print(table)


@account.command()
@click.argument("names", nargs=-1)
def check(names: tuple[str, ...]) -> None:
    """Get a token and ask one day, to see that appid, secret, address and rights are good."""
    root = context()
    for one in root.settings.chosen(names):
        rows = asyncio.run(_try(root, one))
        said = root.say(
            f"{one.title}：令牌可用，取到 {rows} 行",
            f"{one.title}: the token works, {rows} rows came",
        )
        tell(root.console, said, mark="✓ ", style="green")


async def _try(root: Context, one: AccountSettings) -> int:
    from wxcube.jobs.accounts import source

    endpoint = _probe(one)
    day = beijing.latest_ready_day(root.clock.now())
    async with source(one, root.settings.sync, root.clock) as client:
        return len(await client.fetch(endpoint, day, day))


def _probe(one: AccountSettings) -> Endpoint[Any]:
    """An endpoint of the account that can be asked one day and nothing else."""
    plain = (
        e
        for e in contract.select(one.endpoints)
        if not (e.is_retired or e.has_labels or any(p.required for p in e.params))
    )
    return next(plain, contract.user.getusersummary)
