"""Commands for figures computed from own events: build, status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wxcube import beijing
from wxcube.outlets.commands.context import Context, context, json_line
from wxcube.outlets.commands.sync import Day
from wxcube.outlets.paragraph import tell

if TYPE_CHECKING:
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
@click.option("--memory", default="", metavar="SIZE", help="Like 2GB (default: half the machine).")
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON line.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def build(
    *,
    first: date | None,
    last: date | None,
    accounts: tuple[str, ...],
    memory: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compute the days whose events changed, and what hangs on them.

    That is their week and month, the running totals of the 30 days after, and the followers since.
    It may be stopped at any moment and started again.
    """
    from wxcube.outlets.cube_build import build as run
    from wxcube.outlets.cube_build import memory_bytes
    from wxcube.outlets.events_intake import open_store

    root = context()
    limit = memory_bytes(memory or root.settings.events.memory_limit)
    end = last or beijing.yesterday(root.clock.now())
    with (
        open_store(root.settings.events, root.clock, create=False) as store,
        root.warehouse() as warehouse,
        _bar(root, quiet=quiet or as_json) as progress,
    ):
        store.compact()
        built, rows = run(
            store,
            warehouse,
            first=first,
            last=end,
            accounts=accounts,
            memory=limit,
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
