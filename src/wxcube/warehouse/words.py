"""The ledger in words, English and Chinese: what is there, what is missing, and why."""

from __future__ import annotations

from typing import Any, Literal

from wxcube.contract.codes import ERRCODES
from wxcube.contract.endpoint import Endpoint, Grain
from wxcube.warehouse.coverage import (
    EMPTY_AFTER_DAYS,
    REFUSED_AGAIN_AFTER,
    RETIRED_ERRCODE,
    State,
    Stretch,
)
from wxcube.warehouse.sync.plan import Reason, Skipped
from wxcube.warehouse.sync.progress import Why

Language = Literal["en", "zh"]

_UNITS = {
    "en": {Grain.WEEK: ("week", "weeks"), Grain.MONTH: ("month", "months")},
    "zh": {Grain.WEEK: ("周", "周"), Grain.MONTH: ("个月", "个月")},
}
_DAYS = {"en": ("day", "days"), "zh": ("天", "天")}

_AGAIN = REFUSED_AGAIN_AFTER.days
_STATES: dict[State, dict[str, str]] = {
    State.NEVER: {"en": "{n} not asked yet", "zh": "{n}尚未获取"},
    State.MOVING: {
        "en": "{n} loaded, figures may still change",
        "zh": "{n}已入库，数据仍可能变化",
    },
    State.FINAL: {"en": "{n} final", "zh": "{n}已定稿"},
    State.EMPTY: {
        "en": "{n} empty: WeChat had nothing, asked "
        f"{EMPTY_AFTER_DAYS} days or more after the day",
        "zh": f"{{n}}为空：在该日 {EMPTY_AFTER_DAYS} 天之后查询，微信没有数据",
    },
    State.WAITING: {
        "en": "{n} without figures so far, too early to say whether there are any",
        "zh": "{n}暂无数据，时间尚早，还不能断定有没有",
    },
    State.REFUSED: {"en": "{n} refused by WeChat", "zh": "{n}被微信拒绝"},
    State.FAILED: {
        "en": "{n} failed, the next sync asks again",
        "zh": "{n}获取失败，下次同步会重试",
    },
}
_NOT_READY = {
    "en": "{n} not over, or not ready before 08:00 of the next day",
    "zh": "{n}尚未结束，或须待次日 08:00 之后",
}
_REASONS: dict[Reason, dict[str, str]] = {
    Reason.RETIRED: {
        "en": "switched off by WeChat ({detail}); asked only on request",
        "zh": "微信已下线（{detail}），仅在指定时查询",
    },
    Reason.NEEDS_PARAM: {
        "en": "needs {detail}: list the ids of membership cards under cards in the account's "
        "settings",
        "zh": "缺少参数 {detail}：请在设置中该账号的 cards 里列出会员卡 ID",
    },
    Reason.OUTSIDE: {
        "en": "has no figures of these days",
        "zh": "这些日期没有数据",
    },
    Reason.NOT_READY: {
        "en": "not computed yet; ready from 08:00 of the day after",
        "zh": "尚未出数，次日 08:00 之后可查",
    },
    Reason.REFUSED: {"en": "refused ({detail})", "zh": "已被拒绝（{detail}）"},
    Reason.NOTHING_DUE: {"en": "everything is there", "zh": "数据齐全"},
}
_WHYS: dict[Why, dict[str, str]] = {
    Why.BUDGET: {
        "en": "the calls allowed for today are used up",
        "zh": "今日限定的调用次数已用完",
    },
    Why.QUOTA: {
        "en": "WeChat's calls of today are used up (45009); new ones tomorrow",
        "zh": "今日微信接口额度已用完（45009），明日恢复",
    },
    Why.REFUSED: {"en": "WeChat refuses this endpoint", "zh": "微信拒绝该接口"},
    Why.ERRORS: {
        "en": "several errors in a row, left for now",
        "zh": "连续多次出错，暂停该接口",
    },
    Why.CREDENTIALS: {
        "en": "WeChat does not accept the account's credentials",
        "zh": "微信不接受该账号的凭证",
    },
    Why.UNREACHABLE: {
        "en": "no answers many times in a row, account left for now",
        "zh": "多次没有响应，暂停该账号",
    },
}


def explain(
    endpoint: Endpoint[Any],
    state: State,
    days: int,
    *,
    errcode: int | None = None,
    is_ready: bool = True,
    language: Language = "en",
) -> str:
    """One clause about days in a state: `2 days without figures so far, …`."""
    template = _NOT_READY if state is State.NEVER and not is_ready else _STATES[state]
    text = template[language].format(n=_count(endpoint, days, language))
    if errcode is None:
        return text
    return text + _because(state, errcode, language)


def explain_stretch(endpoint: Endpoint[Any], stretch: Stretch, language: Language = "en") -> str:
    """`explain` for a group of days."""
    return explain(
        endpoint,
        stretch.state,
        len(stretch),
        errcode=stretch.errcode,
        is_ready=stretch.is_ready,
        language=language,
    )


def explain_skipped(skipped: Skipped, language: Language = "en") -> str:
    """Why an endpoint has no calls in a plan."""
    return _REASONS[skipped.reason][language].format(detail=skipped.detail)


def explain_left(why: Why, language: Language = "en") -> str:
    """Why planned calls were not made."""
    return _WHYS[why][language]


def _count(endpoint: Endpoint[Any], days: int, language: Language) -> str:
    one, many = _UNITS[language].get(endpoint.grain, _DAYS[language])
    unit = one if days == 1 else many
    return f"{days} {unit}"


def _because(state: State, errcode: int, language: Language) -> str:
    known = ERRCODES.get(errcode)
    meaning = (known.en if language == "en" else known.zh) if known else ""
    told = f"{errcode} {meaning}".strip()
    again = _again(state, errcode, language)
    return f" ({told}{again})" if language == "en" else f"（{told}{again}）"


def _again(state: State, errcode: int, language: Language) -> str:
    if state is not State.REFUSED:
        return ""
    if errcode == RETIRED_ERRCODE:
        return "; not asked again" if language == "en" else "；不再查询"
    return f"; asked again after {_AGAIN} days" if language == "en" else f"；{_AGAIN} 天后重试"
