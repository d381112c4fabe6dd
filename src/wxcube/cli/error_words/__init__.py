"""Errors in Chinese: what lower layers raise in English, turned where a person reads it.

The English text stays the truth, in logs and in Python. Each layer has a table of English templates
and their Chinese; a text that fits none is told as it is.
"""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from typing import NamedTuple

from wxcube.cli.error_words.template import FREE, WHOLE, Template
from wxcube.errors import ReplyError, WxcubeError
from wxcube.i18n.language import Language
from wxcube.log import redact

LAYERS = (
    "command_line",
    "contract",
    "settings",
    "client",
    "errcodes",
    "warehouse",
    "events",
    "cube",
    "servers",
)
"""The modules with the tables, each with `WORDS`."""
LONGEST = 8_000
"""Texts beyond so many characters are told as they are."""
_NESTED = 4
"""An error in an error in an error; deeper ones stay English."""
_PLACES = 8
"""A text is looked at for its parts at so many places."""
_HINT, _ABOUT = "; ", ": "


class _Turned(NamedTuple):
    """A Chinese text, and how many characters of the English one were known."""

    weight: int
    text: str


def told(error: WxcubeError, say: Language) -> str:
    """An error for people: what happened and what to do, in their language.

    >>> from wxcube.errors import SettingsError
    >>> told(SettingsError("log_level 'x' is unknown", hint="use one of a, b"), Language(True))
    "没有 'x' 这个 log_level；可用的有：a、b"
    """
    if not say.chinese:
        return str(error)
    message, hint = in_chinese(error.message), in_chinese(error.hint)
    meaning = _meaning(error)
    message = f"{meaning}（{message}）" if meaning else message
    return f"{message}；{hint}" if hint else message


def in_words(text: str, say: Language) -> str:
    """A told text in the reader's language."""
    return in_chinese(text) if say.chinese else text


def in_chinese(text: str) -> str:
    """A message, a hint or both in Chinese; as it is, if no template fits. Never raises.

    >>> in_chinese("wxcube.db is empty; fill it with `wxcube sync`")
    'wxcube.db 是空的；请用 `wxcube sync` 取得数据'
    >>> in_chinese("something else")
    'something else'
    """
    if len(text) > LONGEST:
        return text
    try:
        # what tells a secret may be other words afterwards, by which it is not known any more
        found = _turned(redact(text), _NESTED)
    except Exception:  # noqa: BLE001 - an error is being told: nothing may come between
        return text
    return found.text if found else text


def _meaning(error: WxcubeError) -> str:
    """What WeChat means by an errcode."""
    if not isinstance(error, ReplyError):
        return ""
    from wxcube.contract.errcodes import ERRCODES

    known = ERRCODES.get(error.errcode)
    return known.zh if known else ""


@cache
def templates() -> tuple[Template, ...]:
    """Every template, read when the first error is told."""
    tables = (import_module(f"{__name__}.{layer}").WORDS for layer in LAYERS)
    return tuple(Template(en, zh) for table in tables for en, zh in table.items())


@lru_cache(256)
def _turned(text: str, depth: int) -> _Turned | None:
    """The reading of a text with the most known characters; None if nothing of it is known."""
    if depth < 0:
        return None
    # of two as good the first: what stands before a sign is no part of a value then
    found = (_with_subject(text, depth), _with_hint(text, depth), _as_one(text, depth))
    return max((one for one in found if one), key=_weight, default=None)


def _weight(one: _Turned) -> int:
    return one.weight


@lru_cache(256)
def _as_one(text: str, depth: int) -> _Turned | None:
    """A text that is one template, its placeholders turned in their turn."""
    best: _Turned | None = None
    for template in templates():
        values = template.fit(text)
        found = _filled(template, values, depth) if values is not None else None
        if found and (best is None or found.weight > best.weight):
            best = found
    return best


def _filled(template: Template, values: dict[str, str], depth: int) -> _Turned | None:
    weight, chinese = template.weight, dict(values)
    for name in values.keys() & (WHOLE | FREE):
        inner = _of_msgspec(values[name]) or _turned(values[name], depth - 1)
        if inner:
            weight += inner.weight
            chinese[name] = inner.text
        elif name in WHOLE:
            return None
    return _Turned(weight, template.filled(chinese))


def _of_msgspec(text: str) -> _Turned | None:
    """What msgspec says of a value, in the words that refused lines have for it."""
    from wxcube.cli.reasons import phrase

    what, at, place = text.partition(" - at `$")
    chinese = phrase(what) or (in_chinese(what) if at else what)
    if chinese == what:
        return None
    about = place.strip(".`")
    return _Turned(len(text), f"{about}：{chinese}" if about else chinese)


def _with_hint(text: str, depth: int) -> _Turned | None:
    """A text of two sentences, one of which is known at least."""
    found = (_both(*parts, depth) for parts in _halves(text, _HINT))
    return max((one for one in found if one), key=_weight, default=None)


def _both(first: str, second: str, depth: int) -> _Turned | None:
    parts = [_turned(text, depth - 1) or _Turned(0, text) for text in (first, second)]
    weight = sum(one.weight for one in parts)
    return _Turned(weight, "；".join(one.text for one in parts)) if weight else None


def _with_subject(text: str, depth: int) -> _Turned | None:
    """A known text behind what it is about, as a file, an endpoint or an account."""
    for subject, rest in _halves(text, _ABOUT):
        found = _turned(rest, depth - 1) if "\n" not in subject else None
        if found:
            about = _as_one(subject, depth - 1) or _Turned(0, subject)
            return _Turned(found.weight + about.weight, f"{about.text}：{found.text}")
    return None


def _halves(text: str, sign: str) -> list[tuple[str, str]]:
    """What stands before and behind each of the first places of a sign."""
    places: list[int] = []
    place = text.find(sign)
    while place >= 0 and len(places) < _PLACES:
        places.append(place)
        place = text.find(sign, place + 1)
    return [(text[:place], text[place + len(sign) :]) for place in places]
