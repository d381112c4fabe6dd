"""Every English text that an error or a finding is made with, read from the source itself.

Expressions are followed as far as their text is written down: through constants, branches, local
names, parameters and small functions. What is only known at run time becomes a mark.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path

import wxcube

ROOT = Path(wxcube.__file__).parent
_DEEPEST = 14
_MOST = 64
MARK = re.compile(r"⟦(.*?)⟧")
"""What stands for a value of run time; within is its expression."""

Value = str | tuple[Sequence["Value"], ...]
"""A text with marks, or a tuple of which each member has some values."""


@dataclass(frozen=True)
class Text:
    """A text, and where its error is made."""

    text: str
    place: str

    @property
    def is_unknown(self) -> bool:
        """Whether nothing of it is written down."""
        return not re.search("[A-Za-z]{2}", MARK.sub("", self.text))


@dataclass
class Module:
    """A source file, its functions and its constants."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        return ".".join(("wxcube", *self.path.relative_to(ROOT).with_suffix("").parts))

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        for line in self.tree.body:
            if isinstance(line, ast.Assign):
                for target in line.targets:
                    _bind(target, line.value, found)
            elif isinstance(line, ast.AnnAssign) and line.value:
                _bind(line.target, line.value, found)
        return found

    @cached_property
    def functions(self) -> dict[str, list[ast.FunctionDef]]:
        found: dict[str, list[ast.FunctionDef]] = defaultdict(list)
        for one in ast.walk(self.tree):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                found[one.name].append(one)  # type: ignore[arg-type] # both have what is looked at
        return found

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        return {one.name: one for one in ast.walk(self.tree) if isinstance(one, ast.ClassDef)}

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Local names of modules, and of names in modules."""
        return {
            alias.asname or alias.name: (one.module or "", alias.name)
            for one in ast.walk(self.tree)
            if isinstance(one, ast.ImportFrom)
            for alias in one.names
        }


def _bind(target: ast.expr, value: ast.expr, found: dict[str, ast.expr]) -> None:
    if isinstance(target, ast.Name):
        found[target.id] = value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, part in zip(target.elts, value.elts, strict=True):
            _bind(one, part, found)


@dataclass
class Scope:
    """Where an expression stands, and what the parameters of its function are there."""

    module: Module
    function: ast.FunctionDef | None = None
    kind: ast.ClassDef | None = None
    given: Mapping[str, Sequence[Value]] | None = None


@dataclass
class Source:
    """All modules; texts are looked up in them."""

    modules: dict[str, Module] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path = ROOT) -> Source:
        found = [Module(p, ast.parse(p.read_text("utf-8"))) for p in sorted(root.rglob("*.py"))]
        return cls({one.name.removesuffix(".__init__"): one for one in found})

    # --- what makes texts -------------------------------------------------------------------------

    @cached_property
    def kinds(self) -> set[str]:
        """Names of the error classes, and of what doctor finds."""
        found = {"WxcubeError", "Finding", "Flaw"}
        bases = [
            (one.name, {base.id for base in one.bases if isinstance(base, ast.Name)})
            for module in self.modules.values()
            for one in module.classes.values()
        ]
        while more := {name for name, above in bases if above & found} - found:
            found |= more
        return found - {"ReplyError"}

    def texts(self) -> Iterator[Text]:
        """Every text of every error and finding."""
        for scope, call in self._calls():
            name = _name(call.func)
            if name in self.kinds:
                yield from self._of_call(scope, call, name)
            elif _is_told(scope, call):
                yield from self._told(scope, call, call.args[0])

    def _of_call(self, scope: Scope, call: ast.Call, name: str) -> Iterator[Text]:
        is_reply = name in _REPLIES
        first = {"Finding": 1, "Flaw": 1}.get(name, 0)
        args = [] if is_reply else call.args[first : 3 if name == "Finding" else first + 1]
        hints = [one.value for one in call.keywords if one.arg == "hint"]
        for one in (*args, *hints):
            yield from self._told(scope, call, one)

    def _told(self, scope: Scope, call: ast.Call, one: ast.expr) -> Iterator[Text]:
        place = f"{scope.module.path.relative_to(ROOT)}:{call.lineno}"
        for value in self.values(one, scope):
            members = [value] if isinstance(value, str) else [v for some in value for v in some]
            yield from (Text(v, place) for v in members if isinstance(v, str) and v)

    def _calls(self) -> Iterator[tuple[Scope, ast.Call]]:
        for module in self.modules.values():
            yield from _walk(module.tree, Scope(module))

    @cached_property
    def _callers(self) -> dict[str, list[tuple[Scope, ast.Call]]]:
        found: dict[str, list[tuple[Scope, ast.Call]]] = defaultdict(list)
        for scope, call in self._calls():
            found[_name(call.func)].append((scope, call))
        return found

    # --- values of expressions ------------------------------------------------------------------

    def values(self, node: ast.expr, scope: Scope, depth: int = 0) -> list[Value]:
        """What an expression can be; a mark where it is known at run time only."""
        found = self._values(node, scope, depth) if depth < _DEEPEST else None
        return list(dict.fromkeys(found))[:_MOST] if found else [f"⟦{ast.unparse(node)}⟧"]

    def _values(self, node: ast.expr, scope: Scope, depth: int) -> list[Value] | None:  # noqa: C901, PLR0911 - a case for each kind
        def look(one: ast.expr) -> list[Value]:
            return self.values(one, scope, depth + 1)

        match node:
            case ast.Constant(value=str() | int() as value) if not isinstance(value, bool):
                return [str(value)]
            case ast.JoinedStr(values=parts):
                return _joined([self._part(one, scope, depth) for one in parts])
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                both = [look(left), look(right)]
                return _joined(both) if all(map(_has_words, both)) else None
            case ast.IfExp(body=body, orelse=orelse):
                return look(body) + look(orelse)
            case ast.BoolOp(values=options):
                return [value for one in options for value in look(one)]
            case ast.Tuple(elts=members):
                return [tuple(tuple(look(one)) for one in members)]
            case ast.Starred(value=inner):
                return look(inner)
            case ast.Name(id=name):
                return self._of_name(name, scope, depth)
            case ast.Subscript(value=ast.Name(id=name)):
                return self._of_table(name, scope, depth)
            case ast.Attribute():
                return self._of_attribute(node, scope, depth)
            case ast.Call():
                return self._of_function(node, scope, depth)
        return None

    def _part(self, node: ast.expr, scope: Scope, depth: int) -> list[Value]:
        """A part of an f-string; what is formatted in a way of its own is known at run time."""
        if not isinstance(node, ast.FormattedValue):
            return self.values(node, scope, depth + 1)
        mark = f"⟦{ast.unparse(node.value)}⟧"
        if node.conversion != -1 or node.format_spec:
            return [mark]
        return [one or mark for one in self.values(node.value, scope, depth + 1)]

    def _of_name(self, name: str, scope: Scope, depth: int) -> list[Value] | None:
        if scope.given and name in scope.given:
            return list(scope.given[name])
        if scope.function:
            local = self._of_local(name, scope, depth)
            if local:
                return local
            if name in _parameters(scope.function):
                return self._of_parameter(name, scope, depth)
        return self._of_constant(name, scope.module, depth)

    def _of_constant(self, name: str, module: Module, depth: int) -> list[Value] | None:
        if name in module.constants:
            return self.values(module.constants[name], Scope(module), depth + 1)
        where, theirs = module.imports.get(name, ("", ""))
        other = self.modules.get(where)
        return self._of_constant(theirs, other, depth + 1) if other and depth < _DEEPEST else None

    def _of_local(self, name: str, scope: Scope, depth: int) -> list[Value]:
        found: list[Value] = []
        assert scope.function
        for one in ast.walk(scope.function):
            if isinstance(one, ast.AugAssign) and _name(one.target) == name and _has_words(found):
                found += _joined([found, self.values(one.value, scope, depth + 1)])
            elif isinstance(one, ast.Assign):
                for target in one.targets:
                    found += self._assigned(target, one.value, name, scope, depth)
        return found

    def _assigned(
        self, target: ast.expr, value: ast.expr, name: str, scope: Scope, depth: int
    ) -> list[Value]:
        if isinstance(target, ast.Name) and target.id == name:
            return self.values(value, scope, depth + 1)
        if isinstance(target, ast.Tuple):
            names = [_name(one) for one in target.elts]
            if name in names:
                place = names.index(name)
                whole = self.values(value, scope, depth + 1)
                return [v for one in whole if isinstance(one, tuple) for v in one[place]]
        return []

    def _of_parameter(self, name: str, scope: Scope, depth: int) -> list[Value] | None:
        """What callers give a function; of one that everybody may call, only here."""
        assert scope.function
        calls = self._callers.get(scope.function.name, [])
        found: list[Value] = []
        for there, call in calls:
            given = _argument(call, scope.function, name)
            if given is not None and self._is_called(scope.module, there, call):
                found += self.values(given, there, depth + 1)
        default = _default(scope.function, name)
        if default is not None and found:
            found += self.values(default, scope, depth + 1)
        return [one if _is_said(one) else f"⟦{name}⟧" for one in found] or None

    def _is_called(self, module: Module, there: Scope, call: ast.Call) -> bool:
        """Whether a call of that name is one of a module's function."""
        match call.func:
            case ast.Name(id=name):
                home = there.module.imports.get(name, ("", ""))[0]
                return there.module is module or self.modules.get(home) is module
            case ast.Attribute(value=ast.Name(id=owner)):
                home, name = there.module.imports.get(owner, ("", ""))
                is_own = owner in {"self", "cls"} and there.module is module
                return is_own or self.modules.get(f"{home}.{name}") is module
        return False

    def _of_table(self, name: str, scope: Scope, depth: int) -> list[Value] | None:
        table = scope.module.constants.get(name)
        if isinstance(table, ast.Dict):
            at = Scope(scope.module)
            return [value for one in table.values for value in self.values(one, at, depth + 1)]
        return None

    def _of_attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> list[Value] | None:
        if isinstance(node.value, ast.Name):
            where, theirs = scope.module.imports.get(node.value.id, ("", ""))
            other = self.modules.get(f"{where}.{theirs}")
            if other:
                return self._of_constant(node.attr, other, depth + 1)
        if node.attr == "value":
            return self._of_enum(node.value, scope, depth)
        return None

    def _of_enum(self, node: ast.expr, scope: Scope, depth: int) -> list[Value] | None:
        """The value of an enum's member, or of any where which one is known at run time only."""
        member = ""
        kind = _annotated(node, scope)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and not kind:
            kind, member = node.value.id, node.attr
        module = scope.module
        if kind not in module.classes:
            module = self.modules.get(module.imports.get(kind, ("", ""))[0], module)
        if kind not in module.classes:
            return None
        found: list[Value] = []
        for line in module.classes[kind].body:
            if isinstance(line, ast.Assign) and member in {"", _name(line.targets[0])}:
                found += self.values(line.value, Scope(module), depth + 1)
        return found or None

    def _of_function(self, call: ast.Call, scope: Scope, depth: int) -> list[Value] | None:
        name = _name(call.func)
        if name == "next":
            return self._of_next(call, scope, depth)
        if name == "removeprefix" and isinstance(call.func, ast.Attribute):
            return self.values(call.func.value, scope, depth + 1)
        module = scope.module
        if name not in module.functions:
            where, name = module.imports.get(name, ("", name))
            module = self.modules.get(where, module)
        if name not in module.functions or name in dir(builtins):
            return None
        found: list[Value] = []
        for one in module.functions[name]:
            given = {
                parameter: self.values(value, scope, depth + 1)
                for parameter in _parameters(one)
                if (value := _argument(call, one, parameter)) is not None
            }
            within = Scope(module, one, None, given)
            for line in ast.walk(one):
                if isinstance(line, ast.Return) and line.value is not None:
                    found += self.values(line.value, within, depth + 1)
        return found or None

    def _of_next(self, call: ast.Call, scope: Scope, depth: int) -> list[Value] | None:
        """`next(one for … in TABLE.items() …)`: any value of the table; and the default."""
        found: list[Value] = []
        match call.args[0]:
            case ast.GeneratorExp(
                elt=ast.Name(),
                generators=[ast.comprehension(iter=ast.Call(func=ast.Attribute(value=table)))],
            ):
                found += self._of_table(_name(table), scope, depth) or []
        for default in call.args[1:]:
            if not (isinstance(default, ast.Constant) and default.value is None):
                found += self.values(default, scope, depth + 1)
        return found or None


