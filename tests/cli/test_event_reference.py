"""What is told of events is all there is, in both languages, and what is shown is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import get_args

import duckdb
import msgspec
import pytest

from support.command_line import Said, Site
from wxcube.cli import event_reference as told
from wxcube.events import kinds as ev
from wxcube.events.kinds import AnyEvent, Event
from wxcube.i18n.language import Language

KINDS: tuple[type[Event], ...] = get_args(AnyEvent)
COMMON = Event.__struct_fields__
LANGUAGES = [Language(), Language(chinese=True)]
in_each_language = pytest.mark.parametrize("say", LANGUAGES, ids=lambda say: say.code)
of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Language], str]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs" / "_ext"))
    made: Callable[[Language], str] = import_module("event_reference").page
    return made


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def tag(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)


def section(page: str, heading: str) -> str:
    _, _, rest = page.partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def ingested(site: Site, name: str, content: str = "") -> int:
    """How many events count once a file is taken in whole."""
    if content:
        (site.folder / name).write_text(content, encoding="utf-8")
    said = site.run("events", "ingest", name)
    assert said.code == 0, said.text
    [status] = site.run("events", "status", "--json").lines
    events = status["events"]
    assert isinstance(events, int)
    return events


# --- the page -------------------------------------------------------------------------------------


@in_each_language
@of_each_kind
def test_every_member_is_on_the_page(
    page: Callable[[Language], str], say: Language, kind: type[Event]
) -> None:
    text = page(say)
    known = section(text, say("每个事件都有", "Every event has")), section(text, tag(kind))
    for place, names in zip(known, (("event", *COMMON), kind.__struct_fields__), strict=True):
        for name in names:
            if name in COMMON and place is known[1]:
                continue
            [row] = re.findall(rf"^\| `{name}` \|(.*)\|$", place, re.MULTILINE)
            assert all(cell.strip() for cell in row.split(" | ")), row
            assert bool(CHINESE.search(row)) == say.chinese
    assert f"[{tag(kind)}](#{tag(kind)})" in text


@in_each_language
def test_every_example_of_the_page_is_accepted(
    page: Callable[[Language], str], say: Language, site: Site
) -> None:
    text = page(say)
    shown = blocks(text, "json")
    assert [msgspec.json.decode(line)["event"] for line in shown] == [tag(kind) for kind in KINDS]
    assert ingested(site, "shown.jsonl", "".join(shown)) == len(KINDS)


@in_each_language
def test_the_csv_and_parquet_of_the_page_are_accepted(
    page: Callable[[Language], str], say: Language, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    [table], [statement] = (blocks(page(say), form) for form in ("text", "sql"))
    assert ingested(site, "shown.csv", table) == len(told.IN_CSV)
    monkeypatch.chdir(site.folder)
    duckdb.sql(statement)
    assert ingested(site, "events.parquet") == len(told.IN_CSV), "the read of the CSV once more"


# --- what is told is what the door does -----------------------------------------------------------

READ = told.example(ev.Read)
OF_TYPE = {"string": "user", "integer": "seconds", "boolean": "finished"}


def takes(site: Site, name: str, content: str = "") -> bool:
    """Whether a file is taken in; without content it is there already."""
    if content:
        (site.folder / name).write_text(content, encoding="utf-8")
    return site.run("events", "ingest", "--no-compact", name).code == 0


IN_LINES = {
    ("string", True): ['"o1"', '"文"'],
    ("string", False): ["12", "null", '""'],
    ("integer", True): ["7"],
    ("integer", False): ['"7"', "7.0", "true", "null", "86401", "-1"],
    ("boolean", True): ["true", "false"],
    ("boolean", False): ["1", '"true"', "null"],
}
IN_CSV = {
    ("string", True): ["o1", "12", "文"],
    ("string", False): [""],
    ("integer", True): ["7", ""],
    ("integer", False): ["+7", " 7", "007", "x", "7.5", "7.0", "1e3"],
    ("boolean", True): ["true", "FALSE", "1", "0", ""],
    ("boolean", False): ["yes", "t", "2"],
}
IN_PARQUET = {
    ("string", True): ["'o1'", "'o1'::ENUM('o1', 'o2')", "uuid()"],
    ("string", False): ["12", "'o1'::BLOB", "NULL"],
    ("integer", True): [
        "7::TINYINT",
        "7::HUGEINT",
        "7::DOUBLE",
        "7::DECIMAL(9, 0)",
        "'7'",
        "NULL",
    ],
    ("integer", False): ["7.5::DOUBLE", "7::DECIMAL(9, 2)", "'7.0'", "now()"],
    ("boolean", True): ["true", "1", "0::TINYINT", "'true'", "NULL"],
    ("boolean", False): ["2", "'yes'"],
}


@pytest.mark.parametrize(("json_type", "good"), IN_LINES)
def test_json_lines_are_taken_as_told(site: Site, json_type: str, good: bool) -> None:
    for value in IN_LINES[json_type, good]:
        line = told.as_json(READ | {OF_TYPE[json_type]: msgspec.Raw(value.encode())})
        assert takes(site, "one.jsonl", line) == good, value


@pytest.mark.parametrize(("json_type", "good"), IN_CSV)
def test_csv_is_taken_as_told(site: Site, json_type: str, good: bool) -> None:
    for value in IN_CSV[json_type, good]:
        assert takes(site, "one.csv", told.as_csv([READ | {OF_TYPE[json_type]: value}])) == good, (
            value
        )


@pytest.mark.parametrize(("json_type", "good"), IN_PARQUET)
def test_parquet_is_taken_as_told(site: Site, json_type: str, good: bool) -> None:
    name = OF_TYPE[json_type]
    statement = told.as_sql(READ, str(site.folder / "one.parquet"))
    for value in IN_PARQUET[json_type, good]:
        duckdb.sql(re.sub(rf"(?m)^  .* AS {name}\b", f"  {value} AS {name}", statement))
        assert takes(site, "one.parquet") == good, value


def test_a_null_is_taken_where_the_type_says_so(site: Site) -> None:
    for kind in KINDS:
        for member in told.members(kind):
            line = told.as_json(told.example(kind) | {member.name: None})
            assert takes(site, "one.jsonl", line) == member.is_nullable
            assert ("null" in member.json_type) == member.is_nullable


def test_the_limits_told_are_the_structs() -> None:
    for kind in KINDS:
        for member in told.members(kind):
            if not isinstance(member.type, msgspec.inspect.IntType):
                continue
            low, high = told.limits(member.type)
            for value in (low, high):
                msgspec.convert(told.example(kind) | {member.name: value}, AnyEvent)
            for value in (low - 1, high + 1):
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert(told.example(kind) | {member.name: value}, AnyEvent)


# --- the command ----------------------------------------------------------------------------------


def explained(site: Site, say: Language, name: str) -> Said:
    site.environment["COLUMNS"] = "400"
    said = site.run("--lang", say.code, "explain", name)
    assert (said.code, said.err) == (0, "")
    return said


@in_each_language
def test_the_command_tells_every_kind_and_form(site: Site, say: Language) -> None:
    out = explained(site, say, "events").out
    for kind in KINDS:
        assert re.search(
            rf"^{tag(kind)} +{re.escape(told.plain(told.happened(kind, say)))}", out, re.MULTILINE
        )
    for rule in told.RULES:
        assert told.plain(say(*rule)) in out
    for given in told.GIVEN:
        for text in (given.lines, given.csv, given.parquet):
            assert told.plain(say(*text)) in out
    assert bool(CHINESE.search(out)) == say.chinese
    assert "`" not in out


@in_each_language
@of_each_kind
def test_the_command_tells_every_member(site: Site, say: Language, kind: type[Event]) -> None:
    out = explained(site, say, tag(kind)).out
    for member in told.members(kind):
        [row] = re.findall(rf"^{member.name} .*", out, re.MULTILINE)
        for part in (member.json_type, told.allowed(member, say), told.presence(member, say)):
            assert told.plain(part) in row
        assert told.plain(say(member.kind.zh, member.kind.en)) in row
        for code in member.codes:
            assert f"{code.code} {say(code.zh, code.en)}" in out
    assert msgspec.json.decode(out.splitlines()[-1]) == told.example(kind)


def test_codes_that_a_member_may_not_have_are_not_told() -> None:
    [source] = [m for m in told.members(ev.Read) if m.name == "source"]
    assert [m.code for m in source.codes] == list(range(8))


def test_an_endpoint_is_explained_as_endpoints_does(site: Site) -> None:
    assert site.run("explain", "getuserread").out == site.run("endpoints", "getuserread").out != ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reed", "no endpoint or kind of event 'reed'; did you mean read"),
        ("event", "did you mean events"),
        ("getuserred", "no endpoint 'getuserred'; did you mean getuserread"),
    ],
)
def test_a_wrong_name_is_told_with_what_is_near(site: Site, name: str, words: str) -> None:
    said = site.run("explain", name)
    assert said.code == 1
    assert words in said.err


def test_the_quick_way_checks_no_patterns() -> None:
    """A pattern for every event would make the door slow; it checks each msgid once."""
    from wxcube.events.intake.decoding import _QUICK

    for kind in _QUICK:
        for field in msgspec.structs.fields(kind):
            assert "pattern=" not in str(field.type), field
