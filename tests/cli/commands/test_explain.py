"""Endpoints explained in the terminal: columns, codes, parameters and notes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.command_line import Site
from wxcube.contract import ENDPOINTS, Endpoint, Group
from wxcube.contract.codes import TABLES
from wxcube.contract.field import Code, Label, Row, leaves

every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
NOT_TRANSLATED = re.compile(
    r"POST /datacube/\w+|\d{4}-\d{2}-\d{2}|[\w.\[\]*]+_[\w.\[\]*]+|\b(get\w+|\w+ID|id|API|WeChat)\b"
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, environment={"COLUMNS": "200"})


@every_endpoint
def test_every_code_has_its_meaning(endpoint: Endpoint[Row], site: Site) -> None:
    english = site.run("explain", endpoint.name).out
    chinese = site.run("explain", endpoint.name, "--lang", "zh").out
    for path, column in leaves(endpoint.row):
        if isinstance(column.kind, Code | Label) and column.kind.table:
            for known in TABLES[column.kind.table].meanings:
                assert f"{known.code} {known.en}" in english, path
                assert known.zh in chinese, path


@every_endpoint
def test_parameters_are_listed(endpoint: Endpoint[Row], site: Site) -> None:
    shown = site.run("explain", endpoint.name).out
    for param in endpoint.params:
        assert f"parameter {param.name}: {param.en}" in shown


@every_endpoint
def test_notes_are_in_the_readers_language(endpoint: Endpoint[Row], site: Site) -> None:
    english = site.run("explain", endpoint.name).out
    chinese = site.run("explain", endpoint.name, "--lang", "zh").out
    for note in endpoint.notes:
        assert note in english
        assert note not in chinese
    assert not re.findall(r"[A-Za-z]{3,} [a-z]{3,}", NOT_TRANSLATED.sub("", chinese))


@pytest.mark.parametrize("width", ["60", "80"])
def test_no_meaning_is_cut_off(width: str, site: Site) -> None:
    site.environment["COLUMNS"] = width
    assert "…" not in site.run("explain", "getarticletotaldetail").out


def test_groups_are_listed_with_the_word_of_the_command_line(site: Site) -> None:
    lines = [line.split()[:2] for line in site.run("endpoints", "--lang", "zh").out.splitlines()]
    titles = {"user": "用户", "article": "图文", "content": "发表内容"}
    titles |= {"message": "消息", "interface": "接口", "card": "卡券"}
    assert titles.keys() == set(Group)
    assert all([group, title] in lines for group, title in titles.items())
