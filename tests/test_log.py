"""Log lines: whatever is logged, no secret, token or openid is in them."""

from __future__ import annotations

import logging

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
def _restored() -> object:
    yield
    structlog.reset_defaults()


def test_secrets_in_names_and_texts_are_blacked_out(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_no_text_around_a_secret_lets_it_through(before: str, after: str, quote: str) -> None:
    for name in ("access_token", "secret", "refresh_token", "openid"):
        for equals in ("=", ": ", "="):
            text = f"{before} {name}{quote}{equals}{quote}{SECRET}{quote}&{after}"
            assert SECRET not in log.redact(text)


def test_quiet_levels_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning")
    structlog.get_logger().info("window.fetched")
    assert capsys.readouterr().err == ""


def test_an_unknown_level_is_an_error() -> None:
    with pytest.raises(SettingsError, match="use one of"):
        log.configure("loud")


def test_what_python_logs_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("warning")
    logger = logging.getLogger("wxcube.somewhere")
    error = ValueError(f"secret={SECRET}")
    logger.error("api.failed: %s", f"/datacube/x?access_token={SECRET}", exc_info=error)
    logger.info("not told")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "api.failed" in said
    assert "ValueError" in said
    assert SECRET not in said
