"""The command copy: everything into another database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from wxcube.cli.commands.context import Context, context, json_line, refuse_password
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import _, plural


@click.command(cls=Command)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="URL",
    help="The new database: a path, or the URL of one on a server, without password.",
)
@click.option(
    "--to-password-file",
    default="",
    metavar="PATH",
    help="File with the password of the new database (default: WXCUBE_COPY_PASSWORD).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the rows by table as one JSON line.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def copy(*, target: str, to_password_file: str, as_json: bool, quiet: bool) -> None:
    """Copy everything into another database.

    From SQLite, PostgreSQL, MySQL or MariaDB to any of them. The new database must be empty. The
    copy has the state of the beginning, whoever writes meanwhile. At the end the rows of every
    table are counted and compared. The database that is copied does not change.

    A copy that was broken off goes on when the same command is run again; until it is complete, no
    other command uses it.

    The password of the new database is read from a file or from the environment variable
    WXCUBE_COPY_PASSWORD. If a file is copied, WXCUBE_DATABASE_PASSWORD will do.

    \b
    Examples:
      wxcube copy --to postgresql://wxcube@db/wechat
      wxcube --database mysql://wxcube@db/wechat copy --to wxcube.db
    """
    root = context()
    refuse_password(
        target, _("put it into WXCUBE_COPY_PASSWORD, or into a file that --to-password-file names")
    )
    password = _password(root, to_password_file)
    with (
        root.warehouse(read_only=True) as source,
        _progress_bar(root, is_shown=not quiet and not as_json) as on_rows,
    ):
        counts = source.copy_to(target, password=password, on_rows=on_rows)
    if as_json:
        click.echo(json_line(counts))
        return
    rows, filled = sum(counts.values()), sum(map(bool, counts.values()))
    summary = _(
        "{rows} in {tables} copied to {target}; the counts of every table are equal",
        rows=plural("{n:,} row", "{n:,} rows", n=rows),
        tables=plural("{n} table", "{n} tables", n=filled),
        target=target,
    )
    print_paragraph(root.console, root.shown(summary), mark="✓ ", style="green")


def _password(root: Context, file: str) -> str:
    from wxcube import settings
    from wxcube.warehouse.databases.opening import is_file

    password = settings.copy_password(file).reveal()
    if not password and is_file(root.settings.database):
        return root.database_password
    return password


@contextmanager
def _progress_bar(root: Context, *, is_shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar over rows, as the function that updates it."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=root.notes,
        disable=not is_shown,
    )
    with bar:
        task = bar.add_task(root.translate(_("copy")), total=None)
        yield lambda table, done, total: bar.update(
            task, description=table, completed=done, total=total
        )
