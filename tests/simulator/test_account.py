"""Identity and behaviour of simulated accounts."""

from __future__ import annotations

import re

from support.simulated import FIRST_DAY, accounts
from wxcube.simulator.simulator import simulated_accounts

MANY = accounts(count=40)


def test_appids_cannot_be_real_and_secrets_look_real() -> None:
    assert all(re.fullmatch(r"wxdemo[0-9a-f]{12}", account.appid) for account in MANY)
    assert all(re.fullmatch(r"[0-9a-f]{32}", account.secret) for account in MANY)
    assert len({a.appid for a in MANY}) == len({a.secret for a in MANY}) == len(MANY)


def test_secrets_are_not_shown() -> None:
    assert MANY[0].secret not in repr(MANY[0])


def test_accounts_do_not_depend_on_the_count() -> None:
    assert simulated_accounts(7, 3, FIRST_DAY) == list(MANY[:3])


def test_the_second_account_lacks_the_card_permission_and_has_no_cards() -> None:
    assert MANY[0].permission_sets == {1, 2, 3, 7, 8}
    assert MANY[1].permission_sets == {1, 2, 3, 7}
    assert len(MANY[0].cards) == 4
    assert MANY[1].cards == ()


def test_later_accounts_differ_in_permissions_and_size() -> None:
    assert len({account.permission_sets for account in MANY}) >= 4
    sizes = [account.character.followers for account in MANY]
    assert min(sizes) < 2_500
    assert 18_000 <= max(sizes) <= 40_000
    assert 8_000 <= sizes[1] <= 16_000


def test_two_coupons_are_created_through_the_api_and_one_on_the_console() -> None:
    coupons = [card for card in MANY[0].cards if not card.is_membership]
    assert sorted(card.cond_source for card in coupons) == [0, 1, 1]
    assert len({card.card_id for account in MANY for card in account.cards}) == sum(
        len(account.cards) for account in MANY
    )
