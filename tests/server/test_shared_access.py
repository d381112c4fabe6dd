"""Apps and tokens that processes share: they survive restarts, and end everywhere."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import structlog

from support.documented import NOW
from support.polling import eventually
from support.shared import KEY, SharedServer, servers, stored_app
from wxcube.beijing import BEIJING, ManualClock
from wxcube.errors import ReplyError, SettingsError
from wxcube.server.apps import LocalApp
from wxcube.server.database_writes import DatabaseWrites
from wxcube.server.shared_access import REFRESH_SECONDS, SharedAccess
from wxcube.server.shared_calls import SharedCalls
from wxcube.server.token_seal import TokenKind, TokenSeal
from wxcube.settings import Secret
from wxcube.warehouse.store import Warehouse


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("apps") / "wxcube.db"
    with Warehouse.open(path) as warehouse:
        warehouse.apps.add([stored_app(), stored_app("app2", account="other")])
    return path


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """A database with two apps."""
    return Path(shutil.copyfile(template, tmp_path / "wxcube.db"))


@pytest.fixture
def pair(path: Path) -> Iterator[list[SharedServer]]:
    with servers(path) as both:
        yield both


def refresh(*running: SharedServer) -> None:
    for one in running:
        one.access.refresh()


# --- tokens ---------------------------------------------------------------------------------------


def test_a_token_of_one_process_is_good_in_another_at_once(pair: list[SharedServer]) -> None:
    one, other = pair
    assert other.code(one.token()["access_token"]) == 0
    assert other.code(one.stable()["access_token"]) == 0


def test_tokens_are_good_after_a_restart_and_the_stable_one_is_the_same(path: Path) -> None:
    with servers(path, 1) as [before]:
        normal, stable = before.token()["access_token"], before.stable()["access_token"]
    with servers(path, 1, NOW + timedelta(minutes=60)) as [after]:
        assert (after.code(normal), after.code(stable)) == (0, 0)
        assert after.stable() == {"access_token": stable, "expires_in": 3600}


def test_the_stable_token_is_the_same_in_every_process(pair: list[SharedServer]) -> None:
    one, other = pair
    first = one.stable()
    assert first["expires_in"] == 7200
    assert other.stable() == first
    one.clock.advance(timedelta(seconds=6899))
    assert other.stable() == {"access_token": first["access_token"], "expires_in": 301}
    one.clock.advance(timedelta(seconds=1))
    renewed = other.stable()
    assert renewed["access_token"] != first["access_token"]
    refresh(one)
    assert one.stable() == renewed
    assert one.code(first["access_token"]) == 0


def test_processes_that_need_a_stable_token_at_once_agree_on_one(path: Path) -> None:
    with servers(path, 4) as running, ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda n: running[n % 4].stable()["access_token"], range(24)))
    assert len(set(tokens)) == 1


def test_a_new_normal_token_ends_that_of_another_process_after_five_minutes(
    pair: list[SharedServer],
) -> None:
    one, other = pair
    old = one.token()["access_token"]
    new = other.token()["access_token"]
    refresh(one)
    one.clock.advance(timedelta(seconds=299))
    assert [one.code(old), one.code(new), other.code(old)] == [0, 0, 0]
    one.clock.advance(timedelta(seconds=1))
    assert [one.code(old), one.code(new), other.code(old)] == [40001, 0, 40001]


def test_a_forced_refresh_ends_the_old_token_everywhere(pair: list[SharedServer]) -> None:
    one, other = pair
    old = one.stable()["access_token"]
    assert other.stable()["access_token"] == old
    new = other.stable(force=True)["access_token"]
    assert new != old
    assert other.code(old) == 40001
    refresh(one)
    assert (one.code(old), one.code(new)) == (40001, 0)
    assert one.stable()["access_token"] == new


def test_a_replayed_token_is_refused_after_a_restart(path: Path) -> None:
    with servers(path, 1) as [before]:
        replaced = before.stable()["access_token"]
        before.stable(force=True)
        expired = before.token()["access_token"]
    with servers(path, 1, NOW + timedelta(minutes=10)) as [after]:
        assert after.code(replaced) == 40001
    with servers(path, 1, NOW + timedelta(hours=2)) as [after]:
        assert after.code(expired) == 42001


def test_forced_refreshes_are_counted_over_processes_and_restarts(path: Path) -> None:
    start = datetime(2026, 3, 10, 12, tzinfo=BEIJING)
    for part in range(2):
        with servers(path, 2, start + timedelta(hours=part)) as [one, other]:
            one.stable()
            for server in [one, other] * 5:
                one.clock.advance(timedelta(seconds=30))
                refresh(one, other)
                assert "access_token" in server.stable(force=True)
    with servers(path, 1, start + timedelta(hours=2)) as [one]:
        assert one.stable(force=True)["errcode"] == 45009
        assert "access_token" in one.stable()
        one.clock.set(datetime(2026, 3, 11, tzinfo=BEIJING))
        assert "access_token" in one.stable(force=True)


def test_a_forced_refresh_within_thirty_seconds_gives_the_token_of_the_other_process(
    pair: list[SharedServer],
) -> None:
    one, other = pair
    one.stable()
    forced = one.stable(force=True)["access_token"]
    one.clock.advance(timedelta(seconds=29))
    assert other.stable(force=True)["access_token"] == forced


def test_a_token_of_one_account_never_reads_another(pair: list[SharedServer]) -> None:
    one, _other = pair
    asked: list[str] = []
    backend = one.api._backend
    rows = backend.rows
    backend.rows = lambda app, *rest: (asked.append(app.account), rows(app, *rest))[1]  # type: ignore[method-assign,func-returns-value]
    token = one.token("app1")["access_token"]
    for members in ({}, {"appid": "app2"}, {"account": "other"}, {"authorizer_appid": "app2"}):
        assert one.code(token, **members) == 0
    assert set(asked) == {"account"}


@pytest.mark.parametrize("change", ["truncated", "other key", "letter", "spelling", "kind"])
def test_a_token_that_was_changed_is_no_token(pair: list[SharedServer], change: str) -> None:
    one, other = pair
    seal = TokenSeal(KEY.reveal().encode())
    tag = seal.tag("app1", 0)
    nonce = next(
        nonce
        for nonce in (f"{number:032x}" for number in range(10_000))
        if set("-_") & set(seal.token(tag, TokenKind.STABLE, nonce, NOW)[3:])
    )
    token = seal.token(tag, TokenKind.STABLE, nonce, NOW)
    assert one.code(token) == 0
    changed = {
        "truncated": token[:-1],
        "other key": TokenSeal(b"another key of 32 characters ...").token(
            tag, TokenKind.STABLE, nonce, NOW
        ),
        "letter": token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
        "spelling": token[:3] + token[3:].replace("-", "%2B").replace("_", "/"),
        "kind": f"{int(token[:2]) % 89 + 10}{token[2:]}",
    }[change]
    assert changed != token
    assert other.code(changed) == 40001


# --- apps -----------------------------------------------------------------------------------------


def test_a_revoked_app_is_refused_everywhere_and_its_tokens_too(pair: list[SharedServer]) -> None:
    one, other = pair
    token, foreign = one.token()["access_token"], one.token("app2")["access_token"]
    one.warehouse.apps.change("app1", revoked_at=NOW + timedelta(seconds=1))
    refresh(one, other)
    for server in (one, other):
        assert server.code(token) == 40001
        assert server.code(foreign) == 0
        assert server.token()["errcode"] == 40013


def test_a_new_secret_ends_the_old_one_and_its_tokens(pair: list[SharedServer]) -> None:
    one, other = pair
    token = one.token()["access_token"]
    new = stored_app().secret_hash.replace("0", "1")
    one.warehouse.apps.rotate("app1", new)
    refresh(one, other)
    for server in (one, other):
        assert server.code(token) == 40001
        assert server.token()["errcode"] == 40125
    one.warehouse.apps.rotate("app1", stored_app().secret_hash)
    refresh(one, other)
    assert [one.code(token), other.code(token)] == [40001, 40001]
    assert one.code(other.token()["access_token"]) == 0


def test_the_thread_takes_in_changes_within_a_second_or_so(path: Path) -> None:
    clock = ManualClock(NOW)
    with (
        Warehouse.open(path) as warehouse,
        SharedAccess(warehouse.apps, KEY, clock) as access,
    ):
        noticed = threading.Event()
        original = access.tokens.set_apps

        def set_apps(generations: Mapping[str, int]) -> None:
            original(generations)
            if "app1" not in generations:
                noticed.set()

        access.tokens.set_apps = set_apps  # type: ignore[method-assign]
        warehouse.apps.change("app1", revoked_at=NOW + timedelta(seconds=1))
        assert noticed.wait(REFRESH_SECONDS * 20)
        assert access.directory.app("app1") is None


def test_another_key_is_refused_with_words(path: Path) -> None:
    clock = ManualClock(NOW)
    with Warehouse.open(path) as warehouse:
        SharedAccess(warehouse.apps, KEY, clock).close()
        with pytest.raises(SettingsError, match="another server key") as caught:
            SharedAccess(warehouse.apps, Secret("another key of 32 or more characters"), clock)
        assert "wxcube app new-key" in caught.value.hint
        warehouse.apps.forget_key()
        SharedAccess(warehouse.apps, Secret("another key of 32 or more characters"), clock).close()


def test_a_running_server_refuses_the_tokens_of_a_key_that_was_given_up(
    pair: list[SharedServer],
) -> None:
    one, other = pair
    tokens = [one.token()["access_token"], one.stable()["access_token"]]
    other.warehouse.apps.forget_key()
    refresh(*pair)
    for server in pair:
        assert [server.code(token) for token in tokens] == [40001, 40001]
        assert server.token()["errcode"] == server.stable()["errcode"] == -1
    new_key = Secret("another key of 32 or more characters")
    with SharedAccess(other.warehouse.apps, new_key, other.clock) as access:
        assert access.tokens.owner(access.tokens.issue("app1").token) == "app1"
        refresh(one)
        assert one.code(tokens[0]) == 40001


def test_no_secret_and_no_token_is_in_the_database(path: Path) -> None:
    with servers(path, 1) as [server]:
        tokens = [server.token()["access_token"], server.stable()["access_token"]]
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for secret in (*tokens, *(token[3:60] for token in tokens), "0123456789abcdef01", KEY.reveal()):
        assert secret.encode() not in raw


# --- while the database does not answer -----------------------------------------------------------


def test_tokens_go_on_while_another_process_holds_the_database(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxcube.server.shared_tokens.WAIT_SECONDS", 0.2)
    with servers(path) as [one, other]:
        known = one.stable()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        assert one.stable() == known
        new = one.token()["access_token"]
        assert (one.code(new), other.code(new), one.code(known["access_token"])) == (0, 0, 0)
        holder.execute("ROLLBACK")
        holder.close()
    with servers(path, 1) as [after]:
        assert after.code(new) == 0


def test_a_write_that_was_waited_for_in_vain_is_not_waited_for_again_at_once() -> None:
    writes, gate = DatabaseWrites(), threading.Event()
    assert writes.result(lambda: gate.wait(20), 0.01) is None
    made = []
    assert writes.result(lambda: made.append(1), 20) is None
    gate.set()
    writes.close()
    assert made == []


def test_a_server_ends_while_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxcube.server.database_writes._CLOSING_SECONDS", 0.01)
    writes, gate, begun, made = DatabaseWrites(), threading.Event(), threading.Event(), []

    def held() -> None:
        begun.set()
        gate.wait(20)
        made.append("held")

    writes.later(held, list)
    for number in range(3):
        writes.later(lambda number=number: made.append(number), list)  # type: ignore[misc]
    assert begun.wait(20)
    threading.Timer(0.2, gate.set).start()
    writes.close()
    assert made == ["held"]


def test_calls_are_reported_once_however_long_the_database_takes(path: Path) -> None:
    with servers(path, 1) as [server]:
        calls, gate = server.access.calls, threading.Event()
        assert isinstance(calls, SharedCalls)
        calls._writes.later(lambda: gate.wait(20), list)
        for _ in range(5):
            calls.spend("app1", "/datacube/getusersummary", None)
            calls.flush()
        assert calls._writes._waiting == 2
        gate.set()
        calls._writes.result(lambda: None, 20)
        calls.flush()
        calls._writes.result(lambda: None, 20)
        assert calls.used("app1", "/datacube/getusersummary") == 5
        key = ("app1", "/datacube/getusersummary", calls._day())
        assert server.warehouse.apps.calls(key) == 5


def test_a_replaced_token_stays_replaced_when_its_app_was_away(path: Path) -> None:
    with servers(path, 1) as [server]:
        old = server.stable()["access_token"]
        server.stable(force=True)
        revoked_at = NOW.replace(microsecond=0)
        for state, errcode in ((revoked_at, 40001), (None, 40001)):
            server.warehouse.apps.change("app1", revoked_at=state)
            server.access.refresh()
            assert server.code(old) == errcode
        assert server.code(server.stable()["access_token"]) == 0


def test_an_earlier_copy_of_the_database_that_is_restored_is_taken_in(path: Path) -> None:
    with servers(path, 1) as [server]:
        apps = server.warehouse.apps
        apps.add([stored_app("late")])
        server.access.refresh()
        assert server.access.directory.app("late")
        apps._database.write(
            lambda connection: connection.exec_driver_sql("DELETE FROM apps WHERE appid = 'late'")
        )
        apps._database.write(
            lambda connection: connection.exec_driver_sql(
                "UPDATE app_state SET content = '1' WHERE name = 'last_change'"
            )
        )
        server.access.refresh()
        assert server.access.directory.app("late") is None
        assert server.code(server.token()["access_token"]) == 0


def test_tokens_that_could_not_be_stored_are_stored_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wxcube.server.shared_tokens.WAIT_SECONDS", 0.01)
    with servers(path, 1) as [server]:
        store, gate = server.warehouse.apps, threading.Event()
        server.access._writes.later(lambda: gate.wait(20), list)
        before = threading.active_count()
        new = [server.token(appid)["access_token"] for appid in ("app1", "app2") * 3]
        assert threading.active_count() == before
        gate.set()
        server.access.tokens.flush()
        server.access._writes._thread.submit(int).result()
        stored = store.changes(0).tokens
        assert len({(one.appid, one.nonce) for one in stored}) == len(set(new)) == 6
        # the newest of each app, and the one before for five minutes
        assert sum(not one.is_replaced for one in stored) == 2


def test_tokens_end_with_the_secret_of_their_app_in_the_file(path: Path) -> None:
    one = LocalApp(appid="filed", secret="0123456789abcdef", account="account")
    clock = ManualClock(NOW)
    with Warehouse.open(path) as warehouse, SharedAccess(warehouse.apps, KEY, clock, [one]) as it:
        token, stable = it.tokens.issue("filed").token, it.tokens.stable("filed").token
        it.set_local([one])
        it.refresh()
        assert it.tokens.owner(token) == it.tokens.owner(stable) == "filed"
        assert it.tokens.stable("filed").token == stable
        it.set_local([msgspec.structs.replace(one, secret="fedcba9876543210")])
        for ended in (token, stable):
            with pytest.raises(ReplyError) as caught:
                it.tokens.owner(ended)
            assert caught.value.errcode == 40001
        renewed = it.tokens.stable("filed").token
        assert (renewed != stable, it.tokens.owner(renewed)) == (True, "filed")
    with Warehouse.open(path) as warehouse, SharedAccess(warehouse.apps, KEY, clock, [one]) as it:
        assert it.tokens.owner(it.tokens.issue("filed").token) == "filed"


def test_nothing_is_rebuilt_while_nothing_changes(
    pair: list[SharedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    refresh(*pair)
    built: list[int] = []
    set_apps = one.access.tokens.set_apps

    def counted(generations: Mapping[str, int]) -> None:
        built.append(1)
        set_apps(generations)

    monkeypatch.setattr(one.access.tokens, "set_apps", counted)
    for _ in range(3):
        one.access.refresh()
    other.warehouse.apps.add_calls({("app1", "/datacube/getusersummary", "2026-03-10"): 1})
    one.access.refresh()
    assert built == []
    other.warehouse.apps.add([stored_app("late")])
    one.access.refresh()
    assert built == [1]
    assert one.access.directory.app("late")


def test_a_database_that_is_put_in_place_of_the_apps_is_read_and_written(
    path: Path, template: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copyfile(template, tmp_path / "other.db"))
    with Warehouse.open(other) as warehouse:
        warehouse.apps.rotate("app2", stored_app().secret_hash)
        # as many changes as the first has
        warehouse.apps.change("app1", revoked_at=NOW)
    with servers(path, 1) as [server]:
        server.warehouse.apps.change("app2", daily_limit=1)
        server.warehouse.apps.change("app2", daily_limit=2)
        refresh(server)
        kept = server.token("app2")["access_token"]
        with structlog.testing.capture_logs() as entries:
            other.replace(path)
            for side in ("-wal", "-shm"):
                path.with_name(path.name + side).unlink(missing_ok=True)

            def is_taken_in() -> bool:
                server.access.refresh()
                return server.access.directory.app("app1") is None

            eventually(is_taken_in)
        assert "apps.database_replaced" in {entry["event"] for entry in entries}
        assert server.code(kept) == 40001
        assert server.code(server.token("app2")["access_token"]) == 0
    with Warehouse.open(path, read_only=True) as warehouse:
        assert {one.appid for one in warehouse.apps.changes(0).tokens} == {"app2"}
