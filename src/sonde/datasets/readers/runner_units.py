"""Which units an `input.data` is in: stated beside it, or the documented ones, unless its atoms contradict them.

RuNNer documents Bohr and Hartree. n2p2 works in any units and does not write which, and sets in Å and eV are common.
Read as Bohr, such a set puts neighbours at half their bond length: that is refused, and the units must be stated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from ase.units import Bohr, Hartree

from sonde.datasets.readers.protocol import Place
from sonde.records.frames import Frame

UNITS_SUFFIX = ".units"
LENGTHS = {"bohr": Bohr, "angstrom": 1.0}
ENERGIES = {"hartree": Hartree, "ev": 1.0}
TOO_CLOSE = 0.7
"""Of the sum of two covalent radii (doi:10.1039/b801115j); bonds are near 1, and near 0.53 where Å are read as Bohr."""
STATE_UNITS = 'write "angstrom eV" (or what it is; "bohr hartree", if it is right) into {path}.units beside it.'


@dataclass(frozen=True)
class Units:
    """Å per unit of length, eV per unit of energy, and how both are known."""

    length_A: float
    energy_eV: float
    convention: str
    stated: bool


DOCUMENTED = Units(Bohr, Hartree, "documented: Bohr, Hartree", stated=False)


def units_of(path: Path) -> Units:
    """Return the units that `NAME.units` beside the file states ("angstrom eV"), or the documented ones."""
    beside = path.with_name(path.name + UNITS_SUFFIX)
    if not beside.is_file():
        return DOCUMENTED
    words = beside.read_text(encoding="utf-8", errors="replace").lower().split()
    if len(words) != 2 or words[0] not in LENGTHS or words[1] not in ENERGIES:
        known = f"{' or '.join(LENGTHS)}, then {' or '.join(ENERGIES)}"
        raise Place(beside).bad(f"two units must stand here, found {' '.join(words)[:60]!r}", f"write {known}.")
    return Units(LENGTHS[words[0]], ENERGIES[words[1]], f"stated: {words[0]}, {words[1]}", stated=True)


def check_units(frames: Sequence[Frame], path: Path) -> None:
    """Raise where most of the first frames would hold atoms far inside each other's bonds.

    Raises
    ------
    BadInput : the documented units cannot be those of the file.
    """
    n_close = sum(map(_is_too_close, frames))
    if 2 * n_close > len(frames):
        raise Place(path).bad(
            f"read in Bohr, atoms stand at less than {TOO_CLOSE} of a bond length in {n_close} of the first "
            f"{len(frames)} frames: the units are not the documented ones",
            STATE_UNITS.format(path=path.name),
        )


def _is_too_close(frame: Frame) -> bool:
    atoms = Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
    return len(neighbor_list("i", atoms, TOO_CLOSE * covalent_radii[frame.numbers])) > 0
