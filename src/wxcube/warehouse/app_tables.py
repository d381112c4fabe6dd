"""Tables of the apps that may call the server: their rights, their tokens, and their calls.

No secret and no token is in them: a secret is stored as a hash, and a token as the number that it
is made of together with the key of the server.
"""

from __future__ import annotations

import sqlalchemy as sa

from wxcube.warehouse.column_types import long_text, short_text
from wxcube.warehouse.tables import APPID, METADATA, Moment, Timestamp

apps = sa.Table(
    "apps",
    METADATA,
    sa.Column("appid", APPID, primary_key=True, comment="of the app / 本地应用的 AppID"),
    sa.Column(
        "account", long_text(), nullable=False, comment="whose figures it may read / 所属公众号"
    ),
    sa.Column(
        "secret_hash", short_text(128), nullable=False, comment="salt and SHA-256 / 加盐的哈希"
    ),
    sa.Column("permission_sets", long_text(), nullable=False, comment="a JSON list / 权限集"),
    sa.Column(
        "addresses",
        long_text(),
        nullable=False,
        comment="it may call from, a JSON list; empty: any / IP 白名单，空为不限",
    ),
    sa.Column("daily_limit", sa.Integer, comment="calls per endpoint and day / 每接口每日上限"),
    sa.Column("minute_limit", sa.Integer, comment="calls per minute / 每分钟上限"),
    sa.Column(
        "is_platform",
        sa.Boolean,
        nullable=False,
        comment="refused with 61007 instead of 48001 / 是否按第三方平台对待",
    ),
    sa.Column(
        "gets_wechat_token",
        sa.Boolean,
        nullable=False,
        comment="whether it gets WeChat's own token / 是否可领取微信的令牌",
    ),
    sa.Column("created_at", Timestamp, nullable=False, comment="when it was added / 添加时间"),
    sa.Column(
        "generation",
        sa.Integer,
        nullable=False,
        comment="of its secret; tokens of earlier ones are void / 密钥代次，旧代次的令牌无效",
    ),
    sa.Column("revoked_at", Timestamp, comment="null: not revoked / 吊销时间；空值表示有效"),
    sa.Column("changed", sa.BigInteger, nullable=False, comment="number of the change / 变更序号"),
    sa.Index("apps_changed", "changed"),
    comment="apps that may call the server / 可以访问服务的本地应用",
)
app_tokens = sa.Table(
    "app_tokens",
    METADATA,
    sa.Column("appid", APPID, primary_key=True, comment="of the app / 本地应用的 AppID"),
    sa.Column("kind", short_text(8), primary_key=True, comment="normal or stable / 令牌种类"),
    sa.Column(
        "nonce", short_text(32), primary_key=True, comment="random, makes the token / 随机数"
    ),
    sa.Column("issued_at", Moment, nullable=False, comment="when it was issued / 签发时间"),
    sa.Column("ends_at", Moment, nullable=False, comment="when it ends / 失效时间"),
    sa.Column(
        "is_replaced",
        sa.Boolean,
        nullable=False,
        comment="whether a newer one ended it / 是否被新令牌取代",
    ),
    sa.Column(
        "is_forced", sa.Boolean, nullable=False, comment="by force_refresh / 是否由强制刷新产生"
    ),
    sa.Column("changed", sa.BigInteger, nullable=False, comment="number of the change / 变更序号"),
    sa.Index("app_tokens_changed", "changed"),
    sa.Index("app_tokens_ended", "ends_at"),
    comment="issued access tokens, without the tokens themselves / 已签发的访问令牌，不含令牌本身",
)
app_calls = sa.Table(
    "app_calls",
    METADATA,
    sa.Column("appid", APPID, primary_key=True, comment="of the app / 本地应用的 AppID"),
    sa.Column("path", short_text(64), primary_key=True, comment="what was called / 接口路径"),
    sa.Column(
        "period", short_text(16), primary_key=True, comment="day, minute or month / 日、分钟或月"
    ),
    sa.Column(
        "calls", sa.BigInteger, nullable=False, comment="made or set aside / 已用或已预留的次数"
    ),
    comment="calls of apps, for their quota / 本地应用的调用次数",
)
app_state = sa.Table(
    "app_state",
    METADATA,
    sa.Column("name", short_text(16), primary_key=True, comment="what it is / 名称"),
    sa.Column("content", short_text(64), nullable=False, comment="its value / 值"),
    comment="number of the last change, and a check of the server's key / 变更序号与密钥校验值",
)
wechat_token_requests = sa.Table(
    "wechat_token_requests",
    METADATA,
    sa.Column("id", short_text(32), primary_key=True, comment="random / 随机编号"),
    sa.Column("asked_at", Moment, nullable=False, comment="when / 请求时间"),
    sa.Column("appid", APPID, nullable=False, comment="the app that asked / 请求的本地应用"),
    sa.Column("account", long_text(), nullable=False, comment="whose token / 公众号"),
    sa.Column("client", short_text(64), nullable=False, comment="its address / 来源 IP"),
    sa.Column("errcode", sa.Integer, nullable=False, comment="0: it got the token / 错误码"),
    comment="who asked for WeChat's own token / 谁领取过微信的令牌",
)
