"""The command demo: the whole job on simulated accounts, in the terminal."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path

import click
from rich.text import Text

from wxcube.cli import demo as show
from wxcube.cli.commands.context import Context, context
from wxcube.cli.coverage_table import coverage_table, covered, missing_lines
from wxcube.cli.terminal.chart import bar, columns, sparkline
from wxcube.cli.terminal.paragraph import tell
from wxcube.cli.terminal.progress_bar import SyncBar
from wxcube.emulator.emulator import Emulator
from wxcube.errors import WarehouseError
from wxcube.server.http import RunningServer
from wxcube.warehouse.store import Warehouse
from wxcube.wechat.client import SIMULATED

CHART_HEIGHT = 6


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default="demo", show_default=True)
@click.option("--seed", type=int, default=7, show_default=True, help="Same seed, same figures.")
@click.option("--accounts", type=click.IntRange(1, 20), default=2, show_default=True)
@click.option("--days", type=click.IntRange(10, 800), default=120, show_default=True)
@click.option("--once", is_flag=True, help="End when done; do not serve.")
@click.option("--port", type=click.IntRange(0, 65535), default=8300, show_default=True)
def demo(folder: Path, seed: int, accounts: int, days: int, port: int, *, once: bool) -> int:
    """Show the whole job on simulated accounts, no account needed.

    It emulates accounts, syncs them over HTTP, checks every row, answers some questions, and serves
    the result until Ctrl-C.
    """
    root = context()
    path = folder / "wxcube.db"
    _make_room(path)
    started = time.perf_counter()
    emulator = _emulate(root, seed, accounts, days)
    with Warehouse.open(path) as warehouse:
        with RunningServer(emulator.asgi) as server:
            _sync(root, emulator, server.url, warehouse)
        _show_coverage(root, emulator, warehouse)
        _show_answers(root, emulator, warehouse)
        proven = _prove(root, emulator, warehouse)
        _show_next(root, path, time.perf_counter() - started)
        if proven and not once and sys.stdin.isatty() and sys.stdout.isatty():
            _serve(root, emulator, warehouse, folder, port)
    return 0 if proven else 1


def _make_room(path: Path) -> None:
    """Remove the database of an earlier demo; one with anything of the reader's own stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    with Warehouse.open(path) as earlier:
        own = [appid for appid in earlier.accounts() if not appid.startswith(SIMULATED)]
    if own:
        raise WarehouseError(
            f"{path} holds accounts of your own ({', '.join(own)}), the demo would remove them",
            hint="choose another place with --folder",
        )
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _step(root: Context, number: int, zh: str, en: str) -> None:
    head = Text.assemble((f"{number}", "bold cyan"), " ", (root.say(zh, en), "bold"))
    root.console.print("\n", head, sep="")


def _emulate(root: Context, seed: int, accounts: int, days: int) -> Emulator:
    _step(root, 1, "模拟公众号", "Simulated accounts")
    began = time.perf_counter()
    emulator = Emulator(seed=seed, accounts=accounts, days=days)
    emulator.prepare()
    took = time.perf_counter() - began
    say, console = root.say, root.console
    for app in emulator.accounts:
        console.print(f"  {app.appid}  {emulator.name(app.appid)}")
    window = f"{emulator.simulation.first_day} … {emulator.last_day}"
    now = f"{emulator.clock.now():%Y-%m-%d %H:%M}"
    console.print(
        say(
            f"  {window}，算出数据用时 {took:.1f} 秒\n  时钟停在北京时间 {now}",
            f"  {window}, computed in {took:.1f} s\n  their clock stands at {now} in Beijing",
        )
    )
    return emulator


def _sync(root: Context, emulator: Emulator, url: str, warehouse: Warehouse) -> None:
    _step(root, 2, "通过 HTTP 同步到数据库", "Synced over HTTP into a database")
    todo = show.next_plan(emulator, warehouse)
    root.console.print(
        root.say(
            f"  {url}：计划 {len(todo.calls):,} 次请求，共 {todo.days:,} 天（周、月）",
            f"  {url}: {len(todo.calls):,} calls for {todo.days:,} days (weeks, months)",
        )
    )
    began = time.perf_counter()
    with SyncBar(root.notes, root.say, len(todo.calls)) as progress:
        report = asyncio.run(show.fill(emulator, url, warehouse, todo, on_progress=progress))
    took = time.perf_counter() - began
    root.console.print(
        root.say(
            f"  {report.rows:,} 行，用时 {took:.1f} 秒",
            f"  {report.rows:,} rows in {took:.1f} s",
        )
    )


def _show_coverage(root: Context, emulator: Emulator, warehouse: Warehouse) -> None:
    _step(root, 3, "每个数字都知道自己是否还会变", "Every day knows whether it can still move")
    found = covered(warehouse, show.wants(emulator), emulator.clock.now())
    for app in emulator.accounts:
        mine = [row for row in found if row.appid == app.appid]
        root.console.print(emulator.name(app.appid), style="bold")
        root.console.print(coverage_table(mine, root.say, root.console.width))
        for line in missing_lines(mine, root.say):
            tell(root.console, line, mark="· ", style="yellow")


