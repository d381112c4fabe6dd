"""The command line: its commands and their exit codes.

Commands are imported when they are used, so that `wxcube --help` is fast. Every error is printed as
one line that states what happened and what to do, never as a traceback.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

import click

import wxcube
from wxcube.cli.exit_codes import FAILED, INTERRUPTED
from wxcube.cli.help import LANGUAGES, Group, Start, in_language, reader, write_commands
from wxcube.i18n import SEMICOLON, Message, _, joined

if TYPE_CHECKING:
    from wxcube.beijing import Clock
    from wxcube.i18n.language import Language

COMMANDS = {
    "demo": ("demo", _("Run the whole job on simulated accounts, without your own.")),
    "up": ("up", _("Show pages in the browser, serve the API, and sync every morning.")),
    "init": ("start", _("Write a commented wxcube.toml.")),
    "account": ("start", _("List the accounts, or check them against WeChat.")),
    "plan": ("plan", _("Show what a sync would request: calls and days.")),
    "sync": ("sync", _("Fetch days that are missing or may still change.")),
    "status": ("status", _("Show which days are stored, which are not settled, and why.")),
    "history": ("history", _("Show what WeChat answered for a day, and when.")),
    "fetch": ("fetch", _("Call one endpoint and print the rows.")),
    "export": ("export", _("Export rows of the warehouse as CSV, XLSX, JSON or Parquet.")),
    "report": ("report", _("Write a report of a week or month.")),
    "alerts": ("alerts", _("Show what the rules of the settings find in the stored figures.")),
    "sql": ("sql", _("Run a read-only SQL query on the warehouse.")),
    "integrate": ("integrate", _("Write files with which BI tools read the database.")),
    "endpoints": ("explain", _("List the endpoints.")),
    "explain": ("explain", _("Explain an endpoint or a kind of event, column by column.")),
    "events": ("events", _("Ingest and store your own events.")),
    "tap": ("tap", _("Record WeChat's callbacks as your own events.")),
    "cube": ("cube", _("Compute exact figures of every endpoint from first-party events.")),
    "check": ("check", _("Find impossible figures among the stored rows.")),
    "rebuild": ("rebuild", _("Recompute the tables from the stored replies.")),
    "copy": ("copy", _("Copy everything into another database.")),
    "database": ("database", _("Prepare a database on a server (PostgreSQL, MySQL, MariaDB).")),
    "doctor": ("doctor", _("Find problems in the stored data and explain how to repair them.")),
    "serve": ("servers", _("Serve the stored data over WeChat's protocol.")),
    "app": ("app", _("Manage the apps that may call `wxcube serve`.")),
    "emulate": ("servers", _("Serve simulated accounts over WeChat's protocol.")),
    "certificate": (
        "certificate",
        _("Make a certificate for programs that call only WeChat's host."),
    ),
}
"""Every command: its module and its one-line help."""

EXIT_CODES = _("""\b
Exit codes:
  0   done
  1   an error; the message states what happened and what to do
  2   wrong usage of the command line
  3   done, but some calls failed or were refused (see `wxcube status`),
      another sync is at work, or figures are impossible (`wxcube check`)
  130 interrupted with Ctrl-C
  143 ended by SIGTERM""")


class _Commands(Group):
    """The commands, imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"wxcube.cli.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        translate = reader(ctx)
        write_commands(
            [(name, translate(text)) for name, (_module, text) in COMMANDS.items()], ctx, formatter
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = _close(args[0], reader(ctx))
            raise click.UsageError(f"{error.message} {close}".strip(), ctx) from None


def _close(word: str, translate: Language) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, COMMANDS, n=1)
    return translate(_("Did you mean {name}?", name=close[0])) if close else ""


@click.group(
    cls=_Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(wxcube.__version__, prog_name="wxcube")
@click.pass_context
def cli(ctx: click.Context, /) -> None:
    """Own your WeChat Official Account statistics (微信公众号数据统计).

    Keep every figure of the datacube API in your own database, serve it to any client, and try it
    all on simulated accounts: start with `wxcube demo`.
    """


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # closed by the caller, as in `wxcube status >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - stays open
        else:
            # a terminal that has no Chinese shows question marks, which is better than an error
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str], *, clock: Clock | None = None) -> int:
    """The exit code of a command line; any error ends as one line.

    `clock` replaces the machine's.
    """
    from wxcube.errors import WxcubeError

    translate = _reader(arguments)
    code: Any
    with in_language(translate):
        try:
            code = cli.main(
                arguments, prog_name="wxcube", standalone_mode=False, obj=Start(translate, clock)
            )
            _flush()
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo(f"\n{translate(_STOPPED)}", err=True)
            code = INTERRUPTED
        except WxcubeError as error:
            code = _fail(translate, error.as_message())
        except (BrokenPipeError, SystemExit):
            # `head` or a pager has read enough; click and rich turn that into an exit
            _drop_output()
            code = 0
        except OSError as error:
            code = _fail(translate, _unreadable(error))
            _drop_output()
        except Exception as error:  # noqa: BLE001 - the last guard: no traceback reaches a person
            code = _unexpected(translate, error)
    return code if isinstance(code, int) else 0


_STOPPED = _("stopped; stored data stays, start the command again to resume")


def _unreadable(error: OSError) -> Message:
    reason = error.strerror or str(error)
    if error.filename is None:
        what = _("cannot read or write: {reason}", reason=reason)
    else:
        what = _("cannot read or write {path}: {reason}", path=error.filename, reason=reason)
    hint = _("check that its directory exists, the permissions, and the free space on the disk")
    return joined((what, hint), SEMICOLON)


def _flush() -> None:
    """Write what is still in the buffer; without a standard output there is nothing to write."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Leave nothing for the end of the process to write, where it would fail once more."""
    try:
        _flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(translate: Language, message: Message) -> int:
    from wxcube.log import redact

    click.secho(redact(translate(_("error: {message}", message=message))), fg="red", err=True)
    return FAILED


def _unexpected(translate: Language, error: Exception) -> int:
    """Report a bug of wxcube in one line, its traceback in a file."""
    import tempfile
    import traceback

    from wxcube.log import redact

    text = redact("".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile(
        "w", prefix="wxcube-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return _fail(
        translate,
        _(
            "wxcube itself failed: {kind}: {error}; stored data is not affected; please report it "
            "with the details in {path}",
            kind=type(error).__name__,
            error=error,
            path=file.name,
        ),
    )


# --- the reader's language -----------------------------------------------------------------------


def _reader(arguments: list[str]) -> Language:
    """The language of messages: from --lang, the settings, or the environment."""
    from wxcube.i18n.language import language

    wanted = _value_of("--lang", arguments)
    if wanted in LANGUAGES:
        return language(wanted)
    config = _value_of("--config", arguments)
    if not _may_have_settings(config):
        return language()
    # wrong settings are an error of the command that reads them
    with suppress(Exception):
        from wxcube.settings import load

        return language(load(config or None).language)
    return language()


def _may_have_settings(config: str) -> bool:
    """Whether there may be settings: reading them would slow down `wxcube --help`."""
    import os

    return bool(config) or os.path.exists("wxcube.toml") or any(map(_is_ours, os.environ))  # noqa: PTH110 - pathlib takes longer to import


def _is_ours(variable: str) -> bool:
    return variable.startswith("WXCUBE_")


def _value_of(option: str, arguments: list[str]) -> str:
    """The last value of an option; also works if the command line is invalid."""
    last = ""
    for word, following in pairwise([*arguments, ""]):
        name, _equals, value = word.partition("=")
        if name == option:
            last = value or following
    return last
