"""Files with secrets are read only if nobody else can read or change them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wxcube.errors import SettingsError
from wxcube.settings import read_private_file


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
