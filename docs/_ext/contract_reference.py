"""Sphinx extension: writes the reference pages of the contract before the other pages are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sphinx.application import Sphinx

from wxcube import errors
from wxcube.contract import ENDPOINTS, Endpoint, Group
from wxcube.contract.codes import ERRCODES, PERMISSION_SETS, TABLES
from wxcube.contract.export import TYPES
from wxcube.contract.field import Adding, Code, Column, Label, Row, leaves

GROUPS = {
    Group.USER: ("用户", "followers"),
    Group.ARTICLE: ("图文", "articles, switched off in 2026"),
    Group.CONTENT: ("发表内容", "published content"),
    Group.MESSAGE: ("消息", "messages from users"),
    Group.INTERFACE: ("接口", "replies of the account's server"),
    Group.CARD: ("卡券", "coupons and membership cards"),
}
ADDING = {
    Adding.NONE: "–",
    Adding.SUM: "add up",
    Adding.DISTINCT: "never add",
    Adding.LAST: "take the newest",
    Adding.MAX: "take the largest",
}
REMEDIES = {
    errors.Remedy.RETRY: "ask again after a short wait, a bounded number of times",
    errors.Remedy.REFRESH: "get a new token once and ask once more",
    errors.Remedy.WAIT: "ask again later: the next minute, after 08:00 or the next day",
    errors.Remedy.SKIP: "leave this endpoint or day out and go on with the others",
    errors.Remedy.STOP: "somebody must change the request, the settings or a right first",
}
HINTS = "`errmsg` is WeChat's text, with a rid behind it; compare codes, never texts. `error` is the class wxcube raises, `remedy` what it does next."


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx about the extension."""
    app.connect(
        "config-inited", lambda app, _config: write(Path(app.srcdir) / "reference" / "generated")
    )
    return {"parallel_read_safe": True}


def write(folder: Path) -> None:
    """Write every page of the contract into a folder."""
    pages = {
        "endpoints": overview(),
        "codes": codes(),
        "errcodes": errcodes(),
        "errors": error_tree(),
    }
    put(folder, pages | {endpoint.name: page(endpoint) for endpoint in ENDPOINTS})


