"""Description of an endpoint: path, dates, rows, permission set, and how long figures can change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from wxcube import beijing
from wxcube.contract.field import Column, Nested, Row, Status, columns, nested
from wxcube.contract.window import Window, cover
from wxcube.errors import ContractError, WindowError
from wxcube.i18n import Listing, Meaning, Message, _, plural

RowT = TypeVar("RowT", bound=Row)

EARLIEST = date(2014, 12, 1)
"""First day for which WeChat has figures."""
EARLIEST_MONTH = date(2014, 11, 1)
"""First month for which WeChat has figures: the one in its documented example of a month."""
EARLIEST_CONTENT = date(2025, 11, 1)
"""First day for which the published-content endpoints have figures."""
VIEW_PREFIX = "v_"
"""Views are named like their tables, with this prefix."""


class Group(StrEnum):
    """The family an endpoint belongs to."""

    USER = "user"
    ARTICLE = "article"
    CONTENT = "content"
    MESSAGE = "message"
    INTERFACE = "interface"
    CARD = "card"


GROUP_TITLES = {
    Group.USER: Meaning("followers", "用户"),
    Group.ARTICLE: Meaning("articles, switched off in 2026", "图文"),
    Group.CONTENT: Meaning("published content", "发表内容"),
    Group.MESSAGE: Meaning("messages from users", "消息"),
    Group.INTERFACE: Meaning("replies of the account's server", "接口"),
    Group.CARD: Meaning("coupons and membership cards", "卡券"),
}
"""Title of each group."""


class Grain(StrEnum):
    """The period that a row's ref_date (and ref_hour) stand for."""

    DAY = "day"
    HOUR = "hour"
    WEEK = "week"
    MONTH = "month"
    CUMULATIVE = "cumulative"
    """ref_date is the day of sending; nested rows have running totals by stat_date."""


