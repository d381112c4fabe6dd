"""Commands for figures computed from own events: build, status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wxcube import beijing
from wxcube.cli.commands import compacted
from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.sync import INCOMPLETE, Day
from wxcube.cli.terminal.paragraph import tell
from wxcube.settings import EngineName

if TYPE_CHECKING:
    from wxcube.cube.incremental.progress import Progress as Event
    from wxcube.cube.incremental.watermark import Watermark
    from wxcube.jobs.cube_build import Done
    from wxcube.jobs.cube_engine import EngineChoice
    from wxcube.jobs.cube_outlook import Outlook


@click.group()
def cube() -> None:
    """Compute the figures of every endpoint from own events, exactly.

    Rows go to the warehouse under origin `cube`; `serve` shows them where there are none of WeChat.
    """


@cube.command()
@click.option("--from", "first", type=Day(), help="First day to build (default: all that changed).")
@click.option("--to", "last", type=Day(), help="Last day to build (default: yesterday).")
@click.option("--account", "accounts", multiple=True, help="As the events name it.")
@click.option("--memory", metavar="SIZE", help="Like 2GB (default: half the machine).")
@click.option(
    "--engine", type=click.Choice(get_args(EngineName)), help="What computes (default: duckdb)."
)
@click.option(
    "--master", metavar="URL", help="Spark: spark://host:7077, yarn, k8s://… or local[2]."
)
@click.option(
    "--folder",
    metavar="PATH",
    help="Spark: where it keeps tables, the same for all its machines (default: with the events).",
)
@click.option(
    "--partitions",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Spark: parts of the accounts, 2 or 3 for a core (default: 16).",
)
@click.option(
    "--url",
    metavar="URL",
    help="ClickHouse: http(s)://user@host:port without password, or chdb: in this process.",
)
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON line.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def build(
    *,
    first: date | None,
    last: date | None,
    accounts: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **of_engine: Any,
) -> int:
    """Compute the days whose events changed, and what hangs on them.

    That is their week and month, the running totals of the 30 days after, and the followers since.
    It may be stopped at any moment and started again.

    Events that wait in the log are taken in first. Exit code 3 means that some events cannot be
    read: only accounts of the same group wait for them.

    The password of ClickHouse comes from the variable WXCUBE_CUBE_PASSWORD, or from what the
    section [cube] of the settings names.
    """
    from wxcube.jobs.cube_build import build as run
    from wxcube.server.events_intake import open_store

    root = context()
    choice = _engine(root, **of_engine)
    end = last or beijing.yesterday(root.clock.now())
    with (
        compacted.stoppable(),
        open_store(root.settings.events, root.clock, create=False) as store,
        root.warehouse() as warehouse,
        _bar(root, quiet=quiet or as_json) as progress,
    ):
        taken_in = store.compact()
        if compacted.has_news(taken_in) and not as_json:
            compacted.show(root, taken_in)
        done = run(
            store,
            warehouse,
            open_engine=choice.open,
            budget_bytes=choice.chunk_bytes,
            first=first,
            last=end,
            accounts=accounts,
            clock=root.clock,
            tell=progress,
        )
    if as_json:
        left_out = [str(path) for path in done.left_out]
        told = {
            "days": done.days,
            "rows": done.rows,
            "through": end,
            "left_out": left_out,
            "again": done.again,
            "has_lost": done.has_lost,
        }
        click.echo(json_line(told | compacted.counts(taken_in)))
    else:
        _show_built(root, done, end)
    return INCOMPLETE if taken_in.troubles or done.left_out else 0


def _show_built(root: Context, done: Done, end: date) -> None:
    if done.again:
        tell(
            root.notes, _again(root, done.again, has_lost=done.has_lost), mark="! ", style="yellow"
        )
    for path, why in done.left_out.items():
        said = root.say(
            f"{path} 无法读取（{why}）：同组公众号暂不计算；`wxcube doctor` 说明如何修复",
            f"{path} cannot be read ({why}): accounts of its group wait; "
            "`wxcube doctor` says how to mend it",
        )
        tell(root.notes, said, mark="! ", style="yellow")
    said = root.say(
        f"计算了 {done.days} 天，写入 {done.rows:,} 行，截至 {end}",
        f"{done.days} days computed, {done.rows:,} rows written, through {end}",
    )
    tell(root.console, said, mark="✓ ", style="green")


def _again(root: Context, since: date, *, has_lost: bool) -> str:
    told = root.say(
        f"数据库与上一次构建后的不同（换成了另一个，或从备份放回），从 {since} 起的都重算了",
        "the database is not as the newest build left it (another one, or put back from a backup): "
        f"everything from {since} on was computed again",
    )
    if not has_lost:
        return told
    return told + root.say(
        "；此前的部分日期缺少数据，其事件已按保留期删除，请放回更新的备份",
        "; it lacks days before, whose events were removed by retention: put a newer backup back",
    )


def _engine(root: Context, *, memory: str | None, **given: Any) -> EngineChoice:
    """The engine of the settings, the command line's options first."""
    from wxcube.jobs.cube_engine import check_options, choose

    said = {name: value for name, value in {**given, "memory_limit": memory}.items() if value}
    cube = msgspec.structs.replace(root.settings.cube, **said)
    check_options(cube.engine, given)
    events = root.settings.events
    return choose(cube, Path(events.folder).expanduser(), machine_memory=events.memory_limit)


@cube.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def status(*, as_json: bool) -> None:
    """Show through which day rows are built, and which days the next build would compute."""
    from wxcube.jobs.cube_outlook import outlook
    from wxcube.server.events_intake import open_store

    root = context()
    last = beijing.yesterday(root.clock.now())
    with open_store(root.settings.events, root.clock, create=False) as store:
        found = outlook(store, last, _mark(root))
    if as_json:
        click.echo(json_line({**asdict(found), "to": last}))
        return
    tell(root.console, root.say("；", "; ").join(_told(root, found, last)))


def _mark(root: Context) -> Watermark | None:
    """What the database has of builds; nothing before there is one."""
    from wxcube.jobs.cube_sink import watermark_of

    if not root.has_warehouse():
        return None
    with root.warehouse(read_only=True) as warehouse:
        return watermark_of(warehouse)


def _told(root: Context, found: Outlook, last: date) -> Iterator[str]:
    say, days, end = root.say, found.changed, found.through
    yield say(f"已计算到 {end}", f"built through {end}") if end else say("尚未计算", "not built")
    if days:
        span = f" ({days[0]} … {days[-1]})"
        yield say(
            f"下次构建将计算 {len(days)} 天{span}，截至 {last}",
            f"the next build computes {len(days)} days{span}, through {last}",
        )
    elif found.has_work:
        yield say(f"下次构建将续算至 {last}", f"the next build goes on through {last}")
    else:
        yield say("没有要计算的", "nothing to compute")
    if found.waiting:
        yield say(
            f"另有 {found.waiting:,} 个事件待归档，构建会先归档",
            f"{found.waiting:,} events wait in the log, which a build takes in first",
        )


@contextmanager
def _bar(root: Context, *, quiet: bool) -> Iterator[Any]:
    """What is called whenever the build is further."""
    if quiet:
        yield lambda _: None
        return
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=root.notes,
    )
    task = bar.add_task(root.say("计算", "build"), total=None)

    def step(event: Event) -> None:
        bar.start()
        name = f"{root.say('计算', 'build')} {event.what}".strip()
        bar.update(task, completed=event.done, total=event.total or 1, description=name)

    try:
        yield step
    finally:
        if bar.live.is_started:
            bar.stop()
