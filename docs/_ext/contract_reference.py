"""Sphinx extension that generates the reference pages of the contract before Sphinx reads its sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sphinx.application import Sphinx

from wxcube import errors
from wxcube.contract import ENDPOINTS, Endpoint, Grain
from wxcube.contract.codes import ERRCODES, PERMISSION_SETS, TABLES
from wxcube.contract.endpoint import GROUP_TITLES
from wxcube.contract.export import TYPES
from wxcube.contract.field import Adding, Code, Column, Label, Row, leaves

ADDING = {
    Adding.NONE: "–",
    Adding.SUM: "add up",
    Adding.DISTINCT: "never add",
    Adding.LAST: "take the newest",
    Adding.MAX: "take the largest",
}
REMEDIES = {
    errors.Remedy.RETRY: "retry after a short wait, a limited number of times",
    errors.Remedy.REFRESH: "get a new token once and retry",
    errors.Remedy.WAIT: "retry later: in the next minute, after 08:00 or on the next day",
    errors.Remedy.SKIP: "skip this endpoint or day and continue with the others",
    errors.Remedy.STOP: "stop until the request, the settings or a permission is changed",
}
ABOUT_ERRCODES = (
    "`errmsg` is WeChat's text, which a request id (rid) follows; compare codes, never texts. "
    "`error` is the class that wxcube raises, `remedy` what it does next."
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect(
        "config-inited", lambda app, _config: write(Path(app.srcdir) / "reference" / "generated")
    )
    return {"parallel_read_safe": True}


def write(folder: Path) -> None:
    """Write all pages of the contract into a folder."""
    pages = {
        "endpoints": overview(),
        "codes": codes(),
        "errcodes": errcodes(),
        "errors": error_tree(),
    }
    write_changed(folder, pages | {endpoint.name: page(endpoint) for endpoint in ENDPOINTS})


def write_changed(folder: Path, pages: dict[str, str]) -> None:
    """Write the pages that changed into a folder, so that Sphinx rebuilds only those."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def overview() -> str:
    """Page that lists all endpoints."""
    lines = ["# Endpoints", ""]
    for group, title in GROUP_TITLES.items():
        of_group = [e for e in ENDPOINTS if e.group is group]
        rows = [
            (
                f"[{e.name}]({e.name}.md)",
                e.title_zh,
                e.title_en,
                e.span_days,
                e.grain.value,
                e.life.value,
            )
            for e in of_group
        ]
        lines += [
            f"## {title.zh}: {title}",
            "",
            *table(("endpoint", "名称", "what", "days per call", "grain", "life"), rows),
            "",
        ]
    return "\n".join(
        [*lines, "```{toctree}", ":hidden:", "", *(e.name for e in ENDPOINTS), "```", ""]
    )


