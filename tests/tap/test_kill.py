"""The tap as a process: killed, with a store that fails, and in front of servers that fail."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from support.callbacks import OPENID, Callback, encrypted, event, plain, xml
from support.polling import eventually
from support.tapped_site import all_bytes, stored_events, tapped_site
from support.tapping import RunningTap, message_server, send, tap_process

KILLS = 4


def message(number: int, *, is_encrypted: bool) -> Any:
    make, now = encrypted if is_encrypted else plain, int(time.time())
    body = xml(MsgId=10**15 + number, CreateTime=now)
    return make(body, timestamp=now, nonce=str(random.random()))


def answered(tap: RunningTap, callback: Callback) -> bool:
    """Whether WeChat would take a callback for answered."""
    try:
        return send(tap.url, callback).body == b"success"
    except (OSError, HTTPException):
        return False


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_nothing_that_was_answered_is_lost_by_kill_9(tmp_path: Path, is_encrypted: bool) -> None:
    tapped_site(tmp_path, is_encrypted=is_encrypted)
    numbers, waiting = iter(range(10**6)), threading.Lock()
    done: set[int] = set()
    is_over, is_up = threading.Event(), threading.Event()
    is_up.set()

    def work(tap: RunningTap) -> None:
        while not is_over.is_set():
            # attempts to reach a tap that is down would only slow down its start
            is_up.wait()
            with waiting:
                number = next(numbers)
            if answered(tap, message(number, is_encrypted=is_encrypted)):
                done.add(number)

    with message_server() as server, tap_process(tmp_path, "--to", server.url) as tap:
        threads = [threading.Thread(target=work, args=[tap]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            goal = len(done) + random.randrange(20, 120)
            eventually(partial(reached, done, goal))
            tap.kill()
            is_up.clear()
            tap.start()
            is_up.set()
        is_over.set()
        for thread in threads:
            thread.join()
    events = stored_events(tmp_path, "message")
    ids = {(one["id_high"], one["id_low"]) for one in events} if "id_high" in events[0] else None
    assert ids is None or len(ids) == len(events)
    # one that was cut off may have been recorded as well
    assert len(done) <= len(events) <= len(done) + KILLS * 4
    assert len(stored_events(tmp_path, "reply")) >= len(done)
    assert not list((tmp_path / "tap-spool").glob("*.spool"))


def test_while_the_store_is_down_callbacks_are_answered_and_events_wait(tmp_path: Path) -> None:
    site = tapped_site(tmp_path)
    with message_server() as server, tap_process(tmp_path, "--to", server.url) as tap:
        assert answered(tap, message(1, is_encrypted=False))
        eventually(lambda: stored_or_none(tmp_path) == 1)
        shutil.move(tmp_path / "events", tmp_path / "elsewhere")
        (tmp_path / "events").write_text("no folder")
        for number in range(2, 30):
            assert answered(tap, message(number, is_encrypted=False))
        eventually(lambda: "tap.store_down" in tap.said())
        tap.kill()
        spool = all_bytes(tmp_path / "tap-spool")
        assert b'"event":"message"' in spool
        assert OPENID.encode() not in spool + tap.log.read_bytes()
        (tmp_path / "events").unlink()
        shutil.move(tmp_path / "elsewhere", tmp_path / "events")
    found = site.run("doctor")
    assert found.code == 1
    assert "bytes of events wait, and no tap is running" in " ".join(found.text.split())
    assert site.run("tap", "drain", "--json").code == 0
    assert "tap-spool" not in site.run("doctor").text
    assert len(stored_events(tmp_path, "message")) == 29
    assert site.run("tap", "drain", "--json").lines == [{"events": 0}]


def test_while_the_database_is_down_callbacks_are_recorded(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    database = tmp_path / "wxcube.db"
    database.touch(0o600)
    database.write_bytes(b"no database" * 1_000)
    with message_server() as server, tap_process(tmp_path, "--to", server.url) as tap:
        assert "the followers of new accounts are unknown" in " ".join(tap.said().split())
        assert answered(tap, message(1, is_encrypted=False))
        eventually(lambda: stored_or_none(tmp_path) == 1)


def reached(done: set[int], goal: int) -> bool:
    return len(done) >= goal


def stored_or_none(folder: Path) -> Any:
    try:
        return len(stored_events(folder, "message"))
    except OSError:
        return None


def test_the_end_of_the_process_waits_for_replies(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    with message_server(delay=1.0) as server, tap_process(tmp_path, "--to", server.url) as tap:
        found = []
        thread = threading.Thread(
            target=lambda: found.append(answered(tap, message(1, is_encrypted=False)))
        )
        thread.start()
        eventually(lambda: server.received)
        tap.stop()
        thread.join()
    assert found == [True]
    assert tap.result["replies"] == 1
    assert len(stored_events(tmp_path, "reply")) == 1


def test_a_mirror_records_messages_and_followers(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    with tap_process(tmp_path, kind="mirror") as tap:
        assert send(tap.url, message(1, is_encrypted=False)).status == 200
        now = int(time.time())
        follow = event("subscribe", CreateTime=now)
        assert send(tap.url, plain(follow, timestamp=now)).status == 200
    assert tap.result["events"] == 2
    assert tap.result["replies"] == 0
    assert len(stored_events(tmp_path, "follow")) == 1


def drain_process(tap: RunningTap) -> int | None:
    """The number of the process that stores events."""
    assert tap.process
    children = Path(f"/proc/{tap.process.pid}/task/{tap.process.pid}/children").read_text().split()
    named = {int(one): Path(f"/proc/{one}/cmdline").read_bytes() for one in children}
    return next((pid for pid, words in named.items() if b"spawn_main" in words), None)


def test_the_process_that_stores_events_is_started_again(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    with message_server() as server, tap_process(tmp_path, "--to", server.url) as tap:
        for turn in range(2):
            pid = eventually(lambda: drain_process(tap))
            os.kill(pid, signal.SIGKILL)
            for number in range(10):
                assert answered(tap, message(turn * 10 + number, is_encrypted=False))
            eventually(partial(is_another, tap, pid))
    assert len(stored_events(tmp_path, "message")) == 20
    assert "tap.drain_ended" in tap.said()


def is_another(tap: RunningTap, pid: int) -> bool:
    return drain_process(tap) not in {None, pid}
