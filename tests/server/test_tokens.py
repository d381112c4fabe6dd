"""Access tokens as a caller sees them: issue, expiry and replacement."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from support.documented import APP, POOR, DocumentedServer, content
from wxcube.beijing import BEIJING
from wxcube.server.protocol import Api


def code(server: DocumentedServer, token: str) -> int:
    """The errcode of a datacube call with this token, 0 for a successful one."""
    answer = server.fetch("getusersummary", "2026-03-09", "2026-03-09", token)
    return int(answer.get("errcode", 0))


def test_a_token_is_valid_for_two_hours() -> None:
    server = DocumentedServer()
    token = server.token()
    server.clock.advance(timedelta(seconds=7199))
    assert code(server, token) == 0
    server.clock.advance(timedelta(seconds=1))
    assert code(server, token) == 42001


def test_the_previous_token_is_valid_for_five_minutes() -> None:
    server = DocumentedServer()
    old = server.token()
    new = server.token()
    assert old != new
    server.clock.advance(timedelta(seconds=299))
    assert (code(server, old), code(server, new)) == (0, 0)
    server.clock.advance(timedelta(seconds=1))
    assert (code(server, old), code(server, new)) == (40001, 0)


def test_a_third_token_does_not_extend_the_first() -> None:
    server = DocumentedServer()
    first = server.token()
    server.clock.advance(timedelta(minutes=4))
    server.token()
    server.clock.advance(timedelta(minutes=4))
    server.token()
    server.clock.advance(timedelta(minutes=1))
    assert code(server, first) == 40001


def test_the_overlap_does_not_extend_the_previous_token() -> None:
    server = DocumentedServer()
    old = server.token()
    server.clock.advance(timedelta(seconds=7200 - 60))
    server.token()
    server.clock.advance(timedelta(seconds=60))
    assert code(server, old) == 42001


def test_a_stable_token_stays_the_same_and_reports_its_remaining_time() -> None:
    server = DocumentedServer()
    first = server.stable()
    server.clock.advance(timedelta(seconds=6899))
    again = server.stable()
    assert first["expires_in"] == 7200
    assert again == {"access_token": first["access_token"], "expires_in": 301}


def test_a_stable_token_is_renewed_in_its_last_five_minutes_and_the_old_one_stays_valid() -> None:
    server = DocumentedServer()
    old = server.stable()["access_token"]
    server.clock.advance(timedelta(seconds=6900))
    new = server.stable()
    assert new["access_token"] != old
    assert new["expires_in"] == 7200
    server.clock.advance(timedelta(seconds=299))
    assert (code(server, old), code(server, new["access_token"])) == (0, 0)
    server.clock.advance(timedelta(seconds=1))
    assert (code(server, old), code(server, new["access_token"])) == (42001, 0)


def test_both_kinds_of_tokens_are_independent() -> None:
    server = DocumentedServer()
    stable, normal = server.stable()["access_token"], server.token()
    server.token()
    server.clock.advance(timedelta(minutes=6))
    assert (code(server, stable), code(server, normal)) == (0, 40001)


def test_a_forced_refresh_invalidates_the_old_stable_token_immediately() -> None:
    server = DocumentedServer()
    old = server.stable()["access_token"]
    new = server.stable(force_refresh=True)["access_token"]
    assert (code(server, old), code(server, new)) == (40001, 0)


def test_a_forced_refresh_within_thirty_seconds_returns_the_current_token() -> None:
    server = DocumentedServer()
    server.stable()
    first = server.stable(force_refresh=True)["access_token"]
    server.clock.advance(timedelta(seconds=29))
    assert server.stable(force_refresh=True)["access_token"] == first
    server.clock.advance(timedelta(seconds=1))
    assert server.stable(force_refresh=True)["access_token"] != first


def test_twenty_forced_refreshes_a_beijing_day() -> None:
    server = DocumentedServer(now=datetime(2026, 3, 10, 23, 0, tzinfo=BEIJING))
    server.stable()
    for _ in range(20):
        server.clock.advance(timedelta(seconds=60))
        assert "access_token" in server.stable(force_refresh=True)
    server.clock.advance(timedelta(seconds=60))
    assert server.stable(force_refresh=True)["errcode"] == 45009
    assert "access_token" in server.stable()
    server.clock.set(datetime(2026, 3, 11, 0, 0, tzinfo=BEIJING))
    assert "access_token" in server.stable(force_refresh=True)


def test_tokens_of_accounts_are_independent() -> None:
    server = DocumentedServer()
    one, other = server.token(APP), server.token(POOR)
    assert server.tokens.expire(APP.appid) == 1
    assert (code(server, one), code(server, other)) == (40001, 0)


def test_an_expired_token_is_forgotten_after_a_day() -> None:
    server = DocumentedServer()
    old = server.token()
    server.clock.advance(timedelta(hours=26))
    server.token()
    assert code(server, old) == 42001
    server.clock.advance(timedelta(seconds=1))
    server.token()
    assert code(server, old) == 40001


def test_two_thousand_tokens_a_day() -> None:
    server = DocumentedServer()
    for _ in range(2_000):
        server.token()
    query = f"grant_type=client_credential&appid={APP.appid}&secret={APP.secret}"
    assert content(server.get("/cgi-bin/token", query))["errcode"] == 45009


def test_tokens_are_random_unless_a_seed_is_given() -> None:
    server = DocumentedServer()
    seeded = [Api(server.backend, server.clock, seed=5).tokens.issue("a").token for _ in range(2)]
    random = [Api(server.backend, server.clock).tokens.issue("a").token for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert random[0] != random[1]
    assert all(len(token) <= 512 for token in seeded + random)


def test_repr_hides_tokens_and_secrets() -> None:
    server = DocumentedServer()
    grant = server.api.tokens.issue(APP.appid)
    assert grant.token not in repr(grant)
    assert APP.secret not in repr(APP)


OK = {"grant_type": "client_credential", "appid": APP.appid, "secret": APP.secret}
BAD_CREDENTIALS = [
    ({}, 40002, "invalid grant_type"),
    (OK | {"grant_type": "authorization_code"}, 40002, "invalid grant_type"),
    (OK | {"appid": ""}, 41002, "appid missing"),
    (OK | {"appid": "wx0000000000000000"}, 40013, "invalid appid"),
    (OK | {"secret": ""}, 41004, "appsecret missing"),
    (OK | {"secret": "wrong"}, 40125, "invalid appsecret"),
    (OK | {"secret": POOR.secret}, 40125, "invalid appsecret"),
]


@pytest.mark.parametrize(("given", "errcode", "errmsg"), BAD_CREDENTIALS)
def test_bad_credentials(given: dict[str, str], errcode: int, errmsg: str) -> None:
    server = DocumentedServer()
    query = "&".join(f"{name}={value}" for name, value in given.items())
    for reply in (
        server.get("/cgi-bin/token", query),
        server.post("/cgi-bin/token", b"", query),
        server.post("/cgi-bin/stable_token", given),
    ):
        assert reply.status == 200
        answer = content(reply)
        assert answer["errcode"] == errcode
        assert answer["errmsg"].startswith(f"{errmsg} rid: ")


def test_credentials_of_other_types_and_surrogates_are_refused() -> None:
    server = DocumentedServer()
    for secret in (1, [APP.secret], {"a": 1}, True):
        answer = content(server.post("/cgi-bin/stable_token", OK | {"secret": secret}))
        assert answer["errcode"] == 40125
    raw = b'{"grant_type":"client_credential","appid":"%s","secret":"\xf0\x9f\x98\x80"}'
    assert (
        content(server.post("/cgi-bin/stable_token", raw % APP.appid.encode()))["errcode"] == 40125
    )


def test_stable_token_requires_a_post_with_json() -> None:
    server = DocumentedServer()
    assert (
        content(server.get("/cgi-bin/stable_token", "grant_type=client_credential"))["errcode"]
        == 43002
    )
    assert content(server.post("/cgi-bin/stable_token", b""))["errcode"] == 44002
    assert content(server.post("/cgi-bin/stable_token", b"{"))["errcode"] == 47001


def test_force_refresh_is_only_the_json_value_true() -> None:
    server = DocumentedServer()
    first = server.stable()["access_token"]
    for no in (False, None, "true", 1, 0):
        assert server.stable(force_refresh=no)["access_token"] == first


def test_a_clock_that_is_moved_back_revives_no_token() -> None:
    server = DocumentedServer()
    token, stable = server.token(), server.api.tokens.stable(APP.appid).token
    server.clock.advance(timedelta(hours=3))
    assert code(server, token) == code(server, stable) == 42001
    server.clock.advance(timedelta(hours=-3))
    assert code(server, token) == code(server, stable) == 42001
    renewed = server.api.tokens.stable(APP.appid).token
    assert renewed != stable
    assert code(server, renewed) == 0
