"""Values of numerical settings made comparable: one name per kind of smearing, meshes of k-points as their spacing.

A mesh says which spacings it can have come from, not one: a code that aims at a spacing s divides a reciprocal vector
of length b into about b/s parts and rounds, up, down or to the nearest. N divisions stand for s between b/(N + 1) and
b/(N − 1); meshes of many cells come from one setting where these intervals overlap. Lengths are in 1/Å with 2π, as in
VASP's KSPACING.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame, Tag

Interval = tuple[float, float]
MESH = re.compile(
    r"(?:mesh\s+)?[\[(]?\s*(\d{1,3})\s*[x×,\s]\s*(\d{1,3})\s*[x×,\s]\s*(\d{1,3})\s*[\])]?(?:\s+[A-Za-z-]+)?"
)
"""Three divisions, as in "mesh 4x4x1 Gamma", "4 4 1" and "[4, 4, 1]"."""
BETWEEN = re.compile(r"spacing ([\d.]+) to ([\d.]+|inf)/Å")
STATED = re.compile(r"(\w+) ([\d.eE+-]+)")
SAME_SPACING = 1.02
"""Factor within which two stated spacings are one: a spacing of 0.2 is a density of 5."""
LARGEST_DENSITY_A = 20.0
"""Densities beyond count points per reciprocal atom or volume, not per 1/Å."""
ROUNDED_BY_VOLUME = 1.15
"""What pymatgen's density per reciprocal volume leaves open, being rounded along each axis."""
MESHES = ("kpoints", "kpts", "kgrid", "kmesh", "kpoint_grid")
REALISED = "kpoint_spacing_per_a"

SMEARINGS: Mapping[str, tuple[str, ...]] = {
    "Fermi-Dirac": ("fermidirac", "fd", "fermi"),
    "Gaussian": ("gaussian", "gauss", "gaussiansmearing"),
    "Methfessel-Paxton 1": ("methfesselpaxton", "methfesselpaxton1", "mp", "mp1"),
    "Methfessel-Paxton 2": ("methfesselpaxton2", "mp2"),
    "Marzari-Vanderbilt": ("marzarivanderbilt", "mv", "cold", "coldsmearing"),
    "tetrahedron (Bloechl)": ("tetrahedronbloechl", "tetrahedron", "tetrahedra", "blochltetrahedron", "bloechl"),
    "tetrahedron (optimized)": ("tetrahedronoptimized", "tetrahedraopt"),
    "fixed occupations": ("fixedoccupations", "fixed"),
}
"""Name → spellings, without case and separators."""
ISMEAR = {
    -5: "tetrahedron (Bloechl)",
    -4: "tetrahedron without corrections",
    -2: "occupations from the input",
    -1: "Fermi-Dirac",
    0: "Gaussian",
}
"""vasp.at/wiki/ISMEAR; above zero the order of Methfessel and Paxton's polynomials."""
_NAME_OF = {spelling: name for name, spellings in SMEARINGS.items() for spelling in spellings}


def smearing_name(key: str, value: Tag) -> str:
    """Return one name for a kind of smearing, however it is spelt or numbered; an unknown one stays as written."""
    text = str(value).strip()
    if key == "ismear":
        try:
            code = int(float(text))
        except ValueError:
            return text
        return f"Methfessel-Paxton {code}" if code > 0 else ISMEAR.get(code, f"ISMEAR {code}")
    return _NAME_OF.get(re.sub(r"[^a-z0-9]", "", text.lower().replace("ö", "oe")), text)


# ---- k-points --------------------------------------------------------------------------------------------------------


def kpoints_value(key: str, value: Tag, frame: Frame) -> str | None:
    """Write a statement on k-points with its measure, a mesh as the spacings it can come from in the frame's cell.

    None where it says nothing on the density: numbers of irreducible points, and meshes of what has no cell.
    """
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value).strip()
    if key not in MESHES:
        return f"{key} {text}"
    found = MESH.fullmatch(text)
    if found is None:
        return None if "points" in text else f"{key} {text}"
    low, high = mesh_interval(frame.cell, [int(n) for n in found.groups()])
    return None if not low else f"spacing {low:.4f} to {high:.4f}/Å"


def mesh_interval(cell: FloatArray, divisions: Sequence[int]) -> Interval:
    """Return the spacings, 1/Å with 2π, that give these divisions in this cell; zeros where there is no cell."""
    if abs(float(np.linalg.det(cell))) < 1e-6 or min(divisions) < 1:
        return 0.0, 0.0
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    number = np.array(divisions, float)
    finest = float((lengths / (number + 1)).max())
    coarsest = float(np.divide(lengths, number - 1, out=np.full(3, np.inf), where=number > 1).min())
    return min(finest, coarsest), max(finest, coarsest)


def spacings(value: str) -> Interval | None:
    """Return the spacings, 1/Å with 2π, that a value of `kpoints` stands for; None where its measure is another."""
    between = BETWEEN.fullmatch(value)
    if between:
        return float(between[1]), float(between[2])
    stated = STATED.fullmatch(value)
    try:
        number = float(stated[2]) if stated else 0.0
    except ValueError:
        return None
    if stated is None or number <= 0:
        return None
    return _of_measure(stated[1].lower(), number)


def _of_measure(measure: str, number: float) -> Interval | None:
    if measure in ("kspacing", "kpoint_spacing", REALISED):
        # What came out in one cell of unknown divisions: at most a factor two below what was asked for.
        return number / SAME_SPACING, number * (2.0 if measure == REALISED else SAME_SPACING)
    if measure == "kpoint_density" and number < LARGEST_DENSITY_A:
        return 1 / number / SAME_SPACING, 1 / number * SAME_SPACING
    if measure == "reciprocal_density":
        return number ** (-1 / 3) / ROUNDED_BY_VOLUME, number ** (-1 / 3) * ROUNDED_BY_VOLUME
    return None


def same_spacing(a: str, b: str) -> bool:
    """Tell whether two values of `kpoints` can come from one setting."""
    first, second = spacings(a), spacings(b)
    if first is None or second is None:
        return False
    return max(first[0], second[0]) <= min(first[1], second[1])


def common_spacing(a: str, b: str) -> str:
    """Return what two values of `kpoints` that may be one leave open: the statement, else the overlap of intervals."""
    exact = next((value for value in (a, b) if not BETWEEN.fullmatch(value)), None)
    if exact is not None:
        return exact
    first, second = spacings(a), spacings(b)
    if first is None or second is None:
        return a
    return f"spacing {max(first[0], second[0]):.4f} to {min(first[1], second[1]):.4f}/Å"


def spacing_classes(values: Sequence[str]) -> dict[str, str]:
    """Sort values of `kpoints` into as few settings as they can come from: value → name of its class.

    Intervals are pierced at the least upper ends, which needs the fewest points. Other measures stay alone.
    """
    known = sorted(((found, value) for value in values if (found := spacings(value))), key=lambda one: one[0][1])
    classes = {value: value for value in values}
    members: list[str] = []
    point = -1.0
    for (low, high), value in known:
        if low > point:
            members, point = [], high
        members.append(value)
        name = next((one for one in members if not BETWEEN.fullmatch(one)), members[0])
        classes.update(dict.fromkeys(members, name))
    return classes
