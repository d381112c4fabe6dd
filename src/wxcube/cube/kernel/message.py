"""Messages: persons and times by hour, day, week and month, from one sort each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wxcube.beijing import HOURS
from wxcube.cube.kernel.counted import added
from wxcube.cube.kernel.ordered import Ordered, numbered, told_apart
from wxcube.cube.steps.messages import INTERVALS
from wxcube.events.arrays import NDArray, np
from wxcube.events.columns import Columns

Numbers = NDArray[Any]


def days(given: Columns) -> dict[str, Columns]:
    """The tables message_day, getupstreammsghour, getupstreammsg and getupstreammsgdist.

    `given` has lines of the steps' table `message`; message_day comes ordered by day.
    """
    keys = _Keys.of(given, given["d"])
    rows = keys.ordered((given["h"], HOURS))
    label, person, kind, hour = rows.columns
    at_hour, at_kind, at_day = (rows.starts(depth) for depth in (4, 3, 2))
    times = np.diff(at_kind, append=len(label))
    ones = np.ones(len(label), "i8")
    hours = _per_type(keys, label * HOURS + hour, kind, at_hour, ones)
    hour = hours.pop("label")
    of_day = _per_type(keys, label, kind, at_kind, ones)
    people = np.diff(at_day, append=len(label))
    return {
        "message_day": keys.shown(label[at_kind], "d")
        | {"msg_type": keys.types[kind[at_kind]].astype("i4")}
        | {"person": keys.persons[person[at_kind]], "n": times},
        "getupstreammsghour": keys.shown(hour // HOURS)
        | {"ref_hour": (hour % HOURS * 100).astype("i4")}
        | hours,
        "getupstreammsg": keys.shown(of_day.pop("label")) | of_day,
        "getupstreammsgdist": _spread(keys, label[at_day], people),
    }


def periods(given: Columns, labels: Numbers) -> tuple[Columns, Columns]:
    """The table getupstreammsgweek or …month, and getupstreammsgdistweek or …month.

    `given` has lines of message_day, `labels` the first day of each line's week or month.
    """
    keys = _Keys.of(given, labels)
    rows = keys.ordered((given["n"], int(given["n"].max(initial=0)) + 1))
    label, _, kind, n = rows.columns
    at_kind, at_label = rows.starts(3), rows.starts(2)
    per_type = _per_type(keys, label, kind, at_kind, n)
    people = np.add.reduceat(n, at_label) if len(n) else n
    return (
        keys.shown(per_type.pop("label")) | per_type,
        _spread(keys, label[at_label], people),
    )


@dataclass(frozen=True)
class _Keys:
    """Accounts, days, types and persons by their places among the distinct ones."""

    accounts: Numbers
    types: Numbers
    persons: Numbers
    first: int
    size: int
    """A number that all labels are below."""
    label: Numbers
    """Day and account of each line in one number, ordered by day."""
    kind: Numbers
    person: Numbers

    @classmethod
    def of(cls, given: Columns, dates: Numbers) -> _Keys:
        accounts, acct = numbered(given["acct"], int(given["acct"].max(initial=0)) + 1)
        types, kind = told_apart(given["msg_type"])
        persons, person = told_apart(given["person"])
        first = int(dates.min(initial=1 << 30))
        label = (dates.astype("i8") - first) * len(accounts) + acct
        size = int(label.max(initial=-1)) + 1
        return cls(accounts, types, persons, first, size, label, kind, person)

    def ordered(self, last: tuple[Numbers, int]) -> Ordered:
        """The lines by label, person, type and something more."""
        return Ordered.of(
            (self.label, self.size),
            (self.person, len(self.persons)),
            (self.kind, len(self.types)),
            last,
        )

    def shown(self, labels: Numbers, name: str = "ref_date") -> Columns:
        """Account and day of labels."""
        d, acct = np.divmod(labels, max(1, len(self.accounts)))
        return {"acct": self.accounts[acct].astype("i4"), name: (d + self.first).astype("i4")}


def _per_type(
    keys: _Keys, label: Numbers, kind: Numbers, starts: Numbers, times: Numbers
) -> Columns:
    """People and messages by label and type; a person's lines of both begin at `starts`."""
    several = max(1, len(keys.types))
    key = label * several + kind
    found, place = numbered(key, int(key.max(initial=-1)) + 1)
    return {
        "label": found // several,
        "msg_type": keys.types[found % several].astype("i4"),
        "msg_user": np.bincount(place[starts], minlength=len(found)),
        "msg_count": added(place, len(found), times),
    }


def _spread(keys: _Keys, label: Numbers, times: Numbers) -> Columns:
    """People by how many messages they sent."""
    interval = 1 + np.searchsorted(INTERVALS, times)
    several = len(INTERVALS) + 2
    found, place = numbered(label * several + interval, keys.size * several)
    number = {"count_interval": (found % several).astype("i4")}
    return (
        keys.shown(found // several)
        | number
        | {"msg_user": np.bincount(place, minlength=len(found))}
    )
