"""Encrypted connections to servers: their certificates are checked, and errors say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from support.database_servers import (
    PASSWORD,
    ThrowAway,
    ThrowAwayMariadb,
    ThrowAwayPostgresql,
    require,
    throw_away_server,
)
from support.tls import certificate
from wxcube.errors import WarehouseError
from wxcube.warehouse.store import Warehouse


@dataclass(frozen=True)
class Kind:
    """How the URLs of a server say what is wanted of its certificate."""

    server: type[ThrowAway]
    required: str
    trusted: str
    trusted_name: str
    none: str
    error_of_none: str
    cipher: str


KINDS = (
    Kind(
        ThrowAwayPostgresql,
        required="sslmode=require",
        trusted="sslmode=verify-ca&sslrootcert={file}",
        trusted_name="sslmode=verify-full&sslrootcert={file}",
        none="sslmode=disable",
        error_of_none="there is no encrypted connection",
        cipher="SELECT cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    ),
    Kind(
        ThrowAwayMariadb,
        required="ssl_mode=REQUIRED",
        trusted="ssl_mode=verify_ca&ssl_ca={file}",
        trusted_name="ssl_ca={file}",
        none="ssl_mode=DISABLED",
        # MariaDB does not say why
        error_of_none="the server refuses the connection",
        cipher="SELECT variable_value FROM information_schema.session_status "
        "WHERE variable_name = 'SSL_CIPHER'",
    ),
)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.server.kind)
def kind(request: pytest.FixtureRequest) -> Kind:
    require(request.param.server)
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of the server, and one of another server with its name."""
    folder = tmp_path_factory.mktemp("certificates")
    certificate(folder, "localhost").rename(folder / "other.pem")
    certificate(folder, "localhost")
    return folder


@pytest.fixture(scope="module")
def url(kind: Kind, files: Path) -> Iterator[sa.URL]:
    """A database on a server that accepts only encrypted connections."""
    with (
        throw_away_server(kind.server, files / "localhost.pem") as running,
        running.database() as url,
    ):
        Warehouse.open(url).close()
        yield sa.make_url(url).set(host="localhost")


def opened(url: sa.URL, options: str, file: Path | None = None) -> Warehouse:
    text = url.render_as_string(hide_password=False)
    return Warehouse.open(f"{text}?{options.format(file=file)}", read_only=True)


def refused(url: sa.URL, options: str, file: Path | None = None) -> WarehouseError:
    """The error of a connection that is refused; the password is nowhere in it."""
    with pytest.raises(WarehouseError) as caught:
        opened(url, options, file)
    error: BaseException | None = caught.value
    assert PASSWORD not in caught.value.hint
    while error:
        assert PASSWORD not in f"{error} {error!r} {error.args}"
        error = error.__cause__ or error.__context__
    return caught.value


def test_a_connection_is_encrypted(kind: Kind, url: sa.URL, files: Path) -> None:
    right = files / "localhost.pem"
    for options in ("", kind.required, kind.trusted, kind.trusted_name):
        with opened(url, options, right) as warehouse:
            ((cipher,),) = warehouse.query(kind.cipher).rows
        assert cipher, options


def test_the_name_in_the_certificate_is_checked_if_that_is_wanted(
    kind: Kind, url: sa.URL, files: Path
) -> None:
    by_number, right = url.set(host="127.0.0.1"), files / "localhost.pem"
    opened(by_number, kind.trusted, right).close()
    error = refused(by_number, kind.trusted_name, right)
    assert "there is no encrypted connection" in str(error)
    assert "certificate" in str(error)


def test_another_certificate_authority_is_refused(kind: Kind, url: sa.URL, files: Path) -> None:
    for options in (kind.trusted, kind.trusted_name):
        error = refused(url, options, files / "other.pem")
        assert "there is no encrypted connection" in str(error)
        assert "certificate verify failed" in str(error)
        assert ("sslrootcert" in error.hint, "ssl_ca" in error.hint) == (True, True)


def test_a_missing_file_is_named(kind: Kind, url: sa.URL, files: Path) -> None:
    error = refused(url, kind.trusted, files / "missing.pem")
    assert "missing.pem" in str(error)


def test_a_server_that_wants_encryption_says_so(kind: Kind, url: sa.URL) -> None:
    assert kind.error_of_none in str(refused(url, kind.none))


def test_a_server_without_encryption_is_refused_if_that_is_wanted(
    kind: Kind, request: pytest.FixtureRequest
) -> None:
    plain: Any = sa.make_url(request.getfixturevalue(kind.server.kind))
    opened(plain, "").close()
    error = refused(plain, kind.required)
    assert "there is no encrypted connection" in str(error)


@pytest.mark.parametrize("option", ["ssl_disabled=false", "sslrotcert=x", "password_file=x"])
def test_an_option_that_is_not_known_is_an_error(kind: Kind, url: sa.URL, option: str) -> None:
    error = refused(url, option)
    assert f"unknown option: {option.partition('=')[0]}" in str(error)
    assert kind.trusted.partition("=")[0] in error.hint


def test_a_mode_that_is_not_known_is_an_error(kind: Kind, url: sa.URL) -> None:
    mode = kind.required.partition("=")[0]
    assert mode in str(refused(url, f"{mode}=sometimes"))
