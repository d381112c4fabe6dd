"""Messages: English as text, any language on request, the same after pickle and JSON."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wxcube.errors import SettingsError, WxcubeError
from wxcube.i18n import (
    COLON,
    NOTHING,
    SEMICOLON,
    Listing,
    Meaning,
    Message,
    _,
    joined,
    plural,
    verbatim,
)
from wxcube.i18n.language import Language, language
from wxcube.i18n.stored import dumped, loaded

ZH, EN = Language("zh"), Language("en")

PLAIN = st.text(max_size=20) | st.integers() | st.booleans() | st.none()


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.builds(lambda a, b: _("{a} and {b}", a=a, b=b), inner, inner)
        | st.lists(inner, max_size=3).map(Listing)
        | st.builds(Meaning, st.text(max_size=5), st.text(max_size=5))
        | st.builds(
            lambda n, a: plural("{n} of {a}", "{n} pieces of {a}", n=n, a=a), st.integers(), inner
        )
    )


VALUES = st.recursive(PLAIN, nested, max_leaves=8)
MESSAGES = st.builds(lambda value: _("begin {value} end", value=value), VALUES)


@given(MESSAGES)
def test_a_message_survives_pickle_and_json_in_both_languages(message: Message) -> None:
    for again in (pickle.loads(pickle.dumps(message)), loaded(dumped(message))):
        assert str(again) == str(message)
        assert again.in_language("zh") == message.in_language("zh")
        assert again.template == message.template


@given(st.text())
def test_any_stored_text_is_shown_unchanged(text: str) -> None:
    assert isinstance(loaded(text), Message)
    assert str(verbatim(text)) == verbatim(text).in_language("zh") == text


@given(st.text())
def test_braces_of_values_are_no_places(text: str) -> None:
    assert _("{path}: {why}", path=text, why=text) == f"{text}: {text}"


def test_a_message_is_english_as_text() -> None:
    message = _("error: {message}", message=_("Did you mean {name}?", name="sync"))
    assert message == "error: Did you mean sync?"
    assert ZH(message) == "错误：是否想写 sync？"
    assert EN(message) == str(message)


def test_an_error_within_an_error_is_translated_too() -> None:
    inner = WxcubeError(
        _("Did you mean {name}?", name="a"), hint=_("Did you mean {name}?", name="b")
    )
    outer = WxcubeError(_("error: {message}", message=inner))
    assert str(outer) == "error: Did you mean a?; Did you mean b?"
    assert ZH(outer.as_message()) == "错误：是否想写 a？；是否想写 b？"


def test_lists_have_the_commas_of_the_language() -> None:
    names = Listing(["a", Meaning("followers", "关注用户")])
    assert (EN(names), ZH(names)) == ("a, followers", "a、关注用户")


def test_a_template_without_translation_is_english() -> None:
    assert ZH(_("no such template {n}", n=3)) == "no such template 3"


def test_a_message_needs_its_values() -> None:
    with pytest.raises(KeyError):
        _("{path} is empty")


def test_joined_leaves_out_what_is_empty() -> None:
    assert joined((NOTHING, _("a"), NOTHING, _("b")), SEMICOLON) == "a; b"
    assert ZH(joined((_("a"), _("b")), COLON)) == "a：b"
    assert joined((), SEMICOLON) == ""


@pytest.mark.parametrize(
    ("wanted", "environment", "code"),
    [
        ("zh", {"LANG": "en_US.UTF-8"}, "zh"),
        ("en", {"LC_ALL": "zh_CN.UTF-8"}, "en"),
        ("", {"LC_ALL": "zh_CN.UTF-8", "LANG": "en_US.UTF-8"}, "zh"),
        ("", {"LC_ALL": "", "LANG": "zh_TW.UTF-8"}, "zh"),
        ("", {"LANG": "C.UTF-8"}, "en"),
        ("", {}, "en"),
    ],
)
def test_the_language_of_the_option_or_else_of_the_system(
    wanted: str, environment: dict[str, str], code: str
) -> None:
    assert language(wanted, environment).code == code


def test_errors_take_messages() -> None:
    error = SettingsError(_("error: {message}", message="x"))
    assert error.args == ("error: x",)
    assert error.hint == ""
