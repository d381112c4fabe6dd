"""A folder with settings of an account whose callbacks are recorded."""

from __future__ import annotations

from pathlib import Path

import duckdb

from support.callbacks import APPID, GH, KEY, TOKEN
from support.command_line import Site
from wxcube.events.store.store import EventStore


def tapped_site(folder: Path, *, is_encrypted: bool = False) -> Site:
    text = f'[[accounts]]\nappid = "{APPID}"\nname = "main"\noriginal_id = "{GH}"\n'
    text += 'message_token_file = "token"\n'
    secrets = {"token": TOKEN}
    if is_encrypted:
        text += 'message_key_file = "key"\n'
        secrets["key"] = KEY
    for name, secret in secrets.items():
        path = folder / name
        path.touch(0o600)
        path.write_text(secret)
    site = Site(folder)
    site.settings.write_text(text, encoding="utf-8")
    return site


def stored_events(folder: Path, family: str) -> list[dict[str, object]]:
    """The events of a family in a site's store, after compaction."""
    with EventStore.open(folder / "events", create=False) as store:
        troubles = [str(one) for one in store.compact().troubles]
        # a writer that is killed leaves a segment without its end
        assert all("end mark" in one for one in troubles), troubles
        files = [
            str(path)
            for day, group in store.partitions()
            for path in store.files(family, day, group)
        ]
    if not files:
        return []
    found = duckdb.read_parquet(files)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def all_bytes(folder: Path) -> bytes:
    """Every file below a folder."""
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
