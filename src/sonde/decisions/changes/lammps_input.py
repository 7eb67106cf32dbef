"""Commands of a LAMMPS input (docs.lammps.org) that set something: a command, what it names, and its arguments."""

from collections.abc import Iterator

from sonde.decisions.changes.values import Value

NAMED = frozenset({"fix", "compute", "variable", "group", "region", "dump"})
"""Commands whose first argument is a name given by the user."""
ACTS = frozenset(
    {"print", "write_data", "write_dump", "write_restart", "echo", "log", "include", "label", "next", "jump"}
)


def values(text: str) -> Iterator[Value]:
    """Yield `timestep`, `pair_style`, `fix.1` and their like; `&` at the end of a line joins the next."""
    begun, joined = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        code = line.split("#")[0].rstrip()
        begun = begun or number
        if code.endswith("&"):
            joined += code[:-1] + " "
            continue
        words = (joined + code).split()
        if len(words) > 1 and words[0] not in ACTS:
            named = words[0] in NAMED and len(words) > 2
            key, arguments = (f"{words[0]}.{words[1]}", words[2:]) if named else (words[0], words[1:])
            yield Value(key, " ".join(arguments), None, begun)
        begun, joined = 0, ""
