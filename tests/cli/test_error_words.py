"""Every error has Chinese: what must have it is read from the source that raises it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.error_texts import MARK, ROOT, Source, Text
from wxcube.cli.error_words import (
    LAYERS,
    LONGEST,
    command_line,
    in_chinese,
    in_words,
    templates,
    told,
)
from wxcube.cli.error_words.template import ENDPOINTS as ENDPOINT_NAMES
from wxcube.cli.error_words.template import LISTS, NUMBERS, WHOLE, WORDS, Template
from wxcube.cli.reasons import in_words as reason_in_words
from wxcube.contract import ENDPOINTS
from wxcube.contract.errcodes import ERRCODES, reply_error
from wxcube.errors import ReplyError, WxcubeError
from wxcube.i18n.language import Language
from wxcube.log import redact

ZH, EN = Language(chinese=True), Language()
ENGLISH = re.compile(r"[A-Za-z][a-z']+(?:,? [a-z']{2,})+")
"""Two English words and more."""
VERBATIM = re.compile(
    r"`[^`]*`|\"[^\"]*\"|openssl rand -hex 32|pip install \S+|--[a-z]+ \S+|[\w.]+\.(?:toml|json|db|jsonl|conf)"
)
"""Commands, names and examples, the same in both languages."""
PARAMS = tuple(dict.fromkeys(param.en for one in ENDPOINTS for param in one.params))

AT_RUN_TIME = {
    ("contract/endpoint.py", "self.en"): PARAMS,
    ("wechat/pace.py", "error.hint"): tuple(known.hint for known in ERRCODES.values()),
    ("wechat/token.py", "' and the '.join(lacking)"): (
        "AppID",
        "AppSecret",
        "AppID and the AppSecret",
    ),
}
"""What a value is that only run time knows, where it is a text itself."""

ENDPOINT = {"self", "endpoint"}
"""Expressions that stand for an endpoint."""
ANOTHERS = "another error's own text, which is found where that error is made"
FOREIGN = "only names, and what the system or a library says"
UNKNOWN = {
    ("cli/commands/doctor.py", "⟦error.message⟧"): ANOTHERS,
    ("cli/commands/doctor.py", "⟦error.hint⟧"): ANOTHERS,
    ("settings.py", "⟦path⟧: ⟦place.rstrip('`')⟧: ⟦what[0].lower()⟧⟦what[1:]⟧"): (
        "msgspec's words: see test_what_msgspec_says_of_settings_has_chinese"
    ),
    ("settings.py", "⟦path⟧: ⟦error.message⟧"): ANOTHERS,
    ("settings.py", "⟦error.hint⟧"): ANOTHERS,
    ("events/store/check.py", "⟦error.message⟧"): ANOTHERS,
    ("events/store/check.py", "⟦error.hint⟧"): ANOTHERS,
    ("events/store/compaction.py", "⟦str(error)⟧"): ANOTHERS,
    ("events/intake/admission.py", "⟦complaint⟧"): "made in files.py, see COMPLAINTS",
    ("events/intake/files.py", "zstd: ⟦error⟧"): FOREIGN,
    ("events/intake/files.py", "⟦str(error).partition('\\n')[0]⟧"): FOREIGN,
    ("events/store/log.py", "⟦fault.message⟧"): ANOTHERS,
    ("events/store/log.py", "⟦fault.hint⟧"): ANOTHERS,
    ("cube/incremental/checkup.py", "⟦self.what⟧"): "found where a Flaw is made",
    ("cube/incremental/checkup.py", "⟦what⟧"): "out of a dictionary, see ELSEWHERE",
    ("cube/incremental/ledger.py", "⟦self._path⟧: ⟦error⟧"): FOREIGN,
    ("wechat/token.py", "⟦asked⟧: ⟦str(error)⟧"): FOREIGN,
    ("wechat/transport.py", "⟦request⟧: ⟦type(error).__name__⟧, ⟦cause.strerror⟧"): FOREIGN,
    ("wechat/transport.py", "⟦request⟧: ⟦type(error).__name__⟧, ⟦None⟧"): FOREIGN,
    ("wechat/transport.py", "⟦request⟧: ⟦type(error).__name__⟧"): FOREIGN,
    ("warehouse/database.py", "⟦path⟧: ⟦str(error)⟧"): FOREIGN,
}
"""Texts of which nothing is written down where they are used, and why that is right."""

ELSEWHERE = {
    "cube/incremental/checkup.py": ("it is gone, though it counts", "it cannot be read ({why})"),
    "events/intake/files.py": (
        "a quote is not closed on its line: a row is one line",
        "it is no row of CSV: {error}",
    ),
    "errors.py": ("errcode {errcode}, {errmsg}",),
    "contract/errcodes.py": ("this errcode is unknown to wxcube; look it up by its rid",),
    "cube/engines/spark.py": ("a first table", "the tables' folder"),
    "cube/engines/clickhouse.py": ("a query", "the database"),
    "wechat/token.py": ("token server {self._host}", "token command {self._name}"),
}
"""Texts that the source has, but no error takes them where it is made."""

MSGSPEC = (
    "is no setting",
    "expected int, got str",
    "expected int | null, got str",
    "expected int >= 1",
    "expected float > 0.0",
    "expected float <= 3600.0",
    "expected str of length >= 3",
    "expected str matching regex '^[A-Za-z0-9_-]*$'",
    "invalid choice",
    "invalid RFC3339 encoded date",
    "table missing required field appid",
)
"""What msgspec says of settings, as `wxcube.settings` passes it on."""

REFUSED = "events/intake/admission.py"
"""Its errors are reasons of refused lines, which `wxcube.cli.reasons` puts into Chinese."""


@cache
def found() -> tuple[Text, ...]:
    """Every text of the source, each once."""
    return tuple({(file_of(one), one.text): one for one in Source.read().texts()}.values())


def file_of(text: Text) -> str:
    return text.place.partition(":")[0]


def is_listed(text: Text) -> bool:
    return (file_of(text), shortened(text.text)) in UNKNOWN


def shortened(text: str) -> str:
    """The text with the path of the settings under a short name."""
    return text.replace(
        "⟦Path(file or environment.get(f'{PREFIX}CONFIG') or DEFAULT_FILE)⟧", "⟦path⟧"
    )


def examples(text: Text) -> Iterator[tuple[str, list[str]]]:
    """The text with values in place of its marks, and the values that must be told."""
    for expression in MARK.findall(text.text):
        known = AT_RUN_TIME.get((file_of(text), expression))
        if known:
            mark = f"⟦{expression}⟧"
            for value in known:
                yield from examples(Text(text.text.replace(mark, value), text.place))
            return
    marks = MARK.findall(text.text)
    values = [f"{'get' * (one in ENDPOINT)}{1001 + place}" for place, one in enumerate(marks)]
    rest = iter(values)
    yield MARK.sub(lambda _: next(rest), text.text), values


def left_over(chinese: str) -> list[str]:
    """English sentences in a Chinese text."""
    return ENGLISH.findall(VERBATIM.sub("", chinese))


def wrong(english: str, values: list[str]) -> str:
    """What is wrong with a text's Chinese; empty if nothing is."""
    chinese = in_chinese(english)
    if chinese == english:
        return "no Chinese"
    if lost := [value for value in values if value not in chinese]:
        return f"{chinese} lacks {lost}"
    if english_words := left_over(chinese):
        return f"{chinese} has {english_words}"
    return ""


