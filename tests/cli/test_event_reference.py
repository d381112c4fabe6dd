"""The reference of events: complete in both languages, with examples that are accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import get_args

import duckdb
import msgspec
import pytest

from support.command_line import CommandResult, Site
from wxcube.cli import event_reference as reference
from wxcube.cli.event_reference import without_markdown
from wxcube.events import kinds as ev
from wxcube.events.kinds import AnyEvent, Event
from wxcube.i18n import Meaning
from wxcube.i18n.language import Language

KINDS: tuple[type[Event], ...] = get_args(AnyEvent)
COMMON = Event.__struct_fields__
LANGUAGES = [Language("en"), Language("zh")]
in_each_language = pytest.mark.parametrize(
    "translate", LANGUAGES, ids=lambda translate: translate.code
)
of_each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[[Language], str]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs" / "_ext"))
    render: Callable[[Language], str] = import_module("event_reference").page
    return render


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
    """The number of stored events after the whole file was ingested."""
    if content:
        (site.folder / name).write_text(content, encoding="utf-8")
    result = site.run("events", "ingest", name)
    assert result.code == 0, result.text
    [status] = site.run("events", "status", "--json").lines
    events = status["events"]
    assert isinstance(events, int)
    return events


# --- the page -------------------------------------------------------------------------------------


@in_each_language
@of_each_kind
def test_every_member_is_on_the_page(
    page: Callable[[Language], str], translate: Language, kind: type[Event]
) -> None:
    text = page(translate)
    known = (
        section(text, translate(Meaning("Every event has", "每个事件都有"))),
        section(text, tag(kind)),
    )
    for place, names in zip(known, (("event", *COMMON), kind.__struct_fields__), strict=True):
        for name in names:
            if name in COMMON and place is known[1]:
                continue
            [row] = re.findall(rf"^\| `{name}` \|(.*)\|$", place, re.MULTILINE)
            assert all(cell.strip() for cell in row.split(" | ")), row
            assert bool(CHINESE.search(row)) == translate.is_chinese
    assert f"[{tag(kind)}](#{tag(kind)})" in text


@in_each_language
def test_every_example_of_the_page_is_accepted(
    page: Callable[[Language], str], translate: Language, site: Site
) -> None:
    text = page(translate)
    shown = blocks(text, "json")
    assert [msgspec.json.decode(line)["event"] for line in shown] == [tag(kind) for kind in KINDS]
    assert ingested(site, "shown.jsonl", "".join(shown)) == len(KINDS)


@in_each_language
def test_the_csv_and_parquet_of_the_page_are_accepted(
    page: Callable[[Language], str],
    translate: Language,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [table], [statement] = (blocks(page(translate), form) for form in ("text", "sql"))
    assert ingested(site, "shown.csv", table) == len(reference.CSV_EXAMPLE)
    monkeypatch.chdir(site.folder)
    duckdb.sql(statement)
    assert ingested(site, "events.parquet") == len(reference.CSV_EXAMPLE), (
        "the read event of the CSV is a duplicate"
    )


# --- the reference against admission --------------------------------------------------------------

READ = reference.example(ev.Read)
OF_TYPE = {"string": "user", "integer": "seconds", "boolean": "finished"}


def is_accepted(site: Site, name: str, content: str = "") -> bool:
    """Whether a file is ingested; without content it exists already."""
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
def test_json_lines_are_accepted_as_documented(site: Site, json_type: str, good: bool) -> None:
    for value in IN_LINES[json_type, good]:
        line = reference.as_json(READ | {OF_TYPE[json_type]: msgspec.Raw(value.encode())})
        assert is_accepted(site, "one.jsonl", line) == good, value


@pytest.mark.parametrize(("json_type", "good"), IN_CSV)
def test_csv_is_accepted_as_documented(site: Site, json_type: str, good: bool) -> None:
    for value in IN_CSV[json_type, good]:
        assert (
            is_accepted(site, "one.csv", reference.as_csv([READ | {OF_TYPE[json_type]: value}]))
            == good
        ), value


@pytest.mark.parametrize(("json_type", "good"), IN_PARQUET)
def test_parquet_is_accepted_as_documented(site: Site, json_type: str, good: bool) -> None:
    name = OF_TYPE[json_type]
    statement = reference.as_sql(READ, str(site.folder / "one.parquet"))
    for value in IN_PARQUET[json_type, good]:
        duckdb.sql(re.sub(rf"(?m)^  .* AS {name}\b", f"  {value} AS {name}", statement))
        assert is_accepted(site, "one.parquet") == good, value


def test_null_is_accepted_if_the_type_includes_it(site: Site) -> None:
    for kind in KINDS:
        for member in reference.members(kind):
            line = reference.as_json(reference.example(kind) | {member.name: None})
            assert is_accepted(site, "one.jsonl", line) == member.is_nullable
            assert ("null" in member.json_type) == member.is_nullable


def test_the_documented_limits_are_those_of_the_structs() -> None:
    for kind in KINDS:
        for member in reference.members(kind):
            if not isinstance(member.type, msgspec.inspect.IntType):
                continue
            low, high = reference.limits(member.type)
            for value in (low, high):
                msgspec.convert(reference.example(kind) | {member.name: value}, AnyEvent)
            for value in (low - 1, high + 1):
                with pytest.raises(msgspec.ValidationError):
                    msgspec.convert(reference.example(kind) | {member.name: value}, AnyEvent)


# --- the command ----------------------------------------------------------------------------------


def explained(site: Site, translate: Language, name: str) -> CommandResult:
    site.environment["COLUMNS"] = "400"
    result = site.run("--lang", translate.code, "explain", name)
    assert (result.code, result.err) == (0, "")
    return result


@in_each_language
def test_the_command_shows_every_kind_and_format(site: Site, translate: Language) -> None:
    out = explained(site, translate, "events").out
    for kind in KINDS:
        assert re.search(
            rf"^{tag(kind)} +{re.escape(without_markdown(translate(reference.description(kind))))}",
            out,
            re.MULTILINE,
        )
    for rule in reference.RULES:
        assert without_markdown(translate(rule)) in out
    for notation in reference.NOTATIONS:
        for message in (notation.json_lines, notation.csv, notation.parquet):
            assert without_markdown(translate(message)) in out
    assert bool(CHINESE.search(out)) == translate.is_chinese
    assert "`" not in out


@in_each_language
@of_each_kind
def test_the_command_shows_every_member(site: Site, translate: Language, kind: type[Event]) -> None:
    out = explained(site, translate, tag(kind)).out
    for member in reference.members(kind):
        [row] = re.findall(rf"^{member.name} .*", out, re.MULTILINE)
        values = translate(reference.allowed(member)), translate(reference.presence(member))
        for part in (member.json_type, *values, translate(Meaning.of(member.kind))):
            assert without_markdown(part) in row
        for code in member.codes:
            assert f"{code.code} {translate(Meaning.of(code))}" in out
    assert msgspec.json.decode(out.splitlines()[-1]) == reference.example(kind)


def test_invalid_codes_of_a_member_are_not_shown() -> None:
    [source] = [m for m in reference.members(ev.Read) if m.name == "source"]
    assert [m.code for m in source.codes] == list(range(8))


def test_an_endpoint_is_explained_as_by_the_command_endpoints(site: Site) -> None:
    assert site.run("explain", "getuserread").out == site.run("endpoints", "getuserread").out != ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("reed", "no endpoint or kind of event 'reed'; did you mean read"),
        ("event", "did you mean events"),
        ("getuserred", "no endpoint 'getuserred'; did you mean getuserread"),
    ],
)
def test_a_wrong_name_is_reported_with_similar_names(site: Site, name: str, words: str) -> None:
    result = site.run("explain", name)
    assert result.code == 1
    assert words in result.err


def test_the_fast_path_checks_no_patterns() -> None:
    """A pattern for every event would slow down admission, which checks each msgid once."""
    from wxcube.events.intake.decoding import _FAST

    for kind in _FAST:
        for field in msgspec.structs.fields(kind):
            assert "pattern=" not in str(field.type), field
