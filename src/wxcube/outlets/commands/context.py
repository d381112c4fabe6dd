"""What a command starts from: settings, language, logging, and the warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from wxcube import log
from wxcube.outlets.language import Language, language
from wxcube.settings import Settings, load

if TYPE_CHECKING:
    from wxcube.warehouse.store import Warehouse


@dataclass
class Context:
    """Settings and the things made from them, each when first needed."""

    flags: dict[str, Any]

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
        return Console(highlight=False)

    @cached_property
    def notes(self) -> Console:
        """Where progress and remarks are printed: standard error."""
        return Console(stderr=True, highlight=False)

    def warehouse(self, *, read_only: bool = False) -> Warehouse:
        """The warehouse of the settings, opened."""
        from wxcube.warehouse.store import Warehouse

        return Warehouse.open(self.settings.database, read_only=read_only)


def context() -> Context:
    """The context of the command that is running."""
    found = click.get_current_context().find_root()
    if not isinstance(found.obj, Context):
        found.obj = Context(found.obj or {})
    return found.obj


def json_line(value: object) -> str:
    """A value as one line of JSON."""
    import msgspec

    return msgspec.json.encode(value).decode()
