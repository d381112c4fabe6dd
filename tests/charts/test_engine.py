"""The engine: equal bytes for equal options, pictures with Chinese, and the committed build."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import quickjs  # type: ignore[import-untyped]

from support.number_cases import MILLISECONDS, PERCENT, SHORT
from wxcube.charts import engine, fonts
from wxcube.charts.engine import STATIC, png, svg
from wxcube.errors import SettingsError

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_BUILD = 230 * 1024
OPTION: dict[str, Any] = {
    "xAxis": {"type": "category", "data": ["关注", "万"]},
    "yAxis": {"type": "value", "axisLabel": {"formatter": "@count"}},
    "series": [{"type": "bar", "data": [12_345, 20_000], "itemStyle": {"color": "@c1"}}],
}
with_font = pytest.mark.skipif(
    fonts._of_system() is None, reason="no font with Chinese is installed (fonts-wqy-microhei)"
)


def test_equal_options_give_equal_bytes() -> None:
    first = svg(OPTION, language="zh")
    svg({**OPTION, "series": []})
    assert svg(OPTION, language="zh") == first
    with ThreadPoolExecutor(2) as threads:
        assert set(threads.map(lambda _n: svg(OPTION, language="zh"), range(4))) == {first}


def test_the_language_decides_how_numbers_are_written() -> None:
    assert ">2万<" in svg(OPTION, language="zh")
    assert ">20k<" in svg(OPTION, language="en")


def test_ids_of_two_drawings_can_stand_in_one_document() -> None:
    option = {**OPTION, "series": [{**OPTION["series"][0], "clip": True}]}
    assert "zr" not in svg(option, name="one")
    assert svg(option, name="one").replace("one-", "two-") == svg(option, name="two")


def test_a_drawing_has_no_style_element_and_a_text_to_be_read_out() -> None:
    drawn = svg(OPTION, text='a "b" <c>')
    assert "<style" not in drawn
    assert 'aria-label="a &quot;b&quot; &lt;c&gt;"' in drawn


@with_font
def test_chinese_is_drawn_and_not_as_boxes() -> None:
    def picture(text: str) -> bytes:
        option = {**OPTION, "xAxis": {"type": "category", "data": [text, text]}}
        return png(svg(option))

    known, other, unknown, also_unknown = map(picture, ("关注", "粉丝", "\U0010fffd", "\U0010fffc"))
    assert known.startswith(PNG)
    assert unknown == also_unknown, "glyphs that the font lacks look the same"
    assert len({known, other, unknown}) == 3


@with_font
def test_a_picture_has_twice_the_pixels() -> None:
    header = png(svg(OPTION, width=300, height=150))[16:24]
    assert header == (600).to_bytes(4, "big") + (300).to_bytes(4, "big")


def test_without_a_font_with_chinese_there_is_a_clear_error(tmp_path: Path) -> None:
    other = tmp_path / "other.ttf"
    other.write_bytes(b"no font")
    with pytest.raises(SettingsError, match="no font with Chinese") as caught:
        png(svg(OPTION), fonts=(other,))
    assert "fonts-wqy-microhei" in str(caught.value)


def test_without_the_packages_the_error_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "quickjs", None)
    monkeypatch.delattr(engine._LOCAL, "draw", raising=False)
    with pytest.raises(SettingsError, match="quickjs-ng resvg-py"):
        svg(OPTION)


def test_the_build_is_that_of_its_recipe_and_small() -> None:
    build = (STATIC / "echarts.js").read_bytes()
    checksum, name = (STATIC / "echarts.js.sha256").read_text().split()
    assert (checksum, name) == (hashlib.sha256(build).hexdigest(), "echarts.js")
    assert len(gzip.compress(build, 9)) <= LARGEST_BUILD
    licence = (STATIC / "echarts.LICENSE.txt").read_text()
    assert "Apache License" in licence
    assert b"eval(" not in build


# --- numbers of the JavaScript ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def runtime() -> Any:
    context = quickjs.Context()
    context.eval((STATIC / "runtime.js").read_text(encoding="utf-8"))
    return context


def call(runtime: Any, name: str, value: float | None, language: str) -> Any:
    text = "null" if value is None else repr(value)
    return runtime.eval(f"wxcubeCharts.{name}({text}, '{language}')")


@pytest.mark.parametrize(("value", "chinese", "english"), SHORT)
def test_short_numbers(runtime: Any, value: float | None, chinese: str, english: str) -> None:
    assert call(runtime, "count", value, "zh") == chinese
    assert call(runtime, "count", value, "en") == english


@pytest.mark.parametrize(("value", "text"), PERCENT)
def test_percent(runtime: Any, value: float | None, text: str) -> None:
    assert call(runtime, "percent", value, "en") == text


@pytest.mark.parametrize(("value", "chinese", "english"), MILLISECONDS)
def test_durations(runtime: Any, value: float | None, chinese: str, english: str) -> None:
    assert call(runtime, "milliseconds", value, "zh") == chinese
    assert call(runtime, "milliseconds", value, "en") == english


# --- the tooltip of a live chart --------------------------------------------------------------------

PAGE = """
function Box() { this.lines = []; }
Box.prototype.appendChild = function (line) { this.lines.push(line.textContent); };
var document = {createElement: function () { return new Box(); }};
var option = wxcubeCharts.resolve({formatter: '@tooltip:@exact'}, {}, 'zh');
JSON.stringify(option.formatter(%s).lines);
"""


def test_a_tooltip_has_one_line_per_name_and_none_for_the_hatch(runtime: Any) -> None:
    points = [
        {"axisValueLabel": "03-09", "seriesId": "a", "seriesName": "<b>", "value": None},
        {"seriesId": "b", "seriesName": "<b>", "value": 12345},
        {"seriesId": "c", "seriesName": "other", "value": None},
        {"seriesId": "gaps wx1", "seriesName": "no figures", "value": 1},
    ]
    shown = json.loads(runtime.eval(PAGE % json.dumps(points)))
    assert shown == ["03-09", "<b>  12,345", "other  –"]


def test_a_tooltip_names_its_panel(runtime: Any) -> None:
    point = {"axisValueLabel": "2026-03-09", "seriesId": "panel a\nb\n3", "seriesName": "new"}
    shown = json.loads(runtime.eval(PAGE % json.dumps([point | {"value": 1}])))
    assert shown == ["2026-03-09 · a\nb", "new  1"]


def test_a_tooltip_has_the_formatter_of_its_panel(runtime: Any) -> None:
    point = {"axisValueLabel": "2026-03-09", "seriesId": "panel a\nb\n3 @percent"}
    named = point | {"seriesName": "failure rate"}
    shown = json.loads(runtime.eval(PAGE % json.dumps([named | {"value": 0.0014}])))
    assert shown == ["2026-03-09 · a\nb", "failure rate  0.14%"]


def test_a_tooltip_is_beneath_the_chart(runtime: Any) -> None:
    resolved = "wxcubeCharts.resolve({position: '@below'}, {}, 'zh').position"
    size = "{viewSize: [360, 186], contentSize: [120, 60]}"
    for x, left in ((0, 0), (180, 120), (360, 240)):
        assert json.loads(
            runtime.eval(f"JSON.stringify({resolved}([{x}, 9], null, null, null, {size}))")
        ) == [left, 186]
