"""Events become columns: once each, by family, without openids."""

from typing import Any

import numpy as np
import pytest

from wxcube.events import kinds as ev
from wxcube.events.columns import (
    FAMILIES,
    Action,
    article_msgid,
    article_number,
    family,
    to_batch,
)

AT = 1_700_000_000


def test_each_kind_of_event_lands_in_its_family() -> None:
    user: Any = {"user": "o1", "account": "a", "at": AT}
    batch = to_batch(
        [
            ev.Open(id="1", account="a", at=AT, followers=5),
            ev.Follow(id="2", **user, source=30, msgid="7_2"),
            ev.Unfollow(id="3", **user, source=1),
            ev.Message(id="4", **user, msg_type=6),
            ev.Reply(id="5", account="b", at=AT, ms=120, ok=False),
            ev.Publish(id="6", account="a", at=AT, msgid="7_2", title="题", target_user=9),
            ev.Read(id="7", **user, msgid="7_2", source=2, seconds=30, finished=True, position=4),
            ev.Share(id="8", **user, msgid="7_2", source=4, scene=255),
            ev.Praise(id="9", **user, msgid="7_2", fen=100),
        ]
    )
    assert batch.accounts == ("a", "b")
    assert len(batch) == 9
    assert batch.follow["change"].tolist() == [1, -1]
    assert batch.follow["article"].tolist() == [702, 0]
    assert batch.reply["account"].tolist() == [1]
    assert batch.publish["title"].tolist() == ["题"]
    assert batch.activity["action"].tolist() == [Action.READ, Action.SHARE, Action.PRAISE]
    assert batch.activity["scene"].tolist() == [0, 255, 0]
    assert batch.activity["fen"].tolist() == [0, 0, 100]


def test_the_first_of_two_events_with_one_id_counts() -> None:
    first = ev.Message(id="1", account="a", at=AT, user="o", msg_type=1)
    again = ev.Message(id="1", account="a", at=AT + 5, user="o", msg_type=2)
    elsewhere = ev.Message(id="1", account="b", at=AT, user="o", msg_type=3)
    batch = to_batch([first, again, elsewhere])
    assert batch.message["msg_type"].tolist() == [1, 3]


def test_a_key_changes_every_user_number() -> None:
    events = [ev.Message(id="1", account="a", at=AT, user="o", msg_type=1)]
    plain, keyed, other = (to_batch(events, key).message["user"] for key in (b"", b"k", b"l"))
    assert len({plain[0], keyed[0], other[0]}) == 3


def test_no_events_make_empty_columns_of_the_right_types() -> None:
    batch = to_batch([])
    assert len(batch) == 0
    for name, columns in batch.families():
        assert {c: np.dtype(t) for c, t in FAMILIES[name].items()} == {
            c: a.dtype for c, a in columns.items()
        }


@pytest.mark.parametrize("msgid", ["1_1", "2247483650_8", "9999999999999999_99"])
def test_a_msgid_survives_its_number(msgid: str) -> None:
    assert article_msgid(article_number(msgid)) == msgid
    assert article_number(msgid) < 2**63


def test_a_family_refuses_missing_and_uneven_columns() -> None:
    with pytest.raises(ValueError, match="has the columns"):
        family("open", account=[0], at=[1])
    with pytest.raises(ValueError, match="differ in length"):
        family("open", account=[0], at=[1, 2], followers=[3])
