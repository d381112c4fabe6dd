"""From the name of a database, a path or a URL, to the database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from wxcube.errors import WarehouseError
from wxcube.i18n import _
from wxcube.warehouse.databases.database import Database
from wxcube.warehouse.databases.server import ServerDatabase
from wxcube.warehouse.databases.sqlite import SqliteDatabase

SQLITE = "sqlite:///"
_POSTGRESQL = frozenset({"postgresql", "postgres"})
_MYSQL = frozenset({"mysql", "mariadb"})


def open_database(
    url_or_path: str | Path, *, read_only: bool = False, password: str = ""
) -> Database:
    """A database by its name: a path, or a URL of SQLite, PostgreSQL, MySQL or MariaDB.

    `password` is for a URL that has none.

    Raises:  WarehouseError if the name is wrong, a package is missing, or there is no such file.
    """
    if is_file(url_or_path):
        return SqliteDatabase(path_of(url_or_path), read_only=read_only)
    return open_server(str(url_or_path), read_only=read_only, password=password)


def open_server(text: str, *, read_only: bool = False, password: str = "") -> ServerDatabase:
    """A database on a server by its URL.

    Raises:  WarehouseError if the URL is wrong, or a package is missing.
    """
    url = _server_url(text, password)
    scheme = url.get_backend_name()
    try:
        if scheme in _POSTGRESQL:
            from wxcube.warehouse.databases.postgresql import PostgresqlDatabase

            return PostgresqlDatabase(url, shown(url), read_only=read_only)
        from wxcube.warehouse.databases.mysql import MysqlDatabase

        return MysqlDatabase(url, shown(url), read_only=read_only)
    except ImportError as error:
        extra = "postgres" if scheme in _POSTGRESQL else "mysql"
        raise WarehouseError(
            _("{package} is not installed", package=error.name),
            hint=_('install it with: pip install "wxcube[{extra}]"', extra=extra),
        ) from error


def is_file(url_or_path: str | Path) -> bool:
    """Whether a database is a file, not on a server."""
    return "://" not in str(url_or_path).removeprefix(SQLITE)


def path_of(url_or_path: str | Path) -> Path:
    """The file of a path or a `sqlite:///` URL.

    Raises:  WarehouseError if it names no file.
    """
    text = str(url_or_path).removeprefix(SQLITE)
    if text in {"", ":memory:"} or "\0" in text:
        raise WarehouseError(
            _("{url!r} is not an SQLite file", url=text),
            hint=_("give a path like wxcube.db, or sqlite:///wxcube.db"),
        )
    return Path(text)


def shown(url: sa.URL) -> str:
    """The URL without password and options, for people."""
    return sa.URL.create(
        url.drivername, url.username, None, url.host, url.port, url.database
    ).render_as_string()


def _server_url(text: str, password: str) -> sa.URL:
    """The URL of a database on a server, with its password."""
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise _wrong_url(text.partition("://")[0]) from None
    if url.get_backend_name() not in _POSTGRESQL | _MYSQL or not url.database:
        raise _wrong_url(url.get_backend_name())
    return url if url.password or not password else url.set(password=password)


def _wrong_url(scheme: str) -> WarehouseError:
    return WarehouseError(
        _("the URL {scheme}://… is not that of a database", scheme=scheme),
        hint=_(
            "give a path like wxcube.db, postgresql://USER@HOST/DATABASE or "
            "mysql://USER@HOST/DATABASE"
        ),
    )
