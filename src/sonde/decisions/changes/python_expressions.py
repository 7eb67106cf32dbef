"""What an expression in Python is called, and what literal it is."""

import ast

LONGEST_TEXT = 80
UNITS = {"eV": "eV", "meV": "meV", "Ang": "Å", "Angstrom": "Å", "fs": "fs", "ps": "ps", "GPa": "GPa", "Ry": "Ry"}
UNITS |= {"Rydberg": "Ry", "Ha": "Ha", "Hartree": "Ha", "Bohr": "bohr", "kB": "K", "nm": "nm"}
REDUCTIONS = frozenset(
    ["max", "min", "mean", "sum", "std", "var", "median", "norm", "amax", "amin", "nanmax", "nanmin", "ptp"]
)
SINGULAR = {"forces": "force", "energies": "energy", "distances": "distance", "stresses": "stress"}
STRUCTURES = frozenset(
    ["atoms", "frame", "structure", "image", "molecule", "slab", "supercell", "crystal", "configuration", "positions"]
)
"""Of these a length is a number of atoms; of anything else it is a matter of the program."""
TRANSPARENT = frozenset(
    [
        "abs",
        "fabs",
        "absolute",
        "float",
        "int",
        "asarray",
        "array",
        "sqrt",
        "square",
        "ravel",
        "flatten",
        "tolist",
        "item",
    ]
)


def literal(node: ast.expr, lines: list[str]) -> tuple[str, str | None] | None:
    """Return the text of a literal as written and its unit, or None where it is none.

    Literals are numbers, short one-line strings, True, False, None, short lists of those, and a number times or over
    ASE's units (`15 * units.eV / units.Ang`).
    """
    if isinstance(node, ast.Constant):
        return _constant(node, lines)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = literal(node.operand, lines)
        sign = "-" if isinstance(node.op, ast.USub) else ""
        return (sign + inner[0], inner[1]) if inner and isinstance(_bare(node.operand), int | float) else None
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return _list(node)
    return _with_units(node, lines) if isinstance(node, ast.BinOp) else None


def _constant(node: ast.Constant, lines: list[str]) -> tuple[str, str | None] | None:
    value = node.value
    if isinstance(value, str):
        return (value, None) if 0 < len(value) <= LONGEST_TEXT and "\n" not in value else None
    if isinstance(value, bool) or value is None:
        return str(value), None
    if isinstance(value, int | float):
        return _as_written(node, lines), None
    return None


def _as_written(node: ast.Constant, lines: list[str]) -> str:
    """`1e-5` stays 1e-5; columns of the tree count bytes."""
    written = lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset]
    return written.decode(errors="replace")


def _bare(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) and not isinstance(node.value, bool) else None


def _list(node: ast.List | ast.Tuple | ast.Set) -> tuple[str, str | None] | None:
    if not node.elts or not all(isinstance(item, ast.Constant | ast.UnaryOp) for item in node.elts):
        return None
    text = ast.unparse(node)
    return (text, None) if len(text) <= LONGEST_TEXT else None


def _with_units(node: ast.BinOp, lines: list[str]) -> tuple[str, str | None] | None:
    """Read a product of one number and units."""
    above, below = list[ast.expr](), list[ast.expr]()
    if not _factors(node, above, below):
        return None
    numbers = [part for part in above if isinstance(_bare(part), int | float)]
    names = [_unit(part) for part in above if part not in numbers]
    under = [_unit(part) for part in below]
    if len(numbers) != 1 or not all(names) or not all(under) or not (names or under):
        return None
    unit = "*".join(map(str, names)) or "1"
    found = literal(numbers[0], lines)
    return (found[0], unit + "".join(f"/{part}" for part in under)) if found else None


def _factors(node: ast.expr, above: list[ast.expr], below: list[ast.expr]) -> bool:
    """Take a product apart; False where it is more than a product of names and one number."""
    if not isinstance(node, ast.BinOp):
        above.append(node)
        return isinstance(node, ast.Constant | ast.Name | ast.Attribute)
    if isinstance(node.op, ast.Mult):
        return _factors(node.left, above, below) and _factors(node.right, above, below)
    if isinstance(node.op, ast.Div):
        return _factors(node.left, above, below) and _factors(node.right, below, above)
    return False


def _unit(node: ast.expr) -> str | None:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return UNITS.get(name)


def target_name(node: ast.expr) -> str | None:
    """Name what is assigned to or called: `a.b["c"]` is a.b.c; `self` is left out."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = target_name(node.value)
        return node.attr if owner in (None, "self", "cls") else f"{owner}.{node.attr}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner, key = target_name(node.value), node.slice.value
        part = key if isinstance(key, str) else repr(key)
        return f"{owner}.{part}" if owner else part
    return None


def option_name(node: ast.Call) -> str | None:
    """Name of a command-line option: `add_argument("-f", "--max-force", default=15)` is max_force."""
    words = [part.value for part in node.args if isinstance(part, ast.Constant)]
    flags = [word for word in words if isinstance(word, str) and word.startswith("-")]
    if not flags:
        return None
    return max(flags, key=lambda flag: (flag.startswith("--"), len(flag))).lstrip("-").replace("-", "_") or None


def measured(node: ast.expr) -> str | None:
    """Name what is compared: `fmax`, `max_forces` for `np.abs(atoms.get_forces()).max()`, None for most lengths."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript):
        return _subscript(node)
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.BinOp):
        names = [name for name in (measured(node.left), measured(node.right)) if name]
        return names[0] if len(names) == 1 else None
    return measured(node.operand) if isinstance(node, ast.UnaryOp) else None


def _subscript(node: ast.Subscript) -> str | None:
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    return key if isinstance(key, str) else measured(node.value)


def _call(node: ast.Call) -> str | None:
    name = (target_name(node.func) or "").rpartition(".")[2]
    method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
    inside = node.func.value if method and isinstance(node.func, ast.Attribute) else node.args[0] if node.args else None
    if isinstance(node.func, ast.Attribute) and not name:
        name = node.func.attr
    if name == "len":
        return "n_atoms" if inside is not None and (measured(inside) or "").lower() in STRUCTURES else None
    if name in TRANSPARENT and inside is not None:
        return measured(inside)
    if name in REDUCTIONS and inside is not None:
        return _reduced(name.removeprefix("a"), measured(inside))
    return name.removeprefix("get_") or None


def _reduced(name: str, what: str | None) -> str | None:
    """Name a reduction: max of forces is max_force, max of fmax is fmax, the norm goes by what it is of."""
    what = SINGULAR.get(what or "", what)
    return what if not what or what.startswith(name) or name == "norm" else f"{name}_{what}"


def _is_module(node: ast.expr) -> bool:
    """`np.linalg` and its like hold functions; anything else is the value that a method belongs to."""
    name = target_name(node) or ""
    return name.partition(".")[0] in ("np", "numpy", "torch", "math", "jnp", "scipy", "linalg", "la", "builtins")
