"""Which columns hold what, in the Parquet files of ColabFit and LeMaterial.

ColabFit (materials.colabfit.org; definitions in colabfit-tools): eV of the whole configuration, the energy that the
forces derive from; a stress that is "volume-normalized" has been multiplied by the cell volume. Its sign is not
defined, and sets differ: positive under tension is assumed and said.

LeMaterial (LeMat-Bulk, LeMat-Traj): VASP's energy without corrections, eV; the stress is taken as VASP prints it, kbar,
positive under compression, and the assumption is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sonde.datasets.readers.pymatgen_structures import VASP_STRESS_TO_EV_PER_A3


@dataclass(frozen=True)
class Layout:
    """Names of the columns; where `pbc` is not there, all three directions are periodic."""

    name: str
    positions: str
    cell: str
    elements: str
    pbc: str
    energy: str
    forces: str
    stress: str
    stress_unit: float
    energy_convention: str
    stress_convention: str
    functional: str
    by_symbols: bool = False
    """`elements` holds symbols, not numbers."""
    moments: str | None = None
    times_volume: str | None = None
    """Column that says whether the stress was multiplied by the volume."""

    @property
    def geometry(self) -> tuple[str, ...]:
        return self.positions, self.cell, self.elements

    @property
    def labels(self) -> tuple[str, ...]:
        optional = (self.moments, self.times_volume)
        return (self.energy, self.forces, self.stress, self.pbc, *(name for name in optional if name))


COLABFIT = Layout(
    name="ColabFit",
    positions="positions",
    cell="cell",
    elements="atomic_numbers",
    pbc="pbc",
    energy="energy",
    forces="atomic_forces",
    stress="cauchy_stress",
    stress_unit=1.0,
    energy_convention="documented: total, the one that the forces derive from",
    stress_convention="assumed: eV/Å³, positive under tension; ColabFit defines no sign",
    functional="method",
    times_volume="cauchy_stress_volume_normalized",
)
LEMAT = Layout(
    name="LeMaterial",
    positions="cartesian_site_positions",
    cell="lattice_vectors",
    elements="species_at_sites",
    pbc="dimension_types",
    energy="energy",
    forces="forces",
    stress="stress_tensor",
    stress_unit=VASP_STRESS_TO_EV_PER_A3,
    energy_convention="documented: total, uncorrected",
    stress_convention="assumed: kbar, positive under compression (VASP)",
    functional="functional",
    by_symbols=True,
    moments="magnetic_moments",
)
LAYOUTS = (COLABFIT, LEMAT)
COMPOSITION = frozenset(
    [
        "elements",
        "nelements",
        "nsites",
        "elements_ratios",
        "chemical_formula_hill",
        "chemical_formula_reduced",
        "chemical_formula_anonymous",
        "chemical_formula_descriptive",
        "nperiodic_dimensions",
        "dimension_types",
        "species",
    ]
)
DIGESTS = frozenset(
    [
        "hash",
        "property_hash",
        "configuration_hash",
        "structure_hash",
        "configuration_metadata_path",
        "property_metadata_path",
    ]
)
DERIVED = COMPOSITION | DIGESTS
"""What follows from the geometry, or is a digest of the row: no tag."""
METADATA = ("property_metadata", "configuration_metadata", "metadata")
"""Columns of ColabFit that hold JSON text."""


def layout_of(columns: Mapping[str, object]) -> Layout | None:
    """Return the layout whose geometry the columns hold."""
    return next((layout for layout in LAYOUTS if all(name in columns for name in layout.geometry)), None)
