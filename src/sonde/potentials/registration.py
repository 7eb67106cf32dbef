"""Does a potential fit the dataset that it is said to be trained on? Elements, reference energies, residuals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from sonde.potentials.protocol import FrozenPotential
from sonde.potentials.residuals import energy_errors_meV_per_atom, force_residuals
from sonde.progress import SILENT, Progress
from sonde.records.frames import Frame
from sonde.records.potentials import ForceResiduals, FrameEvaluation
from sonde.reference_energies.fitted import composition_matrix

_OFFSET_LIMIT_MEV = 50.0
"""A mean energy error beyond this, meV per atom, is reported: an order above what training leaves."""
_OFFSET_SHARE = 3.0
"""… if it is also this many times the scatter about it: then it is an offset, not a poor fit."""
_FORCE_SHARE = 0.5
"""Forces wrong by more than this share of their own root mean square are not those of training frames."""


@dataclass(frozen=True)
class RegistrationReport:
    """What was found when a potential was held against its training dataset.

    `element_offsets_meV` : predicted minus labelled energy per atom of each element, by least squares on composition;
    None where compositions do not determine it. `scatter_meV_per_atom` is what these offsets leave. `warnings` says in
    words what does not fit; an empty tuple means that the dataset can be the one the potential was trained on.
    """

    residuals: ForceResiduals
    unknown_elements: tuple[int, ...]
    n_evaluated: int
    element_offsets_meV: Mapping[int, float | None]
    scatter_meV_per_atom: float | None
    energy_reference_differs: bool
    forces_reproduced: bool | None
    warnings: tuple[str, ...]


def verify_registration(
    potential: FrozenPotential,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation] | None = None,
    *,
    progress: Progress = SILENT,
) -> RegistrationReport:
    """Hold a potential against frames of the dataset that it is said to be trained on.

    Frames with elements unknown to the potential are left out and reported; `evaluations`, where given, are those of
    all frames. The energy reference differs where a constant per atom, or one per element, explains the energy error:
    other isolated-atom energies, another zero of energy or another functional.
    """
    known = set(potential.identity.elements)
    unknown = tuple(sorted({int(z) for frame in frames for z in np.unique(frame.numbers)} - known))
    kept = [frame for frame in frames if known.issuperset(frame.numbers.tolist())]
    if not kept:
        return _nothing_known(frames, unknown)
    found = evaluations if evaluations is not None and len(kept) == len(frames) else None
    found = potential.evaluate(kept, progress=progress) if found is None else found
    residuals = force_residuals(potential, kept, found)
    offsets, scatter = _element_offsets(kept, found)
    differs = _reference_differs(residuals, scatter)
    reproduced = _forces_reproduced(kept, residuals)
    return RegistrationReport(
        residuals=residuals,
        unknown_elements=unknown,
        n_evaluated=len(kept),
        element_offsets_meV=offsets,
        scatter_meV_per_atom=scatter,
        energy_reference_differs=differs,
        forces_reproduced=reproduced,
        warnings=tuple(_warnings(unknown, len(frames) - len(kept), residuals, offsets, (differs, reproduced))),
    )


def _nothing_known(frames: Sequence[Frame], unknown: tuple[int, ...]) -> RegistrationReport:
    nothing = ForceResiduals(0, 0, None, None, None, None)
    warning = f"none of the {len(frames)} frames can be evaluated: the potential does not know {_names(unknown)}."
    return RegistrationReport(nothing, unknown, 0, {}, None, False, None, (warning,))


def _element_offsets(
    frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]
) -> tuple[dict[int, float | None], float | None]:
    """Energy error per atom of each element, meV, and the root mean square that is left."""
    errors = energy_errors_meV_per_atom(frames, evaluations)
    if not len(errors):
        return {}, None
    labelled = [frame for frame in frames if frame.energy_eV is not None]
    elements = sorted({int(z) for frame in labelled for z in np.unique(frame.numbers)})
    counts = composition_matrix(labelled, elements)
    shares = counts / counts.sum(axis=1, keepdims=True)
    solution, _, rank, _ = np.linalg.lstsq(shares, errors, rcond=1e-10)
    scatter = float(np.sqrt(np.mean((errors - shares @ solution) ** 2)))
    determined = rank == len(elements)
    return {z: float(value) if determined else None for z, value in zip(elements, solution, strict=True)}, scatter


def _reference_differs(residuals: ForceResiduals, scatter: float | None) -> bool:
    total = residuals.energy_rmse_meV_per_atom
    if total is None or scatter is None:
        return False
    return total > _OFFSET_LIMIT_MEV and total > _OFFSET_SHARE * scatter


def _forces_reproduced(frames: Sequence[Frame], residuals: ForceResiduals) -> bool | None:
    forces = [frame.forces_eV_per_A for frame in frames if frame.forces_eV_per_A is not None]
    if not forces or residuals.force_rmse_eV_per_A is None:
        return None
    scale = float(np.sqrt(np.mean(np.concatenate(forces) ** 2)))
    return scale == 0 or residuals.force_rmse_eV_per_A <= _FORCE_SHARE * scale


def _warnings(
    unknown: tuple[int, ...],
    n_left_out: int,
    residuals: ForceResiduals,
    offsets: Mapping[int, float | None],
    verdicts: tuple[bool, bool | None],
) -> list[str]:
    differs, reproduced = verdicts
    lines = []
    if unknown:
        lines.append(f"{n_left_out} frames hold elements that the potential does not know: {_names(unknown)}.")
    if differs:
        shown = ", ".join(f"{chemical_symbols[z]} {v:+.0f}" for z, v in offsets.items() if v is not None)
        per_element = f" ({shown} meV per atom of the element)" if shown else ""
        lines.append(
            f"energies are off by {residuals.energy_offset_meV_per_atom:+.0f} meV/atom on average, explained by a "
            f"constant per element{per_element}: the labels have another energy reference or level of theory."
        )
    if reproduced is False:
        lines.append(
            f"forces are wrong by {residuals.force_rmse_eV_per_A:.2f} eV/Å, more than half of their own size: these "
            "are hardly the frames that it was trained on, or head, precision or element map are wrong."
        )
    return lines


def _names(numbers: Sequence[int]) -> str:
    return ", ".join(chemical_symbols[number] for number in numbers)
