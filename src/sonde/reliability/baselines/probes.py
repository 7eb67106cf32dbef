"""Our probe under the same protocol as everything it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sonde.reliability.baselines.protocol import RiskData, Risks
from sonde.reliability.probes.local import CalibratedErrors
from sonde.reliability.probes.log_error import inputs


@dataclass(frozen=True, eq=False)
class FittedLocal:
    """The calibrated error model; risk is one minus the probability at the middle tolerance."""

    errors: CalibratedErrors

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:
        frames = range(data.probe.n_frames)
        found = [[self.errors.p_within(*inputs(data.probe, n), tolerance) for n in frames] for tolerance in tolerances]
        middle = found[len(tolerances) // 2]
        log_odds = [np.log1p(-min(p, 1 - 1e-12)) - np.log(max(p, 1e-300)) for p, _ in middle]
        return Risks(
            np.array(log_odds),
            tuple(1.0 - atoms for _, atoms in middle),
            tuple(np.array([p for p, _ in of_tolerance]) for of_tolerance in found),
        )


class Local:
    """The local probe: a calibrated distribution of every atom's force error."""

    name, labels = "local probe", True

    def fit(self, data: RiskData, *, seed: int) -> FittedLocal:
        return FittedLocal(CalibratedErrors.fit(data.probe, seed=seed))
