"""The certificate is accepted by its authority for its names, and for nothing else."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.command_line import Site
from support.tls import tls_server
from wxcube.errors import SettingsError
from wxcube.server.local_certificate import NAMES, VALID, local_certificate
from wxcube.testing import RunningEmulator

FILES = {"authority.pem": 0o644, "certificate.pem": 0o644, "key.pem": 0o600}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class ByAddress(HTTPSConnection):
    """Connects to an address, and asks for another name, as with an entry in the hosts file."""

    def __init__(self, name: str, address: str, context: ssl.SSLContext) -> None:
        super().__init__(name, timeout=10, context=context)
        self._target, self._trust = address, context

    def connect(self) -> None:
        host, port = self._target.rsplit(":", 1)
        plain = socket.create_connection((host, int(port)), timeout=10)
        self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)


def page(name: str, address: str, context: ssl.SSLContext) -> bytes:
    connection = ByAddress(f"[{name}]" if ":" in name else name, address, context)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


async def test_programs_that_trust_it_reach_the_emulator_by_wechats_name(site: Site) -> None:
    assert site.run("certificate", "tls", "--name", "stats.lan").code == 0
    folder = site.folder / "tls"
    pem = folder / "both.pem"
    pem.write_bytes((folder / "certificate.pem").read_bytes() + (folder / "key.pem").read_bytes())
    trusting = ssl.create_default_context(cafile=folder / "authority.pem")
    with RunningEmulator(accounts=1, days=1) as running:
        async with tls_server(pem, urlsplit(running.url).netloc) as address:
            for name in (*NAMES, "stats.lan"):
                assert b"emulator" in await asyncio.to_thread(page, name, address, trusting)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(page, "example.com", address, trusting)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(page, NAMES[0], address, ssl.create_default_context())


def test_the_key_is_private_and_the_authoritys_is_not_kept(site: Site) -> None:
    assert site.run("certificate", "tls").code == 0
    files = {path.name: path for path in (site.folder / "tls").iterdir()}
    assert {name: stat.S_IMODE(file.stat().st_mode) for name, file in files.items()} == FILES
    authority = x509.load_pem_x509_certificate(files["authority.pem"].read_bytes())
    key = load_pem_private_key(files["key.pem"].read_bytes(), None)
    assert key.public_key() != authority.public_key()


def test_a_certificate_of_another_name_by_the_same_authority_would_not_be_trusted() -> None:
    made = local_certificate(NAMES, datetime.now(UTC))
    authority = x509.load_pem_x509_certificate(made.authority)
    constraints = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    allowed = {str(name.value) for name in constraints.value.permitted_subtrees or ()}
    assert allowed == {"api.weixin.qq.com", "localhost", "127.0.0.1/32", "::1/128"}
    assert authority.not_valid_after_utc - datetime.now(UTC) <= VALID


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("is_link", [False, True])
def test_files_of_an_earlier_certificate_stay(site: Site, name: str, is_link: bool) -> None:
    folder, target = site.folder / "tls", site.folder / "target"
    folder.mkdir()
    if is_link:
        (folder / name).symlink_to(target)
    else:
        (folder / name).write_text("earlier")
    result = site.run("certificate", "tls")
    assert (result.code, "is there already" in result.err) == (1, True)
    assert [path.name for path in folder.iterdir()] == [name]
    assert not target.exists()
    assert is_link or (folder / name).read_text() == "earlier"


@pytest.mark.parametrize(
    "name",
    [
        "\u4f8b\u5b50",
        "a..\u00e9",
        "two words",
        "https://stats.lan",
        "stats.lan:8443",
        "*.lan",
        "",
        "a..b",
    ],
)
def test_other_names_are_refused_with_a_hint(site: Site, name: str) -> None:
    result = site.run("certificate", "tls", "--name", name)
    assert (result.code, "xn--" in result.err) == (1, True)
    assert not (site.folder / "tls").exists()


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("sys").modules, "cryptography.hazmat.primitives.asymmetric", None
    )
    with pytest.raises(SettingsError) as refused:
        local_certificate(NAMES, datetime.now(UTC))
    assert "wxcube[tls]" in str(refused.value.hint)
