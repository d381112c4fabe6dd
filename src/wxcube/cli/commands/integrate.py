"""Commands that write files for other tools: integrate datasette, grafana, metabase."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from wxcube.cli.commands.context import Context, context
from wxcube.cli.help import Group
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.i18n import Message, _

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))


@click.group(cls=Group)
def integrate() -> None:
    """Write files with which BI tools read the database.

    They use the views v_follower_day, v_article_day, v_article_curve,
    v_message_hour, v_channel_day and v_interface_day, whose names and columns are
    the same in every database. Titles are in the language of --lang. Files of an
    earlier run are replaced.

    \b
    Examples:
      wxcube integrate datasette bi
      wxcube --database postgresql://reader@db/wxcube integrate grafana boards
      wxcube integrate metabase questions
    """


@integrate.command()
@_FOLDER
def datasette(folder: Path) -> None:
    """Write the metadata file of Datasette: titles, meanings, units, facets and queries.

    Datasette reads SQLite files.
    """
    from wxcube.integrate.datasette import FILE, datasette_files
    from wxcube.warehouse.databases.opening import path_of

    root = context()
    _write(root, folder, datasette_files(root.settings.database, root.translate))
    path = path_of(root.settings.database)
    command = shlex.join(("datasette", str(path), "--metadata", str(folder / FILE)))
    _print_next(root, _("start it with `{command}`", command=command))


@integrate.command()
@_FOLDER
def grafana(folder: Path) -> None:
    """Write a provisioning folder of Grafana: a data source and a dashboard.

    The database must be on PostgreSQL or MySQL. Grafana reads the password from the environment
    variable WXCUBE_DATABASE_PASSWORD; the files do not have it.
    """
    from wxcube.integrate.grafana import FOLDER, PASSWORD_VARIABLE, grafana_files

    root = context()
    _write(root, folder, grafana_files(root.settings.database, root.translate))
    message = _(
        "mount {folder} at {target} and start Grafana with {variable} in its environment",
        folder=folder,
        target=FOLDER,
        variable=PASSWORD_VARIABLE,
    )
    _print_next(root, message)


@integrate.command()
@_FOLDER
def metabase(folder: Path) -> None:
    """Write the SQL of questions for Metabase, one file per question."""
    from wxcube.integrate.metabase import metabase_files

    root = context()
    _write(root, folder, metabase_files(root.translate))
    _print_next(root, _("paste each file into a new SQL query of Metabase"))


def _write(root: Context, folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        root.console.print(str(path), soft_wrap=True)


def _print_next(root: Context, message: Message) -> None:
    print_paragraph(root.notes, root.translate(message), mark="· ")
