"""The sections of the settings, with their keys and defaults."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_network
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from wxcube.errors import SettingsError
from wxcube.i18n import Listing, Message, _, joined
from wxcube.settings.reload import Mark

FACTS_OUTLAST_EVENTS_DAYS = 31
"""The number of days that facts are retained longer than events, at least.

An event may arrive late for the oldest retained day. The week, the month and the running totals of
that day are then recomputed from facts of up to 30 days before it.
"""

TokenKind = Literal["stable", "classic", "url", "command", "fixed"]
"""Sources of an account's access token."""
EngineName = Literal["duckdb", "spark", "clickhouse"]
"""Engines that compute rows from first-party events."""
ReportFormat = Literal["html", "pdf", "png", "xlsx", "md"]
"""Formats of reports."""
REPORT_FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)
AppId = Annotated[str, Meta(min_length=3, max_length=64, pattern=r"^[0-9A-Za-z_-]+$")]

_URL_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/@]*@")


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the settings; an unknown key is an error."""

    def __repr__(self) -> str:
        return _URL_PASSWORD.sub(r"\1:***@", super().__repr__())


class AccountSettings(Section, frozen=True, kw_only=True):
    """An Official Account to fetch: its AppID, its access tokens, and the server to call."""

    appid: AppId
    name: str = ""
    secret_env: str = ""
    """The environment variable with the AppSecret."""
    secret_file: str = ""
    """The file with the AppSecret."""
    token: TokenKind = "stable"  # noqa: S105 - the name of a source, not a token
    token_url: str = ""
    """The URL that returns tokens, for `token = "url"`."""
    token_command: list[str] = []
    """The program that prints tokens and its arguments, for `token = "command"`."""
    token_env: str = ""
    """The environment variable with the token, for `token = "fixed"`."""
    base_url: str = "https://api.weixin.qq.com"
    """The server to call: WeChat, a reverse proxy of your own, or an emulator."""
    allow_http: bool = False
    """Whether AppSecret and tokens may be sent unencrypted to other machines than this one."""
    proxy: str | None = None
    """The forward proxy of this account; empty for none; by default that of [sync]."""
    emulator: bool = False
    """Whether the server is an emulator, whose clock then applies."""
    since: date | None = None
    """The first day to fetch."""
    endpoints: list[str] = []
    """The endpoints or groups of endpoints to fetch; all by default."""
    include_retired: bool | None = None
    """Whether to call retired endpoints too; by default as in [sync]."""
    cond_source: Annotated[int, Meta(ge=0, le=1)] = 1
    """The parameter `cond_source` of card endpoints."""
    cards: list[str] = []
    """The ids of membership cards to fetch."""
    original_id: Annotated[str, Meta(pattern=r"^$|^[0-9A-Za-z_-]{3,64}$")] = ""
    """The ToUserName of its callbacks, gh_…, for `wxcube tap`."""
    message_token_env: str = ""
    """The environment variable with the token that callbacks are signed with."""
    message_token_file: str = ""
    """The file with that token."""
    message_key_env: str = ""
    """The environment variable with the EncodingAESKey of encrypted callbacks."""
    message_key_file: str = ""
    """The file with that key."""

    @property
    def title(self) -> str:
        """The account's name, or its AppID if it has none."""
        return self.name or self.appid


class SyncSettings(Section, frozen=True, kw_only=True):
    """How the database is filled."""

    since: date | None = None
    """The first day to fetch."""
    concurrency: Annotated[int, Meta(ge=1, le=256)] = 8
    """The number of concurrent calls per account."""
    daily_calls_per_endpoint: Annotated[int, Meta(ge=1), Mark.PAGES] = 500
    samples_per_week: Annotated[int, Meta(ge=0, le=1000)] = 3
    """Calls per account and week for final days, to notice corrected figures; 0: none."""
    include_retired: bool = False
    """Whether to call retired endpoints too."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    """The time limit of a call."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 4
    """The number of attempts of a call."""
    retry_pause_seconds: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """The pause before the second attempt; it doubles with each further attempt."""
    proxy: str | None = None
    """The forward proxy of all accounts; empty for none; by default that of the environment."""


