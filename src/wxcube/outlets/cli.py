"""The command line: what each command is called, and how it ends.

Commands are imported when they are used, so that `wxcube --help` answers at once. Every error ends
as one line that says what happened and what to do, never as a traceback.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

import wxcube

if TYPE_CHECKING:
    from wxcube.beijing import Clock

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


class _Commands(click.Group):
    """The commands, imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"wxcube.outlets.commands.{COMMANDS[cmd_name][0]}")
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
    ctx.obj = (flags, ctx.obj)


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
    try:
        code = cli.main(arguments, prog_name="wxcube", standalone_mode=False, obj=clock)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nstopped; what is stored stays, start it again to go on", err=True)
        code = INTERRUPTED
    except WxcubeError as error:
        code = _fail(str(error))
    except (BrokenPipeError, SystemExit):
        # `head` or a pager has read enough; click and rich turn that into an exit
        _drop_output()
        code = 0
    except OSError as error:
        code = _fail(_words(error))
        _drop_output()
    except Exception as error:  # noqa: BLE001 - the last guard: no traceback reaches a person
        code = _unexpected(error)
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


def _fail(message: str) -> int:
    from wxcube.log import redact

    click.secho(f"error: {redact(message)}", fg="red", err=True)
    return FAILED


def _unexpected(error: Exception) -> int:
    """A fault of wxcube itself: said in one line, with its traceback in a file for a report."""
    import tempfile
    import traceback

    from wxcube.log import redact

    text = redact("".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile(
        "w", prefix="wxcube-fault-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return _fail(
        f"wxcube itself failed: {type(error).__name__}: {error}; nothing stored is lost; "
        f"please report it with the details in {file.name}"
    )
