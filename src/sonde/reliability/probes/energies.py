"""The error of a structure's energy per atom, by the same means as those of its forces.

A structure is one item: the mean of its atoms' embeddings, its largest predicted force, the error of its energy per
atom. Errors are counted less a constant per element, fitted by least squares: the potential and the labels may have
different zeros. Such constants, and with them the errors, are badly known where few compositions were seen; how well
structures of withheld compositions are ranked is therefore found out, and where it is not better than chance beyond the
95 % interval over groups the probe says that it does not know. The constants are those of all frames, withheld ones
among them: where compositions are few, errors of withheld ones come out too small.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sonde.errors import WrongUse
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.reference_energies.fitted import fit_reference_energies
from sonde.reliability.metrics import auroc, auroc_interval
from sonde.reliability.probes.calibrated_errors import N_FOLDS, CalibratedErrors, enough, out_of_fold_locations
from sonde.reliability.probes.data import ProbeData, force_norms
from sonde.reliability.withheld import withheld_folds

NO_ELEMENT = 0
"""Number of the one item that stands for all atoms of a frame."""


@dataclass(frozen=True, eq=False)
class EnergyErrors:
    """Calibrated errors of energies per atom.

    rank_of_new: AUROC of telling, among structures of withheld compositions, those whose error is above the median, and
    rank_low, the lower end of its 95 % interval; None where all errors are alike.
    """

    errors: CalibratedErrors
    rank_of_new: float | None
    rank_low: float | None

    @classmethod
    def fit(
        cls, data: ProbeData, frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation], *, seed: int
    ) -> "EnergyErrors | None":
        """Fit on the frames of data, given in its order; None where too few frames or groups carry energies."""
        kept = [n for n, frame in enumerate(frames) if frame.energy_eV is not None]
        data = data.taking(np.array(kept, np.int64))
        if not enough(data):
            return None
        items = one_item_each(data, energy_errors([frames[n] for n in kept], [evaluations[n] for n in kept]))
        errors = CalibratedErrors.fit(items, seed=seed)
        fold = withheld_folds(data.numbers, data.groups, N_FOLDS, seed)
        located = np.concatenate(out_of_fold_locations(items, errors.model.error_floor, fold, seed))
        above = items.largest_errors > np.median(items.largest_errors)
        return cls(errors, auroc(above, located), auroc_interval(above, located, data.groups, seed=seed)[0])

    @property
    def better_than_chance(self) -> bool:
        """Whether structures of withheld compositions were ranked better than by chance, beyond the interval."""
        return self.rank_low is not None and self.rank_low > 0.5

    def p_within(self, evaluation: FrameEvaluation, tolerance_eV_per_atom: float) -> float | None:
        """P(error of the energy per atom ≤ tolerance); None where new compositions were not ranked: not known."""
        if not self.better_than_chance:
            return None
        embeddings = np.asarray(evaluation.embeddings, float).mean(axis=0, keepdims=True)
        norms = force_norms(evaluation).max(keepdims=True)
        return self.errors.p_within(embeddings, np.array([NO_ELEMENT]), norms, tolerance_eV_per_atom)[0]

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"errors": self.errors.state(), "rank_of_new": self.rank_of_new, "rank_low": self.rank_low}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "EnergyErrors":
        """Rebuild what gave this state."""
        return cls(CalibratedErrors.from_state(state["errors"]), state["rank_of_new"], state["rank_low"])


def one_item_each(data: ProbeData, errors: FloatArray) -> ProbeData:
    """Frames as one item each: mean embedding, largest predicted force, and these errors (n_frames,)."""
    return replace(
        data,
        embeddings=tuple(own.mean(axis=0, keepdims=True) for own in data.embeddings),
        numbers=tuple(np.array([NO_ELEMENT]) for _ in data.numbers),
        force_norms=tuple(norms.max(keepdims=True) for norms in data.force_norms),
        errors=tuple(errors[:, None]),
    )


def energy_errors(frames: Sequence[Frame], evaluations: Sequence[FrameEvaluation]) -> FloatArray:
    """Errors (n_frames,) of energies, eV per atom, less what a constant per element explains.

    The constants, fitted by least squares in double precision, set two levels of theory on one scale.

    Raises
    ------
    WrongUse : a frame carries no energy.
    """
    if any(frame.energy_eV is None for frame in frames):
        raise WrongUse("Errors of energies need an energy of every frame.")
    both = zip(frames, evaluations, strict=True)
    differing = [replace(frame, energy_eV=own.energy_eV - (frame.energy_eV or 0.0)) for frame, own in both]
    constants = fit_reference_energies(differing).energies_eV
    left = [(one.energy_eV or 0.0) - sum(constants[z] for z in one.numbers.tolist()) for one in differing]
    return np.abs(np.array(left)) / np.array([frame.n_atoms for frame in frames])
