"""The meanings of origins and states, which files have beside WeChat's columns."""

from __future__ import annotations

from wxcube.contract.codes import CodeTable, Meaning
from wxcube.contract.source import Origin
from wxcube.warehouse.coverage import State

ORIGINS = CodeTable(
    "origin",
    "origin",
    (
        Meaning(Origin.WECHAT.value, "微信返回", "returned by WeChat"),
        Meaning(Origin.IMPORT.value, "导入", "imported"),
        Meaning(Origin.CUBE.value, "由自有事件计算", "computed from your events"),
        Meaning(Origin.DERIVED.value, "由其他接口推算", "derived from other endpoints"),
    ),
)
STATES = CodeTable(
    "state",
    "state",
    (
        Meaning(State.FINAL.value, "已定稿", "does not change any more"),
        Meaning(State.MOVING.value, "变动中", "may still change"),
        Meaning(State.EMPTY.value, "确认为空", "confirmed empty"),
        Meaning(State.WAITING.value, "待数据", "WeChat has no figures yet"),
        Meaning(State.REFUSED.value, "被拒绝", "refused by WeChat"),
        Meaning(State.FAILED.value, "失败", "the last request failed"),
        Meaning(State.NEVER.value, "未获取", "never requested"),
    ),
)
MARK_CODES = {table.name: table for table in (ORIGINS, STATES)}
"""Code tables of wxcube's own columns, by name."""
