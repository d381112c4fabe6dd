"""Credentials of the local programs that may ask `wxcube serve`.

They stand in a file of their own that only its owner can read, since they are secrets. The first
start of the server writes it, with one app for each account and a secret made by chance.
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from wxcube.contract.codes import PERMISSION_SETS
from wxcube.errors import SettingsError
from wxcube.settings import AppId

_HEAD = """\
# 可以访问 wxcube serve 的本地应用 · local programs that may ask `wxcube serve`
# 本文件含密钥，请勿公开 · this file holds secrets: keep it private
"""
_OWNER_ONLY = 0o600


class LocalApp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local program: its own appid and secret, and whose figures it may see."""

    appid: AppId
    secret: Annotated[str, Meta(min_length=8)]
    account: AppId
    permission_sets: tuple[int, ...] = tuple(PERMISSION_SETS)
    daily_limit: Annotated[int, Meta(ge=1)] | None = None

    def __repr__(self) -> str:
        return f"LocalApp(appid={self.appid!r}, account={self.account!r})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    apps: list[LocalApp] = []


def read(path: Path) -> list[LocalApp]:
    """The apps of a file.

    Raises:  SettingsError if it cannot be read or a line of it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        apps = msgspec.convert(tomllib.loads(text), _File).apps
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the apps file {path} cannot be read ({type(error).__name__})",
            hint="check its name and rights",
        ) from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(
            f"the apps file {path} is wrong: {error}",
            hint="mend that line, or remove the file to have a new one written",
        ) from None
    twice = [appid for appid, times in Counter(app.appid for app in apps).items() if times > 1]
    if twice:
        raise SettingsError(
            f"the apps file {path}: {', '.join(twice)} stands there twice",
            hint="keep one [[apps]] section of it",
        )
    return apps


def ensure(path: Path, accounts: Iterable[str]) -> tuple[list[LocalApp], bool]:
    """The apps of a file, and whether it was written just now with one app for each account.

    Raises:  SettingsError if the file cannot be read or written.
    """
    if path.exists():
        return read(path), False
    apps = [
        LocalApp(appid=appid, secret=secrets.token_hex(16), account=appid) for appid in accounts
    ]
    _write(path, apps)
    return apps, True


def _write(path: Path, apps: list[LocalApp]) -> None:
    sections = "".join(
        f'\n[[apps]]\nappid = "{a.appid}"\nsecret = "{a.secret}"\naccount = "{a.account}"\n'
        f"permission_sets = {list(a.permission_sets)}\n"
        for a in apps
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except OSError as error:
        raise SettingsError(
            f"the apps file {path} cannot be written ({error.strerror})",
            hint="choose another place with serve.apps_file",
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_HEAD + sections)
