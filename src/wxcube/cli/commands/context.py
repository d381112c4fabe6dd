"""What a command starts from: settings, language, logging, and the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from wxcube import log
from wxcube.beijing import Clock, SystemClock
from wxcube.i18n.language import Language, language
from wxcube.settings import Settings, load

if TYPE_CHECKING:
    from wxcube.warehouse.store import Warehouse


@dataclass
class Context:
    """Settings and the things made from them, each when first needed."""

    flags: dict[str, Any]
    clock: Clock

    @cached_property
    def settings(self) -> Settings:
        """The settings, flags first."""
        settings = load(
            self.flags.get("config"),
            database=self.flags.get("database"),
            language=self.flags.get("lang"),
            log_level=self.flags.get("log_level"),
        )
        log.configure(settings.log_level, as_json=settings.log_json)
        return settings

    @cached_property
    def say(self) -> Language:
        """The reader's language."""
        return language(self.settings.language)

    @cached_property
    def console(self) -> Console:
        """Where results are printed."""
        return _console()

    @cached_property
    def notes(self) -> Console:
        """Where progress and remarks are printed: standard error."""
        return _console(stderr=True)

    def has_warehouse(self) -> bool:
        """Whether there may be a warehouse already: one on a server counts."""
        name = self.settings.database
        return "://" in name or Path(name).exists()

    def warehouse(self, *, read_only: bool = False) -> Warehouse:
        """The warehouse of the settings, opened."""
        from wxcube.warehouse.store import Warehouse

        return Warehouse.open(self.settings.database, read_only=read_only)


def context() -> Context:
    """The context of the command that is running."""
    found = click.get_current_context().find_root()
    if not isinstance(found.obj, Context):
        flags, clock = found.obj
        found.obj = Context(flags, clock or SystemClock())
    return found.obj


def _console(*, stderr: bool = False) -> Console:
    # titles, names and WeChat's messages come from outside: no markup, no :emoji: in them
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def json_line(value: object) -> str:
    """A value as one line of JSON."""
    import msgspec

    return msgspec.json.encode(value).decode()