def page(endpoint: Endpoint[Row]) -> str:
    """Page of an endpoint."""
    parts = [
        [
            f"# {endpoint.name}",
            "",
            f"{endpoint.title_zh}: {endpoint.title_en}.",
            "",
            f"One row: {endpoint.row_en}",
            "",
            f"一行：{endpoint.row_zh}。",
        ],
        table(("", ""), facts(endpoint)),
        [
            "## Columns",
            "",
            *table(
                ("column", "中文", "meaning", "type", "unit", "over days and channels"),
                columns(endpoint),
            ),
        ],
        section("Notes", (escaped(note) for note in endpoint.notes)),
        section("Evidence", evidence(endpoint)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def facts(endpoint: Endpoint[Row]) -> list[tuple[object, ...]]:
    """Properties of the endpoint."""
    right = PERMISSION_SETS[endpoint.permission_set]
    successors = ", ".join(f"[{name}]({name}.md)" for name in endpoint.successors) or "none"
    rows: list[tuple[object, ...]] = [
        ("path", f"`POST {endpoint.path}`"),
        ("days per call", endpoint.span_days),
        ("first day", endpoint.first_date),
        ("grain", endpoint.grain.value),
        ("key", ", ".join(f"`{name}`" for name in endpoint.key)),
        (
            "figures can change for",
            f"{endpoint.moves_days} day{'s' if endpoint.moves_days > 1 else ''} after the period, until 08:00",
        ),
        ("permission set", f"{right.code} {right.zh} ({right.en})"),
        ("table", f"`{endpoint.table}`"),
        ("view", f"`{endpoint.view}`"),
        (
            "errcodes named by WeChat",
            ", ".join(f"[{code}](errcodes.md)" for code in endpoint.errcodes) or "not known",
        ),
    ]
    rows += days_without_rows(endpoint)
    rows += [
        ("parameter", f"`{p.name}`: {escaped(p.en)}{'' if p.required else ' (optional)'}")
        for p in endpoint.params
    ]
    return (
        [*rows, ("retired since", endpoint.retired_since), ("successors", successors)]
        if endpoint.is_retired
        else rows
    )


def days_without_rows(endpoint: Endpoint[Row]) -> Iterable[tuple[object, ...]]:
    """What is known about days without rows of the endpoint."""
    if endpoint.has_every_day:
        yield "days without rows", "none after the first day with a row"
    if endpoint.part_of:
        whole = f"[{endpoint.part_of}]({endpoint.part_of}.md)"
        same = "those" if endpoint.grain is Grain.HOUR else "at least those"
        yield "days without rows", f"{same} without rows of {whole}"
    if balance := endpoint.balance:
        total = f"`{balance.total}` of [{balance.of}]({balance.of}.md)"
        yield "days without rows", f"{total} does not change on them"
        yield "explains", f"the change of {total}: `{balance.plus}` less `{balance.minus}`"


def columns(endpoint: Endpoint[Row]) -> list[tuple[object, ...]]:
    """Every column with its path, meaning, type, unit and aggregation."""
    return [
        (
            f"`{path}`",
            c.kind.zh,
            meaning(c),
            TYPES[c.type] + (", optional" if c.optional else ""),
            c.kind.unit or "–",
            ADDING[c.kind.adding],
        )
        for path, c in leaves(endpoint.row)
    ]


def meaning(column: Column) -> str:
    """English meaning with its note, its status and a link to the codes."""
    parts = [escaped(column.kind.en)]
    if column.kind.note:
        parts.append(escaped(f"({column.kind.note})"))
    if column.kind.status != "official":
        parts.append(f"*{column.kind.status}*")
    if isinstance(column.kind, Code | Label) and column.kind.table:
        parts.append(f"→ [{escaped(column.kind.table)}](codes.md#{anchor(column.kind.table)})")
    return " ".join(parts)


def evidence(endpoint: Endpoint[Row]) -> Iterable[str]:
    """Sources of the statements, one line each."""
    for fact in endpoint.evidence:
        source = f"[{escaped(fact.source)}]({fact.url})" if fact.url else escaped(fact.source)
        rest = "; ".join(
            part
            for part in (fact.status, f"seen {fact.seen}" if fact.seen else "", escaped(fact.note))
            if part
        )
        yield f"{source}: {rest}"


def codes() -> str:
    """Page of all code tables."""
    lines = [
        "# Codes",
        "",
        "Meanings of coded numbers and labels. Codes that are not listed here are passed on unchanged.",
    ]
    for name, code_table in TABLES.items():
        rows = [
            (m.code, m.zh, m.en, m.since or "–", escaped(m.note) or "–")
            for m in code_table.meanings
        ]
        lines += [
            "",
            f"## {name}",
            "",
            escaped(f"Used by {code_table.used_by}."),
            "",
            *table(("code", "中文", "meaning", "since", "note"), rows),
        ]
    return "\n".join([*lines, ""])


def errcodes() -> str:
    """Page of all errcodes."""
    rows = [
        (
            errcode.code,
            f"{escaped(errcode.zh)}<br>{escaped(errcode.en)}",
            f"`{errcode.errmsg}`",
            f"`{errcode.error.__name__}`",
            errcode.remedy.value,
            escaped(errcode.hint),
        )
        for errcode in ERRCODES.values()
    ]
    return "\n".join(
        [
            "# Errcodes",
            "",
            ABOUT_ERRCODES,
            "",
            *table(("code", "meaning", "errmsg", "error", "remedy", "what to do"), rows),
            "",
        ]
    )


def error_tree() -> str:
    """Page of the tree of exceptions, from the docstring of the module."""
    title, _, rest = (errors.__doc__ or "").partition("\n")
    tree, explanation = rest.strip("\n").split("\n\n", 1)
    remedies = [f"- `{remedy.value}`: {REMEDIES[remedy]}" for remedy in errors.Remedy]
    return "\n".join(
        [
            "# Errors",
            "",
            title,
            "",
            "```text",
            tree,
            "```",
            "",
            explanation,
            "",
            "Remedies:",
            "",
            *remedies,
            "",
        ]
    )


def section(title: str, lines: Iterable[str]) -> list[str]:
    """A section with a list; nothing if the list is empty."""
    items = [f"- {line}" for line in lines]
    return [f"## {title}", "", *items] if items else []


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    return [table_row(header), table_row(["---"] * len(header)), *map(table_row, rows)]


def table_row(cells: Sequence[object]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(str(c).replace('|', chr(92) + '|') for c in cells)} |"


def escaped(text: str) -> str:
    """Plain text with Markdown escaped."""
    return re.sub(r"([\\<>*_`\[\]])", r"\\\1", text)


def anchor(name: str) -> str:
    """Anchor of a heading that consists of one name."""
    return name.lower()
