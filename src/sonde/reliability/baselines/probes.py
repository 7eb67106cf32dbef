"""Our probe under the same protocol as everything it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.reliability.baselines.protocol import RiskData, Risks
from sonde.reliability.probes.calibrated_errors import CalibratedErrors
from sonde.reliability.probes.log_error import inputs


@dataclass(frozen=True, eq=False)
class FittedLocal:
    """The calibrated error model.

    Risk of a frame: where its worst atom's error is placed, which ranks frames also where probabilities are 0 or 1;
    risk of an atom: its probability of an error beyond the middle tolerance.
    """

    errors: CalibratedErrors

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:
        frames = [inputs(data.probe, n) for n in range(data.probe.n_frames)]
        found = list(zip(*(self.errors.p_within_each(*own, tolerances) for own in frames), strict=True))
        return Risks(
            np.array([self.errors.worst_location(*own) for own in frames]),
            tuple(1.0 - atoms for _, atoms in found[len(tolerances) // 2]),
            p_within=tuple(np.array([p for p, _ in of_tolerance]) for of_tolerance in found),
            reliable_from=tuple(self.errors.reliable_from(tolerance) for tolerance in tolerances),
        )


class Local:
    """The local probe: a calibrated distribution of every atom's force error."""

    name, labels = "local probe", True

    def fit(self, data: RiskData, *, seed: int) -> FittedLocal:
        return FittedLocal(CalibratedErrors.fit(data.probe, seed=seed))
