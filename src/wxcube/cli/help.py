"""Commands whose help is in the reader's language, and options that every command takes.

Click translates its own texts with Python's `gettext`; `in_language` makes it use our catalogue.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, Self

import click

from wxcube.beijing import Clock
from wxcube.i18n import Message, _
from wxcube.i18n.catalogue import DOMAIN, FOLDER, translated
from wxcube.i18n.language import Language
from wxcube.i18n.message import ENGLISH, Code

LANGUAGES = ("zh", "en")
LEVELS = ("debug", "info", "warning", "error")


@contextmanager
def in_language(translate: Language) -> Iterator[None]:
    """A context in which click's own texts are in the reader's language."""
    domain, wanted = gettext.textdomain(), os.environ.get("LANGUAGE")
    gettext.bindtextdomain(DOMAIN, str(FOLDER))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = translate.code
    try:
        yield
    finally:
        gettext.textdomain(domain)
        if wanted is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = wanted


@dataclass
class Start:
    """The input of a run of the command line."""

    translate: Language
    clock: Clock | None = None
    flags: dict[str, str] = field(default_factory=dict)
    """Values of the options of every command."""


def reader(ctx: click.Context) -> Language:
    """The language of the help."""
    start = ctx.find_root().obj
    return start.translate if isinstance(start, Start) else Language()


def _remember(ctx: click.Context, option: click.Parameter, value: str | None) -> None:
    """Note the value of an option of every command; one after the command's name counts more."""
    start = ctx.find_root().obj
    if value is not None and option.name and isinstance(start, Start):
        start.flags[option.name] = value


def general_options() -> list[click.Parameter]:
    """The options of every command, before or after its name."""
    common: dict[str, Any] = {"expose_value": False, "callback": _remember, "is_eager": True}
    return [
        click.Option(
            ["--config"], metavar="FILE", help="Settings file (default: wxcube.toml).", **common
        ),
        click.Option(
            ["--database"],
            metavar="PATH|URL",
            help="Database of the warehouse (default: wxcube.db).",
            **common,
        ),
        click.Option(
            ["--lang"], type=click.Choice(LANGUAGES), help="Language of the output.", **common
        ),
        click.Option(
            ["--log-level"], type=click.Choice(LEVELS), help="Lowest level to log.", **common
        ),
    ]


class Command(click.Command):
    """A command with help in the reader's language and the options of every command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # the catalogue has docstrings without their indentation
        self.help = cleandoc(self.help) if self.help else self.help
        self.general = general_options()
        self.params += self.general

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        translate = reader(ctx)
        shown = copy(self)
        shown.help = self.help and translate(literal(self.help))
        shown.epilog = self.epilog and translate(literal(self.epilog))
        if not translate.is_chinese:
            super(Command, shown).format_help(ctx, formatter)
            return
        from wxcube.cli.terminal.wide_help import WideFormatter

        wide = WideFormatter(width=formatter.width)
        super(Command, shown).format_help(ctx, wide)
        formatter.write(wide.getvalue())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then those of every command."""
        every = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        own = [option for option in every if option not in self.general]
        for title, options in ((_("Options"), own), (_("General options"), self.general)):
            _write_options(title, options, ctx, formatter)


class Group(click.Group, Command):
    """A group of commands, each with help in the reader's language."""

    command_class = Command
    group_class = type

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Command.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with the first paragraph of the help of each."""
        translate = reader(ctx)
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, first_paragraph(translate(literal(command.help or ""))))
            for name, command in commands
            if command and not command.hidden
        ]
        write_commands(rows, ctx, formatter)


def write_commands(
    rows: list[tuple[str, str]], ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the list of commands, if there are any."""
    if rows:
        with formatter.section(reader(ctx)(_("Commands"))):
            formatter.write_dl(rows)


def first_paragraph(text: str) -> str:
    """The first paragraph of a help text, in one line."""
    return " ".join(text.partition("\n\n")[0].split())


def literal(text: str) -> Message:
    """A text from the source, in which braces are only braces, as a message."""
    return _Literal(text)


class _Literal(Message):
    """A message without places for values."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        self = str.__new__(cls, text)
        self.template, self.values, self.plural = text, {}, ""
        return self

    def in_language(self, code: Code) -> str:
        return translated(self.template, "", 1, code) if code != ENGLISH else str(self)


def _write_options(
    title: Message,
    options: Sequence[click.Parameter],
    ctx: click.Context,
    formatter: click.HelpFormatter,
) -> None:
    translate = reader(ctx)
    rows = [row for option in options if (row := _row(option, translate, ctx))]
    if rows:
        with formatter.section(translate(title)):
            formatter.write_dl(rows)


def _row(
    option: click.Parameter, translate: Language, ctx: click.Context
) -> tuple[str, str] | None:
    shown = copy(option)
    if isinstance(shown, click.Option) and shown.help:
        # click makes this option once, with its text in the language of that moment
        is_help = "--help" in shown.opts
        shown.help = translate(_("Show this message and exit.") if is_help else literal(shown.help))
    return shown.get_help_record(ctx)
