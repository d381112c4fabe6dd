"""Credentials of the local apps that may call `wxcube serve`.

They are secrets, so they have a file of their own that only its owner can read; a device, a link or
a file that others can read is refused. The first start of
the server writes it, with one app and a random secret for each account. Later starts add apps for
new accounts and leave everything else in the file unchanged.
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
from hashlib import sha256
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from wxcube.contract.codes import PERMISSION_SETS
from wxcube.errors import SettingsError
from wxcube.i18n import NOTHING, Listing, Message, _, verbatim
from wxcube.i18n.mismatch import mismatch
from wxcube.settings import AppId, read_private_file

_HEADER = """\
# 可以访问 wxcube serve 的本地应用 · local apps that may call `wxcube serve`
# 本文件含密钥，请勿公开 · this file contains secrets: keep it private
# 新公众号会自动加入；不想开放的公众号请保留其段落并写 permission_sets = []
# new accounts are added; to exclude one, keep its section and set permission_sets = []
"""


MOST_CALLS = 2**31 - 1
"""The largest limit of calls."""


class LocalApp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A local app: its own appid and secret, and the account whose figures it may read."""

    appid: AppId
    secret: Annotated[str, Meta(min_length=8)]
    account: Annotated[str, Meta(min_length=1)]
    permission_sets: tuple[int, ...] = tuple(PERMISSION_SETS)
    daily_limit: Annotated[int, Meta(ge=1, le=MOST_CALLS)] | None = None
    """Calls per endpoint and Beijing day."""
    minute_limit: Annotated[int, Meta(ge=1, le=MOST_CALLS)] | None = None
    """Calls per minute."""
    addresses: tuple[str, ...] = ()
    """Addresses and networks that it may call from; empty: any."""
    is_platform: bool = False
    """Whether it is treated as a third-party platform: 61007 instead of 48001."""
    gets_wechat_token: bool = False
    """Whether it is given WeChat's own token of its account."""

    def __post_init__(self) -> None:
        for one in self.addresses:
            try:
                ip_network(one, strict=False)
            except ValueError:
                raise ValueError(f"{one!r} is not an IP address or a network") from None

    @property
    def generation(self) -> int:
        """A number that stands for the secret: the same in every process."""
        return int.from_bytes(sha256(self.secret.encode()).digest()[:4]) >> 2

    def __repr__(self) -> str:
        return f"LocalApp(appid={self.appid!r}, account={self.account!r})"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    apps: list[LocalApp] = []


@dataclass(frozen=True)
class FileChange:
    """The change that a start of the server made to its apps file."""

    is_new: bool = False
    """The file was created."""
    added: tuple[str, ...] = ()
    """Accounts for which an app was added to an existing file."""
    not_added: tuple[str, ...] = ()
    """Accounts without an app, because the file could not be changed."""
    reason: Message = NOTHING
    """Why it could not be changed."""


def read(path: Path) -> list[LocalApp]:
    """The apps of a file.

    Raises:  SettingsError if the file cannot be read or is invalid.
    """
    return _parse(path, _read_text(path))


def ensure(
    path: Path, accounts: Iterable[str], *, has_others: bool = False
) -> tuple[list[LocalApp], FileChange]:
    """The apps of a file, with at least one for each account, and the change that took.

    A missing file is created, unless there are other apps and no account lacks one. Apps are
    appended to an existing one, all of them or none; if it cannot be changed, the server can still
    run with the apps it has.

    Raises:  SettingsError if the file cannot be read, is invalid, or cannot be created.
    """
    wanted = list(dict.fromkeys(accounts))
    if not os.path.lexists(path):
        if has_others and not wanted:
            return [], FileChange()
        return _create(path, wanted), FileChange(is_new=True)
    text = _read_text(path)
    apps = _parse(path, text)
    served = {app.account for app in apps}
    missing = tuple(account for account in wanted if account not in served)
    return _append(path, text, apps, missing) if missing else (apps, FileChange())


def _read_text(path: Path) -> str:
    try:
        return read_private_file(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            _(
                "the apps file {path} cannot be read ({reason})",
                path=path,
                reason=type(error).__name__,
            ),
            hint=_("check its name and permissions"),
        ) from None


def _parse(path: Path, text: str) -> list[LocalApp]:
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _invalid(path, verbatim(str(error))) from None
    apps = _convert(path, content).apps
    duplicates = [n for n, times in Counter(app.appid for app in apps).items() if times > 1]
    if duplicates:
        raise SettingsError(
            _("the apps file {path} has {appids} twice", path=path, appids=Listing(duplicates)),
            hint=_("keep one [[apps]] section for each appid"),
        )
    return apps


def _convert(path: Path, content: dict[str, Any]) -> _File:
    try:
        return msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        raise _invalid(path, mismatch(content, _File) or verbatim(str(error))) from None


def _invalid(path: Path, reason: Message) -> SettingsError:
    return SettingsError(
        _("the apps file {path} is invalid: {reason}", path=path, reason=reason),
        hint=_(
            "correct that line; if you delete the file, a new one is written, with other secrets"
        ),
    )


def _create(path: Path, accounts: list[str]) -> list[LocalApp]:
    apps = _new_apps(accounts, ())
    try:
        _write(path, _HEADER + _sections(apps))
    except OSError as error:
        raise SettingsError(
            _(
                "the apps file {path} cannot be written ({reason})",
                path=path,
                reason=error.strerror or type(error).__name__,
            ),
            hint=_("set serve.apps_file to a path in another folder"),
        ) from None
    return apps


def _append(
    path: Path, text: str, apps: list[LocalApp], missing: tuple[str, ...]
) -> tuple[list[LocalApp], FileChange]:
    """The apps with those of further accounts, which are appended to the file."""
    longer = f"{text.rstrip()}\n{_sections(_new_apps(missing, {app.appid for app in apps}))}"
    try:
        extended = _parse(path, longer)
        _write(path, longer)
    except OSError as error:
        reason = verbatim(error.strerror or type(error).__name__)
        return apps, FileChange(not_added=missing, reason=reason)
    except SettingsError:
        # for example apps = [{...}], which no [[apps]] section can follow
        reason = _("no [[apps]] section can follow its content")
        return apps, FileChange(not_added=missing, reason=reason)
    return extended, FileChange(added=missing)


def _new_apps(accounts: Iterable[str], taken: Collection[str]) -> list[LocalApp]:
    """An app for each account, with an appid that no other app has."""
    apps: dict[str, LocalApp] = {}
    for account in accounts:
        appid = next(name for name in _candidates(account) if name not in {*taken, *apps})
        apps[appid] = LocalApp(appid=appid, secret=secrets.token_hex(16), account=account)
    return list(apps.values())


def _candidates(account: str) -> Iterator[str]:
    """Appids for an account, its own name first; accounts of events may have any name."""
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
    # a JSON string is also a TOML string, except for the one control character JSON allows
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, completely or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            _copy_permissions(path, draft)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _copy_permissions(source: Path, target: Path) -> None:
    """Give a file the permissions and the owner of another."""
    known = source.stat()
    target.chmod(known.st_mode & 0o777)
    with suppress(OSError, AttributeError):
        os.chown(target, known.st_uid, known.st_gid)