def _show_answers(root: Context, emulator: Emulator, warehouse: Warehouse) -> None:
    app = emulator.accounts[0]
    _step(
        root,
        4,
        f"几个答案：{emulator.name(app.appid)}",
        f"Some answers: {emulator.name(app.appid)}",
    )
    _show_growth(root, warehouse, app.appid)
    _show_article(root, warehouse, app.appid)
    _show_hours(root, warehouse, app.appid)


def _show_growth(root: Context, warehouse: Warehouse, appid: str) -> None:
    days = show.growth(warehouse, appid)
    (first, start), (last, end) = days[0], days[-1]
    root.console.print(
        root.say(
            f"  粉丝 {start:,} → {end:,}（{end - start:+,}），{first} 至 {last}",
            f"  followers {start:,} → {end:,} ({end - start:+,}) from {first} to {last}",
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
        root.say(
            f"\n  读者最多的文章：《{article.title}》\n"
            f"  {article.published} 发表，{article.readers[-1]:,} 人读过；每天的新读者：",
            f"\n  most read: 《{article.title}》\n"
            f"  published on {article.published}, {article.readers[-1]:,} readers so far; "
            "new ones by day:",
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
        root.say(
            f"\n  各小时收到的消息，共 {sum(hours):,} 条，{peak} 点最多",
            f"\n  messages by hour of day, {sum(hours):,} in all, most at {peak}:00",
        )
    )
    for line in columns(hours, CHART_HEIGHT, width=3):
        root.console.print(f"  {line}", style="magenta")
    root.console.print(
        "  " + "".join(f"{hour:<3}" if hour % 3 == 0 else "   " for hour in range(24))
    )


def _prove(root: Context, emulator: Emulator, warehouse: Warehouse) -> bool:
    _step(root, 5, "核对", "Proof")
    say = root.say
    compared, made = show.compare(emulator, warehouse), show.calls_made(emulator)
    fewest, again = show.fewest_calls(emulator), show.next_plan(emulator, warehouse)
    for name in compared.differing:
        _statement(root, say(f"{name} 与模拟器不同", f"{name} differs"), is_true=False)
    equal = say(
        f"库中 {compared.rows:,} 行与模拟器逐行相同",
        f"all {compared.rows:,} rows in the database equal the emulator's",
    )
    if not compared.differing:
        _statement(root, equal, is_true=True)
    least = say(
        f"模拟器记录了 {made:,} 次请求；时间跨度允许的最少次数是 {fewest:,}",
        f"{made:,} calls, as the emulator counted; the spans permit no fewer than {fewest:,}",
    )
    _statement(root, least, is_true=made == fewest)
    next_time = say(
        f"现在再同步只需 {len(again.calls)} 次请求（{again.days} 天微信可能还会出数）",
        f"a sync right now would make {len(again.calls)} calls "
        f"({again.days} days that WeChat may still fill)",
    )
    _statement(root, next_time, is_true=True)
    return made == fewest and not compared.differing


def _statement(root: Context, text: str, *, is_true: bool) -> None:
    mark, style = ("  ✓ ", "green") if is_true else ("  ✗ ", "red")
    tell(root.console, text, mark=mark, style=style)


def _show_next(root: Context, path: Path, took: float) -> None:
    _step(root, 6, "接下来", "What next")
    say, wxcube = root.say, _program()
    then = say("然后：", "then: ")
    query = "select * from user_cumulate limit 5"
    lines = (
        say(f"  全程 {took:.0f} 秒。看看这个数据库：", f"  {took:.0f} s in all. Look into it:"),
        f"    {wxcube} --database {path} status",
        f"    {wxcube} --database {path} sql '{query}'",
        say("  用自己的公众号：", "  With your own account:"),
        f"    {wxcube} init --appid wx…  # {then}account check, plan, sync, status",
        say("  开发与测试：", "  To develop against it:"),
        f"    {wxcube} emulate --port 8400",
    )
    for line in lines:
        root.console.print(line, soft_wrap=True)


def _program() -> str:
    """How the reader called wxcube, to be called so again."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "wxcube" and not called.is_absolute() else "wxcube"


def _serve(
    root: Context, emulator: Emulator, warehouse: Warehouse, folder: Path, port: int
) -> None:
    from wxcube.server.apps import ensure
    from wxcube.server.gateway import Gateway
    from wxcube.server.http import asgi, serve_forever
    from wxcube.server.protocol import Api, Era

    file = folder / "wxcube-apps.toml"
    apps, _ = ensure(file, [app.appid for app in emulator.accounts])
    api = Api(Gateway(warehouse, apps), emulator.clock, era=Era.DOCUMENTED)

    def ready(url: str) -> None:
        told = root.say(
            f"正在 {url} 按微信协议提供这些数据，凭据在 {file}，按 Ctrl-C 结束",
            f"Serving this data as WeChat would at {url}; credentials in {file}; Ctrl-C ends it",
        )
        root.console.print()
        tell(root.console, told)

    serve_forever(asgi(api), port=port, on_ready=ready)
