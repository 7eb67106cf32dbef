"""Literals in Python by syntax tree: assigned, default, passed by keyword, in a dictionary, or compared with."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace

from sonde.decisions.changes.python_expressions import literal, measured, option_name, target_name
from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value, as_number

MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
SIGNS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}
"""Equality is no limit: `n == 3` tells cases apart."""
LEAVES = (
    ast.Assert,
    ast.Constant,
    ast.Name,
    ast.Pass,
    ast.Import,
    ast.ImportFrom,
    ast.Global,
    ast.expr_context,
    ast.operator,
)
CONTINUES = re.compile(r"(else|elif|except|finally|case)\b")
OUTERMOST = re.compile(r"^(?=[^\s#)\]}\"'])|\"\"\"|'''", re.MULTILINE)
"""Beginnings of lines at the margin, and triple quotes."""
TRIVIAL = frozenset({"0", "1", "-1", "2"})
"""Compared with these, a number is a count, an index or a sign rather than a threshold (0.0 and 1.0 are thresholds)."""
NOT_SETTINGS = frozenset(
    [
        *(
            "help",
            "description",
            "metavar",
            "name",
            "label",
            "title",
            "epilog",
            "usage",
            "doc",
            "message",
            "msg",
            "match",
        ),
        *("encoding", "errors", "newline", "mode", "sep", "end", "flush", "indent", "text", "check", "shell", "level"),
        *("capture_output", "exist_ok", "missing_ok", "parents", "strict", "frozen", "slots", "kw_only", "eq", "order"),
        *("axis", "keepdims", "ndmin", "copy", "out", "start", "reverse", "maxsize", "scope", "autouse", "stacklevel"),
    ]
)
"""Keywords of calls that speak to people or to the language, and set nothing that science hangs on."""


def values(text: str) -> list[Value]:
    """Return the literals of a module; keys begin with the class and function they stand in (`select.fmax`).

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
    literals = _Literals(text)
    try:
        literals.visit(tree)
    except RecursionError as broken:
        raise Unreadable("nested too deep") from broken
    return literals.found


class _Literals:
    """Walks a tree with the scope it is in, and keeps what it finds."""

    def __init__(self, text: str) -> None:
        self.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.found: list[Value] = []

    def visit(self, node: ast.AST, scope: str = "") -> None:
        """Find the literals in a node and below it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._definition(node, scope)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            self._assignment(node, scope)
        elif isinstance(node, ast.Compare):
            self._comparison(node, scope)
        elif isinstance(node, ast.Call):
            self._call(node, scope)
        elif isinstance(node, ast.Dict):
            self._dictionary(node, scope)
        elif not isinstance(node, LEAVES):
            for child in ast.iter_child_nodes(node):
                self.visit(child, scope)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: str) -> None:
        inner = _joined(scope, node.name)
        for decorator in node.decorator_list:
            self.visit(decorator, inner)
        if not isinstance(node, ast.ClassDef):
            self._defaults(node.args, inner)
        for statement in node.body:
            self.visit(statement, inner)

    def _defaults(self, arguments: ast.arguments, scope: str) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        with_default = positional[len(positional) - len(arguments.defaults) :]
        for argument, default in zip(with_default, arguments.defaults, strict=True):
            self._named(default, _joined(scope, argument.arg), scope)
        for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if keyword_default is not None:
                self._named(keyword_default, _joined(scope, argument.arg), scope)

    def _assignment(self, node: ast.Assign | ast.AnnAssign, scope: str) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name for name in map(target_name, targets) if name]
        if node.value is None or "__all__" in names:
            return
        if len(names) == 1:
            self._named(node.value, _joined(scope, names[0]), scope)
        elif isinstance(targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            for target, value in zip(targets[0].elts, node.value.elts, strict=False):
                self._named(value, _joined(scope, target_name(target) or ""), scope)
        else:
            self.visit(node.value, scope)

    def _named(self, node: ast.expr, key: str, scope: str) -> None:
        """Keep what a name stands for: a literal, a dictionary, or the default of a field."""
        found = literal(node, self.lines)
        if found and key:
            self.found.append(self._value(key, found, node))
        elif isinstance(node, ast.Dict):
            self._dictionary(node, key)
        elif isinstance(node, ast.Call) and (default := _keyword(node, "default")):
            self._named(default, key, scope)
        else:
            self.visit(node, scope)

    def _dictionary(self, node: ast.Dict, key: str) -> None:
        for name, value in zip(node.keys, node.values, strict=True):
            if isinstance(name, ast.Constant) and isinstance(name.value, str | int):
                self._named(value, _joined(key, str(name.value)), key)
            else:
                self.visit(value, key)

    def _call(self, node: ast.Call, scope: str) -> None:
        """Keywords of a call; an option of a command line gives its default under its own name."""
        option = option_name(node)
        callee = (target_name(node.func) or "").rpartition(".")[2]
        for part in (node.func, *node.args):
            self.visit(part, scope)
        for keyword in node.keywords:
            if option and keyword.arg == "default":
                self._named(keyword.value, _joined(scope, option), scope)
            elif option or keyword.arg is None or keyword.arg in NOT_SETTINGS:
                self.visit(keyword.value, scope)
            else:
                self._named(keyword.value, _joined(scope, callee, keyword.arg), scope)

    def _comparison(self, node: ast.Compare, scope: str) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides[:-1], node.ops, sides[1:], strict=True):
            sign = SIGNS.get(type(operator))
            if sign:
                self._threshold(left, sign, right, scope)
                self._threshold(right, MIRRORED[sign], left, scope)
        for side in sides:
            self.visit(side, scope)

    def _threshold(self, what: ast.expr, sign: str, limit: ast.expr, scope: str) -> None:
        found = literal(limit, self.lines)
        name = measured(what)
        if found and name and as_number(found[0]) is not None and found[0] not in TRIVIAL:
            self.found.append(replace(self._value(_joined(scope, name), found, limit), sign=sign))

    def _value(self, key: str, found: tuple[str, str | None], node: ast.expr) -> Value:
        text, unit = found if found[1] else split_unit(found[0])
        unit = unit or unit_of_key(key)
        if unit is None and as_number(text) is not None:
            unit = unit_of_comment(self.lines[(node.end_lineno or node.lineno) - 1].partition(" #")[2])
        return Value(key, text, unit, node.lineno)


def sections(text: str) -> Iterator[tuple[int, str]]:
    """Cut a module into its outermost statements: line of the first and text.

    A cut is right if every section parses: quotes and brackets that a cut runs through do not. Whoever parses one that
    fails has to parse the whole module.
    """
    begun, line, quote, decorated = 0, 1, "", False
    for match in OUTERMOST.finditer(text):
        mark, at = match[0], match.start()
        if mark:
            quote = mark if not quote else "" if mark == quote else quote
        elif not quote:
            if at > begun and not decorated and not CONTINUES.match(text, at):
                yield line, text[begun:at]
                line += text.count("\n", begun, at)
                begun = at
            decorated = text[at] == "@"
    yield line, text[begun:]


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)
