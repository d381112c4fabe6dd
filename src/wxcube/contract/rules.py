"""Rules of WeChat's protocol beyond single endpoints: what is known of each, and what wxcube does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wxcube.contract.field import Status


class Area(StrEnum):
    """What a rule is about."""

    CALLS = "calls and dates"
    ROWS = "rows and figures"
    TOKENS = "tokens"
    QUOTA = "quota and errors"
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what WeChat does, how that is known, and what wxcube does.

    `source` says where it is written or was seen; `served` is what `emulate` and `serve` do,
    `fetched` what the client, the sync and the database do. Either is empty where it has no part.
    """

    area: Area
    wechat: str
    status: Status
    source: str
    served: str = ""
    fetched: str = ""


_PAGES = "pages of the endpoints"
_TOKEN_PAGE = "page of the token calls"  # noqa: S105 - the title of a page
_QUOTA_PAGE = "pages of the quota and rid calls"
_UNKNOWN = "no page and no answer says"

RULES = (
    Rule(
        Area.CALLS,
        "end_date less begin_date must be less than the span, else 61501: a span of 7 takes 7 days",
        "official",
        "pages of the endpoints; live calls of 2021-04-29",
        "the same; any span with `serve --wide`",
        "calls are split at the span, and a longer window is refused before it is sent",
    ),
    Rule(
        Area.CALLS,
        "end_date is yesterday in Beijing at the latest",
        "official",
        _PAGES,
        "61501 for today; with `serve --live` rows of today, computed from events",
        "refused before it is sent",
    ),
    Rule(
        Area.CALLS,
        "figures begin on 2014-12-01, those of published content on 2025-11-01",
        "official",
        _PAGES,
        "an empty list for earlier days",
        "earlier days are never asked",
    ),
    Rule(
        Area.CALLS,
        "figures of a day are there from 08:00 on the next day; the backend promises noon",
        "official",
        "pages of the endpoints; help of the backend",
        "rows appear at 08:00",
        "asked from 08:00 on, again when they are not there yet",
    ),
    Rule(
        Area.CALLS,
        "the span of week and month calls is 30 days on the old pages, one day or 15 on the new",
        "uncertain",
        "the pages disagree; what the server enforces is not known",
        "30 days",
        "one call per week or month with begin_date = end_date, which all versions allow",
    ),
    Rule(Area.CALLS, "a day without zero padding (2015-3-9) is accepted", "sdk", "tests of a public SDK", "accepted", "days are written with zeros"),
    Rule(Area.CALLS, "a card call accepted a day with a time (2020-08-26 00:00:00)", "reported", "a call of 2020-08", "accepted in card calls only"),
    Rule(
        Area.CALLS,
        "the order of checks (token, address, right, quota, body, dates)",
        "uncertain",
        _UNKNOWN,
        "path, method, token, body, permission, era, daily limit, dates, other members",
    ),
    Rule(
        Area.CALLS, "what a call with a missing or wrong cond_source or card_id answers", "uncertain", _UNKNOWN, "47001", "refused before it is sent"
    ),
    Rule(
        Area.ROWS,
        "rows are sparse: only keys with activity have one",
        "official",
        "pages of the endpoints; captured answers of 2015 to 2021",
        "the same",
        "a day without rows is confirmed by a second answer or by other figures",
    ),
    Rule(
        Area.ROWS,
        'an answer without rows is {"list":[]}, whether there is nothing or it is not ready',
        "reported",
        "answers of 2017 to 2024",
        "the same; published content says is_delay: true while it is not ready; for days that were never loaded see 61503",
        "an empty answer never settles a day by itself and never deletes stored rows",
    ),
    Rule(
        Area.ROWS,
        "users do not add up over channels, hours and days; counts do",
        "reported",
        "28 of 28 captured days of 2017",
        "simulated users are counted anew for every row",
        "every column says whether it may be added",
    ),
    Rule(
        Area.ROWS,
        "figures of a finished day may be corrected later; how often is not known",
        "reported",
        "one announced correction of 2017-08",
        "only with the fault `revise`",
        "a changed figure is stored as a revision with its time",
    ),
    Rule(
        Area.ROWS,
        "rows of days outside the window appear",
        "reported",
        "five endpoints on 2022-08-30",
        "only with the quirk `extra_rows`",
        "such rows are dropped",
    ),
    Rule(
        Area.ROWS,
        "columns appear that no page names: user_source 0, total_online_time 0, url",
        "reported",
        "many answers since 2015",
        "only with the quirk `undocumented_columns`",
        "stored where the contract has them; others stay in the stored reply and are told once",
    ),
    Rule(
        Area.ROWS,
        "is_delay is a boolean",
        "official",
        "pages of published content; three projects saw it as text",
        "a boolean; text or a number with the quirk `is_delay`",
        "all three are read; true means that the day is asked again",
    ),
    Rule(
        Area.ROWS,
        "rows are ordered by date, then by key; the row of all channels comes first",
        "official",
        "samples of the pages",
        "the same",
        "any order is read",
    ),
    Rule(
        Area.ROWS,
        "titles with control characters, halves of surrogate pairs or broken UTF-8 occur",
        "reported",
        "answers of several projects",
        "only with the quirk `odd_titles`",
        "read with replacement characters; the reply is stored as it came",
    ),
    Rule(
        Area.ROWS,
        "whether a deleted article stays in running totals",
        "uncertain",
        _UNKNOWN,
        "no article is deleted",
        "a row that an answer lacks is kept and marked as withdrawn",
    ),
    Rule(
        Area.ROWS,
        "whether events and repeated pushes count as replies of the account's server",
        "uncertain",
        _UNKNOWN,
        "repeated pushes are not simulated",
        "one reply event is one reply",
    ),
    Rule(
        Area.TOKENS,
        "a token of /cgi-bin/token is valid for 7200 s; a new one ends it, with 5 minutes of overlap",
        "official",
        _TOKEN_PAGE,
        "the same",
        "one refresh at a time; one after 40001, 40014 and 42001, none after 48001",
    ),
    Rule(Area.TOKENS, "stable_token gives the same token until its last 5 minutes", "official", _TOKEN_PAGE, "the same", "used by default"),
    Rule(
        Area.TOKENS,
        "force_refresh ends the old token at once, 20 a day, 30 s apart",
        "official",
        _TOKEN_PAGE,
        "the same; within the 30 s the current token is given",
        "never sent",
    ),
    Rule(Area.TOKENS, "a replaced token answers 40001, one that is over 42001", "reported", "live answers; the page names both codes", "the same"),
    Rule(Area.TOKENS, "the length of tokens: up to 512 characters must be stored", "official", _TOKEN_PAGE, "139 characters", "any length"),
    Rule(
        Area.QUOTA,
        "calls are counted per endpoint and Beijing day; 45009 when they are used up",
        "reported",
        "2017-07-11: getuserread refused while getuserreadhour answered",
        "the same",
        "45009 stops the endpoint until the day ends",
    ),
    Rule(
        Area.QUOTA,
        "the number of calls a day is not published for datacube",
        "uncertain",
        _UNKNOWN,
        "10,000 in `emulate`, what the app's settings say in `serve`",
        "what the settings say",
    ),
    Rule(
        Area.QUOTA,
        "which calls count against the limit",
        "uncertain",
        _UNKNOWN,
        "those with a valid token, body and permission",
        "every call that is sent",
    ),
    Rule(
        Area.QUOTA,
        "45011 for too many calls in a minute",
        "official",
        "list of return codes",
        "only as a fault in `emulate`; in `serve` by the limit of an app, and for wrong secrets and tokens",
        "a pause of a minute",
    ),
    Rule(Area.QUOTA, "the numbers can be reset: all 10 times a month, one path 50 times", "official", _QUOTA_PAGE, "the same", "never sent"),
    Rule(
        Area.QUOTA,
        "a refused call can be looked up by its rid for 7 days",
        "official",
        _QUOTA_PAGE,
        "the last 1,000 refused datacube calls, with the first 2,048 bytes of the body",
    ),
    Rule(
        Area.QUOTA,
        "an error ends with `rid: 8-8-8` in hexadecimal digits, its first part the time; before mid-2020 with `hint: […]`",
        "reported",
        "errors of 2019 to 2025",
        "the same, by the server's clock",
        "the rid is part of the error",
    ),
    Rule(
        Area.QUOTA,
        "61503 where data is not ready",
        "official",
        "pages of user, message and interface; only seen in mini programs",
        "only as a fault in `emulate`; in `serve` for days that were never loaded, unless with `--read-through` or `--missing empty`",
        "the day is asked again later",
    ),
    Rule(
        Area.QUOTA,
        "the six calls of articles that were replaced answer 47009",
        "reported",
        "live answers from 2026-05",
        "rows; 47009 with `--era current`",
        "not asked any more; what is stored stays and is answered by `serve`",
    ),
    Rule(Area.HTTP, "errors have HTTP status 200 too", "reported", "all captured errors", "the same", "the errcode decides"),
    Rule(
        Area.HTTP,
        "a path outside the API answers 404 with an empty body",
        "reported",
        "an answer of 2018-02-22",
        "the same; an unknown name below /datacube/ answers 40066",
    ),
    Rule(
        Area.HTTP,
        "the content type is application/json; encoding=utf-8, and the body UTF-8",
        "reported",
        "an answer of 2014-03-27; fixtures of 2026",
        "the same",
        "read as UTF-8 whatever the header says",
    ),
    Rule(
        Area.HTTP,
        "the header Date is sometimes written with hyphens",
        "reported",
        "an answer of 2018-02-22",
        "only with the quirk `hyphenated_date`",
        "both forms are read",
    ),
    Rule(
        Area.HTTP,
        "the connection is closed after the answer",
        "reported",
        "an answer of 2014-03-27; not known of today",
        "kept open; closed with the quirk `connection_close`",
        "both are handled",
    ),
    Rule(
        Area.HTTP,
        "compression, HTTP/2 and the time of an answer",
        "uncertain",
        _UNKNOWN,
        "HTTP/1.1; `serve` sends long answers by gzip to whoever accepts it",
        "HTTP/1.1, any compression that the answer names",
    ),
    Rule(
        Area.HTTP,
        "api, api2, sh.api, sz.api and hk.api are hosts of one service",
        "official",
        "page of the domain names",
        "one address",
        "one host, the setting `base_url`",
    ),
    Rule(
        Area.HTTP,
        "a caller's address must be on the allow-list of the token call, else 40164",
        "official",
        _TOKEN_PAGE,
        "no allow-list in `emulate`; that of the app in `serve`, for all calls",
        "the error names the address",
    ),
)
"""All rules, by area."""