# --- the source ------------------------------------------------------------------------------


def test_the_source_is_read() -> None:
    texts = {one.text for one in found()}
    assert len(texts) > 350
    # by way of: a constant, a branch, a parameter, another function, a dictionary, an enum, a tuple
    for known in (
        "put it back from a backup of the folder; an old one will do",
        "it takes dates only",
        "⟦path⟧ cannot be tidied (⟦error.strerror⟧)",
        "⟦path⟧: it may only be read",
        "run `wxcube doctor` again when the build has ended",
        "a file of events that was taken out by `wxcube events forget`",
        "⟦endpoint⟧ ⟦window⟧: the answer ends after ⟦len(body)⟧ bytes, before its end",
    ):
        assert known in texts, known


def test_every_text_of_an_error_has_chinese() -> None:
    """A new error without Chinese is named here with its place."""
    missing = [
        f"{one.place}: {one.text!r}: {fault}"
        for one in found()
        if not is_listed(one) and file_of(one) != REFUSED
        for english, values in examples(one)
        if (fault := wrong(english, values))
    ]
    assert not missing, "\n".join(missing)


def test_a_text_that_is_not_written_down_is_listed_with_the_reason() -> None:
    unknown = {(file_of(one), shortened(one.text)) for one in found() if one.is_unknown}
    assert unknown <= UNKNOWN.keys()
    assert {(file_of(one), shortened(one.text)) for one in found()} >= UNKNOWN.keys()


