"""Settings: the only reader of wxcube.toml, the environment and secret files.

A flag goes over the environment, the environment over `wxcube.toml`, the file over the default.
Secrets are never in the file itself: it names an environment variable or another file.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from wxcube.errors import SettingsError

DEFAULT_FILE = "wxcube.toml"
PREFIX = "WXCUBE_"

SHORTEST_TOKEN = 16
"""Characters a token for events has at least."""

FACTS_OUTLAST_EVENTS_DAYS = 31
"""So many days longer than events facts are kept at least.

An event may come late for the oldest day that events are kept of. The week, the month and the
running totals of that day are then made again, of facts of up to 30 days before it.
"""

TokenKind = Literal["stable", "classic", "url", "command", "fixed"]
"""Ways an account's token comes."""
EngineName = Literal["duckdb", "spark", "clickhouse"]
"""What computes rows from own events."""
AppId = Annotated[str, Meta(min_length=3, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]


class Secret:
    """A text that never shows itself; `reveal()` gives it to whoever must send it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def reveal(self) -> str:
        """The text itself."""
        return self._text


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the settings; an unknown name in it is an error."""


class AccountSettings(_Section, frozen=True, kw_only=True):
    """One Official Account to fetch: who it is, and where its token comes from."""

    appid: AppId
    name: str = ""
    secret_env: str = ""
    secret_file: str = ""
    token: TokenKind = "stable"  # noqa: S105 - a way, not a token
    token_url: str = ""
    token_command: list[str] = []
    token_env: str = ""
    base_url: str = "https://api.weixin.qq.com"
    since: date | None = None
    endpoints: list[str] = []
    include_retired: bool | None = None
    cond_source: Annotated[int, Meta(ge=0, le=1)] = 1
    cards: list[str] = []

    @property
    def title(self) -> str:
        """The account's name, or its appid where it has none."""
        return self.name or self.appid


class SyncSettings(_Section, frozen=True, kw_only=True):
    """How the warehouse is filled."""

    since: date | None = None
    concurrency: Annotated[int, Meta(ge=1, le=256)] = 8
    daily_calls_per_endpoint: Annotated[int, Meta(ge=1)] = 500
    include_retired: bool = False
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    attempts: Annotated[int, Meta(ge=1, le=10)] = 4
    retry_pause_seconds: Annotated[float, Meta(ge=0, le=3600)] = 1.0


class ServeSettings(_Section, frozen=True, kw_only=True):
    """How the warehouse is served."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8300
    apps_file: str = "wxcube-apps.toml"


class EventsSettings(_Section, frozen=True, kw_only=True):
    """Where own events are kept, for how long, and who may send them."""

    folder: str = "events"
    key_env: str = ""
    key_file: str = ""
    token_env: str = ""
    token_file: str = ""
    body_limit_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 16 << 20
    segment_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 30)] = 64 << 20
    group_count: Annotated[int, Meta(ge=1, le=99)] = 8
    memory_limit: str = ""
    compact_minutes: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    retention_days_events: Annotated[int, Meta(ge=1)] | None = None
    retention_days_facts: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        _check_retention(self.retention_days_events, self.retention_days_facts)


def _check_retention(events: int | None, facts: int | None) -> None:
    """Refuse to keep facts for too few days beside events: figures would come out too low."""
    longer = FACTS_OUTLAST_EVENTS_DAYS
    if facts is None or (events is not None and facts >= events + longer):
        return
    beside = "all events" if events is None else f"events of {events} days"
    enough = "without a limit" if events is None else f"for {events + longer} days or more"
    hint = f"keep facts {enough} (retention_days_facts, --facts)"
    if facts > longer:
        fewer = f"for {facts - longer} days or fewer (retention_days_events, --events)"
        hint += f", or events {fewer}"
    raise SettingsError(
        f"facts of {facts} days are too few beside {beside}: the month and the running totals of "
        f"an event that comes late are made of facts of up to {longer} days more",
        hint=hint,
    )


class CubeSettings(_Section, frozen=True, kw_only=True):
    """What computes rows from own events, and where; each engine looks at its own part."""

    engine: EngineName = "duckdb"
    memory_limit: str = ""
    master: str = ""
    folder: str = ""
    partitions: Annotated[int, Meta(ge=1, le=100_000)] = 16
    spark: dict[str, str | int | float | bool] = {}
    url: str = ""
    password_env: str = ""
    password_file: str = ""


class Settings(_Section, frozen=True, kw_only=True):
    """Everything wxcube can be told."""

    database: str = "wxcube.db"
    language: str = ""
    log_level: str = "warning"
    log_json: bool = False
    sync: SyncSettings = SyncSettings()
    serve: ServeSettings = ServeSettings()
    events: EventsSettings = EventsSettings()
    cube: CubeSettings = CubeSettings()
    accounts: list[AccountSettings] = []

    def __post_init__(self) -> None:
        if self.language not in {"", "zh", "en"}:
            raise SettingsError(f"language {self.language!r} is unknown", hint="use zh or en")

    def account(self, word: str) -> AccountSettings:
        """The account of that appid or name; an empty word means the only one.

        Raises:  SettingsError if none or several fit.
        """
        fitting = [a for a in self.accounts if word in {a.appid, a.name} or not word]
        if len(fitting) == 1:
            return fitting[0]
        known = ", ".join(a.title for a in self.accounts) or "none"
        what = f"no account {word!r}" if word else "more than one account"
        if not self.accounts:
            what = "no account"
        raise SettingsError(
            f"{what} in the settings (there: {known})",
            hint="name one with --account, or add it to wxcube.toml (`wxcube init` writes one)",
        )

    def chosen(self, words: tuple[str, ...]) -> list[AccountSettings]:
        """The accounts named, or all.

        Raises:  SettingsError if a name fits none, or there is none at all.
        """
        if words:
            return [self.account(word) for word in words]
        if not self.accounts:
            self.account("")
        return list(self.accounts)


_UNKNOWN = re.compile(r"unknown field `(\w+)`")
_HINTS = {
    "cube.engine": f"use one of {', '.join(get_args(EngineName))}",
    "cube.spark": 'write a name in quotes and its value, as "spark.executor.memory" = "4g"',
    "enum": f"use one of {', '.join(get_args(TokenKind))}",
    "regex": "letters, digits, - and _ may stand in it, as in wx0123456789abcdef",
    "RFC3339": "write a day as 2026-03-01",
    "missing": "give it in that section",
}
"""What to do, by a word of msgspec's message."""
_SECTIONS: dict[str, type[_Section]] = {
    "sync": SyncSettings,
    "serve": ServeSettings,
    "events": EventsSettings,
    "cube": CubeSettings,
}


def load(
    file: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    **flags: object,
) -> Settings:
    """The settings from flags, environment and file, in that order of weight.

    Raises:  SettingsError that names the setting and what it may be.
    """
    environment = os.environ if environment is None else environment
    path = Path(file or environment.get(f"{PREFIX}CONFIG") or DEFAULT_FILE)
    must_exist = file is not None or f"{PREFIX}CONFIG" in environment
    values = _merge(_read(path, must_exist=must_exist), _from_environment(environment))
    values = _merge(values, {k: v for k, v in flags.items() if v is not None})
    return _convert(values, path)


def secret(account: AccountSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The account's AppSecret from the variable or file its settings name.

    Raises:  SettingsError if it is named nowhere, or not there.
    """
    environment = os.environ if environment is None else environment
    if account.secret_file:
        return Secret(read_secret_file(Path(account.secret_file)))
    variable = account.secret_env or default_secret_variable(account)
    if environment.get(variable):
        return Secret(environment[variable].strip())
    raise SettingsError(
        f"the secret of account {account.title} is not there",
        hint=f"put it into the environment variable {variable}, or name a file with secret_file",
    )


def events_key(events: EventsSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The key that hashes openids; empty where the settings name none: the store has its own.

    Raises:  SettingsError if it is named, but not there.
    """
    return _optional_secret(events.key_file, events.key_env, "EVENTS_KEY", environment)


def events_token(events: EventsSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The token of whoever may send events; empty where the settings name none.

    Raises:  SettingsError if it is named, but not there, or too short to be a secret.
    """
    token = _optional_secret(events.token_file, events.token_env, "EVENTS_TOKEN", environment)
    if token and len(token.reveal()) < SHORTEST_TOKEN:
        raise SettingsError(
            f"the token for events has less than {SHORTEST_TOKEN} characters",
            hint="make one with: openssl rand -hex 32",
        )
    return token


def cube_password(cube: CubeSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The password of ClickHouse; empty where the settings name none.

    Raises:  SettingsError if it is named, but not there.
    """
    return _optional_secret(cube.password_file, cube.password_env, "CUBE_PASSWORD", environment)


def _optional_secret(
    file: str, variable: str, default: str, environment: Mapping[str, str] | None
) -> Secret:
    environment = os.environ if environment is None else environment
    if file:
        return Secret(read_secret_file(Path(file)))
    found = environment.get(variable or f"{PREFIX}{default}", "").strip()
    if variable and not found:
        raise SettingsError(
            f"the environment variable {variable} is empty or not there",
            hint="put the secret into it, or name a file instead",
        )
    return Secret(found)


def default_secret_variable(account: AccountSettings) -> str:
    """The environment variable looked at when the settings name none.

    A Chinese name has no letters a variable may have, so the appid stands for it.
    """
    word = account.title if account.title.isascii() else account.appid
    return PREFIX + "SECRET_" + re.sub(r"\W", "_", word, flags=re.ASCII).upper()


def read_secret_file(path: Path) -> str:
    """The text of a secret file, without white space around it.

    Raises:  SettingsError if it cannot be read or is empty.
    """
    try:
        text = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the secret file {path} cannot be read ({type(error).__name__})",
            hint="check its name and rights",
        ) from None
    if not text:
        raise SettingsError(f"the secret file {path} is empty", hint="write the secret into it")
    return text


def _read(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        if not must_exist:
            return {}
        raise SettingsError(
            f"the settings file {path} is not there", hint="`wxcube init` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the settings file {path} cannot be read ({type(error).__name__})",
            hint="it must be a readable UTF-8 text file",
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"the settings file {path} is not valid TOML: {error}", hint="mend that line"
        ) from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Plain settings by name, e.g. WXCUBE_DATABASE or WXCUBE_SYNC__CONCURRENCY."""
    values: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        section = _SECTIONS.get(name)
        if section is None and environment.get(f"{PREFIX}{name}".upper()):
            values[name] = environment[f"{PREFIX}{name}".upper()]
        for part in section.__struct_fields__ if section else ():
            text = environment.get(f"{PREFIX}{name}__{part}".upper())
            if text:
                values.setdefault(name, {})[part] = text
    return values


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = (
            _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
        )
    return merged


def _convert(values: dict[str, Any], path: Path) -> Settings:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {_told(str(error))}", hint=_advice(str(error))) from None
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.message}", hint=error.hint) from None
    words = Counter(w for a in settings.accounts for w in {a.appid, a.name} - {""})
    twice = sorted(word for word, times in words.items() if times > 1)
    if twice:
        raise SettingsError(
            f"{path}: account {', '.join(twice)} stands there twice",
            hint="keep one [[accounts]] section of it, and give each a name of its own",
        )
    return settings


def _told(error: str) -> str:
    """What msgspec found, in the words of the file."""
    what, _, place = error.partition(" - at `$.")
    place = place.rstrip("`")
    if unknown := _UNKNOWN.search(what):
        return f"{unknown[1]} is no setting" + (f" of {place}" if place else "")
    # the value itself may be a token that somebody put in the wrong place
    what = re.sub(r"enum value '.*'", "choice", what, flags=re.DOTALL).replace("`", "")
    for theirs, ours in (("object", "table"), ("Object", "table"), ("array", "list")):
        what = what.replace(theirs, ours)
    return f"{place}: {what[0].lower()}{what[1:]}"


def _advice(error: str) -> str:
    unknown = _UNKNOWN.search(error)
    if unknown is None:
        return next((hint for word, hint in _HINTS.items() if word in error), "correct that value")
    word = unknown.group(1)
    if "password" in word:
        return "secrets do not stand in this file; name a variable (password_env) or password_file"
    if "secret" in word or "token" in word:
        return "secrets do not stand in this file; name a variable (secret_env) or a secret_file"
    kinds: tuple[type[_Section], ...] = (Settings, *_SECTIONS.values(), AccountSettings)
    names = {name for kind in kinds for name in kind.__struct_fields__}
    close = get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else "remove it"
