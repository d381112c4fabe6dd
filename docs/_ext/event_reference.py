"""Sphinx extension: writes the reference pages of events, in English and Chinese, from their structs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from contract_reference import anchor, put, table
from sphinx.application import Sphinx

from wxcube.cli import event_reference as told
from wxcube.events.kinds import Event
from wxcube.i18n.language import Language


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx about the extension."""
    app.connect(
        "config-inited",
        lambda app, _config: put(Path(app.srcdir) / "reference" / "generated", pages()),
    )
    return {"parallel_read_safe": True}


def pages() -> dict[str, str]:
    """The page in each language, by the name of its file."""
    return {"events": page(Language()), "events.zh-CN": page(Language(chinese=True))}


def page(say: Language) -> str:
    """All kinds of events on a page."""
    common = told.members(Event)
    parts = [
        [say("# 事件", "# Events")],
        [say("[English](events.md)", "[中文](events.zh-CN.md)")],
        [
            say(
                "自己的事件可以写什么，由接收时用来检查它们的结构生成。"
                "怎样发送：[自己的事件](../../how-to/events.zh-CN.md)。"
                "终端里的 `wxcube explain events` 说的是同样的内容。",
                "What own events may say, made from the structs that they are checked with. "
                "How to send them: [own events](../../how-to/events.md). "
                "`wxcube explain events` tells the same in a terminal.",
            )
        ],
        table(
            (say("事件", "event"), say("说的是什么", "what it tells")),
            (
                (f"[{name}](#{anchor(name)})", told.happened(kind, say))
                for name, kind in told.KINDS.items()
            ),
        ),
        [say("## 每个事件都有", "## Every event has")],
        members(common, say, first=[tag(say)]),
        [say("## 文件里怎么写", "## How files give them")],
        given(say),
        [f"- {say(*rule)}" for rule in told.RULES],
        [say("一个 CSV 文件，三种事件：", "A CSV file with three kinds:")],
        block("text", told.as_csv([told.example(told.KINDS[kind]) for kind in told.IN_CSV])),
        [say("用 DuckDB 写一个 Parquet 文件：", "A Parquet file, written with DuckDB:")],
        block("sql", told.as_sql(told.example(told.KINDS["read"]), "events.parquet")),
    ]
    for name, kind in told.KINDS.items():
        parts += [
            [f"## {name}"],
            [told.happened(kind, say) + say("。", ".")],
            members(told.members(kind)[len(common) :], say),
            block("json", told.as_json(told.example(kind))),
        ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def members(
    found: Sequence[told.Member], say: Language, first: Iterable[Sequence[str]] = ()
) -> list[str]:
    """A table of members."""
    heads = (
        say("成员", "member"),
        say("JSON 类型", "JSON type"),
        say("范围", "range"),
        "",
        say("含义", "meaning"),
    )
    rows = [
        (f"`{m.name}`", m.json_type, told.allowed(m, say), told.presence(m, say), meaning(m, say))
        for m in found
    ]
    return table(heads, [*first, *rows])


def tag(say: Language) -> Sequence[str]:
    """The row of the member that tells the kind."""
    kinds = say("事件名", "a kind"), say("必填", "required"), say("哪一种事件", "which kind it is")
    return (f"`{told.TAG}`", "string", *kinds)


def meaning(member: told.Member, say: Language) -> str:
    """What a member means, with a link to its codes."""
    text = say(member.kind.zh, member.kind.en)
    if not member.table:
        return text
    return f"{text} → [{member.table}](codes.md#{anchor(member.table)})"


def given(say: Language) -> list[str]:
    """How each type is given in each form of file."""
    heads = (say("类型", "type"), "JSON Lines", "CSV", "Parquet")
    return table(
        heads,
        (
            (g.json_type or say("省略", "left out"), say(*g.lines), say(*g.csv), say(*g.parquet))
            for g in told.GIVEN
        ),
    )


def block(language: str, text: str) -> list[str]:
    """Text as a block of code."""
    return [f"```{language}", text.rstrip("\n"), "```"]