@pytest.mark.parametrize(
    ("file", "text"), [(file, text) for file, texts in ELSEWHERE.items() for text in texts]
)
def test_a_text_of_elsewhere_has_chinese(file: str, text: str) -> None:
    assert text.replace('"', "") in re.sub(r'"\s*f?"', "", (ROOT / file).read_text("utf-8"))
    values = [str(1001 + place) for place in range(text.count("{"))]
    rest = iter(values)
    assert not wrong(re.sub(r"\{.*?\}", lambda _: next(rest), text), values)


def test_what_msgspec_says_of_settings_has_chinese() -> None:
    for words in MSGSPEC:
        assert not wrong(
            f"wxcube.toml: {'x ' if words.startswith('is') else 'sync.x: '}{words}", []
        )


def test_a_refused_line_has_its_reason_in_chinese() -> None:
    reasons = [one for one in found() if file_of(one) == REFUSED and not one.is_unknown]
    assert len(reasons) == 2
    for one in reasons:
        assert not left_over(reason_in_words(one.text, ZH)), one


@pytest.mark.parametrize("code", ERRCODES)
def test_every_errcode_is_told_in_chinese(code: int) -> None:
    error = reply_error(code, "errmsg of WeChat", endpoint="getusersummary")
    text = told(error, ZH)
    assert text.startswith(
        f"{ERRCODES[code].zh}（getusersummary：错误码 {code}，errmsg of WeChat）；"
    )
    assert set(left_over(text)) <= {"errmsg of", "component ticket", "component token"}
    assert told(error, EN) == str(error)


def test_an_errcode_nobody_knows_is_told_too() -> None:
    error = ReplyError(
        99999, "no such thing", hint="this errcode is unknown to wxcube; look it up by its rid"
    )
    assert told(error, ZH) == "错误码 99999，no such thing；wxcube 不认识这个错误码，请按 rid 查询"


# --- the tables ------------------------------------------------------------------------------


@pytest.mark.parametrize("template", templates(), ids=lambda one: one.english[:60])
def test_both_languages_have_the_same_placeholders(template: Template) -> None:
    english = template.names
    chinese = re.findall(r"\{([a-z_]+)\}", template.chinese)
    assert sorted(english) == sorted(chinese)
    assert len(set(english)) == len(english)
    assert "" not in template.literals[1:-1], "two placeholders side by side"
    assert (
        re.search("[\u4e00-\u9fff]", template.chinese)
        or template.english == "{asked}: HTTP {number}"
    )
    assert not left_over(template.chinese)
    assert not re.search("[,;:!?] ?[\u4e00-\u9fff]|[\u4e00-\u9fff][,;!?]", template.chinese)


