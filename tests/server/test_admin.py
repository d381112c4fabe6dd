"""Metrics and reload at an address of their own, and encrypted connections."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from support.documented import APP, DocumentedServer
from support.tls import certificate
from wxcube.errors import SettingsError
from wxcube.i18n import verbatim
from wxcube.server.admin_app import admin_app
from wxcube.server.http import RunningServer, asgi, listen_at
from wxcube.server.messages import Reply
from wxcube.server.metrics import Measured, Metrics, with_metrics
from wxcube.server.tls import Certificate
from wxcube.server.tls import certificate as of_settings
from wxcube.server.worker_metrics import WorkerMetrics, counts_before

SAMPLE = re.compile(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+')


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def answer(
    connection: http.client.HTTPConnection, method: str, path: str, **headers: str
) -> tuple[int, str]:
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    return response.status, response.read().decode()


@contextmanager
def measured() -> Iterator[tuple[DocumentedServer, Metrics]]:
    server = DocumentedServer()
    metrics = Metrics([("wxcube_apps", "Apps.", lambda: 2)])
    server.api = Measured(server.api, metrics)  # type: ignore[assignment]
    yield server, metrics


def test_answers_are_counted_by_endpoint_and_errcode() -> None:
    with measured() as (server, metrics):
        token = server.token()
        server.fetch("getusersummary", "2014-12-07", "2014-12-07", token)
        server.fetch("getusersummary", "2014-12-07", "2014-12-07", "wrong")
        server.get(f"/datacube/{APP.secret}", "access_token=o6_bmjrPTlm6_2sgVt7hMZOPfL2M")
        server.get("/nowhere")
    text = metrics.text()
    assert 'wxcube_answers_total{endpoint="token",status="200",errcode="0"} 1\n' in text
    assert 'wxcube_answers_total{endpoint="getusersummary",status="200",errcode="0"} 1\n' in text
    assert 'endpoint="getusersummary",status="200",errcode="40001"} 1\n' in text
    assert 'wxcube_answers_total{endpoint="other",status="200",errcode="40066"} 1\n' in text
    assert 'wxcube_answers_total{endpoint="other",status="404",errcode="0"} 1\n' in text
    assert 'wxcube_answer_seconds_count{endpoint="getusersummary"} 2\n' in text
    assert 'wxcube_answer_seconds_bucket{endpoint="getusersummary",le="+Inf"} 2\n' in text
    assert "wxcube_apps 2\n" in text
    for secret in (APP.secret, APP.appid, token, "o6_bmjrPTlm6_2sgVt7hMZOPfL2M"):
        assert secret not in text


def test_the_metrics_of_workers_are_added_and_a_new_worker_goes_on_from_the_old(
    tmp_path: Path,
) -> None:
    def worker(number: int, answers: int, apps: float) -> WorkerMetrics:
        gauges = [("wxcube_apps", "Apps.", lambda: apps)]
        metrics = Metrics(gauges, before=counts_before(tmp_path, number))
        for _ in range(answers):
            metrics.observe("/cgi-bin/token", Reply(rows=2), 0.003)
        return WorkerMetrics(tmp_path, number, metrics)

    worker(0, 3, 2).store()
    worker(1, 4, 3).store()
    text = worker(1, 5, 3).text()
    assert 'wxcube_answers_total{endpoint="token",status="200",errcode="0"} 12\n' in text
    assert 'wxcube_answer_seconds_bucket{endpoint="token",le="0.005"} 12\n' in text
    assert "wxcube_rows_total 24\n" in text
    assert "wxcube_apps 3\n" in text
    assert 'process_open_fds{worker="0"} ' in text
    assert [
        x for x in text.splitlines() if not x.startswith("# ") and not SAMPLE.fullmatch(x)
    ] == []


def test_every_line_of_the_metrics_is_one_that_prometheus_reads() -> None:
    with measured() as (server, metrics):
        server.token()
    lines = metrics.text().splitlines()
    assert len(lines) > 20
    assert [x for x in lines if not x.startswith("# ") and not SAMPLE.fullmatch(x)] == []
    named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    of_samples = {re.split(r"[ {]", line)[0] for line in lines if not line.startswith("# ")}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in of_samples} == named


def test_the_admin_address_may_be_a_file_that_only_its_user_can_reach(tmp_path: Path) -> None:
    reloads: list[int] = []
    file = tmp_path / "admin.sock"
    app = admin_app(Metrics().text, lambda: reloads.append(1), dict)
    for _start in range(2):
        with RunningServer(app, listener=listen_at(f"unix:{file}")) as server:
            assert server.url == f"unix:{file}"
            assert file.stat().st_mode & 0o777 == 0o600
            connection = UnixConnection(file)
            status, text = answer(connection, "GET", "/metrics")
            assert (status, "wxcube_build_info" in text) == (200, True)
            assert answer(connection, "POST", "/reload") == (200, "reloaded\n")
            assert answer(connection, "GET", "/readyz") == (200, "ready\n")
            with pytest.raises(SettingsError, match="cannot listen on"):
                listen_at(f"unix:{file}")
            connection.close()
    assert reloads == [1, 1]


def test_what_is_wrong_with_a_reload_is_answered_and_web_pages_are_refused() -> None:
    def reload() -> None:
        raise SettingsError(verbatim("port is wrong"), hint=verbatim("correct it"))

    with RunningServer(admin_app(Metrics().text, reload, dict)) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        assert answer(connection, "POST", "/reload") == (422, "port is wrong; correct it\n")
        assert answer(connection, "POST", "/reload", Origin="http://evil.example")[0] == 403
        assert answer(connection, "GET", "/reload")[0] == 405
        assert answer(connection, "GET", "/datacube/getusersummary")[0] == 404
        connection.close()


@pytest.mark.parametrize("is_named", [False, True])
def test_the_public_address_has_metrics_only_if_that_is_named(is_named: bool) -> None:
    app = asgi(DocumentedServer().api)
    with RunningServer(with_metrics(app, Metrics().text) if is_named else app) as server:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
        assert answer(connection, "GET", "/metrics")[0] == (200 if is_named else 404)
        assert answer(connection, "POST", "/reload")[0] == 404
        connection.close()


@pytest.mark.parametrize(
    "address", ["", "localhost", ":1", "127.0.0.1:x", "127.0.0.1:", "0.0.0.0:99999"]
)
def test_an_admin_address_that_is_none_is_reported(address: str) -> None:
    with pytest.raises(SettingsError, match="not an address to listen on") as caught:
        listen_at(address)
    assert "127.0.0.1:8301" in caught.value.hint


def test_an_admin_address_that_is_taken_is_told_apart_from_the_port() -> None:
    with (
        closing(listen_at("127.0.0.1:0")) as other,
        pytest.raises(SettingsError, match=r"cannot listen on .*: Address already in use") as taken,
    ):
        listen_at(f"127.0.0.1:{other.getsockname()[1]}")
    assert taken.value.hint == "choose another --admin address"


# --- encrypted connections ------------------------------------------------------------------------


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = certificate(tmp_path, "localhost")
    path.chmod(0o600)
    return path


def trusting(pem: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(pem))


def test_connections_are_encrypted_with_the_certificate(pem: Path) -> None:
    server = DocumentedServer()
    with RunningServer(asgi(server.api), tls=Certificate(pem, pem).context) as running:
        assert running.url.startswith("https://127.0.0.1:")
        port = int(running.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection("localhost", port, context=trusting(pem))
        assert "wxcube" in answer(connection, "GET", "/")[1]
        connection.close()
        plain = http.client.HTTPConnection("localhost", port)
        with pytest.raises((http.client.HTTPException, OSError)):
            answer(plain, "GET", "/")
        plain.close()


def test_a_new_certificate_is_for_new_connections_and_open_ones_stay(
    pem: Path, tmp_path: Path
) -> None:
    used = Certificate(pem, pem)
    with RunningServer(asgi(DocumentedServer().api), tls=used.context) as running:
        port = int(running.url.rpartition(":")[2])
        before = trusting(pem)
        open_one = http.client.HTTPSConnection("localhost", port, context=before)
        assert answer(open_one, "GET", "/")[0] == 200
        (tmp_path / "new").mkdir()
        pem.write_bytes(certificate(tmp_path / "new", "localhost").read_bytes())
        used.reload()
        assert answer(open_one, "GET", "/")[0] == 200
        open_one.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            http.client.HTTPSConnection("localhost", port, context=before).request("GET", "/")
        renewed = http.client.HTTPSConnection("localhost", port, context=trusting(pem))
        assert answer(renewed, "GET", "/")[0] == 200
        renewed.close()
        pem.write_text("no certificate", encoding="utf-8")
        with pytest.raises(SettingsError, match="cannot be used"):
            used.reload()
        again = http.client.HTTPSConnection("localhost", port, context=renewed._context)  # type: ignore[attr-defined]
        assert answer(again, "GET", "/")[0] == 200
        again.close()


def test_a_key_that_others_can_read_is_refused(pem: Path) -> None:
    pem.chmod(0o644)
    with pytest.raises(SettingsError, match="its mode is 0644"):
        Certificate(pem, pem)


def test_a_key_may_be_named_by_a_link_as_certbot_does(pem: Path, tmp_path: Path) -> None:
    link = tmp_path / "privkey.pem"
    link.symlink_to(pem)
    Certificate(pem, link)


@pytest.mark.parametrize(
    ("cert", "key", "reason"),
    [("", "key.pem", "no tls_cert"), ("missing.pem", "", "cannot be used")],
)
def test_certificates_that_cannot_be_used_are_reported(
    tmp_path: Path, cert: str, key: str, reason: str
) -> None:
    paths = [str(tmp_path / name) if name else "" for name in (cert, key)]
    with pytest.raises(SettingsError, match=reason):
        of_settings(*paths)
    assert of_settings("", "") is None


def test_a_certificate_without_a_key_asks_for_the_key(pem: Path, tmp_path: Path) -> None:
    """Not for another mode of the certificate, which everybody may read."""
    key, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----\n"
    before, _, rest = pem.read_text("utf-8").partition(key)
    alone = tmp_path / "certificate.pem"
    alone.write_text(before + rest.partition(end)[2], encoding="utf-8")
    with pytest.raises(SettingsError, match="no tls_key"):
        of_settings(str(alone), "")
    assert of_settings(str(pem), "") is not None
