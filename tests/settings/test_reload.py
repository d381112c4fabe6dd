"""Which settings a running server takes in anew; the guides name those that need a restart."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
import pytest

from support.guide import ROOT
from wxcube.settings import LimitSettings, Mark, ServeSettings, Settings, marks, needing_restart

TAKEN_IN = {
    *("log_level", "log_json", "accounts", "serve.apps_file", "serve.trusted_proxies"),
    *("limits.connections", "limits.header_bytes", "limits.header_lines", "limits.pipelined"),
    *("limits.request_seconds", "limits.idle_seconds", "limits.send_seconds"),
    *("limits.kept_bytes", "limits.answer_seconds", "limits.read_through_seconds"),
}
"""Keys that a server reads anew, besides those of [sync]; a key is added here when it is so."""


def test_every_key_has_a_mark_and_only_these_are_taken_in() -> None:
    found = marks(Settings)
    taken_in = {name for name, mark in found.items() if mark is Mark.RELOADED}
    assert {name for name in taken_in if not name.startswith("sync.")} == TAKEN_IN
    of_sections = {name.partition(".")[0] for name in found if "." in name}
    assert set(Settings.__struct_fields__) == of_sections | {n for n in found if "." not in n}
    elsewhere = {name.partition(".")[0] for name, one in found.items() if one is Mark.ELSEWHERE}
    assert elsewhere == {"tap", "report", "alerts", "recipients"}


class Section(msgspec.Struct):
    """A section with a new key."""

    new: int = 1
    taken_in: Annotated[int, Mark.RELOADED] = 1


class Whole(msgspec.Struct):
    """Settings with such a section."""

    section: Section
    other: Annotated[Section, Mark.ELSEWHERE]
    key: str = ""


def test_a_new_key_needs_a_restart_until_it_is_marked() -> None:
    before, after = Whole(Section(), Section()), Whole(Section(2, 2), Section(2), "2")
    assert needing_restart(before, after) == ["section.new", "key"]
    assert needing_restart(before, before) == []


def test_settings_of_pages_need_a_restart_where_there_are_pages() -> None:
    port = msgspec.structs.replace(Settings().pages, port=1)
    before, after = Settings(), Settings(pages=port, limits=LimitSettings(body_bytes=2_048))
    assert needing_restart(before, after) == ["limits.body_bytes"]
    assert needing_restart(before, after, with_pages=True) == ["limits.body_bytes", "pages.port"]
    changed = Settings(serve=ServeSettings(port=1, trusted_proxies=["10.0.0.1"]))
    assert needing_restart(Settings(), changed) == ["serve.port"]


@pytest.mark.parametrize("page", ["serve.md", "serve.zh-CN.md"])
def test_guides_name_the_settings_that_need_a_restart(page: str) -> None:
    """By key, those of a section of which all do by the section."""
    text = (ROOT / "docs/how-to" / page).read_text("utf-8")
    [paragraph] = [one for one in text.split("\n\n") if "server.restart_needed" in one]
    of_serve = re.split("These settings need a restart|需要重启的设置有", paragraph)[1]
    of_serve, of_up = of_serve.split("`server.restart_needed`")
    for said, mark in ((of_serve, Mark.RESTART), (of_up, Mark.PAGES)):
        expected = set[str]()
        for name in (name for name, one in marks(Settings).items() if one is mark):
            section, dot, key = name.partition(".")
            whole = {one for n, one in marks(Settings).items() if n.startswith(f"{section}.")}
            expected |= {f"[{section}]"} | ({key} if len(whole) > 1 else set()) if dot else {name}
        assert set(re.findall("`([a-z_\\[\\]]+)`", said)) == expected
