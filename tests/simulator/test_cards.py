"""Rows of simulated coupons and membership cards."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from support.simulated import FIRST_DAY, LAST_DAY, accounts
from wxcube.contract import ENDPOINTS
from wxcube.contract.card import (
    CardBizuinInfo,
    getcardbizuininfo,
    getcardcardinfo,
    getcardmembercarddetail,
    getcardmembercardinfo,
)
from wxcube.contract.endpoint import Endpoint, Group
from wxcube.contract.window import Window
from wxcube.errors import ContractError
from wxcube.simulator.simulator import card_rows

ACCOUNT = accounts()[0]
WHOLE = Window(FIRST_DAY, LAST_DAY)
CARDS: list[Endpoint[Any]] = [e for e in ENDPOINTS if e.group is Group.CARD]
MEMBERSHIP = next(card for card in ACCOUNT.cards if card.is_membership)
PARAMS = {getcardmembercarddetail.name: {"card_id": MEMBERSHIP.card_id}}


def rows(endpoint: Endpoint[Any], window: Window = WHOLE, **params: object) -> list[Any]:
    return card_rows(ACCOUNT, endpoint, window, PARAMS.get(endpoint.name, {}) | params)


@pytest.mark.parametrize("endpoint", CARDS, ids=str)
def test_any_window_has_the_same_rows_in_order(endpoint: Endpoint[Any]) -> None:
    whole = rows(endpoint)
    keys = [tuple(getattr(row, name) for name in endpoint.key) for row in whole]
    assert keys == sorted(set(keys))
    assert len({row.ref_date for row in whole}) >= 115
    parts = [rows(endpoint, window) for window in WHOLE.split(11)]
    assert [row for part in parts for row in part] == whole


@pytest.mark.parametrize("endpoint", CARDS, ids=str)
def test_no_row_before_the_first_day(endpoint: Endpoint[Any]) -> None:
    before = Window(FIRST_DAY - timedelta(days=40), FIRST_DAY - timedelta(days=1))
    assert rows(endpoint, before) == []
    around = Window(before.first, FIRST_DAY)
    assert {row.ref_date for row in rows(endpoint, around)} == {FIRST_DAY}


@pytest.mark.parametrize("endpoint", CARDS, ids=str)
def test_users_never_exceed_counts_and_uses_never_exceed_views(
    endpoint: Endpoint[Any],
) -> None:
    for row in rows(endpoint):
        for action in ("view", "receive", "verify"):
            people, times = (getattr(row, f"{action}_{unit}") for unit in ("user", "cnt"))
            assert 0 <= people <= times
            assert bool(people) == bool(times)
        assert row.view_cnt >= max(row.receive_cnt, row.verify_cnt)
        assert row.view_user >= max(row.receive_user, row.verify_user)


@pytest.mark.parametrize("endpoint", [getcardbizuininfo, getcardcardinfo], ids=str)
def test_fewer_coupons_are_used_than_received(endpoint: Endpoint[Any]) -> None:
    for row in rows(endpoint):
        assert row.receive_cnt >= row.verify_cnt + row.given_cnt
        assert row.receive_user >= row.verify_user
        assert row.given_user <= row.given_cnt
        assert row.expire_user <= row.expire_cnt


def test_coupons_expire_thirty_days_after_they_were_received() -> None:
    for card in ACCOUNT.cards[:2]:
        actual = {r.ref_date: r for r in rows(getcardcardinfo, card_id=card.card_id)}
        for day, row in actual.items():
            taken = actual.get(day - timedelta(days=30))
            left = taken.receive_cnt - taken.verify_cnt - taken.given_cnt if taken else 0
            assert row.expire_cnt == left


@pytest.mark.parametrize("cond_source", [0, 1])
def test_the_overview_is_the_sum_of_the_coupons_of_its_source(cond_source: int) -> None:
    coupons = rows(getcardcardinfo, cond_source=cond_source)
    for row in rows(getcardbizuininfo, cond_source=cond_source):
        same = [c for c in coupons if c.ref_date == row.ref_date]
        assert same
        for column in CardBizuinInfo.__struct_fields__[1:]:
            parts = [getattr(coupon, column) for coupon in same]
            if column.endswith("_cnt"):
                assert getattr(row, column) == sum(parts)
            else:
                assert max(parts) <= getattr(row, column) <= sum(parts)


def test_cards_are_selected_by_source_and_id() -> None:
    ids = {
        source: {
            c.card_id for c in ACCOUNT.cards if not c.is_membership and c.cond_source == source
        }
        for source in (0, 1)
    }
    assert {row.card_id for row in rows(getcardcardinfo)} == ids[1]
    assert {row.card_id for row in rows(getcardcardinfo, cond_source=0)} == ids[0]
    one = min(ids[1])
    assert {row.card_id for row in rows(getcardcardinfo, card_id=one)} == {one}
    assert rows(getcardcardinfo, cond_source=0, card_id=one) == []
    assert rows(getcardcardinfo, card_id=MEMBERSHIP.card_id) == []
    assert rows(getcardmembercarddetail, card_id=one) == []
    assert rows(getcardmembercardinfo, cond_source=0) == []


def test_the_number_of_members_only_grows() -> None:
    details, overview = rows(getcardmembercarddetail), rows(getcardmembercardinfo)
    assert [r.total_user for r in details] == [r.total_user for r in overview]
    for before, row in pairwise(details):
        assert row.total_user == before.total_user + row.new_user
    for one, row in pairwise(overview):
        assert row.total_receive_user == one.total_receive_user + row.receive_user
        assert row.total_receive_user >= row.total_user
    assert all(0 <= row.fee <= row.payOriginalFee for row in details)
    assert all(row.new_user is None for row in overview)


def test_codes_are_known() -> None:
    kinds = {(r.card_type, r.is_pay) for s in (0, 1) for r in rows(getcardcardinfo, cond_source=s)}
    assert kinds == {(1, 0), (2, 0), (4, 1)}


def test_an_account_without_cards_has_no_rows() -> None:
    assert all(card_rows(accounts()[1], e, WHOLE, PARAMS.get(e.name)) == [] for e in CARDS)


def test_a_call_without_the_required_card_is_refused() -> None:
    with pytest.raises(ContractError, match="card_id"):
        card_rows(ACCOUNT, getcardmembercarddetail, WHOLE, {})