class Life(StrEnum):
    """Whether WeChat still answers an endpoint."""

    ACTIVE = "active"
    RETIRED = "retired"
    LEGACY = "legacy"
    """Still answered, for a product that WeChat no longer sells."""


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of a request besides begin_date and end_date."""

    name: str
    zh: str
    en: str
    type: type
    required: bool = False
    default: int | str | None = None
    codes: str = ""

    def check(self, value: object, endpoint: object) -> object:
        """The value, if it is valid for this parameter.

        Raises:  ContractError if it is missing or has the wrong type.
        """
        if value is None and not self.required:
            return None
        if value is None:
            raise ContractError(
                _("{endpoint} needs {parameter}", endpoint=endpoint, parameter=self.name),
                hint=_("give {parameter}: {meaning}", parameter=self.name, meaning=Meaning.of(self)),
            )
        if not isinstance(value, self.type) or isinstance(value, bool):
            raise ContractError(
                _(
                    "{endpoint} takes {parameter} as {type}, not {value!r}",
                    endpoint=endpoint,
                    parameter=self.name,
                    type=self.type.__name__,
                    value=value,
                ),
                hint=_("{parameter} is: {meaning}", parameter=self.name, meaning=Meaning.of(self)),
            )
        return value


@dataclass(frozen=True, slots=True)
class Evidence:
    """Source of statements in the contract, and how reliable they are.

    `source` is the title of a document, or who reported it; `note` is what it says beyond the row,
    span and dates of the endpoint; `seen` is the date it was observed, if known.
    """

    source: str
    url: str = ""
    status: Status = field(default="official", kw_only=True)
    note: str = field(default="", kw_only=True)
    seen: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class ImpliedKey:
    """A key column that answers for days before `before` leave out.

    Rows of such answers are of the type `row`, in which the column has a default: encoded, they lack
    it again.
    """

    column: str
    value: int
    row: type[Row]
    before: date

    def marked(self, row: Row) -> Row:
        """The row as one of an answer without the column."""
        # TRICKY: msgspec leaves a default out only if it is the same object
        names = (name for name in row.__struct_fields__ if name != self.column)
        return self.row(**{name: getattr(row, name) for name in names})


@dataclass(frozen=True, slots=True)
class Balance:
    """Changes that explain a total of another endpoint.

    The sum of `plus` less that of `minus` over the rows of a day is `total` of the endpoint `of` on
    that day less the day before. So a day without rows is a day on which `total` stays the same.
    """

    of: str
    total: str
    plus: str
    minus: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Endpoint(Generic[RowT]):
    """One datacube endpoint with everything known about it.

    The row's docstring describes one row in English, `row_zh` in Chinese. `span_days` is the largest
    window of one call, first and last day included. `moves_days` is the number of days after its
    period in which a row's figures can still change. `errcodes` are those listed on WeChat's page of
    the endpoint.

    What its rows say about days without rows: with `has_every_day`, every day from the first row on
    has a row. `part_of` names the endpoint whose rows of a day cover these: if that one has no rows of
    a day, this one has none, and for hours the reverse is true too. `balance` is the total that its
    rows explain.
    """

    row: type[RowT]
    name: str
    title_zh: str
    title_en: str
    row_zh: str
    group: Group
    grain: Grain
    span_days: int
    key: tuple[str, ...]
    permission_set: int
    first_date: date = EARLIEST
    moves_days: int = 1
    life: Life = Life.ACTIVE
    retired_since: str = ""
    successors: tuple[str, ...] = ()
    has_delay_flag: bool = False
    params: tuple[Param, ...] = ()
    errcodes: tuple[int, ...] = ()
    implied_key: ImpliedKey | None = None
    has_every_day: bool = False
    part_of: str = ""
    balance: Balance | None = None
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Message, ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """URL path of the call."""
        return f"/datacube/{self.name}"

    @property
    def title(self) -> Meaning:
        """Title in both languages."""
        return Meaning(self.title_en, self.title_zh)

    @property
    def subject_zh(self) -> str:
        """The Chinese title without its verb: what the rows are about."""
        return self.title_zh.removeprefix("获取").removeprefix("拉取")

    @property
    def row_en(self) -> str:
        """Description of one row in English: the first line of the row's docstring."""
        return (self.row.__doc__ or "").partition("\n")[0]

    @property
    def table(self) -> str:
        """Name of the endpoint's table: the name of the row struct in snake case."""
        snake_case = (f"_{c.lower()}" if c.isupper() else c for c in self.row.__name__)
        return "".join(snake_case).lstrip("_")

    @property
    def view(self) -> str:
        """Name of the view of its rows, with the meaning of codes and the state of their days."""
        return VIEW_PREFIX + self.table

    @property
    def columns(self) -> tuple[Column, ...]:
        """The row's columns outside nested parts, in wire order."""
        return columns(self.row)

    @property
    def nested(self) -> tuple[Nested, ...]:
        """The row's nested parts."""
        return nested(self.row)

    @property
    def running(self) -> Nested | None:
        """The nested list of running totals by stat_date, if the endpoint has one."""
        return next((n for n in self.nested if n.many), None) if self.is_cumulative else None

    @property
    def is_cumulative(self) -> bool:
        """Whether rows have running totals that grow for some days."""
        return self.grain is Grain.CUMULATIVE

    @property
    def is_retired(self) -> bool:
        """Whether WeChat answers 47009 today."""
        return self.life is Life.RETIRED

    @property
    def has_labels(self) -> bool:
        """Whether a row's ref_date stands for a week or month."""
        return self.grain is Grain.WEEK or self.grain is Grain.MONTH

    def label(self, day: date) -> date:
        """The ref_date of the row that includes a day: its Monday, its 1st, or the day itself."""
        if self.grain is Grain.WEEK:
            return beijing.monday(day)
        return beijing.month_start(day) if self.grain is Grain.MONTH else day

    def labels(self, window: Window) -> list[date]:
        """The ref_dates inside a window, oldest first."""
        days = list(window)
        return [day for day in days if self.label(day) == day] if self.has_labels else days

    def labels_over(self, window: Window) -> list[date]:
        """The ref_dates whose period overlaps a window, oldest first.

        This includes a month that began before the window, and excludes days before the endpoint's
        first date.
        """
        labels = dict.fromkeys(self.label(day) for day in window)
        return [label for label in labels if label >= self.first_date]

    def period(self, label: date) -> Window:
        """The days that rows with this ref_date cover (for running totals: the day of sending)."""
        if self.grain is Grain.WEEK:
            return Window(label, label + timedelta(days=6))
        if self.grain is Grain.MONTH:
            return Window(label, beijing.month_end(label))
        return Window.day(label)

    def ready_at(self, label: date) -> datetime:
        """Time from which rows with this ref_date are available."""
        return beijing.ready_at(self.period(label).last)

    def final_at(self, label: date) -> datetime:
        """Time from which rows with this ref_date no longer change."""
        return beijing.ready_at(self.period(label).last, self.moves_days)

    def last_stat_date(self, label: date) -> date | None:
        """The last day that running totals of this ref_date count; None for other endpoints."""
        return label + timedelta(days=self.moves_days - 1) if self.is_cumulative else None

    def calls(self, labels: Iterable[date]) -> list[Window]:
        """The windows of the fewest calls that return these ref_dates, newest first.

        Week and month endpoints get one call per ref_date, which every known variant of their span
        rule accepts.
        """
        return cover(labels, 1 if self.has_labels else self.span_days)

    def check(self, window: Window, now: datetime) -> None:
        """Validate a window for one call.

        Raises:  WindowError if WeChat would refuse the window.
        """
        if len(window) > self.span_days:
            raise WindowError(
                _(
                    "{window} has {count} days; {endpoint} allows {span_days} in one call",
                    window=window,
                    count=len(window),
                    endpoint=self,
                    span_days=self.span_days,
                ),
                hint=plural(
                    "split the window into calls of {n} day",
                    "split the window into calls of at most {n} days",
                    n=self.span_days,
                ),
            )
        self.check_reach(window, now)

    def check_reach(self, window: Window, now: datetime) -> None:
        """Validate that WeChat can have figures for all days of a window.

        Raises:  WindowError if it begins before the endpoint's first date or ends after yesterday.
        """
        if window.first < self.first_date:
            raise WindowError(
                _(
                    "{endpoint} has no figures before {first_date}; the window is {window}",
                    endpoint=self,
                    first_date=self.first_date,
                    window=window,
                ),
                hint=_("begin at {first_date} or later", first_date=self.first_date),
            )
        newest = beijing.yesterday(now)
        if window.last > newest:
            raise WindowError(
                _(
                    "{endpoint} has no figures after yesterday ({newest} in Beijing); the window is {window}",
                    endpoint=self,
                    newest=newest,
                    window=window,
                ),
                hint=_("end at {newest} or earlier", newest=newest),
            )

    def complete_params(self, params: Mapping[str, object]) -> dict[str, object]:
        """The parameters of a call besides the dates: the given ones, validated, and the defaults.

        Raises:  ContractError if one is unknown, missing or has the wrong type.
        """
        known = {param.name for param in self.params}
        for name in params.keys() - known:
            raise ContractError(
                _("{endpoint} has no parameter {name!r}", endpoint=self, name=name),
                hint=_("its parameters: {names}", names=Listing(sorted(known))) if known else _("it takes dates only"),
            )
        values = {p.name: p.check(params.get(p.name, p.default), self) for p in self.params}
        return {name: value for name, value in values.items() if value is not None}
