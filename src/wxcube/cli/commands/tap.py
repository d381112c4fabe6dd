"""The command tap: records WeChat's callbacks as events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wxcube.cli.commands.context import Context, context, json_line
from wxcube.cli.exit_codes import INCOMPLETE
from wxcube.cli.help import Group
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import EventStoreError, SettingsError, WarehouseError
from wxcube.i18n import COMMA, Message, _, joined, plural

if TYPE_CHECKING:
    from wxcube.events.store.store import EventStore
    from wxcube.tap.accounts import TappedAccounts
    from wxcube.tap.mapping import HashUser
    from wxcube.tap.service import Service
    from wxcube.tap.tally import Tally
    from wxcube.warehouse.store import Warehouse

_BATCH = 2_000
"""Events of a file that are stored in one batch."""


@click.group(cls=Group)
def tap() -> None:
    """Record WeChat's callbacks as your own events.

    Accounts need an original_id (gh_…) and a message token in the settings, and a message key if
    their callbacks are encrypted. Openids are hashed before anything is written.
    """


_host = click.option("--host", help="Address to listen on (default: 127.0.0.1).")
_port = click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8320).")
_spool = click.option(
    "--spool", metavar="FOLDER", help="Folder for events that wait (default: tap-spool)."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the counts as a JSON line.")


@tap.command()
@click.option("--to", metavar="URL", help="Message server to stand in front of (http://host:port).")
@_host
@_port
@_spool
@_json
def proxy(
    to: str | None, host: str | None, port: int | None, spool: str | None, *, as_json: bool
) -> None:
    """Stand in front of your message server.

    Every byte is passed on unchanged, and replies are timed: figures of messages, of followers and
    of replies. A message counts on the day of its CreateTime, a reply on the day of its arrival;
    each of WeChat's up to three attempts is a reply of its own, because callback_count counts
    calls. If the event store cannot be used, events wait in the spool.

    \b
    Examples:
      wxcube tap proxy --to http://127.0.0.1:8080
    """
    root = context()
    upstream = to or root.settings.tap.to
    if not upstream:
        raise SettingsError(
            _("there is no message server to pass callbacks on to"),
            hint=_("name it with --to, or as `to` in the section [tap]"),
        )
    _run(root, _checked(upstream), host, port, spool, as_json=as_json)


@tap.command()
@_host
@_port
@_spool
@_json
def mirror(host: str | None, port: int | None, spool: str | None, *, as_json: bool) -> None:
    """Take copies of callbacks, such as those of nginx's `mirror`.

    Each copy is answered at once. There are figures of messages and followers, none of replies:
    copies do not show how your server replied.

    \b
    Examples:
      wxcube tap mirror --port 8320
    """
    _run(context(), "", host, port, spool, as_json=as_json)


@tap.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@_json
def read(files: tuple[str, ...], *, as_json: bool) -> int:
    """Read files of saved callbacks, or an access log of nginx.

    Files have JSON objects with `body`, `query`, `received`, `ms` and `reply`, one per line, or XML
    documents; also compressed (.gz). An access log has figures of replies only. Reading a file
    again is harmless.

    \b
    Examples:
      wxcube tap read callbacks.jsonl.gz
      wxcube tap read /var/log/nginx/access.log
    """
    root = context()
    has_refused = False
    for name in files:
        tally = _read(root, Path(name))
        has_refused |= bool(tally.refused)
        _show(root, tally, as_json=as_json)
    return INCOMPLETE if has_refused else 0


@tap.command()
@_spool
@_json
def drain(spool: str | None, *, as_json: bool) -> None:
    """Store the events that wait in the spool of a tap that has ended.

    \b
    Examples:
      wxcube tap drain
    """
    from wxcube.tap.drain import Drain
    from wxcube.tap.spool import Spool

    root = context()
    folder = _folder(root, spool)
    # refused if a tap is running
    Spool(folder).close()
    with closing(Drain(folder, _opener(root))) as drained:
        count = drained.run_once()
    if as_json:
        click.echo(json_line({"events": count}))
    else:
        message = plural("{n} event was stored", "{n} events were stored", n=count)
        root.console.print(root.translate(message))


def _run(
    root: Context,
    to: str,
    host: str | None,
    port: int | None,
    spool: str | None,
    *,
    as_json: bool,
) -> None:
    from wxcube.cli.commands.servers import warn_if_reachable
    from wxcube.server.http import listen, url_of

    settings = root.settings.tap
    address = host or settings.host
    with listen(address, settings.port if port is None else port) as listener:
        _refuse_itself(to, *listener.getsockname()[:2])
        with _service(root, spool) as service:
            url = url_of(listener)

            def ready() -> None:
                root.notes.print(root.translate(_("listening on {url}", url=url)))
                warn_if_reachable(root, address)
                root.notes.print(root.translate(_("press Ctrl-C to stop")))

            service.run(listener, to, ready)
        _show(root, service.recorder.tally, as_json=as_json)


@contextmanager
def _service(root: Context, spool: str | None) -> Iterator[Service]:
    from wxcube.tap.accounts import tapped_accounts
    from wxcube.tap.service import service

    accounts = tapped_accounts(root.settings.accounts)
    hash_user = _hasher(root)
    try:
        _open_new_accounts(root, accounts)
    except EventStoreError as error:
        warning = _(
            "the event store cannot be used now, events wait in {folder}: {problem}",
            folder=_folder(root, spool),
            problem=error.as_message(),
        )
        print_paragraph(root.notes, root.translate(warning), mark="! ", style="yellow")
    except WarehouseError as error:
        warning = _(
            "the followers of new accounts are unknown, as the database cannot be read: {problem}",
            problem=error.as_message(),
        )
        print_paragraph(root.notes, root.translate(warning), mark="! ", style="yellow")
    folder = _folder(root, spool)
    with service(accounts, folder, root.settings, hash_user, root.clock) as running:
        yield running


def _hasher(root: Context) -> HashUser:
    """The function that hashes openids; a store that does not exist is created.

    Raises:  EventStoreError if its keys cannot be read, without which nothing can be recorded.
    """
    from wxcube.settings import events_key
    from wxcube.tap.service import user_hasher

    events = root.settings.events
    folder, key = Path(events.folder).expanduser(), events_key(events).reveal()
    try:
        return user_hasher(folder, key)
    except EventStoreError:
        # refuses to replace a store whose keys are missing
        _opener(root)().close()
        return user_hasher(folder, key)


def _open_new_accounts(root: Context, accounts: TappedAccounts) -> None:
    """Let new accounts begin with the followers that the database has of yesterday."""
    from wxcube.tap.opening import followers_in, open_new_accounts

    with _stored(root) as warehouse, _opener(root)() as store:
        found = followers_in(warehouse) if warehouse else (lambda _appid, _day: None)
        for one in open_new_accounts(store, accounts, found, root.clock.now()):
            if one.followers is None:
                message = _(
                    "the followers of {account} at the end of {day} are unknown, so totals begin "
                    "at 0: run `wxcube sync --only user` after 08:00 and ingest an event `open`",
                    account=root.title(one.appid),
                    day=one.day,
                )
            else:
                message = _(
                    "{account} begins with {followers:,} followers, as of the end of {day}",
                    account=root.title(one.appid),
                    followers=one.followers,
                    day=one.day,
                )
            print_paragraph(root.notes, root.translate(message), mark="· ")


def _stored(root: Context) -> AbstractContextManager[Warehouse | None]:
    """The database, if there is one yet."""
    return root.warehouse(read_only=True) if root.has_warehouse() else nullcontext()


def _read(root: Context, path: Path) -> Tally:
    from wxcube.tap.access_log import is_access_log, replies
    from wxcube.tap.accounts import tapped_accounts
    from wxcube.tap.channels import Channels
    from wxcube.tap.drain import store_events
    from wxcube.tap.saved import SavedReader
    from wxcube.tap.tally import Tally

    accounts = tapped_accounts(root.settings.accounts)
    with _opener(root)() as store:
        if is_access_log(path):
            _say_only_replies(root, path)
            tally = Tally()
            found = replies(path, accounts, tally)
        else:
            reader = SavedReader(accounts, _hasher(root), root.settings.tap.message_bytes)
            tally, found = reader.tally, reader.read(path)
        channels = Channels(_folder(root, None))
        while batch := list(islice(found, _BATCH)):
            store_events(store, channels.complete(_encoded(batch)), path.name)
            channels.commit()
        channels.close()
    return tally


def _encoded(events: list[dict[str, Any]]) -> list[bytes]:
    import msgspec

    return [msgspec.json.encode(event) for event in events]


def _say_only_replies(root: Context, path: Path) -> None:
    message = _(
        "{path} is an access log: it has figures of replies only, and a reply counts as valid if "
        "its status is 200 and it took at most 5 seconds",
        path=path,
    )
    print_paragraph(root.notes, root.translate(message), mark="! ", style="yellow")


def _opener(root: Context) -> Callable[[], EventStore]:
    from wxcube.server.events_intake import open_store

    return lambda: open_store(root.settings.events, root.clock)


def _folder(root: Context, spool: str | None) -> Path:
    return Path(spool or root.settings.tap.spool).expanduser()


def _checked(url: str) -> str:
    """The address of the message server.

    Raises:  SettingsError if it has more than a host and a port.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        # a port that is none raises
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.path not in {"", "/"} or parts.query or "@" in parts.netloc:
        raise SettingsError(
            _("--to needs the address of a server, such as http://127.0.0.1:8080"),
            hint=_("leave out the path: paths are passed on as WeChat calls them"),
        )
    return url


