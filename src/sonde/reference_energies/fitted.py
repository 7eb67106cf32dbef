"""Energy per element by least squares on compositions, with a check on what compositions can tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame


@dataclass(frozen=True)
class ReferenceEnergies:
    """Energy per element, with how well it is determined.

    `energies_eV` per atomic number. Where `rank_deficient` is True, compositions do not tell the elements apart (all
    frames LiF, say): the values are the minimum-norm solution, only their sums over occurring compositions mean
    anything, and elements outside `determined` must not be compared with other tables. `rms_meV_per_atom` is what
    composition leaves unexplained. `origin` tells fitted values from those of isolated atoms.
    """

    energies_eV: dict[int, float]
    determined: tuple[int, ...]
    n_frames: int
    rank: int
    rank_deficient: bool
    rms_meV_per_atom: float | None
    origin: dict[int, str] = field(default_factory=dict)


def composition_matrix(frames: Sequence[Frame], elements: Sequence[int]) -> FloatArray:
    """Count atoms per element: (n_frames, n_elements)."""
    return np.array([[np.count_nonzero(frame.numbers == number) for number in elements] for frame in frames], float)


def fit_reference_energies(frames: Sequence[Frame]) -> ReferenceEnergies:
    """Fit energy per element to labelled frames: E ≈ Σ n_Z e_Z, each frame weighted by 1/n_atoms.

    The assumption is one energy surface for all frames. Where the compositions are linearly dependent the solution of
    least norm is returned and marked.

    Raises
    ------
    WrongUse : no frame carries an energy.
    """
    labelled = [frame for frame in frames if frame.energy_eV is not None and frame.n_atoms]
    if not labelled:
        raise WrongUse("Reference energies need frames with energies; none of the given frames has one.")
    elements = sorted({int(number) for frame in labelled for number in np.unique(frame.numbers)})
    sizes = np.array([frame.n_atoms for frame in labelled], float)
    X = composition_matrix(labelled, elements) / sizes[:, None]
    y = np.array([frame.energy_eV for frame in labelled], float) / sizes
    solution, _, rank, _ = np.linalg.lstsq(X, y, rcond=1e-10)
    residual = y - X @ solution
    return ReferenceEnergies(
        energies_eV={number: float(value) for number, value in zip(elements, solution, strict=True)},
        determined=_determined(X, elements),
        n_frames=len(labelled),
        rank=int(rank),
        rank_deficient=int(rank) < len(elements),
        rms_meV_per_atom=float(np.sqrt(np.mean(residual**2)) * 1000),
        origin=dict.fromkeys(elements, "fitted"),
    )


def _determined(X: FloatArray, elements: Sequence[int]) -> tuple[int, ...]:
    """Elements whose unit vector lies in the row space of the compositions: their energy is unique."""
    _, singular, rows = np.linalg.svd(X, full_matrices=False)
    kept = rows[singular > 1e-10 * singular[0]]
    inside = np.sum(kept**2, axis=0)
    return tuple(number for number, share in zip(elements, inside, strict=True) if share > 1 - 1e-8)


def isolated_atom_energies(frames: Sequence[Frame]) -> dict[int, float]:
    """Energies, eV, of frames that hold one atom and repeat in no direction, or are tagged IsolatedAtom."""
    found: dict[int, float] = {}
    for frame in frames:
        tagged = str(frame.tags.get("config_type", "")).lower() in {"isolatedatom", "isolated_atom"}
        if frame.n_atoms == 1 and frame.energy_eV is not None and (tagged or not np.any(frame.pbc)):
            found.setdefault(int(frame.numbers[0]), frame.energy_eV)
    return found


def reference_energies(frames: Sequence[Frame]) -> ReferenceEnergies:
    """Take isolated atoms where the frames hold one of every element, else fit; never a mixture of the two.

    A mixture would put cohesive energy into some elements and not into others.
    """
    isolated = isolated_atom_energies(frames)
    elements = {int(number) for frame in frames for number in np.unique(frame.numbers)}
    if not elements or set(isolated) != elements:
        return fit_reference_energies(frames)
    known = tuple(sorted(isolated))
    return ReferenceEnergies(
        isolated, known, len(isolated), len(known), False, None, dict.fromkeys(known, "isolated atom")
    )
