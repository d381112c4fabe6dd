"""Commands for the apps that may call the server: add, list, rotate, revoke, and others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from click.core import ParameterSource

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.commands.servers import warn_empty
from wxcube.cli.help import Command, Group
from wxcube.cli.terminal.grid import Heading, show
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.contract.codes import PERMISSION_SETS
from wxcube.errors import SettingsError
from wxcube.i18n import Listing, _, plural
from wxcube.settings import AppId

if TYPE_CHECKING:
    from wxcube.server.apps import LocalApp
    from wxcube.warehouse.app_store import StoredApp
    from wxcube.warehouse.store import Warehouse

MOST_CALLS = 2**31 - 1
_REQUESTS_SHOWN = 100


@click.group(cls=Group)
def app() -> None:
    """Manage the apps that may call `wxcube serve`.

    They are in the database, with a hash in place of the secret. A running server takes a change in
    within a second. Apps of the apps file go on beside them; of two with the same appid, the one in
    the database counts.

    \b
    Examples:
      wxcube app add reports --account main
      wxcube app list
      wxcube app revoke reports
    """


_RIGHTS = [
    click.option(
        "--permission-set",
        "permission_sets",
        type=click.Choice([str(number) for number in PERMISSION_SETS]),
        multiple=True,
        help="A permission set that it has; repeatable (default: all).",
    ),
    click.option(
        "--address",
        "addresses",
        multiple=True,
        metavar="IP|NETWORK",
        help="An address that it may call from; repeatable (default: any).",
    ),
    click.option(
        "--daily-limit",
        type=click.IntRange(1, MOST_CALLS),
        help="Calls per endpoint and day (default: no limit).",
    ),
    click.option(
        "--minute-limit",
        type=click.IntRange(1, MOST_CALLS),
        help="Calls per minute (default: no limit).",
    ),
    click.option(
        "--platform", is_flag=True, help="Treat it as a third-party platform: 61007, not 48001."
    ),
    click.option("--wechat-token", is_flag=True, help="Give it WeChat's own token of the account."),
]


_FIELDS = {"platform": "is_platform", "wechat_token": "gets_wechat_token"}
"""Fields of an app whose options have other names."""


def _with_rights(command: Any) -> Any:
    for option in reversed(_RIGHTS):
        command = option(command)
    return command


@app.command(cls=Command)
@click.argument("appid")
@click.option("--account", default="", help="Name or AppID of the account whose data it may read.")
@_with_rights
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def add(appid: str, account: str, *, as_json: bool, **rights: Any) -> None:
    """Add an app, and print its new secret, once.

    \b
    Examples:
      wxcube app add reports --account main
      wxcube app add shop --account main --permission-set 2 --address 192.0.2.0/24
    """
    from wxcube.server.secret_hash import hash_of, new_secret
    from wxcube.warehouse.app_store import StoredApp

    root, secret = context(), new_secret()
    _check_appid(appid)
    is_new = not root.has_warehouse()
    with _warehouse(root, may_create=True) as warehouse:
        new = StoredApp(
            appid=appid,
            account=_account(root, account, warehouse.accounts()),
            secret_hash=hash_of(secret),
            created_at=root.clock.now(),
            # tokens that an app of the apps file got under this name are not its own
            generation=1,
            **_rights(**rights),
        )
        if warehouse.apps.add([new]):
            _require_valid(warehouse.apps.apps()[appid])
            raise SettingsError(
                _("there is an app {appid} already", appid=appid),
                hint=_("choose another name, or give it a new secret with `wxcube app rotate`"),
            )
    if is_new:
        warn_empty(root)
    _show_secret(root, appid, secret, as_json=as_json)


@app.command("list", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON per app.")
def list_apps(*, as_json: bool) -> None:
    """List the apps of the database and of the apps file, without secrets.

    \b
    Examples:
      wxcube app list
      wxcube app list --json
    """
    root = context()
    stored: dict[str, StoredApp] = {}
    if root.has_warehouse():
        with root.warehouse(read_only=not root.can_write_warehouse()) as warehouse:
            stored = warehouse.apps.apps()
    local = [one for one in _local_apps(root) if one.appid not in stored]
    if as_json:
        for line in (*map(_stored_line, stored.values()), *map(_local_line, local)):
            click.echo(json_line(line))
        return
    rows = [
        *((*_cells(root, one), _state(root, one)) for one in stored.values()),
        *((*_cells(root, one), root.translate(_("in the apps file"))) for one in local),
    ]
    if not rows:
        text = _(
            "there are no apps yet; add one with `wxcube app add`, or start `wxcube serve`, which "
            "writes a file with one for each account"
        )
        print_paragraph(root.notes, root.translate(text))
        return
    _show_apps(root, rows)


@app.command(cls=Command)
@click.argument("appid")
@_with_rights
@click.option("--reset", is_flag=True, help="All rights that are not named are the default again.")
@click.pass_context
def change(ctx: click.Context, /, appid: str, *, reset: bool, **rights: Any) -> None:
    """Give an app other rights: those that are named; it keeps the others.

    \b
    Examples:
      wxcube app change shop --permission-set 2 --permission-set 7 --daily-limit 5000
      wxcube app change shop --reset --address 192.0.2.0/24
    """
    named = [one for one in rights if ctx.get_parameter_source(one) is ParameterSource.COMMANDLINE]
    if not (named or reset):
        raise SettingsError(
            _("no right is named"), hint=_("name one, such as --daily-limit, or give --reset")
        )
    root, values = context(), _rights(**rights)
    fields = list(values) if reset else [_FIELDS.get(one, one) for one in named]
    with _warehouse(root) as warehouse:
        changed = {field: values[field] for field in fields}
        app = _require(warehouse.apps.change(appid, **changed), appid)
    print_paragraph(root.notes, root.translate(_("{appid} has its new rights", appid=appid)))
    _show_apps(root, [(*_cells(root, app), _state(root, app))])


@app.command(cls=Command)
@click.argument("appid")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def rotate(appid: str, *, as_json: bool) -> None:
    """Give an app a new secret; the old one and its tokens end at once.

    \b
    Examples:
      wxcube app rotate reports
    """
    from wxcube.server.secret_hash import hash_of, new_secret

    root, secret = context(), new_secret()
    with _warehouse(root) as warehouse:
        _require_valid(_require(warehouse.apps.apps().get(appid), appid))
        warehouse.apps.rotate(appid, hash_of(secret))
    _show_secret(root, appid, secret, as_json=as_json)


@app.command(cls=Command)
@click.argument("appids", nargs=-1, required=True)
def revoke(appids: tuple[str, ...]) -> None:
    """End apps and their tokens, for good; running servers refuse them within a second.

    \b
    Examples:
      wxcube app revoke reports
    """
    root = context()
    with _warehouse(root) as warehouse:
        known = warehouse.apps.apps()
        for appid in appids:
            _require(known.get(appid), appid)
        for appid in appids:
            if not known[appid].revoked_at:
                warehouse.apps.change(appid, revoked_at=root.clock.now())
            print_paragraph(root.console, root.translate(_("{appid} is revoked", appid=appid)))


@app.command("import", cls=Command)
@click.argument("file", required=False, type=click.Path(path_type=Path))
def import_apps(file: Path | None) -> None:
    """Take the apps of the apps file into the database; secrets and tokens stay good.

    The file can be deleted afterwards. An app that the database has already is left as it is.

    \b
    Examples:
      wxcube app import
    """
    from wxcube.server import apps
    from wxcube.server.secret_hash import SHORTEST_SECRET

    root = context()
    path = file or Path(root.settings.serve.apps_file)
    local = apps.read(path)
    if short := [one.appid for one in local if len(one.secret) < SHORTEST_SECRET]:
        raise SettingsError(
            _(
                "secrets of fewer than {length} characters can be guessed from a hash: {appids}",
                length=SHORTEST_SECRET,
                appids=Listing(short),
            ),
            hint=_("give these apps longer secrets in {path}", path=path),
        )
    now = root.clock.now()
    with _warehouse(root) as warehouse:
        known = warehouse.apps.apps()
        new = [_imported(one, now) for one in local if one.appid not in known]
        warehouse.apps.add(new)
    message = plural(
        "{n} app was taken into the database; {path} is not needed any more",
        "{n} apps were taken into the database; {path} is not needed any more",
        n=len(new),
        path=path,
    )
    print_paragraph(root.console, root.translate(message))


@app.command("log", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON per request.")
def log_of_requests(*, as_json: bool) -> None:
    """Show who asked for WeChat's own token, the newest first.

    \b
    Examples:
      wxcube app log
    """
    root = context()
    can_write = root.has_warehouse() and root.can_write_warehouse()
    with root.warehouse(read_only=not can_write) as warehouse:
        requests = warehouse.apps.requests(_REQUESTS_SHOWN)
    if as_json:
        for one in requests:
            line = {"asked_at": one.asked_at.isoformat(timespec="seconds"), "appid": one.appid}
            rest = {"account": one.account, "client": one.client, "errcode": one.errcode}
            click.echo(json_line(line | rest))
        return
    translate = root.translate
    titles = (_("time"), _("app"), _("account"), _("address"), _("errcode"))
    rows = [
        (
            f"{one.asked_at:%Y-%m-%d %H:%M:%S}",
            one.appid,
            root.title(one.account),
            one.client,
            one.errcode,
        )
        for one in requests
    ]
    if not rows:
        text = _("no app has asked for WeChat's token")
        root.notes.print(translate(text))
        return
    show(root.console, [Heading(translate(title)) for title in titles], rows)


@app.command("new-key", cls=Command)
def new_key() -> None:
    """End all tokens, so that servers may use another key; apps get new tokens by their secrets.

    Delete the old key file, or replace it by that of another server, before the next start.

    \b
    Examples:
      wxcube app new-key
    """
    root = context()
    with _warehouse(root) as warehouse:
        warehouse.apps.forget_key()
    message = _(
        "all tokens have ended; restart the servers with the new key ({path})",
        path=root.settings.serve.key_file,
    )
    print_paragraph(root.console, root.translate(message))


# --- parts ----------------------------------------------------------------------------------------


def _warehouse(root: Context, *, may_create: bool = False) -> Warehouse:
    """The database; one that does not exist is an error, as its name may be mistyped."""
    root.require_private_warehouse()
    return root.warehouse(read_only=not may_create and not root.has_warehouse())


def _rights(
    permission_sets: tuple[str, ...],
    addresses: tuple[str, ...],
    daily_limit: int | None,
    minute_limit: int | None,
    *,
    platform: bool,
    wechat_token: bool,
) -> dict[str, Any]:
    from wxcube.server.app_directory import networks

    try:
        networks(addresses)
    except ValueError as error:
        raise SettingsError(
            _("--address: {reason}", reason=error),
            hint=_("write addresses as 192.0.2.1, networks as 192.0.2.0/24"),
        ) from None
    return {
        "permission_sets": tuple(map(int, permission_sets)) or tuple(PERMISSION_SETS),
        "addresses": addresses,
        "daily_limit": daily_limit,
        "minute_limit": minute_limit,
        "is_platform": platform,
        "gets_wechat_token": wechat_token,
    }


def _check_appid(appid: str) -> None:
    try:
        msgspec.convert(appid, AppId)
    except msgspec.ValidationError:
        raise SettingsError(
            _("{appid!r} cannot be the appid of an app", appid=appid),
            hint=_("use 3 to 64 letters, digits, - and _"),
        ) from None


def _account(root: Context, name: str, stored: Any) -> str:
    """The account of a new app: one of the settings, or one with stored data."""
    from wxcube.cli.stored_accounts import only_account, stored_account

    known = {one.appid for one in root.settings.accounts} | set(stored)
    if not name:
        return only_account(known)
    return stored_account(name, known, root.settings.accounts)


def _require(app: StoredApp | None, appid: str) -> StoredApp:
    if app is None:
        raise SettingsError(
            _("the database has no app {appid}", appid=appid),
            hint=_("`wxcube app list` shows them; `wxcube app import` takes in the apps file"),
        )
    return app


def _require_valid(app: StoredApp) -> None:
    if app.revoked_at:
        raise SettingsError(
            _("the app {appid} was revoked", appid=app.appid),
            hint=_("add one with another appid: `wxcube app add`"),
        )


def _show_secret(root: Context, appid: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_line({"appid": appid, "secret": secret}))
        return
    root.console.print(f"appid   {appid}")
    root.console.print(f"secret  {secret}")
    text = _("the secret is not shown again: only its hash is stored")
    print_paragraph(root.notes, root.translate(text))


def _local_apps(root: Context) -> list[LocalApp]:
    from wxcube.server import apps

    file = Path(root.settings.serve.apps_file)
    return apps.read(file) if file.exists() or file.is_symlink() else []


def _imported(local: LocalApp, now: datetime) -> StoredApp:
    from wxcube.server.secret_hash import hash_of
    from wxcube.warehouse.app_store import StoredApp

    return StoredApp(
        appid=local.appid,
        account=local.account,
        secret_hash=hash_of(local.secret),
        permission_sets=local.permission_sets,
        addresses=local.addresses,
        daily_limit=local.daily_limit,
        minute_limit=local.minute_limit,
        is_platform=local.is_platform,
        gets_wechat_token=local.gets_wechat_token,
        created_at=now,
        # its tokens go on
        generation=local.generation,
    )


def _show_apps(root: Context, rows: list[tuple[str, ...]]) -> None:
    titles = (
        _("account"),
        _("permission sets"),
        _("addresses"),
        _("per day"),
        _("per minute"),
        _("state"),
    )
    show(root.console, [Heading(name) for name in ("appid", *map(root.translate, titles))], rows)


def _state(root: Context, one: StoredApp) -> str:
    if not one.revoked_at:
        return ""
    return root.translate(_("revoked on {day}", day=f"{one.revoked_at:%Y-%m-%d}"))


def _cells(root: Context, one: StoredApp | LocalApp) -> tuple[str, ...]:
    has_all = set(one.permission_sets) >= set(PERMISSION_SETS)
    return (
        one.appid,
        root.title(one.account),
        root.translate(_("all")) if has_all else " ".join(map(str, one.permission_sets)),
        " ".join(one.addresses),
        str(one.daily_limit or ""),
        str(one.minute_limit or ""),
    )


def _stored_line(one: StoredApp) -> dict[str, object]:
    revoked_at = one.revoked_at.isoformat(timespec="seconds") if one.revoked_at else None
    created_at = one.created_at.isoformat(timespec="seconds")
    line = {"source": "database", "created_at": created_at, "revoked_at": revoked_at}
    return _rights_of(one) | line


def _local_line(one: LocalApp) -> dict[str, object]:
    return _rights_of(one) | {"source": "file", "created_at": None, "revoked_at": None}


def _rights_of(one: StoredApp | LocalApp) -> dict[str, object]:
    return {
        "appid": one.appid,
        "account": one.account,
        "permission_sets": one.permission_sets,
        "addresses": one.addresses,
        "daily_limit": one.daily_limit,
        "minute_limit": one.minute_limit,
        "is_platform": one.is_platform,
        "gets_wechat_token": one.gets_wechat_token,
    }
