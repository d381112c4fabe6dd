"""The guide to the emulator names everything there is."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from click import Command

from support.emulated import Line, content, small
from wxcube.cli.commands.servers import emulate
from wxcube.emulator.faults import Fault, parse_fault
from wxcube.emulator.quirks import Quirks

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "emulator.md").read_text("utf-8")


@pytest.mark.parametrize("member", Fault.__struct_fields__ + Quirks.__struct_fields__)
def test_every_fault_and_quirk_is_told(member: str) -> None:
    assert f"`{member}" in GUIDE


def test_every_admin_call_is_told() -> None:
    known = content(Line(small()).admin("GET", "nothing"))["error"]
    paths = [word.strip(",") for word in known.split() if word.startswith("/_wxcube/")]
    assert len(paths) > 5
    assert all(f"{path}`" in GUIDE for path in paths)


def test_every_option_is_told_and_no_other() -> None:
    command: Command = emulate
    options = {name for param in command.params for name in param.opts if name.startswith("--")}
    section = GUIDE.partition("## Options")[2].partition("\n## ")[0]
    told = set(re.findall(r"--[a-z]+[a-z-]*", section))
    assert told == options


def test_the_faults_of_the_guide_are_faults() -> None:
    assert parse_fault("getuser* errcode=61503 times=2").effect == "errcode"
    shown = msgspec.json.decode(b'{"path": "getuserread", "errcode": 45009, "after": 3}')
    assert Line(small()).admin("POST", "faults", shown).status == 200
