"""Files with secrets are read only if nobody else can read or change them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.command_line import Site
from wxcube.errors import EventStoreError, SettingsError, WarehouseError
from wxcube.events.store.keys import create_keys
from wxcube.pages.login_database import open_login_database
from wxcube.report.delivery_ledger import DeliveryLedger
from wxcube.server.apps import ensure
from wxcube.settings import (
    ServeSettings,
    create_private_file,
    read_private_file,
    serve_key,
    write_private_file,
)
from wxcube.warehouse.store import Warehouse


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a secret, readable by its owner."""
    path = tmp_path / "secret"
    path.write_text("quiet", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400, 0o440])
def test_a_file_of_its_user_is_read(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_private_file(file) == "quiet"


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o620, 0o601])
def test_a_file_for_others_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SettingsError, match="other users can read or change it") as caught:
        read_private_file(file)
    assert f"chmod 600 {file}" in caught.value.hint
    assert "quiet" not in str(caught.value)


def test_a_link_is_followed_only_where_it_is_expected(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    with pytest.raises(SettingsError, match="it is a link"):
        read_private_file(link)
    assert read_private_file(link, follow_links=True) == "quiet"
    file.chmod(0o644)
    with pytest.raises(SettingsError, match="its mode is 0644"):
        read_private_file(link, follow_links=True)


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(SettingsError, match="it is not a regular file"):
            read_private_file(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(file: Path) -> None:
    os.chown(file, 65_534, -1)
    with pytest.raises(SettingsError, match="it belongs to another user"):
        read_private_file(file)


# --- writing --------------------------------------------------------------------------------------


@pytest.fixture
def open_mask() -> Iterator[None]:
    """New files are for everybody, unless whoever makes them says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_mask")
@pytest.mark.parametrize("write", [write_private_file, create_private_file])
def test_a_new_file_is_for_its_user_only(
    tmp_path: Path, write: Callable[[Path, str], object]
) -> None:
    path = tmp_path / "secret"
    write(path, "quiet")
    assert read_private_file(path) == "quiet"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["secret"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / "secret"
    precious.write_text("precious", encoding="utf-8")
    link.symlink_to(precious)
    assert create_private_file(link, "quiet") is False
    write_private_file(link, "quiet")
    assert (precious.read_text("utf-8"), read_private_file(link)) == ("precious", "quiet")


def test_a_file_that_is_there_is_not_created_anew(file: Path) -> None:
    assert create_private_file(file, "loud") is False
    assert read_private_file(file) == "quiet"
    assert [one.name for one in file.parent.iterdir()] == [file.name]


# --- every place ----------------------------------------------------------------------------------


def key_of_a_server(folder: Path) -> Path:
    serve_key(ServeSettings(key_file=str(folder / "wxcube-serve.key")))
    return folder / "wxcube-serve.key"


def database(folder: Path) -> Path:
    Warehouse.open(folder / "wxcube.db").close()
    return folder / "wxcube.db"


def logins(folder: Path) -> Path:
    open_login_database(folder / "logins.db").close()
    return folder / "logins.db"


def deliveries(folder: Path) -> Path:
    with DeliveryLedger(folder / "deliveries.db"):
        return folder / "deliveries.db"


def events_key(folder: Path) -> Path:
    create_keys(folder)
    return folder / "key"


def apps_file(folder: Path) -> Path:
    ensure(folder / "apps.toml", ["wxdemo-1"])
    return folder / "apps.toml"


MADE = [key_of_a_server, database, logins, deliveries, events_key, apps_file]
REFUSED = [key_of_a_server, logins, events_key, apps_file]


@pytest.mark.usefixtures("open_mask")
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_what_wxcube_makes_is_for_its_user_only(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.glob(f"{path.name}*")}
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
@pytest.mark.parametrize("how", ["mode", "link", "device"])
def test_what_others_could_read_or_choose_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], how: str
) -> None:
    path = make(tmp_path)
    if how == "mode":
        path.chmod(0o644)
    elif how == "link":
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")
    else:
        path.unlink()
        os.mkfifo(path, 0o600)
    with pytest.raises((SettingsError, EventStoreError), match="may not be used for secrets"):
        make(tmp_path)


@pytest.mark.parametrize("path", [Path("/dev/null"), "pipe"])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_database_is_a_regular_file(tmp_path: Path, path: Path | str, read_only: bool) -> None:
    if path == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    with pytest.raises(WarehouseError, match="is not a regular file"):
        Warehouse.open(path, read_only=read_only)


COMMANDS = ["serve --port 0", "app add reports", "up --port 0"]


@pytest.mark.parametrize(
    ("command", "how"),
    [
        *((command, how) for command in COMMANDS for how in ("mode", "link")),
        ("app add reports", "journal"),
    ],
)
def test_a_server_refuses_a_database_that_others_can_read(
    tmp_path: Path, command: str, how: str
) -> None:
    site = Site(tmp_path)
    site.settings.write_text('[[accounts]]\nappid = "wxdemo-1"\n', encoding="utf-8")
    path = database(tmp_path)
    if how == "mode":
        path.chmod(0o644)
    elif how == "journal":
        path.with_name("wxcube.db-wal").touch(mode=0o644)
    else:
        path.rename(tmp_path / "elsewhere.db")
        path.symlink_to("elsewhere.db")
    result = site.run(*command.split())
    assert result.code == 1
    assert "may not be used for secrets" in result.err
    hint = "name the file itself" if how == "link" else "chmod 600"
    assert hint in " ".join(result.err.split())
