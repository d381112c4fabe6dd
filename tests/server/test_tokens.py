"""Access tokens on a clock, seen from outside: what a caller gets and until when it works."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from support.documented import APP, POOR, Desk, content
from wxcube.beijing import BEIJING
from wxcube.server.protocol import Api


def code(desk: Desk, token: str) -> int:
    """The errcode a datacube call with this token gets, 0 for a good answer."""
    answer = desk.ask("getusersummary", "2026-03-09", "2026-03-09", token)
    return int(answer.get("errcode", 0))


def test_a_token_works_for_two_hours_and_then_is_expired() -> None:
    desk = Desk()
    token = desk.token()
    desk.clock.advance(timedelta(seconds=7199))
    assert code(desk, token) == 0
    desk.clock.advance(timedelta(seconds=1))
    assert code(desk, token) == 42001


def test_a_new_token_leaves_the_old_one_five_minutes() -> None:
    desk = Desk()
    old = desk.token()
    new = desk.token()
    assert old != new
    desk.clock.advance(timedelta(seconds=299))
    assert (code(desk, old), code(desk, new)) == (0, 0)
    desk.clock.advance(timedelta(seconds=1))
    assert (code(desk, old), code(desk, new)) == (40001, 0)


def test_a_third_token_does_not_lengthen_the_life_of_the_first() -> None:
    desk = Desk()
    first = desk.token()
    desk.clock.advance(timedelta(minutes=4))
    desk.token()
    desk.clock.advance(timedelta(minutes=4))
    desk.token()
    desk.clock.advance(timedelta(minutes=1))
    assert code(desk, first) == 40001


def test_the_overlap_never_outlives_the_old_token() -> None:
    desk = Desk()
    old = desk.token()
    desk.clock.advance(timedelta(seconds=7200 - 60))
    desk.token()
    desk.clock.advance(timedelta(seconds=60))
    assert code(desk, old) == 42001


def test_a_stable_token_stays_the_same_and_tells_the_rest_of_its_time() -> None:
    desk = Desk()
    first = desk.stable()
    desk.clock.advance(timedelta(seconds=6899))
    again = desk.stable()
    assert first["expires_in"] == 7200
    assert again == {"access_token": first["access_token"], "expires_in": 301}


def test_a_stable_token_is_renewed_in_its_last_five_minutes_while_the_old_one_runs_out() -> None:
    desk = Desk()
    old = desk.stable()["access_token"]
    desk.clock.advance(timedelta(seconds=6900))
    new = desk.stable()
    assert new["access_token"] != old
    assert new["expires_in"] == 7200
    desk.clock.advance(timedelta(seconds=299))
    assert (code(desk, old), code(desk, new["access_token"])) == (0, 0)
    desk.clock.advance(timedelta(seconds=1))
    assert (code(desk, old), code(desk, new["access_token"])) == (42001, 0)


def test_both_kinds_of_token_live_side_by_side() -> None:
    desk = Desk()
    stable, normal = desk.stable()["access_token"], desk.token()
    desk.token()
    desk.clock.advance(timedelta(minutes=6))
    assert (code(desk, stable), code(desk, normal)) == (0, 40001)


def test_a_forced_refresh_ends_the_old_stable_token_at_once() -> None:
    desk = Desk()
    old = desk.stable()["access_token"]
    new = desk.stable(force_refresh=True)["access_token"]
    assert (code(desk, old), code(desk, new)) == (40001, 0)


def test_a_forced_refresh_within_thirty_seconds_refreshes_nothing() -> None:
    desk = Desk()
    desk.stable()
    first = desk.stable(force_refresh=True)["access_token"]
    desk.clock.advance(timedelta(seconds=29))
    assert desk.stable(force_refresh=True)["access_token"] == first
    desk.clock.advance(timedelta(seconds=1))
    assert desk.stable(force_refresh=True)["access_token"] != first


def test_twenty_forced_refreshes_a_beijing_day() -> None:
    desk = Desk(now=datetime(2026, 3, 10, 23, 0, tzinfo=BEIJING))
    desk.stable()
    for _ in range(20):
        desk.clock.advance(timedelta(seconds=60))
        assert "access_token" in desk.stable(force_refresh=True)
    desk.clock.advance(timedelta(seconds=60))
    assert desk.stable(force_refresh=True)["errcode"] == 45009
    assert "access_token" in desk.stable()
    desk.clock.set(datetime(2026, 3, 11, 0, 0, tzinfo=BEIJING))
    assert "access_token" in desk.stable(force_refresh=True)


def test_tokens_of_one_account_do_not_touch_another() -> None:
    desk = Desk()
    one, other = desk.token(APP), desk.token(POOR)
    assert desk.api.tokens.expire(APP.appid) == 1
    assert (code(desk, one), code(desk, other)) == (40001, 0)


def test_a_token_is_forgotten_a_day_after_its_end() -> None:
    desk = Desk()
    old = desk.token()
    desk.clock.advance(timedelta(hours=26))
    desk.token()
    assert code(desk, old) == 42001
    desk.clock.advance(timedelta(seconds=1))
    desk.token()
    assert code(desk, old) == 40001


def test_two_thousand_tokens_a_day() -> None:
    desk = Desk()
    for _ in range(2_000):
        desk.token()
    query = f"grant_type=client_credential&appid={APP.appid}&secret={APP.secret}"
    assert content(desk.get("/cgi-bin/token", query))["errcode"] == 45009


def test_tokens_are_random_unless_a_seed_is_given() -> None:
    desk = Desk()
    seeded = [Api(desk.backend, desk.clock, seed=5).tokens.issue("a").token for _ in range(2)]
    random = [Api(desk.backend, desk.clock).tokens.issue("a").token for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert random[0] != random[1]
    assert all(len(token) <= 512 for token in seeded + random)


def test_nothing_prints_a_token() -> None:
    desk = Desk()
    grant = desk.api.tokens.issue(APP.appid)
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
    desk = Desk()
    query = "&".join(f"{name}={value}" for name, value in given.items())
    for reply in (
        desk.get("/cgi-bin/token", query),
        desk.post("/cgi-bin/token", b"", query),
        desk.post("/cgi-bin/stable_token", given),
    ):
        assert reply.status == 200
        answer = content(reply)
        assert answer["errcode"] == errcode
        assert answer["errmsg"].startswith(f"{errmsg} rid: ")


def test_odd_types_and_surrogates_as_credentials_are_refused() -> None:
    desk = Desk()
    for secret in (1, [APP.secret], {"a": 1}, True):
        answer = content(desk.post("/cgi-bin/stable_token", OK | {"secret": secret}))
        assert answer["errcode"] == 40125
    raw = b'{"grant_type":"client_credential","appid":"%s","secret":"\xf0\x9f\x98\x80"}'
    assert content(desk.post("/cgi-bin/stable_token", raw % APP.appid.encode()))["errcode"] == 40125


def test_the_stable_token_call_takes_a_post_with_json() -> None:
    desk = Desk()
    assert (
        content(desk.get("/cgi-bin/stable_token", "grant_type=client_credential"))["errcode"]
        == 43002
    )
    assert content(desk.post("/cgi-bin/stable_token", b""))["errcode"] == 44002
    assert content(desk.post("/cgi-bin/stable_token", b"{"))["errcode"] == 47001


def test_force_refresh_is_only_the_json_value_true() -> None:
    desk = Desk()
    first = desk.stable()["access_token"]
    for no in (False, None, "true", 1, 0):
        assert desk.stable(force_refresh=no)["access_token"] == first