def _has_words(values: Sequence[Value]) -> bool:
    return any(isinstance(one, str) and re.search("[a-z]", MARK.sub("", one)) for one in values)


def _is_said(value: Value) -> bool:
    """Whether what a caller gives is a word or a text, and no name, file or number."""
    return isinstance(value, tuple) or bool(re.fullmatch("[a-z]+", value) or " " in value)


_REPLIES = {
    *("TokenError", "QuotaError", "PaceError", "NotReadyError", "AccessError", "RetiredError"),
    *("DateError", "RequestError", "CredentialError", "BusyError"),
}
"""Their message is made of WeChat's errcode and errmsg."""


def _is_told(scope: Scope, call: ast.Call) -> bool:
    """Whether a call adds to what a compaction tells, or raises what an error will repeat."""
    file = scope.module.path.name
    match call.func:
        case ast.Attribute(attr="append", value=ast.Attribute(attr="troubles")):
            return file == "compaction.py"
        case ast.Attribute(attr="append", value=ast.Name(id="told")):
            return file == "unlisted.py"
        case ast.Name(id="EOFError" | "ValueError"):
            return bool(call.args) and file in {"files.py", "faults.py", "moment.py", "wire.py"}
    return False


def _walk(node: ast.AST, scope: Scope) -> Iterator[tuple[Scope, ast.Call]]:
    for one in ast.iter_child_nodes(node):
        at = scope
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            at = Scope(scope.module, one, scope.kind)  # type: ignore[arg-type] # as above
        elif isinstance(one, ast.ClassDef):
            at = Scope(scope.module, None, one)
        if isinstance(one, ast.Call):
            yield at, one
        yield from _walk(one, at)


