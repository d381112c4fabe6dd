"""What went wrong in a sync, and why lines were refused, in the reader's language."""

from __future__ import annotations

import pytest

from wxcube.cli.reasons import in_words
from wxcube.cli.trouble import in_full, in_short
from wxcube.contract.codes import reply_error
from wxcube.errors import TransportError, WarehouseError
from wxcube.i18n.language import Language

CHINESE, ENGLISH = Language(chinese=True), Language(chinese=False)


def test_an_error_without_errcode_is_turned() -> None:
    error = WarehouseError("wxcube.db is empty", hint="fill it with `wxcube sync`")
    assert in_short(error, CHINESE) == "wxcube.db 是空的；请用 `wxcube sync` 取得数据"
    assert in_full(str(error), None, CHINESE) == in_short(error, CHINESE)
    assert in_short(error, ENGLISH) == in_full(str(error), None, ENGLISH) == str(error)


def test_an_errcode_is_told_by_its_meaning() -> None:
    error = reply_error(45009, "reach max api daily quota limit", endpoint="getuserread")
    assert in_short(error, ENGLISH).startswith("45009 ")
    assert in_short(error, CHINESE).startswith("45009 ")
    assert in_short(error, CHINESE) != in_short(error, ENGLISH)


def test_no_secret_is_told_in_any_language() -> None:
    error = TransportError("no answer to /cgi-bin/token?secret=0123456789abcdef")
    for say in (CHINESE, ENGLISH):
        assert "0123456789abcdef" not in in_short(error, say) + in_full(str(error), None, say)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("half of a surrogate pair, as `\\ud83d` alone, is no letter", "半个代理对"),
        ("a quote is not closed on its line: a row is one line", "引号"),
        ("it is no row of CSV: line contains NUL", "CSV"),
        ("what nobody knows", "what nobody knows"),
    ],
)
def test_reasons_of_refused_lines_are_turned(reason: str, words: str) -> None:
    assert words in in_words(reason, CHINESE)
    assert in_words(reason, ENGLISH) == reason
