"""Reading: command-line options, the environment and the file, merged and checked."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _
from wxcube.settings.mismatches import explained
from wxcube.settings.sections import SECTIONS, Settings

DEFAULT_FILE = "wxcube.toml"
PREFIX = "WXCUBE_"


def load(
    file: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    **options: object,
) -> Settings:
    """The settings from command-line options, environment and file, in this order of precedence.

    Raises:  SettingsError that names the setting and its allowed values.
    """
    environment = os.environ if environment is None else environment
    path = Path(file or environment.get(f"{PREFIX}CONFIG") or DEFAULT_FILE)
    must_exist = file is not None or f"{PREFIX}CONFIG" in environment
    values = _merge(_read(path, must_exist=must_exist), _from_environment(environment))
    values = _merge(values, {k: v for k, v in options.items() if v is not None})
    return _convert(values, path)


def _read(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if not must_exist:
            return {}
        raise SettingsError(
            _("the settings file {path} does not exist", path=path),
            hint=_("`wxcube init` writes one"),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            _(
                "the settings file {path} cannot be read ({reason})",
                path=path,
                reason=type(error).__name__,
            ),
            hint=_("it must be a readable UTF-8 text file"),
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            _("the settings file {path} is not valid TOML: {error}", path=path, error=error),
            hint=_("correct that line"),
        ) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings by name, such as WXCUBE_DATABASE or WXCUBE_SYNC__CONCURRENCY."""
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        section = SECTIONS.get(name)
        if section is None and environment.get(f"{PREFIX}{name}".upper()):
            values[name] = environment[f"{PREFIX}{name}".upper()]
        for key in section.__struct_fields__ if section else ():
            text = environment.get(f"{PREFIX}{name}__{key}".upper())
            if text:
                values.setdefault(name, {})[key] = text
    return values


def _merge(lower: dict[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, with those of higher precedence over the others."""
    merged = dict(lower)
    for name, value in higher.items():
        other = merged.get(name)
        merged[name] = (
            _merge(other, value) if isinstance(other, dict) and isinstance(value, dict) else value
        )
    return merged


def _convert(values: dict[str, Any], path: Path) -> Settings:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _in_file(path, explained(values, error)) from None
    except SettingsError as error:
        raise _in_file(path, error) from None
    duplicates = _duplicates(name for a in settings.accounts for name in {a.appid, a.name} - {""})
    if duplicates:
        duplicate = SettingsError(
            _("several accounts have the name or AppID {names}", names=Listing(duplicates)),
            hint=_("keep one [[accounts]] section for each account, with a name of its own"),
        )
        raise _in_file(path, duplicate)
    if duplicates := _duplicates(one.name for one in settings.recipients):
        duplicate = SettingsError(
            _("several recipients have the name {names}", names=Listing(duplicates)),
            hint=_("give each [[recipients]] section a name of its own"),
        )
        raise _in_file(path, duplicate)
    return settings


def _duplicates(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _in_file(path: Path, error: SettingsError) -> SettingsError:
    return SettingsError(_("{path}: {problem}", path=path, problem=error.message), hint=error.hint)
