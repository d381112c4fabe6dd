"""An endpoint that needs a card id is skipped without one; the explanation names the setting."""

from __future__ import annotations

from datetime import datetime

import pytest

from wxcube.beijing import BEIJING
from wxcube.contract import ENDPOINTS, named
from wxcube.i18n.language import Language
from wxcube.i18n.message import Code
from wxcube.jobs.accounts import wanted_days
from wxcube.settings import AccountSettings, SyncSettings
from wxcube.warehouse.explanation import explain_skipped
from wxcube.warehouse.sync.plan import EmptyLedger, Plan, SkipReason, plan

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
DETAIL = named("getcardmembercarddetail")


def planned(*cards: str) -> Plan:
    account = AccountSettings(appid="wxdemo-a", cards=list(cards))
    return plan(wanted_days(account, SyncSettings(), NOW), EmptyLedger(), NOW)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("en", "under cards in the account's settings"), ("zh", "该公众号的 cards")],
)
def test_without_cards_the_explanation_names_the_setting(code: Code, expected: str) -> None:
    [skipped] = [s for s in planned().skipped if s.reason is SkipReason.NEEDS_PARAM]
    assert skipped.endpoint is DETAIL
    explanation = Language(code)(explain_skipped(skipped))
    assert "card_id" in explanation
    assert expected in explanation


def test_with_the_setting_every_card_has_calls() -> None:
    plan = planned("pDEMO1", "pDEMO2")
    assert not [s for s in plan.skipped if s.reason is SkipReason.NEEDS_PARAM]
    card_ids = {call.params["card_id"] for call in plan.calls if call.endpoint is DETAIL}
    assert card_ids == {"pDEMO1", "pDEMO2"}


def test_no_other_parameter_can_be_missing() -> None:
    """The explanation is about cards only; another required parameter would need its own."""
    required = {p.name for e in ENDPOINTS for p in e.params if p.required and p.default is None}
    assert required == {"card_id"}