class ServeSettings(Section, frozen=True, kw_only=True):
    """How `wxcube serve` listens."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8300
    apps_file: Annotated[str, Mark.RELOADED] = "wxcube-apps.toml"
    """The file with the credentials of local apps; `wxcube app` has them in the database."""
    key_file: str = "wxcube-serve.key"
    """The file with the key that makes the tokens of local apps; the first start writes it."""
    key_env: str = ""
    """The environment variable with that key; by default WXCUBE_SERVE_KEY, if it is set."""
    tls_cert: str = ""
    """The file with the certificate, and its chain, with which connections are encrypted."""
    tls_key: str = ""
    """The file with its key."""
    admin: str = ""
    """Where metrics and reload are: HOST:PORT, unix:FILE, or `public`; empty means nowhere."""
    trusted_proxies: Annotated[list[str], Mark.RELOADED] = []
    """Addresses of reverse proxies whose X-Forwarded-For names the caller; by default none."""

    def __post_init__(self) -> None:
        for one in self.trusted_proxies:
            _check_proxy(one)


def _check_proxy(address: str) -> None:
    """Refuse what no caller's address would ever match, such as a name.

    Raises:  SettingsError.
    """
    try:
        if address != "*":
            ip_network(address)
    except ValueError:
        raise SettingsError(
            _("trusted_proxies: {address!r} is not an IP address or a network", address=address),
            hint=_("write addresses as 192.0.2.1, networks as 192.0.2.0/24"),
        ) from None


class LimitSettings(Section, frozen=True, kw_only=True):
    """What one caller can make a server hold, and for how long."""

    connections: Annotated[int, Meta(ge=1, le=100_000), Mark.RELOADED] = 1_000
    """Open connections; a new one beyond closes the oldest that never asked or awaits nothing."""
    header_bytes: Annotated[int, Meta(ge=1_024, le=1 << 20), Mark.RELOADED] = 16_384
    """The longest headers of a request, and the longest path with its query."""
    header_lines: Annotated[int, Meta(ge=10, le=10_000), Mark.RELOADED] = 100
    pipelined: Annotated[int, Meta(ge=1, le=10_000), Mark.RELOADED] = 32
    """Requests that wait on a connection for the answer to an earlier one."""
    body_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30)] = 1 << 16
    """The largest body of a request, except POST /events."""
    bad_lines: Annotated[int, Meta(ge=0, le=100_000_000)] = 10_000
    """Invalid lines of a batch sent to POST /events; with more, nothing of it is stored."""
    request_seconds: Annotated[float, Meta(gt=0, le=3600), Mark.RELOADED] = 60.0
    """The time in which a request must arrive completely."""
    idle_seconds: Annotated[int, Meta(ge=1, le=3600), Mark.RELOADED] = 15
    """The time that a connection stays open between requests."""
    send_seconds: Annotated[float, Meta(gt=0, le=3600), Mark.RELOADED] = 30.0
    """The time for which a caller may stop reading its answer."""
    drain_seconds: Annotated[int, Meta(ge=0, le=3600)] = 10
    """The time that requests in progress have when the server stops."""
    kept_bytes: Annotated[int, Meta(ge=0, le=1 << 40), Mark.RELOADED] = 64 << 20
    """The memory for answers that are kept until figures of their days are stored; 0: none."""
    answer_seconds: Annotated[float, Meta(gt=0, le=3600), Mark.RELOADED] = 10.0
    """The time that the database has for an answer, which is then WeChat's -1."""
    read_through_seconds: Annotated[float, Meta(gt=0, le=3600), Mark.RELOADED] = 20.0
    """The time that WeChat has for days that the database lacks."""
    database_threads: Annotated[int, Meta(ge=1, le=60)] = 4
    """Answers that are read from the database at the same time."""


