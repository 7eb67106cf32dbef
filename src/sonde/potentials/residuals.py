"""How far a potential is from the labels of frames."""

from collections.abc import Sequence

import numpy as np

from sonde.errors import WrongUse
from sonde.potentials.protocol import FrozenPotential
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import ForceResiduals, FrameEvaluation


def force_errors(frame: Frame, evaluation: FrameEvaluation) -> FloatArray | None:
    """Length of each atom's force error, eV/Å, (n_atoms,); None where the frame has no forces."""
    if frame.forces_eV_per_A is None:
        return None
    return np.linalg.norm(evaluation.forces_eV_per_A - frame.forces_eV_per_A, axis=1)


def energy_errors_meV_per_atom(  # noqa: N802 - the unit
    frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]
) -> FloatArray:
    """Predicted minus labelled energy of the frames that carry one, meV per atom."""
    return np.array(
        [
            1000 * (evaluation.energy_eV - frame.energy_eV) / frame.n_atoms
            for frame, evaluation in zip(frames, evaluations, strict=True)
            if frame.energy_eV is not None
        ],
        dtype=float,
    )


def force_residuals(
    potential: FrozenPotential,
    frames: Sequence[Frame],
    evaluations: Sequence[FrameEvaluation] | None = None,
    *,
    progress: Progress = SILENT,
) -> ForceResiduals:
    """Compare a potential with labels; what no frame carries is None.

    `energy_offset_meV_per_atom` is the mean of predicted minus labelled; the energy root mean square includes it.
    Force statistics are over components, as trainers report them.
    """
    if not frames:
        raise WrongUse("Residuals need at least one frame; none was given.")
    found = potential.evaluate(frames, progress=progress) if evaluations is None else list(evaluations)
    differences = [
        (evaluation.forces_eV_per_A - frame.forces_eV_per_A).ravel()
        for frame, evaluation in zip(frames, found, strict=True)
        if frame.forces_eV_per_A is not None
    ]
    forces = np.concatenate(differences) if differences else np.empty(0)
    energies = energy_errors_meV_per_atom(frames, found)
    return ForceResiduals(
        n_frames=len(frames),
        n_atoms=sum(frame.n_atoms for frame in frames),
        force_rmse_eV_per_A=_mean(forces**2, root=True),
        force_mae_eV_per_A=_mean(np.abs(forces)),
        energy_rmse_meV_per_atom=_mean(energies**2, root=True),
        energy_offset_meV_per_atom=_mean(energies),
    )


def _mean(values: FloatArray, *, root: bool = False) -> float | None:
    if not len(values):
        return None
    mean = float(np.mean(values))
    return float(np.sqrt(mean)) if root else mean
