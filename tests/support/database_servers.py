"""Database servers for the tests: throw-away ones in a temporary folder, or one of yours.

WXCUBE_TEST_POSTGRESQL and WXCUBE_TEST_MYSQL name servers of yours, such as
`mysql://me:password@127.0.0.1/mysql`; the tests create and drop databases named `wxcube_test_…`.
Otherwise Debian's packages are used, which root installs. The defaults of the throw-away servers are
as wrong as they may be: time zone, isolation, formats and character set.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pymysql
import pytest
import sqlalchemy as sa

PASSWORD = "p@ss/w:rd%41"
"""Of the throw-away servers."""
_SECONDS = 90


def without_password(url: str) -> str:
    """A URL as it is written on a command line."""
    parsed = sa.make_url(url)
    return sa.URL.create(
        parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database
    ).render_as_string()


def environment_of(url: str) -> dict[str, str]:
    """The environment variables with which every command uses a database."""
    return {
        "WXCUBE_DATABASE": without_password(url),
        "WXCUBE_DATABASE_PASSWORD": str(sa.make_url(url).password),
    }


class Server(ABC):
    """A server with databases for tests."""

    kind: ClassVar[str]
    scheme: ClassVar[str]
    package: ClassVar[str]

    def __init__(self, url: sa.URL) -> None:
        self._url = url

    def url(self, database: str) -> str:
        """The URL of a database."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def database(self, name: str = "") -> Iterator[str]:
        """The URL of a new, empty database."""
        name = name or f"wxcube_test_{secrets.token_hex(4)}"
        self.execute(self.create.format(name=name))
        try:
            yield self.url(name)
        finally:
            self.execute(self.drop.format(name=name))

    create: ClassVar[str]
    drop: ClassVar[str]

    def execute(self, statement: str) -> None:
        """Execute a statement as the administrator."""
        self.execute_in(self._url.render_as_string(hide_password=False), statement)

    @abstractmethod
    def execute_in(self, url: str, *statements: str) -> None:
        """Execute statements in a database."""


