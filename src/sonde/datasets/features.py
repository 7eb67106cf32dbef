"""Numbers per frame that a filter can have been made of: exactly the features that CONTRACTS names."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from matscipy.neighbours import neighbour_list

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.datasets import FeatureTable
from sonde.records.frames import Frame, Tag
from sonde.reference_energies.fitted import ReferenceEnergies, composition_matrix, fit_reference_energies

GPA_PER_EV_PER_A3 = 160.21766208
UNITS: dict[str, str | None] = {
    "max_force": "eV/Å",
    "rms_force": "eV/Å",
    "energy_per_atom_referenced": "eV/atom",
    "closest_contact_ratio": None,
    "volume_per_atom": "Å^3/atom",
    "pressure": "GPa",
    "n_atoms": None,
}
TRUE_WORDS = frozenset({"true", "t", "yes", "1", ".true."})
FALSE_WORDS = frozenset({"false", "f", "no", "0", ".false."})
FIRST_CONTACT_RATIO = 0.9
"""Most frames have a contact closer than this; those that have none are searched again, farther."""


def feature_table(frames: Sequence[Frame], references: ReferenceEnergies | None = None) -> FeatureTable:
    """Compute the features of every frame; NaN (or None, for words) where the frame does not state what it takes.

    max_force is the largest |F| of an atom, rms_force the root mean square over force components; both need forces.
    energy_per_atom_referenced is (E − Σ n_Z e_Z) / n_atoms with e_Z fitted to these frames by linear least squares,
    unless `references` gives them (to place other frames on a parent's scale). closest_contact_ratio is the smallest
    distance between two atoms, images included, over the sum of their covalent radii. volume_per_atom needs a cell
    that repeats in all directions. pressure is −tr(stress)/3 in GPa, positive under compression. fraction_<El> is the
    share of atoms; config_type and scf_converged are taken from the tags.
    """
    references, notes = _references(frames, references)
    numeric = {
        **_force_features(frames),
        "energy_per_atom_referenced": referenced_energies(frames, references),
        "closest_contact_ratio": np.array([closest_contact_ratio(frame) for frame in frames], float),
        "volume_per_atom": _volumes_per_atom(frames),
        "pressure": _pressures(frames),
        "n_atoms": np.array([frame.n_atoms for frame in frames], float),
        **_fractions(frames),
    }
    return FeatureTable(
        numeric=numeric,
        units={name: UNITS.get(name) for name in numeric},
        categorical={
            "config_type": tuple(_word(frame.tags.get("config_type")) for frame in frames),
            "source_file": tuple(frame.source_file for frame in frames),
            "scf_converged": tuple(_truth(frame.tags.get("scf_converged")) for frame in frames),
        },
        n_frames=len(frames),
        reference_energies_eV={} if references is None else dict(references.energies_eV),
        notes=notes,
    )


def _references(
    frames: Sequence[Frame], references: ReferenceEnergies | None
) -> tuple[ReferenceEnergies | None, tuple[str, ...]]:
    if references is None:
        if not any(frame.energy_eV is not None and frame.n_atoms for frame in frames):
            return None, ("No frame states an energy: energy_per_atom_referenced is unknown.",)
        references = fit_reference_energies(frames)
    if not references.rank_deficient:
        return references, ()
    return references, (
        "Compositions do not determine every reference energy (rank "
        f"{references.rank} of {len(references.energies_eV)} elements): energy_per_atom_referenced rests on the "
        "least-squares solution of least norm.",
    )


def _force_features(frames: Sequence[Frame]) -> dict[str, FloatArray]:
    """Largest and root-mean-square force of every frame, over all atoms of all frames at once."""
    largest, rms = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    known = [i for i, frame in enumerate(frames) if frame.forces_eV_per_A is not None and frame.n_atoms]
    if known:
        forces = [frames[i].forces_eV_per_A for i in known]
        squares = np.sum(np.concatenate([f for f in forces if f is not None]) ** 2, axis=1)
        sizes = np.array([frames[i].n_atoms for i in known])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        largest[known] = np.sqrt(np.maximum.reduceat(squares, starts))
        rms[known] = np.sqrt(np.add.reduceat(squares, starts) / (3 * sizes))
    return {"max_force": largest, "rms_force": rms}


def referenced_energies(frames: Sequence[Frame], references: ReferenceEnergies | None) -> FloatArray:
    """Energy per atom, eV, over the reference energies; NaN without an energy or with an element they lack."""
    energies = np.array([np.nan if frame.energy_eV is None else frame.energy_eV for frame in frames], float)
    if references is None or not len(frames):
        return np.full(len(frames), np.nan)
    per_number = np.full(len(chemical_symbols) + 1, np.nan)
    per_number[list(references.energies_eV)] = list(references.energies_eV.values())
    return (energies - _sum_per_frame(frames, per_number)) / _sizes(frames)


def references_by_atoms(frames: Sequence[Frame]) -> ReferenceEnergies | None:
    """Fit reference energies to total energies, every atom weighing alike, as training codes do for their E0s.

    `feature_table` lets every frame weigh alike. Both are linear least squares and differ where a composition does not
    foretell the energy; None where an energy is missing, or the compositions do not determine every element.
    """
    elements = sorted({int(number) for frame in frames for number in np.unique(frame.numbers)})
    energies = np.array([np.nan if frame.energy_eV is None else frame.energy_eV for frame in frames], float)
    if not elements or not np.all(np.isfinite(energies)):
        return None
    counts = composition_matrix(frames, elements)
    solution, _, rank, _ = np.linalg.lstsq(counts, energies, rcond=1e-10)
    if rank < len(elements):
        return None
    return ReferenceEnergies(
        energies_eV={number: float(value) for number, value in zip(elements, solution, strict=True)},
        determined=tuple(elements),
        n_frames=len(frames),
        rank=int(rank),
        rank_deficient=False,
        rms_meV_per_atom=None,
        origin=dict.fromkeys(elements, "fitted to total energies"),
    )


def with_references(table: FeatureTable, frames: Sequence[Frame], references: ReferenceEnergies) -> FeatureTable:
    """Return the table of the same frames with energies taken against other references."""
    energies = {"energy_per_atom_referenced": referenced_energies(frames, references)}
    return replace(table, numeric={**table.numeric, **energies}, reference_energies_eV=dict(references.energies_eV))


def _sum_per_frame(frames: Sequence[Frame], per_number: FloatArray) -> FloatArray:
    return np.array([per_number[frame.numbers].sum() for frame in frames], float)


def _sizes(frames: Sequence[Frame]) -> FloatArray:
    """Atoms per frame; NaN for an empty one, whose shares and means are unknown."""
    return np.array([frame.n_atoms or np.nan for frame in frames], float)


def _volumes_per_atom(frames: Sequence[Frame]) -> FloatArray:
    volumes = np.abs(np.linalg.det(np.array([frame.cell for frame in frames], float).reshape(-1, 3, 3)))
    periodic = np.array([bool(np.all(frame.pbc)) for frame in frames], bool)
    return np.where(periodic & (volumes > 0), volumes, np.nan) / _sizes(frames)


def _pressures(frames: Sequence[Frame]) -> FloatArray:
    traces = [np.nan if f.stress_eV_per_A3 is None else float(np.trace(f.stress_eV_per_A3)) for f in frames]
    return -np.array(traces, float) / 3 * GPA_PER_EV_PER_A3


def _fractions(frames: Sequence[Frame]) -> dict[str, FloatArray]:
    """Share of atoms of every element that occurs."""
    counts = np.array([np.bincount(frame.numbers, minlength=len(chemical_symbols)) for frame in frames], float)
    counts = counts.reshape(len(frames), len(chemical_symbols))
    sizes = _sizes(frames)
    return {f"fraction_{chemical_symbols[z]}": counts[:, z] / sizes for z in np.flatnonzero(counts.any(axis=0))}


def closest_contact_ratio(frame: Frame) -> float:
    """Return the smallest distance over the sum of covalent radii; NaN for a lone atom without periodic images.

    Radii: ase.data, Cordero et al. (doi:10.1039/b801115j). Spheres of s times the radii overlap where the ratio is
    below s: the search is exact as soon as one pair is found, and s grows until one is.
    """
    if frame.n_atoms == 0 or (frame.n_atoms == 1 and not np.any(frame.pbc)):
        return float("nan")
    radii = covalent_radii[frame.numbers]
    cell, pbc = _box(frame)
    ratio = FIRST_CONTACT_RATIO
    while True:
        i, j, distances = neighbour_list(
            "ijd",
            positions=frame.positions,
            cell=cell,
            pbc=pbc,
            numbers=frame.numbers.astype(np.int32),
            cutoff=radii * ratio,
        )
        if len(distances):
            return float(np.min(distances / (radii[i] + radii[j])))
        ratio *= 1.6


def _box(frame: Frame) -> tuple[FloatArray, BoolArray]:
    """Complete a cell that lacks vectors along directions that do not repeat: matscipy wants it invertible."""
    cell = np.array(frame.cell, float)
    if abs(np.linalg.det(cell)) > 1e-9:
        return cell, frame.pbc
    from ase.geometry import complete_cell

    return np.asarray(complete_cell(cell), float), frame.pbc


def _word(tag: Tag) -> str | None:
    return None if tag is None else str(tag)


def _truth(tag: Tag) -> str | None:
    """Read a flag however files spell it: "True", "False", or None where it is neither."""
    word = str(tag).strip().lower()
    if word in TRUE_WORDS:
        return "True"
    return "False" if word in FALSE_WORDS else None


def element_counts(table: FeatureTable) -> tuple[tuple[str, ...], IntArray]:
    """Return the elements of a table in alphabetical order, and atoms per frame and element (n_frames, n_elements)."""
    elements = tuple(sorted(name.removeprefix("fraction_") for name in table.numeric if name.startswith("fraction_")))
    shares = np.array([table.numeric[f"fraction_{element}"] for element in elements], float)
    shares = shares.reshape(len(elements), table.n_frames)
    return elements, np.rint(np.nan_to_num(shares * table.numeric["n_atoms"])).T.astype(np.int64)
