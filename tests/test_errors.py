"""Errors: classes, remedies, messages and pickles."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from wxcube import errors
from wxcube.contract import Window
from wxcube.errors import ReplyError, ShapeError, WxcubeError
from wxcube.i18n import verbatim


def subclasses(root: type[WxcubeError]) -> list[type[WxcubeError]]:
    return [
        root,
        *(
            descendant
            for child in root.__subclasses__()
            if child.__module__ == errors.__name__
            for descendant in subclasses(child)
        ),
    ]


ERRORS = subclasses(WxcubeError)
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
            hint=verbatim("do this"),
        )
    return kind(verbatim("it broke"), hint=verbatim("do this"))


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
def test_an_error_ends_with_the_hint(kind: type[WxcubeError]) -> None:
    assert str(example(kind)).endswith("; do this")


@every_error
def test_names_and_docstrings(kind: type[WxcubeError]) -> None:
    assert kind.__name__.endswith("Error")
    assert (kind.__doc__ or "").partition("\n")[0].endswith(".")


def documented() -> dict[str, str]:
    """Class names and remedies in the tree of the docstring."""
    lines = re.findall(r"^[ │├└─]*(\w+Error)\b(.*)$", errors.__doc__ or "", re.MULTILINE)
    return {name: rest.split()[-1] if rest.split() else "" for name, rest in lines}


def test_the_documented_tree_has_all_errors() -> None:
    assert set(documented()) == {kind.__name__ for kind in ERRORS}


@every_error
def test_the_documented_remedies_are_correct(kind: type[WxcubeError]) -> None:
    word = documented()[kind.__name__]
    if word.isupper():
        assert kind.remedy.name == word


@every_error
def test_the_documented_hierarchy_is_correct(kind: type[WxcubeError]) -> None:
    line = next(
        line
        for line in (errors.__doc__ or "").splitlines()
        if re.search(rf"\b{kind.__name__}\b", line)
    )
    indent = (len(line) - len(line.lstrip(" │├└─")) - 3) // 4
    depth = sum(issubclass(parent, WxcubeError) for parent in kind.__mro__) - 1
    assert indent == depth


def test_an_error_without_hint_is_its_message() -> None:
    assert str(WxcubeError(verbatim("it broke"))) == "it broke"


def test_errors_are_also_builtin_errors() -> None:
    assert issubclass(errors.WindowError, ValueError)
    assert issubclass(errors.UnknownEndpointError, KeyError)
    assert (
        str(errors.UnknownEndpointError(verbatim("no endpoint 'x'"), hint=verbatim("try y")))
        == "no endpoint 'x'; try y"
    )


def test_the_body_is_in_the_error_but_not_shown() -> None:
    error = ShapeError(verbatim("no list"), body=b'{"secret": 1}')
    assert error.body == b'{"secret": 1}'
    assert "secret" not in str(error) + repr(error)


def test_a_remedy_can_be_overridden() -> None:
    assert ReplyError(1, "x", remedy=errors.Remedy.WAIT).remedy is errors.Remedy.WAIT
    assert ReplyError(1, "x").remedy is errors.Remedy.STOP
