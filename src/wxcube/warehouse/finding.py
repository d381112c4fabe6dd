"""Impossible figures that were found: where, how they can have come about, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from wxcube.contract import Endpoint, named
from wxcube.contract.source import Origin
from wxcube.i18n import Message, _, plural
from wxcube.warehouse.rules import Limit, Rule, explain_limit
from wxcube.warehouse.tables import RowTable

_IN_FINDING = frozenset({"appid", "origin", "ref_date"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the rows of a day break, in one column or as a whole."""

    rule: Rule
    appid: str
    endpoint: str
    origin: Origin
    day: date
    what: Message
    column: str = ""
    key: Mapping[str, Any] = field(default_factory=dict)
    """The rest of the row's key."""
    is_note: bool = False
    """Whether WeChat's figures may be so without a mistake."""
    known_cause: Message | None = None
    """How it can have come about, where only the figures themselves tell."""

    @property
    def cause(self) -> Message:
        """How it can have come about."""
        return self.known_cause or _cause(self)

    @property
    def remedy(self) -> Message:
        """What to do about it."""
        return _remedy(self)


def found_in_row(
    endpoint: Endpoint[Any], part: RowTable, limit: Limit, row: Mapping[str, Any]
) -> Finding:
    """The finding of a row that breaks a limit."""
    day = row["ref_date"]
    return Finding(
        limit.rule,
        row["appid"],
        endpoint.name,
        Origin(row["origin"]),
        day if isinstance(day, date) else date.fromisoformat(day),
        explain_limit(limit, row),
        limit.column,
        row_key(part, row),
    )


def row_key(part: RowTable, row: Mapping[str, Any]) -> dict[str, Any]:
    """The key of a row without account, origin and day."""
    return {name: row[name] for name in part.key if name not in _IN_FINDING}


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one rule in one column of an account and endpoint, on one day or more."""

    first: Finding
    days: set[date]

    def as_message(self) -> Message:
        """What was found, with account, endpoint and day."""
        found = _(
            "{account}, {endpoint}, {day}: {what}",
            account=self.first.appid,
            endpoint=self.first.endpoint,
            day=self.first.day,
            what=self.first.what,
        )
        if len(self.days) == 1:
            return found
        return plural(
            "{found}; likewise on {n} more day, {last}",
            "{found}; likewise on {n} more days, the last is {last}",
            found=found,
            n=len(self.days) - 1,
            last=max(self.days),
        )


def grouped(
    findings: Iterable[Finding], earlier: Iterable[FindingGroup] = ()
) -> list[FindingGroup]:
    """Findings by kind, in the order in which the kinds were found, added to earlier groups."""
    groups = {_kind(group.first): group for group in earlier}
    for one in findings:
        kind = _kind(one)
        known = groups.get(kind)
        first = known.first if known and known.first.day <= one.day else one
        groups[kind] = FindingGroup(first, known.days if known else set())
        groups[kind].days.add(one.day)
    return list(groups.values())


def _kind(finding: Finding) -> tuple[object, ...]:
    return finding.appid, finding.endpoint, finding.origin, finding.rule, finding.column


def _cause(finding: Finding) -> Message:
    of_rule = {
        Rule.NO_ROWS: _("another program deleted them, or a backup was restored in part"),
        Rule.NO_ENTRY: _("another program wrote them, or a backup was restored in part"),
        Rule.WITHDRAWN: _("WeChat left them out of a later answer; they remain, with a mark"),
    }
    if finding.rule in of_rule:
        return of_rule[finding.rule]
    if finding.origin is Origin.CUBE:
        return _cause_of_computed(finding)
    return {
        Origin.WECHAT: _("WeChat's answer has these figures; the reply is stored unchanged"),
        Origin.IMPORT: _("the imported file has these figures"),
        Origin.DERIVED: _("the figures from which it is derived are wrong"),
    }[finding.origin]


def _cause_of_computed(finding: Finding) -> Message:
    if finding.rule is Rule.BALANCE:
        return _("an event `open` adds followers that are not new on that day")
    if finding.rule is Rule.NEGATIVE and named(finding.endpoint).has_every_day:
        return _(
            "more users unfollowed than followed: events from before the first one are missing, or "
            "an unfollow was sent again with another id"
        )
    return _("the events contradict each other")


def _remedy(finding: Finding) -> Message:
    if finding.rule is Rule.ORIGINS_DIFFER:
        return _(
            "WeChat's figures are shown where both exist; compare the hours (`wxcube check --only "
            "{group} --from {first} --to {last}`) with those in which the tap ran",
            group=named(finding.endpoint).group.value,
            **_period(finding),
        )
    if finding.rule is Rule.WITHDRAWN:
        return _(
            "`wxcube history {endpoint} {day}` shows the answers",
            endpoint=finding.endpoint,
            day=finding.day,
        )
    if finding.origin is Origin.CUBE:
        return _remedy_of_computed(finding)
    if finding.origin is Origin.IMPORT:
        return _("correct the file and import it again")
    return _(
        "request the day again: `wxcube sync --only {endpoint} --again {day}..{day}`",
        endpoint=finding.endpoint,
        day=finding.day,
    )


def _remedy_of_computed(finding: Finding) -> Message:
    if finding.rule is Rule.NEGATIVE and named(finding.endpoint).has_every_day:
        return _(
            "ingest an event `open` with the number of followers before the first event (`wxcube "
            "explain open`), or the missing events, then run `wxcube cube build`"
        )
    if finding.rule is Rule.BALANCE:
        return _("nothing, if there is such an event")
    return _(
        "correct the events, then run `wxcube cube build --from {first} --to {last}`",
        **_period(finding),
    )


def _period(finding: Finding) -> dict[str, date]:
    """The first and the last day that the row covers: of a week or month, not only its label."""
    period = named(finding.endpoint).period(finding.day)
    return {"first": period.first, "last": period.last}