def _refuse_itself(to: str, host: str, port: int) -> None:
    """Refuse to pass callbacks on to the tap itself, which would never end.

    Raises:  SettingsError.
    """
    from urllib.parse import urlsplit

    from wxcube.server.addresses import is_loopback

    parts = urlsplit(to)
    name = parts.hostname or ""
    is_here = (
        name == host
        or (name == "localhost" and is_loopback(host))
        or (is_loopback(name) and host in {"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
    )
    if is_here and parts.port == port:
        raise SettingsError(
            _("--to is the address of the tap itself, {to}", to=to),
            hint=_("name that of the message server, or give the tap another --port"),
        )


def _show(root: Context, tally: Tally, *, as_json: bool) -> None:
    """The counts, and why callbacks were refused."""
    from wxcube.tap.refused import MEANINGS, Reason

    if as_json:
        click.echo(json_line(tally.as_dict()))
        return
    pushed = sum(tally.kinds.values()) + sum(tally.unknown.values())
    counts: list[Message] = [
        plural("{n} callback", "{n} callbacks", n=pushed),
        plural("{n} event", "{n} events", n=tally.events),
        plural("{n} reply", "{n} replies", n=tally.replies),
        plural("{n} failed", "{n} failed", n=tally.failed),
    ]
    root.console.print(root.translate(joined(counts, COMMA)))
    for kind, count in sorted(tally.unknown.items()):
        unknown = plural(
            "{n} callback of the unknown kind {kind}: counted as a reply only",
            "{n} callbacks of the unknown kind {kind}: counted as replies only",
            n=count,
            kind=kind,
        )
        print_paragraph(root.console, root.translate(unknown), mark="! ", style="yellow")
    for reason, count in sorted(tally.refused.items()):
        refused = plural(
            "{n} callback was refused: {meaning}",
            "{n} callbacks were refused: {meaning}",
            n=count,
            meaning=MEANINGS[Reason(reason)],
        )
        print_paragraph(root.console, root.translate(refused), mark="! ", style="yellow")
