"""Apps, tokens and calls in every database."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from support.apps import NOW, app, fill_apps, token
from wxcube.errors import WarehouseError
from wxcube.warehouse.app_store import StoredToken, TokenRequest
from wxcube.warehouse.store import Warehouse

KEY = ("app1", "/datacube/getusersummary", "2026-03-10")


def test_apps_are_read_as_they_were_added(warehouse: Warehouse) -> None:
    apps = [
        app(),
        app(
            "app2",
            account="一个名字很长的公众号" * 20,
            permission_sets=(),
            addresses=("192.0.2.0/24", "2001:db8::1"),
            daily_limit=5,
            minute_limit=2**31 - 1,
            is_platform=True,
            gets_wechat_token=True,
            revoked_at=NOW.replace(microsecond=0),
        ),
    ]
    assert warehouse.apps.add(apps) == []
    assert warehouse.apps.apps() == {one.appid: one for one in apps}


def test_an_appid_that_is_taken_adds_nothing(warehouse: Warehouse) -> None:
    warehouse.apps.add([app()])
    assert warehouse.apps.add([app("app2"), app(account="other")]) == ["app1"]
    assert warehouse.apps.apps() == {"app1": app()}


def test_a_change_is_one_for_everybody_who_reads_changes(warehouse: Warehouse) -> None:
    store = warehouse.apps
    assert store.changes(0).number == 0
    store.add([app(), app("app2")])
    first = store.changes(0)
    assert [one.appid for one in first.apps] == ["app1", "app2"]
    assert store.changes(first.number) == type(first)(first.number, None)
    changed = store.change("app2", revoked_at=NOW.replace(microsecond=0))
    store.add_tokens([token("aa")], NOW)
    second = store.changes(first.number)
    assert (second.apps, second.tokens) == ((changed,), (token("aa"),))
    assert store.change("nobody", daily_limit=3) is None


def test_a_rule_sees_the_newest_token_and_those_of_forced_refreshes(warehouse: Warehouse) -> None:
    store, seen = warehouse.apps, []
    times = [NOW + timedelta(milliseconds=one) for one in (0, 1, 2, 2)]
    tokens = [
        token("00", times[0], is_forced=True),
        token("11", times[1], kind="normal"),
        token("33", times[3], is_replaced=True),
        token("22", times[2]),
    ]
    store.add_tokens(tokens, NOW)

    def rule(current: StoredToken | None, forced: Sequence[StoredToken]) -> Sequence[StoredToken]:
        seen.append((current, list(forced)))
        return [token("44")]

    store.change_tokens("app1", "stable", NOW - timedelta(hours=9), NOW, rule)
    store.change_tokens("app1", "stable", NOW + timedelta(seconds=1), NOW, rule)
    store.change_tokens("app2", "stable", NOW, NOW, rule)
    assert seen == [(tokens[3], [tokens[0]]), (tokens[3], []), (None, [])]


def test_a_rule_that_raises_changes_nothing(warehouse: Warehouse) -> None:
    def rule(_current: StoredToken | None, _forced: Sequence[StoredToken]) -> list[StoredToken]:
        raise LookupError

    with pytest.raises(LookupError):
        warehouse.apps.change_tokens("app1", "stable", NOW, NOW, rule)
    assert warehouse.apps.changes(0).tokens == ()


def test_ended_tokens_are_known_for_a_day(warehouse: Warehouse) -> None:
    store = warehouse.apps
    store.add_tokens([token("aa"), token("bb", NOW + timedelta(hours=25))], NOW)
    store.forget_old(NOW + timedelta(hours=26))
    assert {one.nonce for one in store.changes(0).tokens} == {"aa", "bb"}
    store.forget_old(NOW + timedelta(hours=26, seconds=1))
    assert {one.nonce for one in store.changes(0).tokens} == {"bb"}


def test_calls_are_set_aside_up_to_the_limit(warehouse: Warehouse) -> None:
    store = warehouse.apps
    assert store.take_calls(KEY, 10, 7) == (7, 7)
    assert store.take_calls(KEY, 10, 7) == (3, 10)
    assert store.take_calls(KEY, 10, 7) == (0, 10)
    store.add_calls({KEY: -2, (*KEY[:2], "2026-03-11"): 4})
    assert (store.calls(KEY), store.calls((*KEY[:2], "2026-03-11"))) == (8, 4)
    store.clear_calls("app1", "2026-03-10", "/datacube/getusersummary")
    assert (store.calls(KEY), store.calls((*KEY[:2], "2026-03-11"))) == (0, 4)
    store.clear_calls("app1", "2026-03-11")
    assert store.calls((*KEY[:2], "2026-03-11")) == 0


def test_many_that_set_calls_aside_at_once_keep_to_the_limit(
    warehouse: Warehouse, url: str
) -> None:
    with Warehouse.open(url) as other, ThreadPoolExecutor(8) as pool:
        stores = [warehouse.apps, other.apps]
        taken = list(pool.map(lambda n: stores[n % 2].take_calls(KEY, 50, 3)[0], range(40)))
    assert sum(taken) == 50


def test_old_calls_are_forgotten_and_those_of_the_month_are_not(warehouse: Warehouse) -> None:
    store = warehouse.apps
    periods = ["2025-12-01", "2026-03", "2026-03-10", "2026-03-10T08:59", "2026-03-10T07:59"]
    store.add_calls({("app1", "x", period): 1 for period in periods})
    store.forget_old(NOW)
    kept = [period for period in periods if store.calls(("app1", "x", period))]
    assert kept == ["2026-03", "2026-03-10", "2026-03-10T08:59"]


def test_the_first_key_is_the_key_until_it_is_forgotten(warehouse: Warehouse) -> None:
    store = warehouse.apps
    assert [store.agree_on_key(one) for one in ("a", "a", "b")] == [True, True, False]
    store.add_tokens([token("aa")], NOW)
    store.forget_key()
    assert store.changes(0).tokens == ()
    assert [store.agree_on_key(one) for one in ("b", "a")] == [True, False]


def test_requests_for_wechats_token_are_listed_newest_first(warehouse: Warehouse) -> None:
    requests = [
        TokenRequest(
            asked_at=NOW + timedelta(seconds=number),
            appid="app1",
            account="wx1",
            client="2001:db8::1",
            errcode=number,
        )
        for number in range(3)
    ]
    warehouse.apps.log_requests(requests)
    assert warehouse.apps.requests(2) == [requests[2], requests[1]]


def test_a_database_that_is_only_read_gives_apps_and_takes_nothing(url: str) -> None:
    with Warehouse.open(url) as warehouse:
        fill_apps(warehouse.apps)
    with Warehouse.open(url, read_only=True) as warehouse:
        store = warehouse.apps
        assert store.is_read_only
        assert set(store.apps()) == {"app1", "app2"}
        assert (store.agree_on_key("a check"), store.agree_on_key("another")) == (True, False)
        with pytest.raises(WarehouseError, match="open for reading only"):
            store.take_calls(KEY, 10, 1)
