"""The tree of errors: names, remedies, texts, pickles."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from wxcube import errors
from wxcube.contract import Window
from wxcube.errors import ReplyError, ShapeError, WxcubeError


def family(root: type[WxcubeError]) -> list[type[WxcubeError]]:
    return [
        root,
        *(
            found
            for child in root.__subclasses__()
            if child.__module__ == errors.__name__
            for found in family(child)
        ),
    ]


ERRORS = family(WxcubeError)
every_error = pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)


def example(kind: type[WxcubeError]) -> WxcubeError:
    if issubclass(kind, ReplyError):
        window = Window.parse("2026-03-01..2026-03-02")
        return kind(
            61501,
            "date range error",
            rid="a-b-c",
            endpoint="getuserread",
            window=window,
            hint="do this",
        )
    return kind("it broke", hint="do this")


@every_error
def test_errors_survive_a_pickle(kind: type[WxcubeError]) -> None:
    error = example(kind)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__
        assert again.args == error.args
        assert again.remedy is error.remedy


@every_error
def test_an_error_says_what_to_do_last(kind: type[WxcubeError]) -> None:
    assert str(example(kind)).endswith("; do this")


@every_error
def test_names_and_docstrings(kind: type[WxcubeError]) -> None:
    assert kind.__name__.endswith("Error")
    assert (kind.__doc__ or "").partition("\n")[0].endswith(".")


def told() -> dict[str, str]:
    """Names and last words of the lines of the drawn tree."""
    lines = re.findall(r"^[ │├└─]*(\w+Error)\b(.*)$", errors.__doc__ or "", re.MULTILINE)
    return {name: rest.split()[-1] if rest.split() else "" for name, rest in lines}


def test_the_drawn_tree_holds_every_error() -> None:
    assert set(told()) == {kind.__name__ for kind in ERRORS}


@every_error
def test_the_drawn_remedies_are_the_real_ones(kind: type[WxcubeError]) -> None:
    word = told()[kind.__name__]
    if word.isupper():
        assert kind.remedy.name == word


@every_error
def test_the_drawn_depth_is_the_real_one(kind: type[WxcubeError]) -> None:
    line = next(
        line
        for line in (errors.__doc__ or "").splitlines()
        if re.search(rf"\b{kind.__name__}\b", line)
    )
    indent = (len(line) - len(line.lstrip(" │├└─")) - 3) // 4
    depth = sum(issubclass(parent, WxcubeError) for parent in kind.__mro__) - 1
    assert indent == depth


def test_an_error_without_hint_is_its_message() -> None:
    assert str(WxcubeError("it broke")) == "it broke"


def test_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(errors.WindowError, ValueError)
    assert issubclass(errors.UnknownEndpointError, KeyError)
    assert (
        str(errors.UnknownEndpointError("no endpoint 'x'", hint="try y"))
        == "no endpoint 'x'; try y"
    )


def test_the_answer_is_kept_but_not_shown() -> None:
    error = ShapeError("no list", body=b'{"secret": 1}')
    assert error.body == b'{"secret": 1}'
    assert "secret" not in str(error) + repr(error)


def test_a_remedy_of_its_own_wins() -> None:
    assert ReplyError(1, "x", remedy=errors.Remedy.WAIT).remedy is errors.Remedy.WAIT
    assert ReplyError(1, "x").remedy is errors.Remedy.STOP
