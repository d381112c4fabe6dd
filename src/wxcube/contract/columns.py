"""Columns shared by endpoints of several groups."""

from datetime import date
from typing import Annotated

from wxcube.contract.field import Code, Day, Hour, Label

RefDate = Annotated[date, Day("数据的日期", "Beijing day the row describes")]
RefHour = Annotated[
    int, Hour("数据的小时", "hour in wire form: 0 is [00:00, 01:00), 2300 is [23:00, 24:00)", note="a number, so the first hour is 0")
]
Msgid = Annotated[
    str, Label("图文消息id_序号", "article id <msg_data_id>_<index>: the mass-send or publish id and the article's 1-based place in it")
]
AlwaysZero = Annotated[int | None, Code("（未公开）", "undocumented, 0 in every captured answer; never part of the key", status="reported")]
