"""Our probe under the same protocol as everything it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.reliability.baselines.protocol import RiskData, Risks
from sonde.reliability.probes.local import CalibratedErrors
from sonde.reliability.probes.log_error import inputs


@dataclass(frozen=True, eq=False)
class FittedLocal:
    """The calibrated error model; risk is the log odds of an error beyond tolerance, of atoms beyond the middle one."""

    errors: CalibratedErrors

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:
        frames = range(data.probe.n_frames)
        of_frames = [self.errors.p_within_each(*inputs(data.probe, n), tolerances) for n in frames]
        found = list(zip(*of_frames, strict=True))
        p_within = tuple(np.array([p for p, _ in of_tolerance]) for of_tolerance in found)
        log_odds = tuple(np.log1p(-np.minimum(p, 1 - 1e-12)) - np.log(np.maximum(p, 1e-300)) for p in p_within)
        middle = len(tolerances) // 2
        return Risks(
            log_odds[middle],
            tuple(1.0 - atoms for _, atoms in found[middle]),
            log_odds,
            p_within,
            tuple(self.errors.reliable_from(tolerance) for tolerance in tolerances),
        )


class Local:
    """The local probe: a calibrated distribution of every atom's force error."""

    name, labels = "local probe", True

    def fit(self, data: RiskData, *, seed: int) -> FittedLocal:
        return FittedLocal(CalibratedErrors.fit(data.probe, seed=seed))
