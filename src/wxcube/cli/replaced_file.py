"""A file that is replaced when the new one is complete."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from wxcube.errors import WarehouseError
from wxcube.i18n import _


def written_to(out: Path | None) -> AbstractContextManager[BinaryIO]:
    """The file to write, or standard output."""
    return replacing(out) if out else nullcontext(sys.stdout.buffer)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it replaces the file at `path` when it is complete."""
    if not path.absolute().parent.is_dir():
        raise WarehouseError(
            _(
                "the directory {directory} for {name} does not exist",
                directory=path.parent,
                name=path.name,
            ),
            hint=_("create it, or name another file with --out"),
        )
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    draft = path.with_name(path.name + ".part")
    try:
        # a link that somebody put there, or the rest of a killed command
        draft.unlink(missing_ok=True)
        with draft.open("xb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
