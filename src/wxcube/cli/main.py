"""The command line: what each command is called, and how it ends.

Commands are imported when they are used, so that `wxcube --help` answers at once. Every error ends
as one line that says what happened and what to do, never as a traceback.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

import wxcube

if TYPE_CHECKING:
    from wxcube.beijing import Clock
    from wxcube.errors import WxcubeError
    from wxcube.i18n.language import Language

COMMANDS = {
    "demo": ("demo", "Show the whole job on simulated accounts, no account needed."),
    "init": ("start", "Write a commented wxcube.toml."),
    "account": ("start", "List the accounts, or try one against WeChat."),
    "plan": ("sync", "Show what a sync would ask: calls, days, cost."),
    "sync": ("sync", "Fetch what is missing or may still change."),
    "status": ("sync", "Show what is there, what is missing, and why."),
    "fetch": ("read", "Ask one endpoint and print the rows."),
    "export": ("read", "Write rows of the warehouse as CSV, JSON or JSON lines."),
    "sql": ("read", "Run a read-only SQL query on the warehouse."),
    "endpoints": ("explain", "List the endpoints, or explain one column by column."),
    "explain": ("explain", "Explain an endpoint, or what an event may say."),
    "events": ("events", "Take in own events, keep them by day, say what is there."),
    "cube": ("cube", "Compute the figures of every endpoint from own events."),
    "doctor": ("doctor", "Say what is wrong with what is kept, and how to mend it."),
    "serve": ("servers", "Answer WeChat's protocol from the warehouse."),
    "emulate": ("servers", "Answer WeChat's protocol from simulated accounts."),
}
"""Every command: the module that has it, and its one-line help."""

EXIT_CODES = """\b
Exit codes:
  0   done
  1   an error; it says what happened and what to do
  2   the command line is wrong
  3   done, but some calls failed or were refused; `wxcube status` says which
  130 interrupted"""

FAILED, INCOMPLETE, INTERRUPTED = 1, 3, 130


@dataclass
class _Start:
    """What a run begins with; and its context, once the first options are read."""

    arguments: list[str]
    clock: Clock | None
    context: click.Context | None = None


class _Commands(click.Group):
    """The commands, imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"wxcube.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it so
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.message} {_close(args[0])}".strip(), ctx) from None


def _close(word: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, COMMANDS, n=1)
    return f"Did you mean {close[0]}?" if close else ""


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(wxcube.__version__, prog_name="wxcube")
@click.option("--config", metavar="FILE", help="Settings file (default: wxcube.toml).")
@click.option("--database", metavar="PATH|URL", help="The warehouse (default: wxcube.db).")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of what is printed.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_context
def cli(ctx: click.Context, /, **flags: str | None) -> None:
    """Own your WeChat Official Account statistics (微信公众号数据统计).

    Keep every figure of the datacube API in your own database, serve it to any client, and try it
    all on simulated accounts: start with `wxcube demo`.
    """
    start: _Start = ctx.obj
    start.context = ctx
    ctx.obj = (flags, start.clock)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that has no Chinese shows question marks, which is better than an error
        stream.reconfigure(errors="replace")  # type: ignore[union-attr] # both are text files here
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], *, clock: Clock | None = None) -> int:
    """The exit code of a command line; whatever goes wrong is said in one line.

    `clock` stands in for the machine's.
    """
    from wxcube.errors import WxcubeError

    code: Any
    start = _Start(arguments, clock)
    try:
        code = cli.main(arguments, prog_name="wxcube", standalone_mode=False, obj=start)
        sys.stdout.flush()
    except click.ClickException as error:
        _show(error, start)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        text = "stopped; what is stored stays, start it again to go on"
        click.echo(f"\n{_in_words(text, start)}", err=True)
        code = INTERRUPTED
    except WxcubeError as error:
        code = _fail(_told(error, start), start)
    except (BrokenPipeError, SystemExit):
        # `head` or a pager has read enough; click and rich turn that into an exit
        _drop_output()
        code = 0
    except OSError as error:
        code = _fail(_in_words(_words(error), start), start)
        _drop_output()
    except Exception as error:  # noqa: BLE001 - the last guard: no traceback reaches a person
        code = _unexpected(error, start)
    return code if isinstance(code, int) else 0


def _words(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    return (
        f"cannot read or write{where}: {error.strerror or error}; "
        "check that its directory is there, its rights, and the space on the disk"
    )


def _drop_output() -> None:
    """Leave nothing for the end of the process to write, where it would fail once more."""
    import os

    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, start: _Start) -> int:
    from wxcube.log import redact

    head = "错误：" if _reader(start).chinese else "error: "
    click.secho(f"{head}{redact(message)}", fg="red", err=True)
    return FAILED


def _unexpected(error: Exception, start: _Start) -> int:
    """A fault of wxcube itself: said in one line, with its traceback in a file for a report."""
    import tempfile
    import traceback

    from wxcube.log import redact

    text = redact("".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile(
        "w", prefix="wxcube-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    message = (
        f"wxcube itself failed: {type(error).__name__}: {error}; nothing stored is lost; "
        f"please report it with the details in {file.name}"
    )
    return _fail(_in_words(message, start), start)


# --- the reader's language -----------------------------------------------------------------------


def _reader(start: _Start) -> Language:
    """The language of whoever reads an error, as far as it is known when it happens."""
    from wxcube.i18n.language import Language, language

    asked = _asked_language(start.arguments)
    if asked:
        return Language(asked == "zh")
    # wrong settings are an error that is being told already
    with suppress(Exception):
        return _say(start)
    return language()


def _asked_language(arguments: list[str]) -> str:
    """What --lang says, read also where the command line is wrong."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option == "--lang" and (value or following) in {"zh", "en"}:
            return value or following
    return ""


def _say(start: _Start) -> Language:
    """The language of the flags and settings."""
    from wxcube.beijing import SystemClock
    from wxcube.cli.commands.context import Context

    known = start.context.obj if start.context else ({}, None)
    if isinstance(known, Context):
        return known.say
    flags, clock = known
    return Context(flags, clock or SystemClock()).say


def _told(error: WxcubeError, start: _Start) -> str:
    say = _reader(start)
    if not say.chinese:
        return str(error)
    from wxcube.cli.error_words import told

    return told(error, say)


def _in_words(text: str, start: _Start) -> str:
    say = _reader(start)
    if not say.chinese:
        return text
    from wxcube.cli.error_words import in_words

    return in_words(text, say)


def _show(error: click.ClickException, start: _Start) -> None:
    """A wrong command line, with where its help is."""
    is_help = isinstance(error, click.exceptions.NoArgsIsHelpError)
    if is_help or not _reader(start).chinese:
        error.show()
        return
    ctx = getattr(error, "ctx", None)
    if ctx:
        click.echo(f"{ctx.get_usage()}\n可用 `{ctx.command_path} --help` 查看帮助。\n", err=True)
    click.echo(f"错误：{_in_words(error.format_message(), start)}", err=True)
