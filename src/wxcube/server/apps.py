"""Credentials of the local programs that may ask `wxcube serve`.

They stand in a file of their own that only its owner can read, since they are secrets. The first
start of the server writes it, with one app for each account and a secret made by chance; a later
start adds apps for accounts that are new, and leaves everything else in the file as it is.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
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
# 新账号会自动加入；不想开放的账号请保留其段落并写 permission_sets = []
# new accounts are added; to keep one out, leave its section here with permission_sets = []
"""


class LocalApp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local program: its own appid and secret, and whose figures it may see."""

    appid: AppId
    secret: Annotated[str, Meta(min_length=8)]
    account: Annotated[str, Meta(min_length=1)]
    permission_sets: tuple[int, ...] = tuple(PERMISSION_SETS)
    daily_limit: Annotated[int, Meta(ge=1)] | None = None

    def __repr__(self) -> str:
        return f"LocalApp(appid={self.appid!r}, account={self.account!r})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    apps: list[LocalApp] = []


@dataclass(frozen=True)
class Written:
    """What a start of the server changed in its apps file."""

    is_new: bool = False
    """The file was not there."""
    added: tuple[str, ...] = ()
    """Accounts that got an app in a file that was there."""
    without: tuple[str, ...] = ()
    """Accounts that have no app, since the file could not be changed."""
    trouble: str = ""
    """Why it could not be changed."""


def read(path: Path) -> list[LocalApp]:
    """The apps of a file.

    Raises:  SettingsError if it cannot be read or a line of it is wrong.
    """
    return _apps(path, _text(path))


def ensure(path: Path, accounts: Iterable[str]) -> tuple[list[LocalApp], Written]:
    """The apps of a file, with one at least for each account, and what was changed for that.

    A file that is not there is made. In one that is there apps are added at its end, all at once
    or not at all; if it cannot be changed, the server can still go on with the apps it has.

    Raises:  SettingsError if the file cannot be read, is wrong, or cannot be made.
    """
    wanted = list(dict.fromkeys(accounts))
    if not path.exists():
        apps = _made(wanted, ())
        try:
            _put(path, _HEAD + _sections(apps))
        except OSError as error:
            raise SettingsError(
                f"the apps file {path} cannot be written ({error.strerror})",
                hint="choose another place with serve.apps_file",
            ) from None
        return apps, Written(is_new=True)
    text = _text(path)
    apps = _apps(path, text)
    served = {app.account for app in apps}
    missing = tuple(account for account in wanted if account not in served)
    return _extended(path, text, apps, missing) if missing else (apps, Written())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the apps file {path} cannot be read ({type(error).__name__})",
            hint="check its name and rights",
        ) from None


def _apps(path: Path, text: str) -> list[LocalApp]:
    try:
        apps = msgspec.convert(tomllib.loads(text), _File).apps
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


def _extended(
    path: Path, text: str, apps: list[LocalApp], missing: tuple[str, ...]
) -> tuple[list[LocalApp], Written]:
    """The apps with those of further accounts, written behind what the file says."""
    more = _made(missing, {app.appid for app in apps})
    longer = f"{text.rstrip()}\n{_sections(more)}"
    try:
        both = _apps(path, longer)
        _put(path, longer)
    except OSError as error:
        return apps, Written(without=missing, trouble=error.strerror or type(error).__name__)
    except SettingsError:
        # apps written as one list, say, which no section can follow
        return apps, Written(without=missing, trouble="no [[apps]] section can follow its end")
    return both, Written(added=missing)


def _made(accounts: Iterable[str], taken: Collection[str]) -> list[LocalApp]:
    """An app for each account, with an appid that no other app has."""
    apps: dict[str, LocalApp] = {}
    for account in accounts:
        appid = next(name for name in _names(account) if name not in {*taken, *apps})
        apps[appid] = LocalApp(appid=appid, secret=secrets.token_hex(16), account=account)
    return list(apps.values())


def _names(account: str) -> Iterator[str]:
    """Appids for an account, its own name first; accounts of own events may have any name."""
    try:
        name = msgspec.convert(account, AppId)
    except msgspec.ValidationError:
        name = "app"
    yield name
    yield from (f"{name[:56]}-{number}" for number in count(2))


def _sections(apps: Iterable[LocalApp]) -> str:
    return "".join(
        f'\n[[apps]]\nappid = "{a.appid}"\nsecret = "{a.secret}"\n'
        f"account = {_quoted(a.account)}\npermission_sets = {list(a.permission_sets)}\n"
        for a in apps
    )


def _quoted(text: str) -> str:
    # a JSON text is a TOML text too, but for the one character JSON lets stand
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _put(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all; links stay links."""
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            _make_alike(draft, target)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _make_alike(draft: Path, target: Path) -> None:
    """Give a draft the rights and the owner of the file it will replace."""
    known = target.stat()
    draft.chmod(known.st_mode & 0o777)
    with suppress(OSError, AttributeError):
        os.chown(draft, known.st_uid, known.st_gid)
