"""Sphinx extension that writes the reference pages of events, in English and Chinese, from the structs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from contract_reference import anchor, table, write_changed
from sphinx.application import Sphinx

from wxcube.cli import event_reference as reference
from wxcube.events.kinds import Event
from wxcube.i18n import Meaning, Message
from wxcube.i18n.language import Language


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect(
        "config-inited",
        lambda app, _config: write_changed(Path(app.srcdir) / "reference" / "generated", pages()),
    )
    return {"parallel_read_safe": True}


def pages() -> dict[str, str]:
    """The page in each language, by the name of its file."""
    return {"events": page(Language("en")), "events.zh-CN": page(Language("zh"))}


def page(translate: Language) -> str:
    """All kinds of events on a page."""
    common = reference.members(Event)
    parts = [
        [translate(Meaning("# Events", "# 事件"))],
        [translate(Meaning("[中文](events.zh-CN.md)", "[English](events.md)"))],
        [
            translate(
                Meaning(
                    "The members of each kind of event, generated from the structs that check them. "
                    "How to send events: [your own events](../../how-to/events.md). "
                    "`wxcube explain events` shows the same in a terminal.",
                    "每种事件的成员，由接收时用来检查它们的结构生成。"
                    "怎样发送：[自己的事件](../../how-to/events.zh-CN.md)。"
                    "在终端里用 `wxcube explain events` 可以看到同样的内容。",
                )
            )
        ],
        table(
            (translate(Meaning("event", "事件")), translate(Meaning("meaning", "含义"))),
            (
                (f"[{name}](#{anchor(name)})", translate(reference.description(kind)))
                for name, kind in reference.KINDS.items()
            ),
        ),
        [translate(Meaning("## Every event has", "## 每个事件都有"))],
        members(common, translate, first=[tag(translate)]),
        [translate(Meaning("## File formats", "## 文件格式"))],
        notations(translate),
        [f"- {translate(rule)}" for rule in reference.RULES],
        [translate(Meaning("A CSV file with three kinds:", "一个 CSV 文件，三种事件："))],
        block("text", reference.as_csv([example(kind) for kind in reference.CSV_EXAMPLE])),
        [
            translate(
                Meaning("A Parquet file, written with DuckDB:", "用 DuckDB 写一个 Parquet 文件：")
            )
        ],
        block("sql", reference.as_sql(example("read"), "events.parquet")),
    ]
    for name, kind in reference.KINDS.items():
        parts += [
            [f"## {name}"],
            [translate(reference.description(kind)) + translate(Meaning(".", "。"))],
            members(reference.members(kind)[len(common) :], translate),
            block("json", reference.as_json(example(name))),
        ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def example(kind: str) -> dict[str, Any]:
    """The example of a kind of event, by its tag."""
    return reference.example(reference.KINDS[kind])


def members(
    listed: Sequence[reference.Member], translate: Language, first: Iterable[Sequence[str]] = ()
) -> list[str]:
    """A table of members."""
    heads = (
        translate(Meaning("member", "成员")),
        translate(Meaning("JSON type", "JSON 类型")),
        translate(Meaning("range", "范围")),
        "",
        translate(Meaning("meaning", "含义")),
    )
    rows = [
        (
            f"`{member.name}`",
            member.json_type,
            translate(reference.allowed(member)),
            translate(reference.presence(member)),
            meaning(member, translate),
        )
        for member in listed
    ]
    return table(heads, [*first, *rows])


def tag(translate: Language) -> Sequence[str]:
    """The row of the member that holds the kind."""
    cells = (
        Meaning("the name of a kind", "事件名"),
        Meaning("required", "必填"),
        Meaning("the kind of the event", "哪一种事件"),
    )
    return (f"`{reference.TAG}`", "string", *map(translate, cells))


def meaning(member: reference.Member, translate: Language) -> str:
    """The meaning of a member, with a link to its codes."""
    text = translate(Meaning.of(member.kind))
    if not member.table:
        return text
    return f"{text} → [{member.table}](codes.md#{anchor(member.table)})"


def notations(translate: Language) -> list[str]:
    """The notation of each type in each file format."""
    heads = (translate(Meaning("type", "类型")), "JSON Lines", "CSV", "Parquet")
    return table(heads, (notation(one, translate) for one in reference.NOTATIONS))


def notation(one: reference.Notation, translate: Language) -> Sequence[str]:
    """The row of a type; the last one is that of an omitted member."""
    messages: Iterable[Message] = (one.json_lines, one.csv, one.parquet)
    return (one.json_type or translate(Meaning("omitted", "省略")), *map(translate, messages))


def block(language: str, text: str) -> list[str]:
    """Text as a block of code."""
    return [f"```{language}", text.rstrip("\n"), "```"]