def test_no_text_is_translated_twice() -> None:
    english = [one.english for one in templates()]
    assert len(set(english)) == len(english)
    assert len(LAYERS) == len(set(LAYERS))


def test_no_chinese_is_left_of_an_error_that_is_gone() -> None:
    """Every template of the layers below fits a text of the source."""
    texts = [english for one in found() for english, _ in examples(one)]
    texts += [known.hint for known in ERRCODES.values()]
    texts += [re.sub(r"\{.*?\}", "1001", text) for some in ELSEWHERE.values() for text in some]
    texts += [*MSGSPEC, "sync is no setting", *PARAMS, *(f"x: {text}" for text in MSGSPEC)]
    # bounds that a setting may get one day
    texts += ["expected int <= 1", "expected int < 1", "expected str of length <= 1"]
    ends = [some.partition(": ")[2] for text in texts for some in (text, *text.split("; "))]
    parts = {*texts, *ends, *(part for text in texts for part in re.split("; |: ", text))}
    unused = [
        one.english
        for one in templates()
        if one.english not in command_line.WORDS
        and one.english not in SPECIAL
        and not any(one.fit(part) is not None for part in parts)
    ]
    assert not unused


SPECIAL = {
    "{number} accounts of the warehouse fit '' (there: {names})",
    "{number} accounts of the warehouse fit '' (there: none)",
    "cannot be read ({why})",
    "ClientConnectorError, {why}",
    "ClientConnectorDNSError, {why}",
    "Invalid enum value {text}",
    "file is not a database",
    "database disk image is malformed",
    "database is locked",
    "database or disk is full",
    "unable to open database file",
    "attempt to write a readonly database",
}
"""Forms a text takes at run time, and what libraries often say."""


# --- turning ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        # the most literal template wins
        ("x is gone", "x 不见了"),
        ("x is gone, though the folder holds events", "文件夹里有事件，x 却不见了"),
        ("x is damaged (its checksum is another)", "x 已损坏（校验和不符）"),
        ("x is damaged (anything)", "x 已损坏（anything）"),
        # message and hint, also where one of them or a part is foreign
        ("a.db is empty; fill it with `wxcube sync`", "a.db 是空的；请用 `wxcube sync` 取得数据"),
        ("who knows; give one SELECT", "who knows；请写一条 SELECT"),
        # an error within an error, and within that one
        (
            "the cube's facts were not read (/e/state.json cannot be read (Permission denied))",
            "cube 的事实没有检查（/e/state.json 无法读取（Permission denied））",
        ),
        (
            "computing a query failed: a.parquet cannot be read: no magic bytes",
            "计算查询失败：a.parquet 无法读取：no magic bytes",
        ),
        # what msgspec says of a value
        (
            "'x' is not a fault: Expected `int` >= 1 - at `$.times`",
            "'x' 不是故障：times：不能小于 1",
        ),
        (
            "the apps file a.toml is wrong: Expected `str` of length >= 8 - at `$.apps[0].secret`",
            "应用文件 a.toml 有错：apps[0].secret：至少 8 个字符",
        ),
        ("no such quirk: Object contains unknown field `x`", "没有这种怪现象：有未知的成员 `x`"),
        (
            "no such quirk: Invalid enum value 'maybe' - at `$.is_delay`",
            "没有这种怪现象：is_delay：'maybe' 不在可选值之内",
        ),
        # lists have Chinese commas
        ("did you mean a, b?", "是不是想写 a、b？"),
        # what it is about stands before it
        ("wxcube.toml: sync.x: expected int >= 1", "wxcube.toml：sync.x：应为 int，不能小于 1"),
        ("'--from': 'x' is not a day", "'--from'：'x' 不是日期"),
        # a value is not taken for a text
        ("there is no endpoint 'it takes dates only'", "没有 'it takes dates only' 这个接口"),
    ],
)
def test_a_text_is_turned(english: str, chinese: str) -> None:
    assert in_chinese(english) == chinese
    assert in_words(english, ZH) == chinese
    assert in_words(english, EN) == english