class PagesSettings(Section, frozen=True, kw_only=True):
    """How `wxcube up` shows pages."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8310
    url: Annotated[str, Meta(pattern=r"^$|^https?://[^/\s]+$")] = ""
    """The address that browsers use, where it is not that of this machine."""
    file: str = "wxcube-logins.db"
    """The file with logins and sessions."""


class EventsSettings(Section, frozen=True, kw_only=True):
    """Where first-party events are stored, how long they are retained, and who may send them."""

    folder: str = "events"
    key_env: str = ""
    """The environment variable with the key that hashes openids."""
    key_file: str = ""
    """The file with that key."""
    token_env: str = ""
    """The environment variable with the token that senders of events need."""
    token_file: str = ""
    """The file with that token."""
    body_limit_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 16 << 20
    segment_bytes: Annotated[int, Meta(ge=1 << 16, le=1 << 30)] = 64 << 20
    group_count: Annotated[int, Meta(ge=1, le=99)] = 8
    memory_limit: str = ""
    compact_minutes: Annotated[float, Meta(ge=0, le=1440)] = 10.0
    keep_conflicts: bool = False
    """Whether an event with the id of another, but other content, is kept as a dead letter."""
    retention_days_events: Annotated[int, Meta(ge=1)] | None = None
    retention_days_facts: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        _check_retention(self.retention_days_events, self.retention_days_facts)


def _check_retention(event_days: int | None, fact_days: int | None) -> None:
    """Refuse to retain facts for too few days, which would make figures too low.

    Raises:  SettingsError with the number of days of facts or events to retain.
    """
    if fact_days is None:
        return
    days = FACTS_OUTLAST_EVENTS_DAYS
    if event_days is None:
        message = _(
            "retaining facts for {fact_days} days is too short while all events are retained: "
            "an event that arrives late changes its month and its running totals, which are "
            "recomputed from facts of up to {days} more days",
            fact_days=fact_days,
            days=days,
        )
    elif fact_days < event_days + days:
        message = _(
            "retaining facts for {fact_days} days is too short while events are retained for "
            "{event_days} days: an event that arrives late changes its month and its running "
            "totals, which are recomputed from facts of up to {days} more days",
            fact_days=fact_days,
            event_days=event_days,
            days=days,
        )
    else:
        return
    raise SettingsError(message, hint=_retention_hint(event_days, fact_days))


def _retention_hint(event_days: int | None, fact_days: int) -> Message:
    if event_days is None:
        longer = _("retain facts without a limit (retention_days_facts, --facts)")
    else:
        longer = _(
            "retain facts for {days} days or more (retention_days_facts, --facts)",
            days=event_days + FACTS_OUTLAST_EVENTS_DAYS,
        )
    if fact_days <= FACTS_OUTLAST_EVENTS_DAYS:
        return longer
    shorter = _(
        "retain events for {days} days or fewer (retention_days_events, --events)",
        days=fact_days - FACTS_OUTLAST_EVENTS_DAYS,
    )
    return joined((longer, shorter), _(", or "))


class TapSettings(Section, frozen=True, kw_only=True):
    """How `wxcube tap` listens to callbacks."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8320
    to: Annotated[str, Meta(pattern=r"^$|^https?://[^/\s@]+/?$")] = ""
    """The message server that the proxy stands in front of."""
    spool: str = "tap-spool"
    """The folder where events wait until they are in the event store."""
    message_bytes: Annotated[int, Meta(ge=1_024, le=1 << 24)] = 1 << 16
    """The largest callback that is recorded; larger ones are passed on all the same."""


class CubeSettings(Section, frozen=True, kw_only=True):
    """What computes rows from first-party events, and where; each engine has keys of its own."""

    engine: EngineName = "duckdb"
    memory_limit: str = ""
    master: str = ""
    """The address of the Spark cluster."""
    folder: str = ""
    partitions: Annotated[int, Meta(ge=1, le=100_000)] = 16
    spark: dict[str, str | int | float | bool] = {}
    """Options of Spark by name."""
    url: str = ""
    """The URL of ClickHouse."""
    password_env: str = ""
    """The environment variable with the password of ClickHouse."""
    password_file: str = ""
    """The file with the password of ClickHouse."""
    refresh_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """How often `serve` and `up` compute the figures of today if events were added; 0: never."""


class RecipientSettings(Section, frozen=True, kw_only=True):
    """Somebody to whom reports and alerts may be sent; nobody else gets any."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    url_env: str = ""
    """The environment variable with the address as a URL of Apprise."""
    url_file: str = ""
    """The file with that URL."""
    language: Literal["", "zh", "en"] = ""
    """The language of what is sent; by default that of the settings."""
    format: ReportFormat = "html"
    """The file that a report is attached as, where the receiver takes files."""


class ReportSettings(Section, frozen=True, kw_only=True):
    """How reports are made and sent."""

    browser: Annotated[str, Mark.PAGES] = ""
    """The program that makes PDF files and pictures; by default an installed Chromium."""
    deliveries_file: str = "wxcube-deliveries.db"
    """The file that notes what was sent to whom."""
    attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """The number of attempts to send something."""
    retry_pause_seconds: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    """The pause before the second attempt; it doubles with each further attempt."""
    weekly: list[str] = []
    """The names of the recipients to whom `wxcube up` sends the report of each week."""
    monthly: list[str] = []
    """The names of the recipients to whom `wxcube up` sends the report of each month."""


class AlertSettings(Section, frozen=True, kw_only=True):
    """What somebody has to know at once: each limit is a rule, which applies if it is set."""

    failure_rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    """The share of failed pushes of a day from which on there is an alert."""
    new_followers_spread: Annotated[float, Meta(gt=0)] | None = None
    """How many times their usual distance from the median new followers may be away from it."""
    article_times_median: Annotated[float, Meta(gt=1)] | None = None
    """How many times the median of readers an article has to have."""
    late_hours: Annotated[float, Meta(ge=0)] | None = None
    """How many hours after 08:00 yesterday's figures may be missing."""
    quota_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    """The share of `daily_calls_per_endpoint` that may be used."""
    revised_days: Annotated[int, Meta(ge=0)] | None = None
    """How many days may be revised on one day."""
    send: list[str] = []
    """The names of the recipients."""
    repeat_hours: Annotated[float, Meta(gt=0)] = 24.0
    """An alert that lasts is sent again after so many hours."""
    silent_until: date | None = None
    """Nothing is sent before this day."""

    @property
    def has_rules(self) -> bool:
        """Whether any rule is set."""
        return any(getattr(self, name) is not None for name in ALERT_RULES)


