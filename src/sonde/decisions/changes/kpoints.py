"""The mesh of a VASP KPOINTS file (vasp.at/wiki/KPOINTS): style, mesh, shift, or how many points are listed."""

from collections.abc import Iterator

from sonde.decisions.changes.values import Unreadable, Value

STYLES = {"g": "Gamma", "m": "Monkhorst-Pack", "a": "automatic", "l": "line", "c": "cartesian", "k": "cartesian"}


def values(text: str) -> Iterator[Value]:
    """Yield what decides the mesh; the comment line decides nothing.

    Raises
    ------
    Unreadable
        Where the second line is no number, or the mesh is missing.
    """
    lines = [line.split("!")[0].split("#")[0].strip() for line in text.split("\n")]
    if len(lines) < 3 or not lines[1].isdigit() or not lines[2]:
        raise Unreadable("no KPOINTS: number of points on the second line, style on the third")
    style = STYLES.get(lines[2][0].lower(), "reciprocal")
    yield Value("KPOINTS.style", style, None, 3)
    if int(lines[1]):
        yield Value("KPOINTS.n_points", lines[1], None, 2)
    elif style == "automatic":
        yield Value("KPOINTS.length", _numbers(lines, 3), "Å", 4)
    else:
        yield Value("KPOINTS.mesh", _numbers(lines, 3), None, 4)
        if len(lines) > 4 and lines[4]:
            yield Value("KPOINTS.shift", _numbers(lines, 4), None, 5)


def _numbers(lines: list[str], place: int) -> str:
    numbers = lines[place].split()[:3] if len(lines) > place else []
    if not numbers:
        raise Unreadable("no KPOINTS: the mesh is missing")
    return " ".join(numbers)
