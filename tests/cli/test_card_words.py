"""An endpoint that is asked card by card says where its cards are named."""

from __future__ import annotations

from datetime import datetime

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.jobs.accounts import wanted
from wxcube.settings import AccountSettings, SyncSettings
from wxcube.warehouse.sync.plan import Plan, Reason, plan
from wxcube.warehouse.words import Language, explain_skipped

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DETAIL = named("getcardmembercarddetail")


def planned(*cards: str) -> Plan:
    account = AccountSettings(appid="wxdemo-a", cards=list(cards))
    return plan(wanted(account, SyncSettings(), NOW), lambda *_, **__: {}, NOW)


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "under cards in the account's settings"), ("zh", "该账号的 cards")],
)
def test_without_cards_the_words_name_the_setting(language: Language, words: str) -> None:
    [left] = [s for s in planned().skipped if s.reason is Reason.NEEDS_PARAM]
    assert left.endpoint is DETAIL
    told = explain_skipped(left, language)
    assert "card_id" in told
    assert words in told


def test_doing_what_the_words_say_helps() -> None:
    done = planned("pDEMO1", "pDEMO2")
    assert not [s for s in done.skipped if s.reason is Reason.NEEDS_PARAM]
    assert {c.params["card_id"] for c in done.calls if c.endpoint is DETAIL} == {"pDEMO1", "pDEMO2"}


def test_no_other_member_can_be_missing() -> None:
    """The words speak of cards alone; a second needed member would want words of its own."""
    needed = {p.name for e in ENDPOINTS for p in e.params if p.required and p.default is None}
    assert needed == {"card_id"}