class ThrowAway(Server):
    """A server of its own, in a temporary folder, that can be killed and started again."""

    user: ClassVar[str]
    """Who may run it: not root."""
    program: ClassVar[str]

    def __init__(self, certificate: Path | None, more: Mapping[str, object]) -> None:
        """With a certificate (a PEM file with its key), it accepts only encrypted connections."""
        self.more = dict(more)
        self.port = _free_port()
        url = sa.URL.create(self.scheme, self.administrator, PASSWORD, "127.0.0.1", self.port)
        super().__init__(url)
        self.folder = Path(tempfile.mkdtemp(prefix=f"wxcube-{self.kind}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.certificate: Path | None = None
        if certificate:
            self.certificate = self.folder / "certificate.pem"
            shutil.copy(certificate, self.certificate)
            self.certificate.chmod(0o600)
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            for path in filter(None, (self.folder, self.certificate)):
                os.chown(path, account.pw_uid, account.pw_gid)

    administrator: ClassVar[str]

    @contextmanager
    def role(self, url: str, *, connections: int | None = None) -> Iterator[str]:
        """The URL of a role that may read and write rows, if there are tables, and nothing else."""
        name, parsed = f"role_{secrets.token_hex(4)}", sa.make_url(url)
        self.execute_in(url, *self.new_role(name, str(parsed.database), connections))
        yield parsed.set(username=name, password=PASSWORD).render_as_string(hide_password=False)

    @abstractmethod
    def new_role(self, name: str, database: str, connections: int | None) -> Sequence[str]:
        """Statements that create a role."""

    @abstractmethod
    def become_standby(self) -> None:
        """Only read from now on."""

    @abstractmethod
    def take_over(self) -> None:
        """Write again."""

    @abstractmethod
    def initialize(self) -> None:
        """Create the files of the server."""

    @property
    @abstractmethod
    def command(self) -> Sequence[str]:
        """What runs the server."""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._identity()
        )
        log.close()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except Exception:  # noqa: BLE001 - of the driver
                if time.monotonic() > deadline or (self._process and self._process.poll()):
                    raise RuntimeError(
                        (self.folder / "log").read_text("utf-8", "replace")
                    ) from None
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it without warning, as a power failure does."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Stop it, and remove its files."""
        self._end(self.stop_signal)
        shutil.rmtree(self.folder)

    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def _end(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(_SECONDS)
            self._process = None

    def run(self, *command: str) -> None:
        """Run a program as the server's user."""
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                command, check=True, stdout=log, stderr=log, timeout=_SECONDS, **self._identity()
            )

    def _identity(self) -> dict[str, Any]:
        options: dict[str, Any] = {"cwd": self.folder}
        if os.geteuid() == 0:
            account = pwd.getpwnam(self.user)
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return options


# --- PostgreSQL ----------------------------------------------------------------------------------


class Postgresql(Server):
    kind, scheme, package = "postgresql", "postgresql", "postgresql"
    create = "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
    drop = "DROP DATABASE {name} WITH (FORCE)"

    def execute_in(self, url: str, *statements: str) -> None:
        import psycopg

        parsed = sa.make_url(url)
        with psycopg.connect(
            host=parsed.host,
            port=parsed.port,
            user=parsed.username,
            password=str(parsed.password),
            dbname=parsed.database or "postgres",
            autocommit=True,
            connect_timeout=5,
        ) as connection:
            connection.execute(b"SET default_transaction_isolation TO 'read committed'")
            for statement in statements:
                connection.execute(statement.encode())


class ThrowAwayPostgresql(ThrowAway, Postgresql):
    user = administrator = "postgres"
    program = "initdb"
    stop_signal = signal.SIGINT

    def initialize(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD, "utf-8")
        secret.chmod(0o644)
        options = ("-U", self.administrator, "--auth=scram-sha-256", f"--pwfile={secret}", "-N")
        self.run(_program("initdb"), "-D", self._data, *options, "-E", "UTF8", "--locale=C.UTF-8")
        if self.certificate:
            rules = Path(self._data) / "pg_hba.conf"
            rules.write_text(rules.read_text("utf-8").replace("\nhost ", "\nhostssl "), "utf-8")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def command(self) -> Sequence[str]:
        settings = {
            "unix_socket_directories": str(self.folder),
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "fsync": "off",
            "max_connections": 60,
            "timezone": "America/St_Johns",
            "datestyle": "German",
            "default_transaction_isolation": "serializable",
            "default_transaction_deferrable": "on",
            **self.more,
        }
        if self.certificate:
            settings |= {
                "ssl": "on",
                "ssl_cert_file": self.certificate,
                "ssl_key_file": self.certificate,
            }
        options = [text for name, value in settings.items() for text in ("-c", f"{name}={value}")]
        return (_program("postgres"), "-D", self._data, *options)

    def new_role(self, name: str, database: str, connections: int | None) -> Sequence[str]:
        limit = "" if connections is None else f" CONNECTION LIMIT {connections}"
        rows = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
        return (
            f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'{limit}",
            f"GRANT {rows} TO {name}",
            f"GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        )

    def become_standby(self) -> None:
        self._end(self.stop_signal)
        (Path(self._data) / "standby.signal").touch()
        self.start()

    def take_over(self) -> None:
        self.execute("SELECT pg_promote()")


def _program(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: int(f.parent.name))
    return shutil.which(name) or str(folders[-1] / name)


# --- MariaDB, MySQL ------------------------------------------------------------------------------


class Mysql(Server):
    kind, scheme, package = "mysql", "mysql", "mariadb-server"
    create = "CREATE DATABASE {name} CHARACTER SET latin1"
    drop = "DROP DATABASE {name}"

    def execute_in(self, url: str, *statements: str) -> None:
        parsed = sa.make_url(url)
        connection = pymysql.connect(
            host=parsed.host or "127.0.0.1",
            port=parsed.port or 3306,
            user=parsed.username,
            password=str(parsed.password or ""),
            database=parsed.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=5,
        )
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


class ThrowAwayMariadb(ThrowAway, Mysql):
    user = "mysql"
    program = "mariadbd"
    administrator = "wxcube"

    def initialize(self) -> None:
        identity = [f"--user={self.user}"] if os.geteuid() == 0 else []
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            *identity,
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        name = f"'{self.administrator}'@'127.0.0.1'"
        (self.folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS {name} IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {name} WITH GRANT OPTION;\n",
            "utf-8",
        )
        (self.folder / "init.sql").chmod(0o644)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def command(self) -> Sequence[str]:
        return (
            shutil.which("mariadbd") or "/usr/sbin/mariadbd",
            "--no-defaults",
            f"--datadir={self._data}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--init-file={self.folder / 'init.sql'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=2",
            "--character-set-server=latin1",
            "--default-time-zone=-03:30",
            "--transaction-isolation=SERIALIZABLE",
            "--sql-mode=ANSI_QUOTES,PIPES_AS_CONCAT,NO_AUTO_VALUE_ON_ZERO",
            *(f"--{name}={value}" for name, value in self.more.items()),
            *self._tls,
        )

    @property
    def _tls(self) -> Sequence[str]:
        if not self.certificate:
            return ()
        files = (f"--ssl-cert={self.certificate}", f"--ssl-key={self.certificate}")
        return (*files, "--require-secure-transport=ON")

    def new_role(self, name: str, database: str, connections: int | None) -> Sequence[str]:
        account = f"'{name}'@'127.0.0.1'"
        limit = "" if connections is None else f" WITH MAX_USER_CONNECTIONS {connections}"
        return (
            f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'{limit}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.* TO {account}",
        )

    def become_standby(self) -> None:
        self.execute("SET GLOBAL read_only = 1")

    def take_over(self) -> None:
        self.execute("SET GLOBAL read_only = 0")


# --- choice --------------------------------------------------------------------------------------

_KINDS: dict[str, tuple[type[Server], type[ThrowAway]]] = {
    "postgresql": (Postgresql, ThrowAwayPostgresql),
    "mysql": (Mysql, ThrowAwayMariadb),
}


@contextmanager
def server(kind: str) -> Iterator[Server]:
    """Your server of a kind, or a throw-away one; without either, the test is skipped."""
    yours, throw_away = _KINDS[kind]
    variable = f"WXCUBE_TEST_{kind.upper()}"
    if os.environ.get(variable):
        yield yours(sa.make_url(os.environ[variable]))
        return
    require(throw_away)
    with throw_away_server(throw_away) as started:
        yield started


@contextmanager
def throw_away_server(
    kind: type[ThrowAway], certificate: Path | None = None, **more: object
) -> Iterator[ThrowAway]:
    """A server of its own for a test that kills it, with further options of the server."""
    started = kind(certificate, more)
    try:
        started.initialize()
        started.start()
        yield started
    finally:
        started.remove()


def require(kind: type[ThrowAway]) -> None:
    """Install the package of a server; skip the test where that cannot be done."""
    package, program = kind.package, kind.program
    variable = f"WXCUBE_TEST_{kind.kind.upper()}"
    if _is_installed(program):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ("apt-get", "install", "-qq", "-y", "--no-install-recommends", package)
        with suppress(subprocess.SubprocessError):
            for command in (("apt-get", "update", "-qq"), install):
                subprocess.run(
                    command, env=environment, capture_output=True, timeout=280, check=True
                )
    if not _is_installed(program):
        pytest.skip(f"no {package} here: apt-get install {package}, or set {variable} to a URL")


def _is_installed(program: str) -> bool:
    folders = [Path("/usr/sbin"), *Path("/usr/lib/postgresql").glob("*/bin")]
    return bool(shutil.which(program)) or any((folder / program).exists() for folder in folders)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
