"""Messages: the number of users and messages by hour, day, week and month, from one sort each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxcube.beijing import HOURS
from wxcube.cube.kernel.counted import sum_at
from wxcube.cube.kernel.ordered import SortedRows, distinct, distinct_below
from wxcube.cube.steps.messages import INTERVALS
from wxcube.events.columns import Columns

Numbers = NDArray[Any]


def day_tables(messages: Columns) -> dict[str, Columns]:
    """The tables message_day, getupstreammsghour, getupstreammsg and getupstreammsgdist.

    `messages` has rows of the steps' table `message`; message_day is ordered by day.
    """
    keys = _Keys.of(messages, messages["d"])
    rows = keys.sorted_by((messages["h"], HOURS))
    label, user, msg_type, hour = rows.columns
    at_hour, at_type, at_day = (rows.starts(depth) for depth in (4, 3, 2))
    per_user_and_type = np.diff(at_type, append=len(label))
    ones = np.ones(len(label), "i8")
    by_hour = _per_type(keys, label * HOURS + hour, msg_type, at_hour, ones)
    label_and_hour = by_hour.pop("label")
    by_day = _per_type(keys, label, msg_type, at_type, ones)
    per_user = np.diff(at_day, append=len(label))
    return {
        "message_day": keys.account_and_day(label[at_type], "d")
        | {"msg_type": keys.types[msg_type[at_type]].astype("i4")}
        | {"person": keys.users[user[at_type]], "n": per_user_and_type},
        "getupstreammsghour": keys.account_and_day(label_and_hour // HOURS)
        | {"ref_hour": (label_and_hour % HOURS * 100).astype("i4")}
        | by_hour,
        "getupstreammsg": keys.account_and_day(by_day.pop("label")) | by_day,
        "getupstreammsgdist": _distribution(keys, label[at_day], per_user),
    }


def period_tables(message_day: Columns, labels: Numbers) -> tuple[Columns, Columns]:
    """The tables getupstreammsgweek and getupstreammsgdistweek, or those of months.

    `labels` has the first day of the week or month of each row of message_day.
    """
    keys = _Keys.of(message_day, labels)
    count = message_day["n"]
    rows = keys.sorted_by((count, int(count.max(initial=0)) + 1))
    label, _, msg_type, n = rows.columns
    at_type, at_label = rows.starts(3), rows.starts(2)
    per_type = _per_type(keys, label, msg_type, at_type, n)
    per_user = np.add.reduceat(n, at_label) if len(n) else n
    return (
        keys.account_and_day(per_type.pop("label")) | per_type,
        _distribution(keys, label[at_label], per_user),
    )


@dataclass(frozen=True)
class _Keys:
    """The accounts, days, types and users of rows, as indexes into the distinct values."""

    accounts: Numbers
    types: Numbers
    users: Numbers
    first: int
    """The first day."""
    size: int
    """A number that all labels are below."""
    label: Numbers
    """Day and account of each row as one number, ordered by day."""
    msg_type: Numbers
    user: Numbers

    @classmethod
    def of(cls, rows: Columns, dates: Numbers) -> _Keys:
        accounts, acct = distinct_below(rows["acct"], int(rows["acct"].max(initial=0)) + 1)
        types, msg_type = distinct(rows["msg_type"])
        users, user = distinct(rows["person"])
        first = int(dates.min(initial=1 << 30))
        label = (dates.astype("i8") - first) * len(accounts) + acct
        size = int(label.max(initial=-1)) + 1
        return cls(accounts, types, users, first, size, label, msg_type, user)

    def sorted_by(self, last: tuple[Numbers, int]) -> SortedRows:
        """The rows sorted by label, user, type and one more column."""
        return SortedRows.of(
            (self.label, self.size),
            (self.user, len(self.users)),
            (self.msg_type, len(self.types)),
            last,
        )

    def account_and_day(self, labels: Numbers, day_name: str = "ref_date") -> Columns:
        """The account and day of labels."""
        d, acct = np.divmod(labels, max(1, len(self.accounts)))
        return {"acct": self.accounts[acct].astype("i4"), day_name: (d + self.first).astype("i4")}


def _per_type(
    keys: _Keys, label: Numbers, msg_type: Numbers, starts: Numbers, counts: Numbers
) -> Columns:
    """Users and messages by label and type; the rows of a user for both begin at `starts`."""
    type_count = max(1, len(keys.types))
    label_and_type = label * type_count + msg_type
    pairs, pair = distinct_below(label_and_type, int(label_and_type.max(initial=-1)) + 1)
    return {
        "label": pairs // type_count,
        "msg_type": keys.types[pairs % type_count].astype("i4"),
        "msg_user": np.bincount(pair[starts], minlength=len(pairs)),
        "msg_count": sum_at(pair, len(pairs), counts),
    }


def _distribution(keys: _Keys, label: Numbers, per_user: Numbers) -> Columns:
    """Users by the interval of the number of messages they sent."""
    interval = 1 + np.searchsorted(INTERVALS, per_user)
    size = len(INTERVALS) + 2
    pairs, pair = distinct_below(label * size + interval, keys.size * size)
    return (
        keys.account_and_day(pairs // size)
        | {"count_interval": (pairs % size).astype("i4")}
        | {"msg_user": np.bincount(pair, minlength=len(pairs))}
    )
