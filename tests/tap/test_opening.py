from datetime import date, datetime
from pathlib import Path
from typing import Any

from support.callbacks import APPID, account
from support.tapped_site import stored_events, tapped_site
from support.tapping import tap_process
from wxcube.beijing import BEIJING
from wxcube.events.store.store import EventStore
from wxcube.tap.opening import Opened, open_new_accounts

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
YESTERDAY = date(2026, 3, 9)


def opened(folder: Path, followers: int | None, **account_members: Any) -> Any:
    known = {(APPID, YESTERDAY): followers}
    with EventStore.open(folder / "events") as store:
        return list(
            open_new_accounts(store, [account(**account_members)], lambda *key: known.get(key), NOW)
        )


def test_a_new_account_begins_with_yesterdays_followers_once(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    assert opened(tmp_path, 1_200) == [Opened(APPID, 1_200, YESTERDAY)]
    assert opened(tmp_path, 1_300) == []
    (event,) = stored_events(tmp_path, "open")
    assert event["followers"] == 1_200
    assert event["at"] == datetime(2026, 3, 10, tzinfo=BEIJING).timestamp()


def test_unknown_followers_are_not_made_up(tmp_path: Path) -> None:
    assert opened(tmp_path, None) == [Opened(APPID, None, YESTERDAY)]
    assert stored_events(tmp_path, "open") == []


def test_a_simulated_account_is_left_alone(tmp_path: Path) -> None:
    assert opened(tmp_path, 5, is_simulated=True) == []


def test_without_a_database_it_is_reported_that_totals_begin_at_0(tmp_path: Path) -> None:
    tapped_site(tmp_path)
    with tap_process(tmp_path, kind="mirror") as tap:
        assert "are unknown, so totals begin at 0" in " ".join(tap.said().split())
    assert not (tmp_path / "wxcube.db").exists()
