"""Commands for figures computed from own events: build, status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wxcube import beijing
from wxcube.outlets.commands.context import Context, context, json_line
from wxcube.outlets.commands.sync import Day
from wxcube.outlets.paragraph import tell
from wxcube.settings import EngineName

if TYPE_CHECKING:
    from wxcube.outlets.cube_engine import EngineChoice
    from wxcube.sources.increment.build import Progress as Event


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
) -> None:
    """Compute the days whose events changed, and what hangs on them.

    That is their week and month, the running totals of the 30 days after, and the followers since.
    It may be stopped at any moment and started again.

    The password of ClickHouse comes from the variable WXCUBE_CUBE_PASSWORD, or from what the
    section [cube] of the settings names.
    """
    from wxcube.outlets.cube_build import build as run
    from wxcube.outlets.events_intake import open_store

    root = context()
    choice = _engine(root, **of_engine)
    end = last or beijing.yesterday(root.clock.now())
    with (
        open_store(root.settings.events, root.clock, create=False) as store,
        root.warehouse() as warehouse,
        choice.open() as engine,
        _bar(root, quiet=quiet or as_json) as progress,
    ):
        store.compact()
        built, rows = run(
            store,
            warehouse,
            engine=engine,
            budget_bytes=choice.chunk_bytes,
            first=first,
            last=end,
            accounts=accounts,
            clock=root.clock,
            tell=progress,
        )
    days = len({day for day, _ in built.revisions})
    if as_json:
        click.echo(json_line({"days": days, "rows": rows, "through": end}))
        return
    said = root.say(
        f"计算了 {days} 天，写入 {rows:,} 行，截至 {end}",
        f"{days} days computed, {rows:,} rows written, through {end}",
    )
    tell(root.console, said, mark="✓ ", style="green")


def _engine(root: Context, *, memory: str | None, **given: Any) -> EngineChoice:
    """The engine of the settings, the command line's options first."""
    from wxcube.outlets.cube_engine import check_options, choose

    said = {name: value for name, value in {**given, "memory_limit": memory}.items() if value}
    cube = msgspec.structs.replace(root.settings.cube, **said)
    check_options(cube.engine, given)
    events = root.settings.events
    return choose(cube, Path(events.folder).expanduser(), machine_memory=events.memory_limit)


@cube.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON line.")
def status(*, as_json: bool) -> None:
    """Show through which day rows are built, and which days changed since."""
    from wxcube.outlets.events_intake import open_store
    from wxcube.sources.events.retention import FACTS
    from wxcube.sources.increment.ledger import FILE, Ledger

    root = context()
    with open_store(root.settings.events, root.clock, create=False) as store:
        dirty = sorted({day for day, _ in store.days()})
        folder = store.folder / FACTS
        through: list[int] = []
        if (folder / FILE).exists():
            with Ledger(folder, is_reader=True) as ledger:
                through = [day for day, _ in ledger.through().values() if day is not None]
    _show_status(root, dirty, min(through, default=None), as_json=as_json)


def _show_status(root: Context, dirty: list[date], through: int | None, *, as_json: bool) -> None:
    from wxcube.sources.inputs import day_numbered

    end = day_numbered(through) if through is not None else None
    if as_json:
        click.echo(json_line({"through": end, "changed": dirty}))
        return
    say = root.say
    until = say(f"已计算到 {end}", f"built through {end}") if end else say("尚未计算", "not built")
    changed = say(f"{len(dirty)} 天有变动", f"{len(dirty)} days changed since")
    span = f" ({dirty[0]} … {dirty[-1]})" if dirty else ""
    tell(root.console, f"{until}{say('；', '; ')}{changed}{span}")


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
    with bar:
        task = bar.add_task(root.say("计算", "build"), total=None)

        def step(event: Event) -> None:
            name = f"{root.say('计算', 'build')} {event.what}".strip()
            bar.update(task, completed=event.done, total=event.total or 1, description=name)

        yield step
