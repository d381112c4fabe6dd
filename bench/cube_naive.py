"""The naive form of the cube: one query per endpoint, one COUNT(DISTINCT …) per figure."""

from __future__ import annotations

from wxcube.contract.codes import READ_SCENES

_EPOCH = "DATE '1970-01-01'"
_USER = '"user"'


def _users(condition: str, name: str) -> str:
    return f"COUNT(DISTINCT {_USER}) FILTER ({condition}) AS {name}"


def _events(condition: str, name: str) -> str:
    return f"COUNT(*) FILTER ({condition}) AS {name}"


def _both(condition: str, name: str) -> str:
    return f"{_users(condition, f'{name}_user')}, {_events(condition, f'{name}_count')}"


def _channels(scene: str) -> str:
    return ", ".join(str(channel) for channel, of in READ_SCENES.items() if of == scene)


_ACTIONS = {
    "int_page_read": "action = 1",
    "ori_page_read": "action = 2",
    "share": "action = 3",
    "add_to_fav": "action = 4",
}
_BASE = ", ".join(_both(condition, name) for name, condition in _ACTIONS.items())
_SCENES = ", ".join(
    _users(
        f"action = 1 AND source IN ({_channels(scene)})",
        f"scene_{n}",
    )
    for n, scene in enumerate(dict.fromkeys(READ_SCENES.values()))
)
_FROM = ", ".join(
    _both(f"action = 1 AND source IN ({channels})", f"from_{name}")
    for name, channels in {
        "session": "0",
        "hist": "4",
        "feed": "2",
        "friends": "1",
        "other": "3, 5, 6, 7",
    }.items()
)
_FEED = ", ".join(
    _both(f"action = 3 AND scene = 2 AND source {channels}", f"feed_share_{name}")
    for name, channels in {"session": "= 0", "feed": "= 2", "other": "NOT IN (0, 2)"}.items()
)
_WEEK = f"date_trunc('week', {_EPOCH} + CAST(d AS INT))"
_MONTH = f"date_trunc('month', {_EPOCH} + CAST(d AS INT))"
_INTERVAL = "CASE WHEN n <= 5 THEN 1 WHEN n <= 10 THEN 2 ELSE 3 END"


def _messages(period: str) -> str:
    return f"""SELECT account, {period} AS p, msg_type, COUNT(DISTINCT {_USER}), COUNT(*)
        FROM message GROUP BY ALL"""


def _distribution(period: str) -> str:
    return f"""SELECT account, p, {_INTERVAL} AS i, COUNT(*) FROM (
        SELECT account, {period} AS p, {_USER}, COUNT(*) AS n FROM message GROUP BY ALL)
        GROUP BY ALL"""


def _user_read(key: str) -> str:
    return f"""SELECT {key}, source, {_BASE} FROM activity GROUP BY {key}, source
        UNION ALL SELECT {key}, 99999999, {_BASE} FROM activity GROUP BY {key}"""


def _running(days: int, figures: str) -> str:
    return f"""SELECT a.account, p.d, a.article, p.d + s.n AS stat_date, {figures}
        FROM activity a JOIN publish p ON a.account = p.account AND a.article = p.article
        JOIN range({days}) s(n) ON a.d <= p.d + s.n AND a.d >= p.d
        WHERE p.d + s.n <= (SELECT max(d) FROM publish) GROUP BY ALL"""


_USER_SOURCES = (
    "SUM(CASE WHEN change > 0 THEN 1 ELSE 0 END), SUM(CASE WHEN change < 0 THEN 1 ELSE 0 END)"
)
_REPLIES = "COUNT(*), COUNT(*) FILTER (NOT ok), SUM(ms), MAX(ms)"
_COUNTS = ", ".join(_events(f"action = {a}", f"n{a}") for a in (5, 6, 7))

QUERIES = {
    "getusersummary": f"SELECT account, d, source, {_USER_SOURCES} FROM follow GROUP BY ALL",
    "getusercumulate": """SELECT account, d, SUM(n) OVER (PARTITION BY account ORDER BY d) FROM (
        SELECT account, d, SUM(change) AS n FROM follow GROUP BY ALL)""",
    "getupstreammsg": _messages("d"),
    "getupstreammsghour": _messages("d * 24 + h"),
    "getupstreammsgweek": _messages(_WEEK),
    "getupstreammsgmonth": _messages(_MONTH),
    "getupstreammsgdist": _distribution("d"),
    "getupstreammsgdistweek": _distribution(_WEEK),
    "getupstreammsgdistmonth": _distribution(_MONTH),
    "getinterfacesummary": f"SELECT account, d, {_REPLIES} FROM reply GROUP BY ALL",
    "getinterfacesummaryhour": f"SELECT account, d, h, {_REPLIES} FROM reply GROUP BY ALL",
    "getuserread": _user_read("account, d"),
    "getuserreadhour": _user_read("account, d, h"),
    "getusershare": f"""SELECT account, d, scene, COUNT(DISTINCT {_USER}), COUNT(*)
        FROM activity WHERE action = 3 GROUP BY ALL""",
    "getusersharehour": f"""SELECT account, d, h, scene, COUNT(DISTINCT {_USER}), COUNT(*)
        FROM activity WHERE action = 3 GROUP BY ALL""",
    "getbizsummary": f"SELECT account, d, {_BASE}, {_SCENES}, {_COUNTS} FROM activity GROUP BY ALL",
    "getarticlesummary": f"SELECT account, d, article, {_BASE} FROM activity GROUP BY ALL",
    "getarticleread": f"""SELECT account, d, article, {_users("action = 1", "read")}, {_SCENES}
        FROM activity GROUP BY ALL""",
    "getarticleshare": f"""SELECT account, d, article, {_users("action = 3", "share")}
        FROM activity GROUP BY ALL""",
    "getarticletotal": _running(7, f"{_BASE}, {_FROM}, {_FEED}"),
    "getarticletotaldetail": _running(30, f"{_BASE}, {_SCENES}, {_COUNTS}, SUM(seconds), SUM(fen)"),
}
"""The query of each endpoint; rows of days without events, and the limit of 3, are left out."""
