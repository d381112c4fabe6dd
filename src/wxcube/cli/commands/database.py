"""Commands for a database on a server: sql."""

from __future__ import annotations

import click

from wxcube.cli.commands.context import context
from wxcube.cli.help import Command, Group


@click.group(cls=Group)
def database() -> None:
    """Prepare a database on a server (PostgreSQL, MySQL, MariaDB)."""


@database.command(cls=Command)
def sql() -> None:
    """Print the SQL that creates the tables.

    wxcube creates its tables itself. Where its role may not, an administrator runs this SQL once,
    and again after an update that asks for it. It also grants the role of the URL the right to read
    and write the tables. Nothing is changed.

    \b
    Examples:
      wxcube --database postgresql://wxcube@db/wechat database sql > tables.sql
    """
    from wxcube.warehouse.table_script import table_script

    root = context()
    for statement in table_script(root.settings.database, root.database_password):
        click.echo(f"{statement};")
