"""The commented settings file that `wxcube init` writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date

_HEAD = """\
# wxcube 的设置 · settings of wxcube
# 命令行选项 > 环境变量 WXCUBE_… > 本文件 > 默认值
# command-line options override environment variables (WXCUBE_…), which override this file

# SQLite 文件 · SQLite file
database = "wxcube.db"
# zh 或 en，留空则跟随系统 · zh or en; empty: the system's language
language = ""

[sync]
# 从哪天开始获取 · first day to fetch
since = {since}
# 每个公众号同时进行的请求数 · concurrent requests per account
concurrency = 8
# 每个公众号每个接口每天最多请求数 · most calls per account, endpoint and day
daily_calls_per_endpoint = 500
# 每个公众号每周再次请求多少次已定稿的日期，以发现微信的修订，0 为不请求
# calls per account and week for final days, to notice figures that WeChat corrected; 0: none
samples_per_week = 3
# 是否请求 2026 年已下线的六个图文接口 · whether to call the six article endpoints retired in 2026
include_retired = false

# 每个公众号一段 · one section per account
"""
_ACCOUNT = """\
[[accounts]]
appid = {appid}
name = {name}
# AppSecret 不要写在这里：放进下面的环境变量，或用 secret_file 指定一个文件
# do not write the AppSecret here: put it into this environment variable, or into a secret_file
secret_env = {secret_env}
# 令牌来源 · source of the token: stable, classic, url（中控）, command, fixed
token = "stable"
# token_url = "https://token.example.com/wx"
# 接口地址，例如自建代理 · address of the API, for example of your own reverse proxy
# base_url = "https://api.weixin.qq.com"
# 非本机地址默认只允许 https · allow http:// to other hosts; tokens then travel unencrypted
# allow_http = false
# 正向代理，默认用环境变量 HTTPS_PROXY · forward proxy; the default is HTTPS_PROXY
# proxy = "http://proxy.example.com:3128"
# 只获取这些接口或分组 · only these endpoints or groups
# endpoints = ["user", "content", "message", "interface"]
# 会员卡 ID · ids of membership cards
# cards = []
# 记录微信推送的回调（wxcube tap）：原始 ID，即回调里的 ToUserName；令牌放进环境变量
# to record callbacks (wxcube tap): the ToUserName of callbacks; the token in a variable
# original_id = "gh_0123456789ab"
# message_token_env = "WXCUBE_MESSAGE_TOKEN"
"""
_EMULATED_ACCOUNT = """\
[[accounts]]
appid = {appid}
name = {name}
secret_file = {secret_file}
base_url = {base_url}
# 模拟器的公众号：以模拟器的时间为准 · an account of an emulator: the emulator's clock applies
emulator = true
"""
_CALLBACKS = """\
# 微信推送的回调：原始 ID、令牌、EncodingAESKey · callbacks: original id, token, EncodingAESKey
"""
_ACCOUNT_WITH_FILE = """\
[[accounts]]
appid = {appid}
name = {name}
# 含 AppSecret 的文件，请勿公开 · the file with the AppSecret: keep it private
secret_file = {secret_file}
base_url = {base_url}
"""
_TAIL = """\
[serve]
host = "127.0.0.1"
port = 8300
# 生成令牌的密钥，首次启动时写入 · the key that makes tokens; the first start writes it
# key_file = "wxcube-serve.key"
# 加密连接的证书和私钥 · certificate and key to encrypt connections with
# tls_cert = "cert.pem"
# tls_key = "key.pem"
# 指标和重新加载的地址 · where metrics and reload are: HOST:PORT or unix:FILE
# admin = "127.0.0.1:8301"

# 网页：wxcube up · pages for the browser: wxcube up
[pages]
host = "127.0.0.1"
port = 8310
# 浏览器访问的地址（经反向代理时）· address that browsers use, behind a reverse proxy
# url = "https://stats.example.com"

# 自有事件：wxcube events ingest，或设置令牌后 POST /events
# your own events: wxcube events ingest, or POST /events once a token is set
# [events]
# folder = "events"
# token_env = "WXCUBE_EVENTS_TOKEN"
# 保留多少天（默认全部）；事实至少比事件多保留 31 天，因为迟到的事件会改变所在的月和累计数
# days to retain (default: all); facts 31 days longer than events or more, since an event that
# arrives late changes its month and its running totals
# retention_days_events = 400
# retention_days_facts = 431

# 报告和告警的收件人，只会发给这里列出的人；地址是 Apprise 的 URL，放进环境变量或文件
# those whom reports and alerts may be sent to, nobody else; the address is a URL of Apprise, in an
# environment variable or a file
# [[recipients]]
# name = "team"
# url_env = "WXCUBE_RECIPIENT_TEAM"
# language = "zh"
# format = "pdf"

# wxcube up 自动发送的周报和月报 · reports that wxcube up sends by itself
# [report]
# weekly = ["team"]
# monthly = ["team"]

# 每次同步后检查，设置了上限的规则才生效 · looked at after each sync; a rule applies if it is set
# [alerts]
# failure_rate = 0.05
# new_followers_spread = 5
# article_times_median = 3
# late_hours = 4
# quota_share = 0.8
# revised_days = 3
# send = ["team"]
"""


def settings_text(since: date, accounts: Iterable[str]) -> str:
    """A settings file with the sections of some accounts."""
    return _HEAD.format(since=since) + "\n".join((*accounts, _TAIL))


def account_section(appid: str, name: str, secret_env: str) -> str:
    """The section of an account of WeChat."""
    return _ACCOUNT.format(appid=_toml(appid), name=_toml(name), secret_env=_toml(secret_env))


def secret_file_section(appid: str, name: str, secret_file: str, base_url: str) -> str:
    """The section of an account whose AppSecret is in a file."""
    return _ACCOUNT_WITH_FILE.format(
        appid=_toml(appid),
        name=_toml(name),
        secret_file=_toml(secret_file),
        base_url=_toml(base_url),
    )


def emulated_account_section(appid: str, name: str, secret_file: str, base_url: str) -> str:
    """The section of an account of an emulator."""
    return _EMULATED_ACCOUNT.format(
        appid=_toml(appid),
        name=_toml(name),
        secret_file=_toml(secret_file),
        base_url=_toml(base_url),
    )


def callback_lines(original_id: str, token_file: str, key_file: str) -> str:
    """What the section of an account has of its callbacks; `key_file` may be empty."""
    lines = {
        "original_id": original_id,
        "message_token_file": token_file,
        "message_key_file": key_file,
    }
    found = "".join(f"{name} = {_toml(text)}\n" for name, text in lines.items() if text)
    return _CALLBACKS + found


def _toml(text: str) -> str:
    """A string in TOML; every JSON string is one."""
    return json.dumps(text, ensure_ascii=False)
