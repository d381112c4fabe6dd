"""Logging: no secret, token or openid is in a log entry."""

from __future__ import annotations

import logging
import os

import msgspec
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wxcube import log
from wxcube.errors import SettingsError

OPENID = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _defaults_restored() -> object:
    yield
    structlog.reset_defaults()


def test_secrets_in_keys_and_values_are_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", as_json=True)
    structlog.get_logger().info(
        "token.refreshed",
        access_token=SECRET,
        appid="wx1",
        url=f"https://x/y?access_token={SECRET}&a=1",
        body='{"secret": "' + SECRET + '"}',
        who=f"reader {OPENID}",
        rows=3,
    )
    line = capsys.readouterr().err
    entry = msgspec.json.decode(line)
    assert SECRET not in line
    assert OPENID not in line
    assert (entry["event"], entry["appid"], entry["rows"]) == ("token.refreshed", "wx1", 3)
    assert "a=1" in entry["url"]


@given(
    before=st.text(max_size=20), after=st.text(max_size=20), quote=st.sampled_from(["", '"', "'"])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_secret_is_redacted_within_any_text(before: str, after: str, quote: str) -> None:
    for name in ("access_token", "secret", "refresh_token", "openid"):
        for equals in ("=", ": ", "="):
            text = f"{before} {name}{quote}{equals}{quote}{SECRET}{quote}&{after}"
            assert SECRET not in log.redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("via http://me:s3cret@proxy.example:3128/", "via http://me:***@proxy.example:3128/"),
        ("http://:s3cret@proxy.example", "http://:***@proxy.example"),
        ("https://host:8443/a:b@c", "https://host:8443/a:b@c"),
        ("https://me@host", "https://me@host"),
    ],
)
def test_the_password_of_a_url_is_redacted(text: str, expected: str) -> None:
    assert log.redact(text) == expected


def test_lower_levels_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning")
    structlog.get_logger().info("window.fetched")
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(SettingsError, match="use one of"):
        log.configure("loud")


def test_records_of_pythons_logging_are_one_line_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.configure("warning")
    logger = logging.getLogger("wxcube.somewhere")
    error = ValueError(f"secret={SECRET}")
    logger.error("api.failed: %s", f"/datacube/x?access_token={SECRET}", exc_info=error)
    logger.info("not logged")
    output = capsys.readouterr().err
    assert output.count("\n") == 1
    assert "api.failed" in output
    assert "ValueError" in output
    assert SECRET not in output


def test_a_closed_pipe_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1, closefd=False) as closed:
        monkeypatch.setattr("sys.stderr", closed)
        log.configure("warning")
        structlog.get_logger().warning("one")
        structlog.get_logger().error("two")
        monkeypatch.undo()
        # what was not printed goes nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, writer)
    os.close(nowhere)
    os.close(writer)
