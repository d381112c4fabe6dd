"""What went wrong, for people: in their language, short, and without secrets."""

from __future__ import annotations

from wxcube.cli.error_words import in_words
from wxcube.contract.codes import ERRCODES
from wxcube.errors import ReplyError, WxcubeError
from wxcube.i18n.language import Language
from wxcube.log import redact


def in_short(error: WxcubeError, say: Language) -> str:
    """An error in a few words: the errcode's meaning, or the message."""
    known = ERRCODES.get(error.errcode) if isinstance(error, ReplyError) else None
    if known is None:
        return in_words(redact(str(error)), say)
    return f"{known.code} {say(known.zh, known.en)}"


def in_full(message: str, errcode: int | None, say: Language) -> str:
    """An error's whole message; in Chinese with the errcode's meaning first."""
    known = ERRCODES.get(errcode) if errcode else None
    told = in_words(redact(message), say)
    return f"{known.zh}（{told}）" if known and say.chinese else told
