"""The command doctor: what is wrong with what is kept, file by file, and how it is mended."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.error_words import in_words
from wxcube.cli.terminal.paragraph import tell
from wxcube.errors import WxcubeError
from wxcube.log import redact

if TYPE_CHECKING:
    from wxcube.cube.incremental.checkup import Flaw
    from wxcube.events.store.check import Finding

SERIOUS = 1


@click.command()
@click.option("--deep", is_flag=True, help="Read every file of events and facts, not only its end.")
@click.option("--mend", is_flag=True, help="Mark damaged or missing facts for the next build.")
@click.option("--json", "as_json", is_flag=True, help="A JSON line for each finding.")
def doctor(*, deep: bool, mend: bool, as_json: bool) -> int:
    """Say what is wrong with what is kept, and how to mend it.

    Looks at the warehouse, the event store and the cube's facts. Without --mend nothing is changed;
    with it the next `wxcube cube build` computes again what it can. Exit code 1 means that figures
    may be missing or cannot be stored.
    """
    root = context()
    found = [*_warehouse(root), *_events(root, deep=deep)]
    flaws, others = _facts(root, deep=deep)
    found += [*others, *(flaw.finding for flaw in flaws)]
    for one in found:
        if as_json:
            click.echo(json_line(one))
        else:
            _show(root, one)
    if not found and not as_json:
        root.notes.print(root.say("没有发现问题", "nothing wrong found"))
    mended = _mend(root, flaws, as_json=as_json) if mend else []
    left = [one for one in found if one not in mended]
    return SERIOUS if any(one.is_serious for one in left) else 0


def _show(root: Context, one: Finding) -> None:
    style = "red" if one.is_serious else "yellow"
    what, mend = (redact(in_words(text, root.say)) for text in (one.what, one.mend))
    text = f"{one.file}{root.say('：', ': ')}{what}"
    tell(root.console, text, mark="✗ " if one.is_serious else "! ", style=style)
    tell(root.console, mend, mark="  → ")


def _warehouse(root: Context) -> list[Finding]:
    """What is wrong with the warehouse, if there is one yet."""
    from wxcube.events.store.check import Finding

    if not root.has_warehouse():
        return []
    try:
        with root.warehouse(read_only=True) as warehouse:
            warehouse.accounts()
    except WxcubeError as error:
        return [Finding(redact(root.settings.database), error.message, error.hint)]
    return []


def _events(root: Context, *, deep: bool) -> list[Finding]:
    """What is wrong with the event store, if there is one yet."""
    from wxcube.events.store.check import check
    from wxcube.settings import events_key

    key = events_key(root.settings.events).reveal()
    return check(_store(root), root.clock.now(), user_key=key, deep=deep)


def _store(root: Context) -> Path:
    return Path(root.settings.events.folder).expanduser()


def _facts(root: Context, *, deep: bool) -> tuple[list[Flaw], list[Finding]]:
    """What is wrong with the cube's facts, if there are some yet, and why they were not read."""
    store = _store(root)
    if not store.exists():
        return [], []
    from wxcube.cube.engines.duckdb import DuckDbEngine
    from wxcube.cube.incremental.checkup import Mend, check
    from wxcube.events.store.check import Finding
    from wxcube.events.store.retention import FACTS
    from wxcube.jobs.cube_build import memory_bytes

    if not (store / FACTS).exists():
        return [], []
    try:
        memory = memory_bytes(root.settings.events.memory_limit)
        with DuckDbEngine(memory_limit=f"{memory // 2 >> 20}MiB") as engine:
            return check(store, engine, deep=deep), []
    except WxcubeError as error:
        what = f"the cube's facts were not read ({error.message})"
        return [], [Finding(str(store / FACTS), what, Mend.FIRST.value)]


def _mend(root: Context, flaws: list[Flaw], *, as_json: bool) -> list[Finding]:
    """Do for the facts what can be done, and say what is left to do; what was mended."""
    from wxcube.cube.incremental.checkup import BY_ITSELF, Mend, begin_anew, mark_for_rebuild

    is_anew = any(flaw.mend is Mend.ANEW for flaw in flaws)
    if is_anew:
        begin_anew(_store(root), _handed_over(root))
    days = mark_for_rebuild(_store(root), flaws)
    if as_json:
        click.echo(json_line({"marked_days": days, "new_ledger": is_anew}))
    else:
        _tell_mended(root, days, is_anew=is_anew)
    return [flaw.finding for flaw in flaws if flaw.mend in BY_ITSELF]


def _tell_mended(root: Context, days: list[date], *, is_anew: bool) -> None:
    if is_anew:
        text = root.say(
            "已换上新的账本；请运行 wxcube cube build，全部日期将重新计算",
            "a new ledger is in place; run `wxcube cube build`, which computes all days again",
        )
    elif days:
        span = str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]}"
        text = root.say(
            f"标记了 {len(days)} 天（{span}）；请运行 wxcube cube build 重新计算",
            f"{len(days)} days marked ({span}); run `wxcube cube build` to compute them again",
        )
    else:
        text = root.say("没有可自动修复的内容", "nothing that can be mended by itself")
    tell(root.notes, text)


def _handed_over(root: Context) -> date | None:
    """The last day of which the warehouse has computed rows."""
    from wxcube.contract.source import Origin
    from wxcube.contract.user import getusercumulate

    if not root.has_warehouse():
        return None
    with root.warehouse(read_only=True) as warehouse:
        found = (
            warehouse.extent(account, getusercumulate, Origin.CUBE)
            for account in warehouse.accounts()
        )
        return max((extent.last for extent in found if extent), default=None)