def _joined(parts: list[list[Value]]) -> list[Value]:
    texts = [[one if isinstance(one, str) else "⟦a tuple⟧" for one in part] for part in parts]
    return ["".join(some) for some in list(product(*texts))[:_MOST]]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _parameters(function: ast.FunctionDef) -> list[str]:
    args = function.args
    return [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)]


def _argument(call: ast.Call, function: ast.FunctionDef, name: str) -> ast.expr | None:
    for one in call.keywords:
        if one.arg == name:
            return one.value
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    place = names.index(name) if name in names else len(call.args)
    return call.args[place] if place < len(call.args) else None


def _default(function: ast.FunctionDef, name: str) -> ast.expr | None:
    args = function.args
    named = [*args.posonlyargs, *args.args]
    pairs = [
        *zip(named[len(named) - len(args.defaults) :], args.defaults, strict=True),
        *zip(args.kwonlyargs, args.kw_defaults, strict=True),
    ]
    return next((value for one, value in pairs if one.arg == name), None)


def _annotated(node: ast.expr, scope: Scope) -> str:
    """The type that a class names for one of its members."""
    if not (isinstance(node, ast.Attribute) and _name(node.value) == "self" and scope.kind):
        return ""
    for line in scope.kind.body:
        if isinstance(line, ast.AnnAssign) and _name(line.target) == node.attr:
            return _name(line.annotation)
    return ""
