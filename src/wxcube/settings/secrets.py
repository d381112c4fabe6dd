"""Secrets, from the environment variables or files that the settings name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from wxcube.errors import SettingsError
from wxcube.i18n import _
from wxcube.settings.private_file import create_private_file, read_private_file
from wxcube.settings.reading import PREFIX
from wxcube.settings.sections import (
    AccountSettings,
    CubeSettings,
    EventsSettings,
    RecipientSettings,
    ServeSettings,
    Settings,
)

SHORTEST_KEY = 32
"""The minimum length of the key of a server, in characters."""
SHORTEST_TOKEN = 16
"""The minimum length of a token for events, in characters."""


class Secret:
    """A secret string that is not shown in logs and errors; `reveal()` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def reveal(self) -> str:
        """The secret itself."""
        return self._text


def secret(account: AccountSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The account's AppSecret, from the file or the environment variable in its settings.

    Raises:  SettingsError if it is missing.
    """
    environment = os.environ if environment is None else environment
    if account.secret_file:
        return Secret(read_secret_file(Path(account.secret_file)))
    variable = account.secret_env or default_secret_variable(account)
    if environment.get(variable):
        return Secret(environment[variable].strip())
    raise SettingsError(
        _("the AppSecret of account {account} is missing", account=account.title),
        hint=_(
            "put it into the environment variable {variable}, or name a file with secret_file",
            variable=variable,
        ),
    )


def message_token(account: AccountSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The token that WeChat signs the account's callbacks with.

    Raises:  SettingsError if it is missing.
    """
    default = f"MESSAGE_TOKEN_{_account_part(account)}"
    file, variable = account.message_token_file, account.message_token_env
    token = _optional_secret(file, variable, default, environment)
    if not token:
        raise SettingsError(
            _("the message token of account {account} is missing", account=account.title),
            hint=_(
                "put the token of the message server settings on mp.weixin.qq.com into the "
                "environment variable {variable}, or name a file with message_token_file",
                variable=f"{PREFIX}{default}",
            ),
        )
    return token


def message_key(account: AccountSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The EncodingAESKey of the account's callbacks; empty if they are not encrypted.

    Raises:  SettingsError if the settings name one that is missing.
    """
    default = f"MESSAGE_KEY_{_account_part(account)}"
    file, variable = account.message_key_file, account.message_key_env
    return _optional_secret(file, variable, default, environment)


def events_key(events: EventsSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The key that hashes openids; empty if the settings name none, and the store uses its own.

    Raises:  SettingsError if the settings name one that is missing.
    """
    return _optional_secret(events.key_file, events.key_env, "EVENTS_KEY", environment)


def events_token(events: EventsSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The token that senders of events need; empty if the settings name none.

    Raises:  SettingsError if the settings name one that is missing or too short to be a secret.
    """
    token = _optional_secret(events.token_file, events.token_env, "EVENTS_TOKEN", environment)
    if token and len(token.reveal()) < SHORTEST_TOKEN:
        raise SettingsError(
            _("the token for events is shorter than {length} characters", length=SHORTEST_TOKEN),
            hint=_("create one with: openssl rand -hex 32"),
        )
    return token


def serve_key(
    serve: ServeSettings,
    environment: Mapping[str, str] | None = None,
    *,
    is_kept: bool = True,
) -> Secret:
    """The key that makes the tokens of a server, from the environment or a file.

    A missing file is created with a random key; without `is_kept`, the key is that of this process
    only.

    Raises:  SettingsError if it is missing or too short, or the file cannot be read or created, or
        others can read it.
    """
    key = _optional_secret("", serve.key_env, "SERVE_KEY", environment)
    path = Path(serve.key_file).expanduser()
    if not key:
        if not is_kept and not os.path.lexists(path):
            return Secret(token_hex(32))
        _create_key(path)
        key = Secret(read_secret_file(path, follow_links=False))
    if len(key.reveal()) < SHORTEST_KEY:
        raise SettingsError(
            _("the server key is shorter than {length} characters", length=SHORTEST_KEY),
            hint=_("create one with: openssl rand -hex 32"),
        )
    return key


def _create_key(path: Path) -> None:
    if os.path.lexists(path):
        return
    try:
        create_private_file(path, f"{token_hex(32)}\n")
    except OSError as error:
        raise SettingsError(
            _(
                "the server key {path} cannot be written ({reason})",
                path=path,
                reason=error.strerror or type(error).__name__,
            ),
            hint=_("set serve.key_file to a path in another folder"),
        ) from None


def cube_password(cube: CubeSettings, environment: Mapping[str, str] | None = None) -> Secret:
    """The password of ClickHouse; empty if the settings name none.

    Raises:  SettingsError if the settings name one that is missing.
    """
    return _optional_secret(cube.password_file, cube.password_env, "CUBE_PASSWORD", environment)


def emulator_password(environment: Mapping[str, str] | None = None) -> Secret:
    """The password of an emulator's admin API, from WXCUBE_EMULATOR_PASSWORD; empty without one."""
    return _optional_secret("", "", "EMULATOR_PASSWORD", environment)


def database_password(settings: Settings, environment: Mapping[str, str] | None = None) -> Secret:
    """The password of the database server; empty if the settings name none.

    Raises:  SettingsError if the settings name one that is missing.
    """
    file, variable = settings.database_password_file, settings.database_password_env
    return _optional_secret(file, variable, "DATABASE_PASSWORD", environment)


def copy_password(file: str, environment: Mapping[str, str] | None = None) -> Secret:
    """The password of the server that a copy goes to, from a file or WXCUBE_COPY_PASSWORD.

    It is empty without either.

    Raises:  SettingsError if the file cannot be read, or others can read it.
    """
    return _optional_secret(file, "", "COPY_PASSWORD", environment)


def recipient_url(
    recipient: RecipientSettings, environment: Mapping[str, str] | None = None
) -> Secret:
    """The address of a recipient, from the file or the environment variable in its settings.

    Raises:  SettingsError if it is missing.
    """
    environment = os.environ if environment is None else environment
    if recipient.url_file:
        return Secret(read_secret_file(Path(recipient.url_file)))
    variable = recipient.url_env or f"{PREFIX}RECIPIENT_{_variable_part(recipient.name) or 'URL'}"
    if text := environment.get(variable, "").strip():
        return Secret(text)
    raise SettingsError(
        _("the address of recipient {name} is missing", name=recipient.name),
        hint=_(
            "put its URL into the environment variable {variable}, or name a file with url_file",
            variable=variable,
        ),
    )


def _optional_secret(
    file: str, variable: str, default: str, environment: Mapping[str, str] | None
) -> Secret:
    environment = os.environ if environment is None else environment
    if file:
        return Secret(read_secret_file(Path(file)))
    text = environment.get(variable or f"{PREFIX}{default}", "").strip()
    if variable and not text:
        raise SettingsError(
            _("the environment variable {variable} is empty or missing", variable=variable),
            hint=_("put the secret into it, or name a file instead"),
        )
    return Secret(text)


def default_secret_variable(account: AccountSettings) -> str:
    """The environment variable with the AppSecret if the settings name none.

    A Chinese name has no letters that a variable may have; the AppID is used instead.
    """
    return f"{PREFIX}SECRET_{_account_part(account)}"


def _account_part(account: AccountSettings) -> str:
    """The account as a part of the name of a variable."""
    return _variable_part(account.title if account.title.isascii() else account.appid)


def _variable_part(name: str) -> str:
    """A name as a part of the name of a variable; empty if it has Chinese characters."""
    return re.sub(r"\W", "_", name, flags=re.ASCII).upper() if name.isascii() else ""


def read_secret_file(path: Path, *, follow_links: bool = True) -> str:
    """The content of a file with a secret, without surrounding white space.

    Links are followed unless wxcube wrote the file: a container platform mounts secrets as such.

    Raises:  SettingsError if it cannot be read, is empty, or others can read it.
    """
    try:
        text = read_private_file(path.expanduser(), follow_links=follow_links).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            _(
                "the secret file {path} cannot be read ({reason})",
                path=path,
                reason=type(error).__name__,
            ),
            hint=_("check its name and permissions"),
        ) from None
    if not text:
        raise SettingsError(
            _("the secret file {path} is empty", path=path), hint=_("write the secret into it")
        )
    return text
