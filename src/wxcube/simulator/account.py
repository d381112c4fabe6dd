"""Simulated accounts: name, credentials, permissions, behaviour and cards."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import date, timedelta

from wxcube.simulator.dice import Dice

_PREFIXES = ("青禾", "南城", "小满", "晨光", "山海", "木叶", "半夏", "云间", "北巷", "溪石")
_SUFFIXES = ("读书会", "生活指南", "小厨房", "亲子课堂", "徒步社", "园艺角")
_WEEKDAYS = ((0, 2, 4, 6), (1, 3, 5), (0, 1, 3, 4), (1, 4), (2, 5))
_SEND_HOURS = (7, 8, 11, 12, 17, 18, 20, 21)
_PERMISSION_SETS = (
    frozenset({1, 2, 3, 7, 8}),
    frozenset({1, 2, 3, 7}),
    frozenset({1, 2, 3, 7, 8, 23}),
    frozenset({2, 7, 8}),
    frozenset({1, 2, 7, 23}),
)
_CARD_SET = 8
_SIZES = ((18_000, 40_000), (8_000, 16_000), (300, 2_500), (3_000, 9_000))


@dataclass(frozen=True, slots=True)
class Character:
    """Behaviour of an account; rates are users per million followers and day."""

    followers: int
    theme: int
    weekdays: tuple[int, ...]
    send_second: int
    follow_rate: int
    leave_rate: int
    talk_rate: int


@dataclass(frozen=True, slots=True)
class Card:
    """A coupon or the membership card of an account."""

    card_id: str
    title: str
    cond_source: int
    """0 created on the console, 1 created through the API."""
    card_type: int | None
    """Type of the coupon; None for the membership card."""
    is_pay: int
    since: date
    daily_views: int

    @property
    def is_membership(self) -> bool:
        """Whether this is the membership card."""
        return self.card_type is None


@dataclass(frozen=True, slots=True)
class SimulatedAccount:
    """A simulated account; its appid begins with wxdemo."""

    appid: str
    secret: str = field(repr=False)
    name: str
    permission_sets: frozenset[int]
    first_day: date
    number: int
    """1 for the first account of a seed, and so on."""
    seed: int

    @property
    def dice(self) -> Dice:
        """Source of all random numbers of this account."""
        return Dice(self.seed).of("account", self.number)

    @property
    def original_id(self) -> str:
        """The account's id in callbacks, their ToUserName."""
        return "gh_" + self.dice.hex("original id", 12)

    @property
    def message_token(self) -> str:
        """The token that callbacks are signed with."""
        return self.dice.hex("message token", 32)

    @property
    def message_key(self) -> str:
        """The EncodingAESKey of encrypted callbacks."""
        key = bytes.fromhex(self.dice.hex("key 1", 32) + self.dice.hex("key 2", 32))
        return b64encode(key).decode().rstrip("=")

    @property
    def character(self) -> Character:
        """Behaviour of the account."""
        dice = self.dice.of("character")
        low, high = _SIZES[_index_in_turn(self.number, len(_SIZES))]
        return Character(
            followers=dice.pick("followers", low, high),
            theme=(self.number - 1) % len(_SUFFIXES),
            weekdays=_WEEKDAYS[(self.number - 1) % len(_WEEKDAYS)],
            send_second=_send_second(dice),
            follow_rate=dice.pick("follow", 900, 1_800),
            leave_rate=dice.pick("leave", 450, 700),
            talk_rate=dice.pick("talk", 4_200, 8_500),
        )

    @property
    def cards(self) -> tuple[Card, ...]:
        """Two coupons created through the API, one created on the console, and the membership card.

        An account without the permission set for cards has none.
        """
        if _CARD_SET not in self.permission_sets:
            return ()
        return tuple(_card(self, place) for place in range(len(_CARDS)))


def simulated_accounts(seed: int, count: int, first_day: date) -> list[SimulatedAccount]:
    """The first `count` accounts of a seed, which all begin on `first_day`.

    An account does not depend on the count.
    """
    return [_account(seed, number, first_day) for number in range(1, count + 1)]


def _account(seed: int, number: int, first_day: date) -> SimulatedAccount:
    dice = Dice(seed).of("account", number)
    prefix = _PREFIXES[dice.pick("prefix", 0, len(_PREFIXES) - 1)]
    return SimulatedAccount(
        appid="wxdemo" + dice.hex("appid", 12),
        secret=dice.hex("secret", 32),
        name=f"{prefix}{_SUFFIXES[(number - 1) % len(_SUFFIXES)]}（演示）",
        permission_sets=_PERMISSION_SETS[_index_in_turn(number, len(_PERMISSION_SETS))],
        first_day=first_day,
        number=number,
        seed=seed,
    )


def _index_in_turn(number: int, length: int) -> int:
    """Index into a list: 0 and 1 for the first two accounts, then the other indexes in turn."""
    return number - 1 if number <= length else 2 + (number - 3) % (length - 2)


def _send_second(dice: Dice) -> int:
    hour = _SEND_HOURS[dice.pick("hour", 0, len(_SEND_HOURS) - 1)]
    return hour * 3600 + dice.pick("quarter", 0, 3) * 900


_CARDS: tuple[tuple[str, int, int | None, int, int, int], ...] = (
    ("满减代金券", 1, 1, 0, 0, 9),
    ("到店礼品券", 1, 2, 0, 12, 5),
    ("双人体验团购券", 0, 4, 1, 30, 4),
    ("会员卡", 1, None, 0, 0, 12),
)
"""Title, cond_source, card_type, is_pay, days after the first day, daily views per 1,000 users."""


def _card(account: SimulatedAccount, place: int) -> Card:
    title, cond_source, card_type, is_pay, later, views = _CARDS[place]
    return Card(
        card_id="pDEMO" + account.dice.of("card", place).hex("id", 23),
        title=title,
        cond_source=cond_source,
        card_type=card_type,
        is_pay=is_pay,
        since=account.first_day + timedelta(days=later),
        daily_views=max(account.character.followers * views // 1000, 3),
    )
