"""Unknown codes are read and reported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest

from support.evidence import documented
from support.rows import sample_rows
from wxcube import contract
from wxcube.beijing import BEIJING
from wxcube.contract import decoding
from wxcube.contract.endpoint import Endpoint
from wxcube.contract.unknown_codes import unknown_codes
from wxcube.contract.window import Window

NOW = datetime(2026, 3, 10, 9, tzinfo=BEIJING)
MARCH = Window.parse("2026-03-01..2026-03-09")


@pytest.mark.parametrize("endpoint", contract.ENDPOINTS, ids=str)
def test_known_codes_are_not_reported(endpoint: Endpoint[Any]) -> None:
    assert unknown_codes(endpoint.row, sample_rows(endpoint, MARCH, 5)) == frozenset()


def test_an_unknown_code_of_a_row_is_read_and_reported() -> None:
    row = {"ref_date": "2026-03-01", "user_source": 18, "new_user": 1, "cancel_user": 0}
    body = msgspec.json.encode({"list": [row]})
    answer = decoding.read(contract.user.getusersummary, Window.parse("2026-03-01"), body, NOW)
    assert answer.rows[0].user_source == 18
    assert answer.unknown_codes == {"user_source=18"}


def test_an_unknown_label_inside_a_list_is_reported_by_its_path() -> None:
    endpoint = contract.content.getbizsummary
    answer = msgspec.json.decode(documented("getbizsummary"))
    day = answer["list"][0]["ref_date"]
    answer["list"][0]["detail"]["read_user_source"].append(
        {"scene_desc": "元宇宙", "user_count": 1}
    )
    read = decoding.read(endpoint, Window.parse(day), msgspec.json.encode(answer), NOW)
    assert read.unknown_codes == {"detail.read_user_source.scene_desc=元宇宙"}
