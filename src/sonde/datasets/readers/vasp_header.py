"""What a VASP output says before its first ionic step, in the same terms for all three formats."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.data import atomic_numbers

from sonde.datasets.readers.cells import numbers_of
from sonde.datasets.readers.vasp_inputs import KpointMesh, logical
from sonde.records.arrays import FloatArray, IntArray

MOST_ATOMS = 10_000_000
SYMBOL_OF_SPECIES = re.compile(r"([A-Z][a-z]?)")
CUT_SHORT = {"r": "Zr", "X": "Xe"}
"""What some POTCARs leave of an element in VRHFIN, which vasprun.xml prints."""
VERSION = re.compile(r"\d[\w.\-]*")


@dataclass(frozen=True)
class Species:
    """One kind of ion: atoms that share a potential."""

    element: str
    count: int
    title: str | None = None
    lexch: str | None = None
    sha256: str | None = None
    n_valence: float | None = None
    largest_cutoff_eV: float | None = None
    """ENMAX of the potential: the default cutoff is the largest of them."""


@dataclass(frozen=True, eq=False)
class RunHeader:
    """Settings and start of a run.

    Attributes
    ----------
    started : when the job began, as text; the same in all outputs of one run.
    written : what the output repeats of its INCAR; None where it repeats nothing.
    written_is_whole : nothing that was set is missing from `written`.
    in_force : settings as the run took them, defaults included, as far as the output lists them.
    u_is_rounded : U and J in `in_force` have one decimal.
    lexch : number of the exchange-correlation functional of the run.
    cell, positions : of the first ionic step, Å, positions Cartesian.
    """

    species: tuple[Species, ...]
    version: str | None = None
    started: str | None = None
    written: Mapping[str, str] | None = None
    written_is_whole: bool = False
    in_force: Mapping[str, str] = field(default_factory=dict)
    u_is_rounded: bool = False
    lexch: int | None = None
    kpoints: KpointMesh | None = None
    cell: FloatArray | None = None
    positions: FloatArray | None = None
    poscar_title: str | None = None

    @property
    def n_atoms(self) -> int:
        return sum(species.count for species in self.species)

    @property
    def major_version(self) -> int | None:
        return int(self.version[0]) if self.version else None

    def numbers(self) -> IntArray:
        """Return the atomic numbers in the order of the ions."""
        symbols = numbers_of([species.element for species in self.species])
        return np.repeat(symbols, [species.count for species in self.species])

    def setting(self, key: str) -> str | None:
        """Return a setting as it was in force, else as it was written."""
        return self.in_force.get(key) or (self.written or {}).get(key)

    def is_on(self, key: str) -> bool:
        """Tell whether a switch is known to be on."""
        return logical(self.setting(key)) is True


def element_of(title: str | None, printed: str | None = None) -> str | None:
    """Return the element of a potential by its title, "PAW_PBE Li_sv 10Sep2004", else by what the output prints."""
    words = (title or "").split()
    for word in (*words[1:2], *words[:1], (printed or "").strip()):
        symbol = SYMBOL_OF_SPECIES.match(CUT_SHORT.get(word, word))
        if symbol:
            known = next((s for s in (symbol[1], symbol[1][:1]) if atomic_numbers.get(s, 0)), None)
            if known:
                return known
    return None


def version_of(text: str) -> str | None:
    """Return the version without its date: "5.4.4.18Apr17-6-g9f103f2a35"."""
    found = VERSION.search(text)
    return found[0].rstrip(".-") if found else None


def counts_are_possible(counts: Sequence[int]) -> bool:
    """Tell whether counts of ions can be those of a calculation."""
    return bool(counts) and all(n > 0 for n in counts) and sum(counts) <= MOST_ATOMS
