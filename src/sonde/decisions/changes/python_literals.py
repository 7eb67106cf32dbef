"""Literals in Python by syntax tree: assigned, default, passed by keyword, in a dictionary, or compared with."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import replace

from sonde.decisions.changes.python_expressions import literal, measured, option_name, target_name
from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value

MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
SIGNS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">",
    ast.Lt: "<",
    ast.GtE: ">=",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
TRIVIAL = frozenset({"0", "1", "-1", "2"})
"""Compared with these, a number is a count, an index or a sign rather than a threshold (0.0 and 1.0 are thresholds)."""
NOT_SETTINGS = frozenset(
    [
        *("help", "description", "metavar", "name", "label", "title", "epilog", "usage", "doc", "message", "msg"),
        *("encoding", "errors", "newline", "mode", "sep", "end", "flush", "indent", "text", "check", "shell", "level"),
        *("capture_output", "exist_ok", "missing_ok", "parents", "strict", "frozen", "slots", "kw_only", "eq", "order"),
        *("axis", "keepdims", "ndmin", "copy", "out", "start", "reverse", "maxsize", "scope", "autouse", "stacklevel"),
    ]
)
"""Keywords of calls that speak to people or to the language, and set nothing that science hangs on."""


def values(text: str) -> Iterator[Value]:
    """Yield the literals of a module; keys begin with the class and function they stand in (`select.fmax`).

    A comparison has the name of what is compared as its key; reductions are told from what they reduce:
    `np.abs(forces).max() > 15` has the key `max_force`, the value 15 and the sign `>`.

    Raises
    ------
    Unreadable
        Where the text is not the Python that this interpreter knows.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in somebody's old script is not our matter
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as broken:
        raise Unreadable(str(broken)) from broken
    try:
        yield from _Literals(text).of(tree)
    except RecursionError as broken:
        raise Unreadable("nested too deep") from broken


class _Literals:
    """Walks a tree with the scope it is in."""

    def __init__(self, text: str) -> None:
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def of(self, node: ast.AST, scope: str = "") -> Iterator[Value]:
        """Yield the literals in a node and below it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from self._definition(node, scope)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from self._assignment(node, scope)
        elif isinstance(node, ast.Compare):
            yield from self._comparison(node, scope)
        elif isinstance(node, ast.Call):
            yield from self._call(node, scope)
        elif isinstance(node, ast.Dict):
            yield from self._dictionary(node, scope)
        else:
            yield from self._below(node, scope)

    def _below(self, node: ast.AST, scope: str) -> Iterator[Value]:
        for child in ast.iter_child_nodes(node):
            yield from self.of(child, scope)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: str) -> Iterator[Value]:
        inner = _joined(scope, node.name)
        for decorator in node.decorator_list:
            yield from self.of(decorator, inner)
        if not isinstance(node, ast.ClassDef):
            yield from self._defaults(node.args, inner)
        for statement in node.body:
            yield from self.of(statement, inner)

    def _defaults(self, arguments: ast.arguments, scope: str) -> Iterator[Value]:
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))[::-1]
        pairs += [
            (name, default)
            for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default
        ]
        for argument, default in pairs:
            yield from self._named(default, _joined(scope, argument.arg), scope)

    def _assignment(self, node: ast.Assign | ast.AnnAssign, scope: str) -> Iterator[Value]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name for name in map(target_name, targets) if name]
        if node.value is None or "__all__" in names:
            return
        if len(names) == 1:
            yield from self._named(node.value, _joined(scope, names[0]), scope)
        elif isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            for target, value in zip(targets[0].elts, node.value.elts, strict=False):
                yield from self._named(value, _joined(scope, target_name(target) or ""), scope)
        else:
            yield from self.of(node.value, scope)

    def _named(self, node: ast.expr, key: str, scope: str) -> Iterator[Value]:
        """Yield what a name stands for: a literal, a dictionary, or the default of a field."""
        found = literal(node, self.lines)
        if found:
            yield self._value(key, found, node)
        elif isinstance(node, ast.Dict):
            yield from self._dictionary(node, key)
        elif isinstance(node, ast.Call) and (default := _keyword(node, "default")):
            yield from self._named(default, key, scope)
        else:
            yield from self.of(node, scope)

    def _dictionary(self, node: ast.Dict, key: str) -> Iterator[Value]:
        for name, value in zip(node.keys, node.values, strict=True):
            if isinstance(name, ast.Constant) and isinstance(name.value, str | int):
                yield from self._named(value, _joined(key, str(name.value)), key)
            else:
                yield from self.of(value, key)

    def _call(self, node: ast.Call, scope: str) -> Iterator[Value]:
        """Keywords of a call; an option of a command line gives its default under its own name."""
        option = option_name(node)
        callee = target_name(node.func) or ""
        yield from self.of(node.func, scope)
        for argument in node.args:
            yield from self.of(argument, scope)
        for keyword in node.keywords:
            if option and keyword.arg == "default":
                yield from self._named(keyword.value, _joined(scope, option), scope)
            elif option or keyword.arg is None or keyword.arg in NOT_SETTINGS:
                yield from self.of(keyword.value, scope)
            else:
                yield from self._named(
                    keyword.value, _joined(scope, _joined(callee.rpartition(".")[2], keyword.arg)), scope
                )

    def _comparison(self, node: ast.Compare, scope: str) -> Iterator[Value]:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
            sign = SIGNS.get(type(operator))
            if sign:
                yield from self._threshold(left, sign, right, scope)
                yield from self._threshold(right, MIRRORED[sign], left, scope)
        for side in sides:
            yield from self.of(side, scope)

    def _threshold(self, what: ast.expr, sign: str, limit: ast.expr, scope: str) -> Iterator[Value]:
        found = literal(limit, self.lines)
        name = measured(what)
        if found and name and _is_number(found[0]) and found[0] not in TRIVIAL:
            yield replace(self._value(_joined(scope, name), found, limit), sign=sign)

    def _value(self, key: str, found: tuple[str, str | None], node: ast.expr) -> Value:
        text, unit = found if found[1] else split_unit(found[0])
        comment = self.lines[(node.end_lineno or node.lineno) - 1].partition(" #")[2]
        unit = unit or unit_of_key(key)
        return Value(key, text, unit or (unit_of_comment(comment) if _is_number(text) else None), node.lineno)


def _joined(scope: str, name: str) -> str:
    return ".".join(part for part in (scope, name) if part)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
