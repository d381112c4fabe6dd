"""Command that makes a certificate for this machine: certificate."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wxcube.cli.commands.context import context
from wxcube.cli.help import Command
from wxcube.cli.terminal.paragraph import print_paragraph
from wxcube.errors import SettingsError
from wxcube.i18n import _

AUTHORITY, CERTIFICATE, KEY = "authority.pem", "certificate.pem", "key.pem"
_OWNER_ONLY, _ALL_READ = 0o600, 0o644


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--name", "names", multiple=True, help="A further name or address of the server; repeatable."
)
def certificate(folder: Path, names: tuple[str, ...]) -> None:
    """Make a certificate for programs that call only WeChat's host.

    It is good for api.weixin.qq.com, localhost and further names. DIR gets
    certificate.pem and key.pem for the server, and authority.pem for the programs
    that shall trust it. The key of the authority is not kept, so that nobody can
    make another certificate with it.

    \b
    Examples:
      wxcube certificate tls
      wxcube certificate tls --name stats.lan --name 192.168.1.20
    """
    from wxcube.server.local_certificate import NAMES, local_certificate

    root = context()
    made = local_certificate(list(dict.fromkeys([*NAMES, *names])), root.clock.now())
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        KEY: (made.key, _OWNER_ONLY),
        CERTIFICATE: (made.certificate, _ALL_READ),
        AUTHORITY: (made.authority, _ALL_READ),
    }
    if present := next((name for name in files if os.path.lexists(folder / name)), None):
        raise SettingsError(
            _("{file} is there already", file=folder / present),
            hint=_("remove the three files of an earlier certificate, or name another folder"),
        )
    for name, (content, mode) in files.items():
        _write_new(folder / name, content, mode)
    for message in (
        _(
            "for the server: {certificate} and {key}",
            certificate=folder / CERTIFICATE,
            key=folder / KEY,
        ),
        _("for programs that shall trust it: {authority}", authority=folder / AUTHORITY),
        _("good until {day}", day=made.expires.date()),
    ):
        print_paragraph(root.notes, root.translate(message))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist, not even as a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor
        file.write(content)