def put(folder: Path, pages: dict[str, str]) -> None:
    """Write pages into a folder, leaving those that are the same alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def overview() -> str:
    """All endpoints on a page."""
    lines = ["# Endpoints", ""]
    for group, (zh, en) in GROUPS.items():
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
            f"## {zh}: {en}",
            "",
            *table(("endpoint", "名称", "what", "days per call", "grain", "life"), rows),
            "",
        ]
    return "\n".join(
        [*lines, "```{toctree}", ":hidden:", "", *(e.name for e in ENDPOINTS), "```", ""]
    )


def page(endpoint: Endpoint[Row]) -> str:
    """One endpoint on a page."""
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
        section("Notes", (cell(note) for note in endpoint.notes)),
        section("Evidence", evidence(endpoint)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def facts(endpoint: Endpoint[Row]) -> list[tuple[object, ...]]:
    """What holds for the endpoint as a whole."""
    right = PERMISSION_SETS[endpoint.permission_set]
    successors = ", ".join(f"[{name}]({name}.md)" for name in endpoint.successors) or "none"
    rows: list[tuple[object, ...]] = [
        ("path", f"`POST {endpoint.path}`"),
        ("days per call", endpoint.span_days),
        ("first day", endpoint.first_date),
        ("grain", endpoint.grain.value),
        ("key", ", ".join(f"`{name}`" for name in endpoint.key)),
        (
            "figures move for",
            f"{endpoint.moves_days} day{'s' if endpoint.moves_days > 1 else ''} after the period, until 08:00",
        ),
        ("permission set", f"{right.code} {right.zh} ({right.en})"),
        ("table", f"`{endpoint.table}`"),
        (
            "errcodes named by WeChat",
            ", ".join(f"[{code}](errcodes.md)" for code in endpoint.errcodes) or "not known",
        ),
    ]
    rows += [
        ("also sent", f"`{p.name}`: {cell(p.en)}{'' if p.required else ' (may be left out)'}")
        for p in endpoint.params
    ]
    return (
        [*rows, ("retired since", endpoint.retired_since), ("successors", successors)]
        if endpoint.is_retired
        else rows
    )


def columns(endpoint: Endpoint[Row]) -> list[tuple[object, ...]]:
    """Every column with its path, meaning, type, unit and way of combining."""
    return [
        (
            f"`{path}`",
            c.kind.zh,
            meaning(c),
            TYPES[c.type] + (", may be missing" if c.optional else ""),
            c.kind.unit or "–",
            ADDING[c.kind.adding],
        )
        for path, c in leaves(endpoint.row)
    ]


def meaning(column: Column) -> str:
    """English meaning with note, doubt and the link to the codes."""
    parts = [cell(column.kind.en)]
    if column.kind.note:
        parts.append(cell(f"({column.kind.note})"))
    if column.kind.status != "official":
        parts.append(f"*{column.kind.status}*")
    if isinstance(column.kind, Code | Label) and column.kind.table:
        parts.append(f"→ [{cell(column.kind.table)}](codes.md#{anchor(column.kind.table)})")
    return " ".join(parts)


def evidence(endpoint: Endpoint[Row]) -> Iterable[str]:
    """Where the statements come from, one line each."""
    for known in endpoint.evidence:
        source = f"[{cell(known.source)}]({known.url})" if known.url else cell(known.source)
        rest = "; ".join(
            part
            for part in (known.status, f"seen {known.seen}" if known.seen else "", cell(known.note))
            if part
        )
        yield f"{source}: {rest}"


def codes() -> str:
    """All code tables on a page."""
    lines = [
        "# Codes",
        "",
        "What the numbers and labels of columns mean. Codes that are not listed pass as they are.",
    ]
    for name, known in TABLES.items():
        rows = [(m.code, m.zh, m.en, m.since or "–", cell(m.note) or "–") for m in known.meanings]
        lines += [
            "",
            f"## {name}",
            "",
            cell(f"Used by {known.used_by}."),
            "",
            *table(("code", "中文", "meaning", "since", "note"), rows),
        ]
    return "\n".join([*lines, ""])


def errcodes() -> str:
    """All errcodes on a page."""
    rows = [
        (
            known.code,
            f"{cell(known.zh)}<br>{cell(known.en)}",
            f"`{known.errmsg}`",
            f"`{known.error.__name__}`",
            known.remedy.value,
            cell(known.hint),
        )
        for known in ERRCODES.values()
    ]
    return "\n".join(
        [
            "# Errcodes",
            "",
            HINTS,
            "",
            *table(("code", "meaning", "errmsg", "error", "remedy", "what to do"), rows),
            "",
        ]
    )


def error_tree() -> str:
    """The tree of exceptions, as the module draws it."""
    title, _, rest = (errors.__doc__ or "").partition("\n")
    drawn, words = rest.strip("\n").split("\n\n", 1)
    remedies = [f"- `{remedy.value}`: {REMEDIES[remedy]}" for remedy in errors.Remedy]
    return "\n".join(
        [
            "# Errors",
            "",
            title,
            "",
            "```text",
            drawn,
            "```",
            "",
            words,
            "",
            "Remedies:",
            "",
            *remedies,
            "",
        ]
    )


def section(title: str, lines: Iterable[str]) -> list[str]:
    """A heading with a list below it, or nothing when the list is empty."""
    found = [f"- {line}" for line in lines]
    return [f"## {title}", "", *found] if found else []


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    return [line(heads), line(["---"] * len(heads)), *map(line, rows)]


def line(cells: Sequence[object]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(str(c).replace('|', chr(92) + '|') for c in cells)} |"


def cell(text: str) -> str:
    """Plain text, safe inside Markdown."""
    return re.sub(r"([\\<>*_`\[\]])", r"\\\1", text)


def anchor(name: str) -> str:
    """The anchor of a heading that is one name."""
    return name.lower()