ALERT_RULES = (
    "failure_rate",
    "new_followers_spread",
    "article_times_median",
    "late_hours",
    "quota_share",
    "revised_days",
)
"""Rules of alerts, by their keys in the settings."""


class Settings(Section, frozen=True, kw_only=True):
    """All settings of wxcube."""

    database: str = "wxcube.db"
    """A path, or the URL of a database on a server."""
    database_password_env: str = ""
    """The environment variable with the password of the database server."""
    database_password_file: str = ""
    """The file with that password."""
    language: str = ""
    log_level: Annotated[str, Mark.RELOADED] = "warning"
    log_json: Annotated[bool, Mark.RELOADED] = False
    sync: Annotated[SyncSettings, Mark.RELOADED] = SyncSettings()
    serve: ServeSettings = ServeSettings()
    limits: LimitSettings = LimitSettings()
    pages: Annotated[PagesSettings, Mark.PAGES] = PagesSettings()
    events: EventsSettings = EventsSettings()
    tap: Annotated[TapSettings, Mark.ELSEWHERE] = TapSettings()
    cube: CubeSettings = CubeSettings()
    report: Annotated[ReportSettings, Mark.ELSEWHERE] = ReportSettings()
    alerts: Annotated[AlertSettings, Mark.ELSEWHERE] = AlertSettings()
    recipients: Annotated[list[RecipientSettings], Mark.ELSEWHERE] = []
    accounts: Annotated[list[AccountSettings], Mark.RELOADED] = []

    def __post_init__(self) -> None:
        if self.language not in {"", "zh", "en"}:
            raise SettingsError(
                _("language {language!r} is unknown", language=self.language),
                hint=_("use zh or en"),
            )

    def account(self, name: str) -> AccountSettings:
        """The account with an AppID or a name; the only account for an empty string.

        Raises:  SettingsError if no account or several match.
        """
        matching = [a for a in self.accounts if name in {a.appid, a.name} or not name]
        if len(matching) == 1:
            return matching[0]
        raise SettingsError(
            self._no_single_account(name),
            hint=_("name one with --account, or add it to wxcube.toml (`wxcube init` writes one)"),
        )

    def _no_single_account(self, name: str) -> Message:
        accounts = Listing(account.title for account in self.accounts)
        if not accounts:
            return _("the settings have no account")
        if not name:
            return _(
                "the settings have more than one account (accounts: {accounts})", accounts=accounts
            )
        return _(
            "the settings have no account {account!r} (accounts: {accounts})",
            account=name,
            accounts=accounts,
        )

    def recipient(self, name: str) -> RecipientSettings:
        """The recipient with a name.

        Raises:  SettingsError if the settings have none.
        """
        for recipient in self.recipients:
            if recipient.name == name:
                return recipient
        names = Listing(one.name for one in self.recipients)
        raise SettingsError(
            _(
                "the settings have no recipient {name!r} (recipients: {names})",
                name=name,
                names=names,
            ),
            hint=_("add it to wxcube.toml as [[recipients]]; only those can be sent to"),
        )

    def chosen(self, names: tuple[str, ...]) -> list[AccountSettings]:
        """The named accounts, or all.

        Raises:  SettingsError if no account matches a name, or if there are no accounts.
        """
        if names:
            return [self.account(name) for name in names]
        if not self.accounts:
            self.account("")
        return list(self.accounts)


SECTIONS: dict[str, type[Section]] = {
    "sync": SyncSettings,
    "serve": ServeSettings,
    "limits": LimitSettings,
    "pages": PagesSettings,
    "events": EventsSettings,
    "tap": TapSettings,
    "cube": CubeSettings,
    "report": ReportSettings,
    "alerts": AlertSettings,
}
"""Sections by name, without those of which there may be several."""
LISTS: dict[str, type[Section]] = {"recipients": RecipientSettings, "accounts": AccountSettings}
"""Sections of which there may be several."""