@pytest.mark.parametrize(
    "text",
    [
        "",
        "; ",
        ": ",
        "Invalid Input Error: No magic bytes found at end of file 'a.parquet'",
        "no such table: t9",
        "it takes two to tango",
        "she needs a new hat",
        "Parquet needs DuckDB",
        "give the boy a book",
        "use one of these some day",
        "a\nb is empty",
        "already 中文 here",
    ],
)
def test_foreign_text_is_left_alone(text: str) -> None:
    assert in_chinese(text) == text


FOREIGN_WORDS = st.sampled_from(
    [
        "Catalog",
        "Error",
        "table",
        "with",
        "name",
        "t9",
        "does",
        "exist",
        "near",
        "LINE",
        "1",
        "{}",
        "中",
    ]
)
SEPARATORS = st.sampled_from([" ", ": ", "; ", ", ", " (", ")", "\n", "`", "'"])


@given(st.lists(st.tuples(FOREIGN_WORDS, SEPARATORS), max_size=30))
def test_any_foreign_text_is_left_alone(parts: list[tuple[str, str]]) -> None:
    text = "".join(word + sign for word, sign in parts)
    assert in_chinese(text) == text


@given(st.text(st.characters(), max_size=200))
@example("\ud83d is empty")
@example("; " * 3000)
@example(": " * 3000)
@example("x is empty; " * 500)
@example("a cannot be read (" * 400)
@example("a" * (LONGEST + 1))
def test_it_never_raises(text: str) -> None:
    assert isinstance(in_chinese(text), str)
    assert isinstance(told(WxcubeError(text, hint=text), ZH), str)


VALUES = st.text(st.sampled_from("abcxyz019/._-"), min_size=1, max_size=30)


def value_of(name: str) -> st.SearchStrategy[str]:
    """Values of the kind a placeholder wants."""
    if name in WHOLE:
        return st.sampled_from(PARAMS)
    if name in NUMBERS:
        return st.integers(0, 10**9).map(str)
    if name in ENDPOINT_NAMES:
        return VALUES.map(lambda text: f"get{text}")
    if name in LISTS:
        return st.lists(VALUES, min_size=1, max_size=3).map(", ".join)
    return VALUES if name in WORDS else VALUES.map(lambda text: f"/{text}")


@given(st.data(), st.sampled_from(templates()))
def test_values_are_told_as_they_are(data: st.DataObject, template: Template) -> None:
    values = {name: data.draw(value_of(name), name) for name in template.names}
    text = re.sub(r"\{([a-z_]+)\}", lambda mark: values[mark[1]], template.english)
    chinese = in_chinese(text)
    assert chinese != text
    for name, value in values.items():
        told_as = value.replace(", ", "、") if name in LISTS else value
        assert (in_chinese(value) if name in WHOLE else told_as) in chinese


def test_a_secret_that_the_english_text_hides_is_hidden_in_chinese_too() -> None:
    """A colon of Chinese stands there then, by which nobody knows a secret."""
    text = "account_secret: s3cr3t is not a day"
    assert "s3cr3t" not in redact(text)
    assert redact(in_chinese(text)) == "account_secret：*** 不是日期"


# --- when it is loaded -----------------------------------------------------------------------


def test_the_tables_are_read_when_the_first_error_is_told() -> None:
    script = (
        "import sys\nfrom wxcube.cli.main import run\nrun(['--help'])\n"
        "words = 'wxcube.cli.error_words'\n"
        "print(words in sys.modules, file=sys.stderr)\n"
        "import wxcube.cli.error_words\n"
        "print([m for m in sys.modules if m.startswith(words + '.')], file=sys.stderr)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stderr.splitlines() == ["False", "['wxcube.cli.error_words.template']"]
