"""Errors about invalid settings, in the terms of the file."""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from typing import Any

import msgspec

from wxcube.errors import SettingsError
from wxcube.i18n import NOTHING, Listing, Message, _, joined, verbatim
from wxcube.i18n.mismatch import (
    Kind,
    Limit,
    MemberPath,
    Mismatch,
    allowed_values,
    expected_types,
    first_mismatch,
)
from wxcube.settings.sections import LISTS, SECTIONS, Settings


def explained(values: dict[str, Any], error: msgspec.ValidationError) -> SettingsError:
    """The error for invalid settings, in the terms of the file.

    It quotes no value, since a value may be a secret in the wrong place.
    """
    mismatch = first_mismatch(values, Settings, strict=False)
    if mismatch is None or mismatch.kind is Kind.OTHER:
        return SettingsError(verbatim(str(error)), hint=_CORRECT)
    if mismatch.kind is Kind.UNKNOWN:
        return _unknown_key(mismatch.member, mismatch.path, values)
    if mismatch.kind is Kind.MISSING:
        section = _section(mismatch.path, values)
        return SettingsError(
            _("missing key {key} in {section}", key=mismatch.member, section=section),
            hint=_("add it to that section"),
        )
    setting = "".join(f".{one}" if isinstance(one, str) else f"[{one}]" for one in mismatch.path)
    return SettingsError(
        _("{setting}: {problem}", setting=setting[1:], problem=_problem(mismatch)),
        hint=_hint(mismatch),
    )


def _unknown_key(key: str, path: MemberPath, values: dict[str, Any]) -> SettingsError:
    if path:
        message = _("unknown key {key} in {section}", key=key, section=_section(path, values))
    else:
        message = _("unknown key {key} at the top level", key=key)
    return SettingsError(message, hint=_place(key, path) or _similar_key(key, path))


def _place(key: str, path: MemberPath) -> Message:
    """Where a key belongs, or how to give a secret; empty for unknown keys."""
    if key == "url" and path[:1] == ("recipients",):
        return _("the file may not contain secrets: use url_env to name a variable, or url_file")
    if key in Settings.__struct_fields__:
        return _("it belongs at the top level")
    if sections := [_TITLES[name] for name, keys in _KEYS.items() if key in keys]:
        return _("it belongs in {sections}", sections=joined(sections, _(" or ")))
    if "password" in key:
        return _(
            "the file may not contain secrets: use password_env to name a variable, "
            "or password_file"
        )
    if "secret" in key or "token" in key:
        return _(
            "the file may not contain secrets: use secret_env to name a variable, or secret_file"
        )
    return NOTHING


def _similar_key(key: str, path: MemberPath) -> Message:
    own = _KEYS[str(path[0])] if path else Settings.__struct_fields__
    if close := get_close_matches(key, own, n=1):
        return _("did you mean {key}?", key=close[0])
    for name, keys in _KEYS.items():
        if close := get_close_matches(key, keys, n=1):
            return _("did you mean {key} in {section}?", key=close[0], section=_TITLES[name])
    if close := get_close_matches(key, Settings.__struct_fields__, n=1):
        return _("did you mean {key} at the top level?", key=close[0])
    return _("remove it")


def _section(path: MemberPath, values: dict[str, Any]) -> Message:
    """The section at a path; those of one name are counted from 1 where there are several."""
    name, number = str(path[0]), path[1] if len(path) > 1 else 0
    if name in LISTS and isinstance(number, int) and len(values[name]) > 1:
        return _("{section} number {number}", section=_TITLES[name], number=number + 1)
    return _TITLES[name]


def _problem(mismatch: Mismatch) -> Message:
    match mismatch.kind, mismatch.limit:
        case Kind.RANGE, Limit(comparison, limit):
            return _("must be {comparison} {limit}", comparison=comparison, limit=limit)
        case Kind.LENGTH, Limit(comparison, limit):
            return _("must have a length {comparison} {limit}", comparison=comparison, limit=limit)
        case Kind.PATTERN, _limit:
            return _("has characters that are not allowed")
        case Kind.CHOICE, _limit:
            return _("not an allowed value")
        case Kind.DATE, _limit:
            return _("not a date")
    types = expected_types(mismatch.expected)
    names = (name for type_, name in _TYPE_NAMES.items() if type_ in types)
    actual = _TYPE_NAMES.get(type(mismatch.value)) or verbatim(type(mismatch.value).__name__)
    return _("expected {expected}, got {actual}", expected=joined(names, _(" or ")), actual=actual)


def _hint(mismatch: Mismatch) -> Message:
    if mismatch.path[:2] == ("cube", "spark"):
        return _('write the name in quotes and its value, as in "spark.executor.memory" = "4g"')
    if date in expected_types(mismatch.expected):
        return _("write a date as 2026-03-01")
    if mismatch.kind is Kind.CHOICE:
        return _("use one of {values}", values=Listing(allowed_values(mismatch.expected)))
    if mismatch.kind is Kind.PATTERN:
        return _("use letters, digits, - and _ only, as in wx0123456789abcdef")
    return _CORRECT


_CORRECT = _("correct that value")
_KEYS: dict[str, tuple[str, ...]] = {
    name: section.__struct_fields__ for name, section in (SECTIONS | LISTS).items()
}
"""Keys by section, without the top level."""
_TITLES: dict[str, Message] = {
    **{name: verbatim(f"[{name}]") for name in SECTIONS},
    **{name: verbatim(f"[[{name}]]") for name in LISTS},
}
"""Titles of sections, as they are in the file."""
_TYPE_NAMES: dict[type, Message] = {
    bool: _("boolean"),
    int: _("integer"),
    float: _("float"),
    str: _("string"),
    date: _("date"),
    list: _("array"),
    dict: _("table"),
}
"""Names of types in TOML."""
