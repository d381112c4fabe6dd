"""The SQL for Metabase: every variable is named, and each query answers."""

from __future__ import annotations

import re

import pytest

from support.command_line import Site
from wxcube.i18n.language import Language
from wxcube.integrate.metabase import metabase_files
from wxcube.integrate.questions import QUESTIONS
from wxcube.warehouse.store import Warehouse

VALUES = {"first": "2026-02-18", "last": "2026-03-09"}
VARIABLE = re.compile(r"\{\{(\w+)\}\}")


def test_a_file_is_written_for_each_question(demo: Site) -> None:
    result = demo.run("integrate", "metabase", "questions")
    assert result.code == 0
    written = {path.name for path in (demo.folder / "questions").iterdir()}
    assert written == {f"{question.name}.sql" for question in QUESTIONS}
    assert result.out.splitlines() == [f"questions/{q.name}.sql" for q in QUESTIONS]


@pytest.mark.parametrize("language", [Language("en"), Language("zh")], ids=lambda one: one.code)
@pytest.mark.parametrize("name", metabase_files(Language()))
def test_a_query_answers(name: str, language: Language, demo: Site) -> None:
    sql = metabase_files(language)[name]
    assert set(VARIABLE.findall(sql)) == {"account", "first", "last"}
    with Warehouse.open(demo.folder / "demo/wxcube.db", read_only=True) as warehouse:
        values = VALUES | {"account": next(iter(warehouse.accounts()))}
        assert warehouse.query(VARIABLE.sub(lambda found: f"'{values[found[1]]}'", sql)).rows
