"""Days that are missing, can still change, come from elsewhere, or are too few."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract.article import UserReadHour, getuserreadhour
from wxcube.contract.codes import ALL_CHANNELS
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.field import Row
from wxcube.contract.message import UpstreamMsg, getupstreammsg
from wxcube.contract.source import Answer, Origin
from wxcube.contract.user import UserCumulate, UserSummary, getusercumulate, getusersummary
from wxcube.contract.window import Window
from wxcube.errors import TransportError
from wxcube.figures import followers, messages, overview, rhythm
from wxcube.figures.change import ChangeKind
from wxcube.figures.filter import Filter, Versus
from wxcube.figures.reader import Reader
from wxcube.i18n import verbatim
from wxcube.warehouse.coverage import State
from wxcube.warehouse.store import Warehouse

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
FIRST = date(2026, 3, 1)
WEEK = Filter(range=Window(FIRST, FIRST + timedelta(days=6)), accounts=("wx1",))


def day(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse.open(tmp_path / "wxcube.db") as warehouse:
        yield warehouse


@pytest.fixture
def reader(warehouse: Warehouse) -> Reader:
    return Reader(warehouse, NOW)


def store(
    warehouse: Warehouse,
    endpoint: Endpoint[Any],
    window: Window,
    rows: list[Row],
    *,
    origin: Origin = Origin.WECHAT,
    asked_at: datetime = NOW,
    appid: str = "wx1",
) -> None:
    warehouse.replace(appid, origin, Answer(endpoint, window, rows, b"", asked_at))


def moves(
    warehouse: Warehouse, numbers: range, *, origin: Origin = Origin.WECHAT, at: datetime = NOW
) -> None:
    """Ten new followers and four unfollows on each day."""
    for number in numbers:
        row = UserSummary(ref_date=day(number), user_source=30, new_user=10, cancel_user=4)
        window = Window.day(day(number))
        store(warehouse, getusersummary, window, [row], origin=origin, asked_at=at)


def test_a_gap_is_not_zero(warehouse: Warehouse, reader: Reader) -> None:
    moves(warehouse, range(1, 4))
    moves(warehouse, range(5, 8))
    figure = followers.daily(reader, WEEK)
    assert figure.values("new_user") == [10, 10, 10, None, 10, 10, 10]
    assert figure.marks["wx1", day(4)].state is State.NEVER
    assert figure.coverage is not None
    assert (figure.coverage.days, figure.coverage.of_days) == (6, 7)
    assert "1 point is missing: it was never requested." in figure.notes
    assert figure.totals[0].value == 60


def test_never_asked_failed_and_waiting_are_three_words(
    warehouse: Warehouse, reader: Reader
) -> None:
    moves(warehouse, range(1, 5))
    error = TransportError(verbatim("no reply"))
    warehouse.record_error("wx1", Origin.WECHAT, getusersummary, Window.day(day(5)), error, NOW)
    store(warehouse, getusersummary, Window.day(day(6)), [])
    figure = followers.daily(reader, WEEK)
    assert [figure.marks["wx1", day(n)].state for n in (5, 6, 7)] == [
        State.FAILED,
        State.WAITING,
        State.NEVER,
    ]
    assert figure.values("new_user")[4:] == [None, None, None]
    text = " ".join(figure.notes)
    assert "the last request failed" in text
    assert "has no data for it yet" in text
    assert "was never requested" in text


def test_no_percentage_from_a_period_with_gaps(warehouse: Warehouse, reader: Reader) -> None:
    moves(warehouse, range(-6, 1))
    moves(warehouse, range(1, 7))
    of = Filter(accounts=WEEK.accounts, range=WEEK.range, versus=Versus.PREVIOUS)
    (change,) = followers.daily(reader, of).totals[0].changes
    assert change.kind is ChangeKind.INCOMPLETE
    assert change.share is None


def test_a_day_that_can_change_is_marked(warehouse: Warehouse, reader: Reader) -> None:
    moves(warehouse, range(1, 7))
    moves(warehouse, range(7, 8), at=datetime(2026, 3, 7, 20, tzinfo=BEIJING))
    figure = followers.daily(reader, WEEK)
    assert figure.marks["wx1", day(7)].is_moving
    assert figure.values("new_user")[-1] == 10
    assert "1 point can still change; it is dashed." in figure.notes
    assert followers.kept(reader, WEEK).rows[0][-1] is None, "no share of days that can change"


def test_a_series_that_changes_its_origin_has_a_seam(warehouse: Warehouse, reader: Reader) -> None:
    moves(warehouse, range(1, 4))
    moves(warehouse, range(3, 8), origin=Origin.CUBE)
    figure = followers.daily(reader, WEEK)
    (seam,) = figure.seams
    assert seam.day == day(4)
    assert seam.text == "from 03-04 on: your events"


def test_days_of_two_origins_are_each_counted_once(warehouse: Warehouse, reader: Reader) -> None:
    moves(warehouse, range(1, 4))
    moves(warehouse, range(3, 8), origin=Origin.CUBE)
    assert followers.sources(reader, WEEK).rows == (("wx1", 30, 70, 28),)


def test_a_channel_without_a_row_is_zero_on_a_day_with_rows(
    warehouse: Warehouse, reader: Reader
) -> None:
    moves(warehouse, range(1, 4))
    figure = followers.daily(reader, Filter(accounts=("wx1",), range=WEEK.range, source=17))
    assert figure.values("new_user") == [0, 0, 0, None, None, None, None]


def test_people_of_accounts_are_not_added_up(warehouse: Warehouse, reader: Reader) -> None:
    for appid in ("wx1", "wx2"):
        rows: list[Row] = [UpstreamMsg(ref_date=day(1), msg_type=1, msg_user=5, msg_count=9)]
        store(warehouse, getupstreammsg, Window.day(day(1)), rows, appid=appid)
        total: list[Row] = [UserCumulate(ref_date=day(1), cumulate_user=100)]
        store(warehouse, getusercumulate, Window.day(day(1)), total, appid=appid)
    of = Filter(range=Window.day(day(1)))
    count, people = messages.volume(reader, of).totals
    assert (count.value, people.value) == (18, None)
    assert followers.total_followers(reader, of).totals[0].value == 200


def test_days_that_can_change_are_not_in_a_median(warehouse: Warehouse, reader: Reader) -> None:
    for number, people in ((1, 5), (2, 7), (3, 900)):
        at = NOW if people < 900 else datetime(2026, 3, 3, 20, tzinfo=BEIJING)
        row = UpstreamMsg(ref_date=day(number), msg_type=1, msg_user=people, msg_count=people)
        store(warehouse, getupstreammsg, Window.day(day(number)), [row], asked_at=at)
    figure = messages.types(reader, WEEK)
    assert figure.rows == (("wx1", 1, 912, 6),)


def test_a_small_sample_is_refused_in_words(warehouse: Warehouse, reader: Reader) -> None:
    for number in range(1, 8):
        row = UserReadHour(
            ref_date=day(number),
            ref_hour=800,
            user_source=ALL_CHANNELS,
            int_page_read_user=5,
            int_page_read_count=9,
            share_user=0,
            share_count=0,
        )
        store(warehouse, getuserreadhour, Window.day(day(number)), [row])
    figure = rhythm.best_hours(reader, WEEK)
    assert figure.rows == ()
    assert "at most 1 day per weekday and hour, 4 are needed" in figure.refusal


def test_without_any_data_every_figure_says_so(reader: Reader) -> None:
    figure = overview.yesterday(reader, Filter())
    assert all(total.value is None for total in figure.totals)
    assert figure.sentence == "There are no figures of 2026-03-09 yet."
