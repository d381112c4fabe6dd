"""Sphinx extension that writes the page of differences from WeChat, from the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from contract_reference import escaped, table, write_changed
from sphinx.application import Sphinx

from wxcube.contract import ENDPOINTS, Endpoint
from wxcube.contract.codes import ERRCODES
from wxcube.contract.field import Row, Status, leaves
from wxcube.contract.rules import RULES, Area

KNOWN: dict[Status, str] = {
    "official": "documented",
    "sdk": "in SDKs",
    "reported": "captured",
    "uncertain": "inferred",
}
MEANING: dict[Status, str] = {
    "official": "WeChat's own pages say so",
    "sdk": "the source of a public SDK does so",
    "reported": "a real answer was seen or reported that shows it",
    "uncertain": "no source says so: it is inferred, or sources disagree",
}
ABOUT = """\
# Differences from WeChat

What WeChat's datacube does is known from four kinds of sources. This page lists every endpoint and every rule with the
kind of its evidence, and what wxcube does. It is generated from the contract."""

ON_DEMAND = """\
Deviations that real answers have shown are off in `wxcube emulate` unless a quirk or a fault turns them on:
[quirks](../../how-to/emulator.md#quirks), [faults](../../how-to/emulator.md#faults)."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect(
        "config-inited",
        lambda app, _config: write_changed(
            Path(app.srcdir) / "reference" / "generated", {"differences": page()}
        ),
    )
    return {"parallel_read_safe": True}


def page() -> str:
    """The page."""
    parts = [
        [ABOUT],
        table(("mark", "evidence"), [(f"**{KNOWN[s]}**", MEANING[s]) for s in KNOWN]),
        ["## Endpoints", "", *table(("endpoint", *KNOWN.values(), "wxcube"), map(row, ENDPOINTS))],
        *map(details, ENDPOINTS),
        *map(rules, Area),
        errcodes(),
        [
            "## Deviations on demand",
            "",
            ON_DEMAND,
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def row(endpoint: Endpoint[Row]) -> tuple[object, ...]:
    """An endpoint: how many statements have each kind of evidence, and what wxcube does."""
    counts = Counter(status for status, _ in statements(endpoint))
    name = f"[{endpoint.name}](#{endpoint.name})"
    return (name, *(counts[status] or "–" for status in KNOWN), "; ".join(behaviour(endpoint)))


def behaviour(endpoint: Endpoint[Row]) -> Iterable[str]:
    """What wxcube does with an endpoint, from its properties."""
    days = "1 day" if endpoint.span_days == 1 else f"{endpoint.span_days} days"
    yield f"{days} a call, from {endpoint.first_date}"
    if endpoint.is_retired:
        yield "still answered, from stored rows in `serve`; 47009 in `emulate --era current`"
    if endpoint.has_every_day:
        yield "a day without a row is never believed"
    elif endpoint.part_of:
        yield f"a day without rows is believed if {endpoint.part_of} has none either"
    elif endpoint.balance:
        yield f"a day without rows is believed if {endpoint.balance.of} does not change"
    else:
        yield "a day without rows is believed after two answers"
    if endpoint.implied_key:
        key = endpoint.implied_key
        yield f"`{key.column}` is {key.value} where answers before {key.before} lack it"
    if undocumented := [name for name, status in columns(endpoint) if status != "official"]:
        yield f"optional: {', '.join(f'`{name}`' for name in undocumented)}"


def columns(endpoint: Endpoint[Row]) -> list[tuple[str, Status]]:
    """The path of each column and the evidence for it."""
    return [(path, column.kind.status) for path, column in leaves(endpoint.row)]


def statements(endpoint: Endpoint[Row]) -> list[tuple[Status, str]]:
    """Everything that is known of an endpoint, with its kind of evidence."""
    sources = [
        (
            fact.status,
            ": ".join(filter(None, (linked(fact.source, fact.url), escaped(fact.note))))
            + (f" (seen {fact.seen})" if fact.seen else ""),
        )
        for fact in endpoint.evidence
    ]
    others = [
        (status, f"column `{name}`") for name, status in columns(endpoint) if status != "official"
    ]
    return [*sources, *others]


def linked(source: str, url: str) -> str:
    """A source with its address."""
    return f"[{escaped(source)}]({url})" if url else escaped(source)


def details(endpoint: Endpoint[Row]) -> list[str]:
    """What is known of an endpoint, one statement a line."""
    known = [f"- **{KNOWN[status]}**: {text}" for status, text in statements(endpoint)]
    notes = [f"- {escaped(note)}" for note in endpoint.notes]
    reference = f"[Reference]({endpoint.name}.md)."
    return [f"### {endpoint.name}", "", f"{endpoint.title_zh}. {reference}", "", *known, *notes]


def rules(area: Area) -> list[str]:
    """The rules of an area."""
    rows = [
        (
            escaped(rule.wechat),
            f"**{KNOWN[rule.status]}**: {rule.source}",
            rule.served or "–",
            rule.fetched or "–",
        )
        for rule in RULES
        if rule.area is area
    ]
    title = area.value[0].upper() + area.value[1:]
    header = ("WeChat", "evidence", "`emulate` and `serve`", "client, sync and database")
    return [f"## {title}", "", *table(header, rows)]


def errcodes() -> list[str]:
    """The errcodes that WeChat's own lists do not have."""
    rows = [
        (f"[{e.code}](errcodes.md)", f"**{KNOWN[e.status]}**", escaped(e.en), e.remedy.value)
        for e in ERRCODES.values()
        if e.status != "official"
    ]
    documented = len(ERRCODES) - len(rows)
    return [
        "## Errcodes",
        "",
        f"{documented} of {len(ERRCODES)} errcodes are documented. The others:",
        "",
        *table(("code", "evidence", "meaning", "what wxcube does next"), rows),
    ]
