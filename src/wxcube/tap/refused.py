"""Why a callback is not recorded. It is refused by the tap only: a server behind still gets it."""

from __future__ import annotations

from enum import StrEnum

from wxcube.i18n import Message, _


class Reason(StrEnum):
    """A kind of callback that is not recorded."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    HOSTILE = "hostile"
    UNSIGNED = "unsigned"
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN_ACCOUNT = "unknown_account"
    NO_KEY = "no_key"
    NOT_ENCRYPTED = "not_encrypted"
    UNDECRYPTABLE = "undecryptable"
    WRONG_APPID = "wrong_appid"
    WRONG_MEMBER = "wrong_member"
    WRONG_TIME = "wrong_time"
    REPLAYED = "replayed"


MEANINGS: dict[Reason, Message] = {
    Reason.TOO_LARGE: _("larger than message_bytes in the section [tap]"),
    Reason.MALFORMED: _("neither XML nor JSON of a callback"),
    Reason.HOSTILE: _("XML with a document type or entities, or nested too deeply"),
    Reason.UNSIGNED: _("without signature, timestamp or nonce in the URL"),
    Reason.WRONG_SIGNATURE: _("signed with another token than that of the account"),
    Reason.UNKNOWN_ACCOUNT: _("for a ToUserName that is no original_id in the settings"),
    Reason.NO_KEY: _("encrypted, and the settings have no message_key of the account"),
    Reason.NOT_ENCRYPTED: _("not encrypted, although the account has a message_key"),
    Reason.UNDECRYPTABLE: _("encrypted with another key than that of the account"),
    Reason.WRONG_APPID: _("encrypted for another AppID than that of the account"),
    Reason.WRONG_MEMBER: _("a member is missing or has an impossible value"),
    Reason.WRONG_TIME: _("CreateTime is more than a day away from the time of the callback"),
    Reason.REPLAYED: _("sent again later or more often than WeChat repeats a callback"),
}
"""What each reason means, for people."""


class RefusedError(Exception):
    """A callback is not recorded; `detail` has nothing that a user sent."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail
