"""Coupons and membership cards, a legacy product.

Source:  管理卡券 › 统计卡券数据.
"""

from typing import Annotated

from wxcube.contract.columns import RefDate
from wxcube.contract.endpoint import Endpoint, Evidence, Grain, Group, Life, Param
from wxcube.contract.field import Code, Fen, Label, Moves, Row, Snapshot, Times, Users

_ERRCODES = (61500, 61501)
_PAGE = Evidence(
    "管理卡券 › 统计卡券数据",
    "https://developers.weixin.qq.com/doc/offiaccount/Cards_and_Offer/Managing_Coupons_Vouchers_and_Cards.html",
    note="at most 62 days, else 61501; dates written otherwise than 2015-06-15 answer 61500; today is refused",
)
_SINCE = Evidence(
    "changelog of the page", note="the calls were added on 2015-09-07; its samples show days of 2015-06, so figures are older than that"
)

COND_SOURCE = Param(
    "cond_source", "卡券来源", "where the cards were made: 0 on the console, 1 through the API", int, required=True, default=1, codes="cond_source"
)
CARD_ID = Param("card_id", "卡券ID", "id of one card; all cards when left out", str)
REQUIRED_CARD_ID = Param("card_id", "卡券ID", "id of the membership card", str, required=True)

ViewCnt = Annotated[int, Times("浏览次数", "views")]
ViewUser = Annotated[int, Users("浏览人数", "people who viewed")]
ReceiveCnt = Annotated[int, Times("领取次数", "times taken")]
ReceiveUser = Annotated[int, Users("领取人数", "people who took one")]
VerifyCnt = Annotated[int, Times("使用次数", "times redeemed")]
VerifyUser = Annotated[int, Users("使用人数", "people who redeemed")]
GivenCnt = Annotated[int, Times("转赠次数", "times given on")]
GivenUser = Annotated[int, Users("转赠人数", "people who gave one on")]
ExpireCnt = Annotated[int, Times("过期次数", "times expired")]
ExpireUser = Annotated[int, Users("过期人数", "people with one that expired")]
ActiveUser = Annotated[int, Users("激活人数", "people who activated")]
TotalUser = Annotated[int, Snapshot("有效会员总人数", "valid members in total")]


class CardBizuinInfo(Row, frozen=True, kw_only=True):
    """All coupons of the account on a day."""

    ref_date: RefDate
    view_cnt: ViewCnt
    view_user: ViewUser
    receive_cnt: ReceiveCnt
    receive_user: ReceiveUser
    verify_cnt: VerifyCnt
    verify_user: VerifyUser
    given_cnt: GivenCnt
    given_user: GivenUser
    expire_cnt: ExpireCnt
    expire_user: ExpireUser


getcardbizuininfo = Endpoint(
    row=CardBizuinInfo,
    name="getcardbizuininfo",
    title_zh="拉取卡券概况数据",
    title_en="coupon overview per day",
    row_zh="某日全部卡券的浏览、领取、使用、转赠与过期",
    group=Group.CARD,
    grain=Grain.DAY,
    span_days=62,
    key=("ref_date",),
    permission_set=8,
    life=Life.LEGACY,
    params=(COND_SOURCE,),
    errcodes=_ERRCODES,
    evidence=(_PAGE, _SINCE),
)


class CardCardInfo(Row, frozen=True, kw_only=True):
    """One coupon on a day."""

    ref_date: RefDate
    card_id: Annotated[str, Label("卡券ID", "coupon id")]
    card_type: Annotated[int, Code("卡券类型", "kind of coupon", table="card_type")]
    is_pay: Annotated[
        int | None, Code("是否付费券", "whether the coupon is paid for", table="is_pay", note="in the field table, not in the sample")
    ] = None
    view_cnt: ViewCnt
    view_user: ViewUser
    receive_cnt: ReceiveCnt
    receive_user: ReceiveUser
    verify_cnt: VerifyCnt
    verify_user: VerifyUser
    given_cnt: GivenCnt
    given_user: GivenUser
    expire_cnt: ExpireCnt
    expire_user: ExpireUser


getcardcardinfo = Endpoint(
    row=CardCardInfo,
    name="getcardcardinfo",
    title_zh="获取免费券数据",
    title_en="coupon figures per card and day",
    row_zh="某日某张卡券的浏览、领取、使用、转赠与过期",
    group=Group.CARD,
    grain=Grain.DAY,
    span_days=62,
    key=("ref_date", "card_id"),
    permission_set=8,
    life=Life.LEGACY,
    params=(COND_SOURCE, CARD_ID),
    errcodes=_ERRCODES,
    evidence=(_PAGE, _SINCE),
)


class CardMemberCardInfo(Row, frozen=True, kw_only=True):
    """All membership cards on a day."""

    ref_date: RefDate
    view_cnt: ViewCnt
    view_user: ViewUser
    receive_cnt: ReceiveCnt
    receive_user: ReceiveUser
    active_user: ActiveUser
    verify_cnt: VerifyCnt
    verify_user: VerifyUser
    total_user: TotalUser
    total_receive_user: Annotated[int, Snapshot("历史领取会员卡总人数", "people who ever took a card")]
    new_user: Annotated[int | None, Moves("（未公开）", "new members; undocumented here, seen in 2020", status="reported")] = None


getcardmembercardinfo = Endpoint(
    row=CardMemberCardInfo,
    name="getcardmembercardinfo",
    title_zh="拉取会员卡概况数据",
    title_en="membership-card overview per day",
    row_zh="某日全部会员卡的浏览、领取、激活、使用与会员总数",
    group=Group.CARD,
    grain=Grain.DAY,
    span_days=62,
    key=("ref_date",),
    permission_set=8,
    life=Life.LEGACY,
    params=(COND_SOURCE,),
    errcodes=_ERRCODES,
    evidence=(
        _PAGE,
        _SINCE,
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/personal/oCJUsw2P09wqHG0zCNGaYWs5RwlA",
            status="reported",
            note="a begin_date with a time was accepted; rows of idle days were there, with zeros, and had new_user",
            seen="2020-08",
        ),
        Evidence(
            "community post",
            "https://developers.weixin.qq.com/community/pay/doc/00080caada45b0c2360e4eeb056c00",
            status="reported",
            note="answered -1",
            seen="2022",
        ),
    ),
)


class CardMemberCardDetail(Row, frozen=True, kw_only=True):
    """One membership card on a day."""

    ref_date: RefDate
    merchanttype: Annotated[int, Code("子商户类型", "kind of sub-merchant; no list of the codes is known")]
    cardid: Annotated[str, Label("卡券ID", "card id", note="without underscore here")]
    submerchantid: Annotated[int, Code("子商户ID", "id of the sub-merchant, 0 without one")]
    view_cnt: ViewCnt
    view_user: ViewUser
    receive_cnt: ReceiveCnt
    receive_user: ReceiveUser
    verify_cnt: VerifyCnt
    verify_user: VerifyUser
    active_cnt: Annotated[int, Times("激活次数", "times activated")]
    active_user: ActiveUser
    total_user: TotalUser
    new_user: Annotated[int, Moves("新用户数", "new members")]
    payOriginalFee: Annotated[int, Fen("应付金额", "amount due, by quick pay (快速买单)")]  # noqa: N815 - WECHAT: the wire name
    fee: Annotated[int, Fen("实付金额", "amount paid, by quick pay (快速买单)")]


getcardmembercarddetail = Endpoint(
    row=CardMemberCardDetail,
    name="getcardmembercarddetail",
    title_zh="拉取单张会员卡数据",
    title_en="one membership card per day",
    row_zh="某日某张会员卡的浏览、领取、使用、激活、会员数与金额",
    group=Group.CARD,
    grain=Grain.DAY,
    span_days=62,
    key=("ref_date", "cardid"),
    permission_set=8,
    life=Life.LEGACY,
    params=(REQUIRED_CARD_ID,),
    errcodes=_ERRCODES,
    evidence=(_PAGE, _SINCE),
)
