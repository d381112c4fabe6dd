"""The guide to the emulator documents everything."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from support.emulated import Caller, content, small_emulator
from wxcube.cli.commands.servers import emulate
from wxcube.cli.help import Command
from wxcube.emulator.faults import Fault, parse_fault
from wxcube.emulator.quirks import Quirks

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "emulator.md").read_text("utf-8")


@pytest.mark.parametrize("member", Fault.__struct_fields__ + Quirks.__struct_fields__)
def test_every_fault_and_quirk_is_documented(member: str) -> None:
    assert f"`{member}" in GUIDE


def test_every_admin_call_is_documented() -> None:
    known = content(Caller(small_emulator()).admin("GET", "nothing"))["error"]
    paths = [word.strip(",") for word in known.split() if word.startswith("/_wxcube/")]
    assert len(paths) > 5
    assert all(f"{path}`" in GUIDE for path in paths)


def test_exactly_the_options_are_documented() -> None:
    assert isinstance(emulate, Command)
    own = [param for param in emulate.params if param not in emulate.general]
    options = {name for param in own for name in param.opts}
    section = GUIDE.partition("## Options")[2].partition("\n## ")[0]
    documented = set(re.findall(r"--[a-z]+[a-z-]*", section))
    assert documented == options


def test_the_faults_of_the_guide_are_valid() -> None:
    assert parse_fault("getuser* errcode=61503 times=2").effect == "errcode"
    fault = msgspec.json.decode(b'{"path": "getuserread", "errcode": 45009, "after": 3}')
    assert Caller(small_emulator()).admin("POST", "faults", fault).status == 200
