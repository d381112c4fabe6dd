"""Every errcode of the fact sheet has an error class and a suitable remedy."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support import evidence
from wxcube.contract import ENDPOINTS, Window, codes
from wxcube.errors import Remedy, ReplyError, RetiredError

KNOWN = {e["code"]: e for e in evidence.errors()["errors"] if e["code"] != 0}
REMEDIES = {
    "retry": {Remedy.RETRY, Remedy.WAIT},
    "refresh_token": {Remedy.REFRESH},
    "stop_until_midnight": {Remedy.WAIT},
    "fix_request": {Remedy.STOP},
    "fix_permission": {Remedy.STOP, Remedy.SKIP},
}
RID = "608a6564-495fb669-6d56d31b"
every_code = pytest.mark.parametrize("fact", KNOWN.values(), ids=lambda fact: str(fact["code"]))


def test_codes_are_those_of_the_fact_sheet() -> None:
    assert list(codes.ERRCODES) == list(KNOWN)


@every_code
def test_the_remedy_matches_the_action(fact: dict[str, Any]) -> None:
    known = codes.ERRCODES[fact["code"]]
    allowed = {Remedy.SKIP} if known.error is RetiredError else REMEDIES[fact["action"]]
    assert known.remedy in allowed


@every_code
def test_errmsg_is_the_start_of_an_observed_message(fact: dict[str, Any]) -> None:
    errmsg = codes.ERRCODES[fact["code"]].errmsg
    pattern = re.compile(re.escape(errmsg).replace(r"\{ip\}", r"\d+(\.\d+){3}"))
    assert errmsg
    assert not fact["observed"] or any(pattern.match(seen) for seen in fact["observed"])


@every_code
def test_meaning_scope_and_status(fact: dict[str, Any]) -> None:
    known = codes.ERRCODES[fact["code"]]
    assert (known.zh, known.en) == (fact["meaning_zh"], fact["meaning_en"])
    assert list(known.scope) == fact["scope"]
    assert known.status == fact["status"]


@every_code
def test_every_code_has_a_hint(fact: dict[str, Any]) -> None:
    hint = codes.ERRCODES[fact["code"]].hint
    assert len(hint.split()) >= 4
    assert hint[0].islower() or hint.startswith(("WeChat", "10 resets"))
    assert not hint.endswith(".")


def test_hints_agree_with_the_remedy() -> None:
    waiting = [known for known in codes.ERRCODES.values() if known.remedy is Remedy.WAIT]
    assert all(re.search(r"wait|again|after|newest", known.hint) for known in waiting)
    refreshing = [known for known in codes.ERRCODES.values() if known.remedy is Remedy.REFRESH]
    assert all("new" in known.hint and "once" in known.hint for known in refreshing)


def test_codes_that_refresh_the_token() -> None:
    facts = evidence.facts()
    refreshing = {c for c, known in codes.ERRCODES.items() if known.remedy is Remedy.REFRESH}
    assert refreshing - {42006} == set(facts["refresh_on"])
    assert not refreshing & set(facts["never_refresh_on"])


def test_all_documented_codes_are_known() -> None:
    for groups in evidence.errors()["groups"].values():
        assert groups == "not seen" or set(groups) <= codes.ERRCODES.keys()
    assert {code for e in ENDPOINTS for code in e.errcodes} <= codes.ERRCODES.keys()


@every_code
def test_an_error_has_all_details_of_the_answer(fact: dict[str, Any]) -> None:
    window = Window.parse("2026-03-01..2026-03-07")
    error = codes.reply_error(
        fact["code"], f"words rid: {RID}", endpoint="getuserread", window=window
    )
    known = codes.ERRCODES[fact["code"]]
    assert isinstance(error, known.error)
    assert (error.errcode, error.rid, error.endpoint, error.window) == (
        fact["code"],
        RID,
        "getuserread",
        window,
    )
    assert error.remedy is known.remedy
    for part in ("getuserread", "2026-03-01..2026-03-07", str(fact["code"]), RID, known.hint):
        assert part in str(error)


@pytest.mark.parametrize("errmsg", ["words hint: [KnUjna09611487]", "words", "rid: 1234"])
def test_a_message_without_rid(errmsg: str) -> None:
    assert codes.reply_error(61500, errmsg).rid == ""


def test_a_rid_without_a_space_is_found() -> None:
    assert codes.reply_error(40002, f"invalid grant_type, rid:{RID}").rid == RID


def test_the_remedy_of_an_unknown_code_is_to_stop() -> None:
    error = codes.reply_error(123456, "who knows")
    assert type(error) is ReplyError
    assert error.remedy is Remedy.STOP
    assert "unknown" in str(error)
