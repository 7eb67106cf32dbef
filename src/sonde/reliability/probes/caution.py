"""How sure a probe has to be before a structure counts as reliable, found on compositions withheld on purpose.

A probability calibrated on held-out trajectories of known compositions is too hopeful for a new composition. The
threshold on it is therefore set where structures of withheld compositions were: so high that of those whose error is
beyond the tolerance at most a given share passes (conformal risk control, Angelopoulos et al., arXiv 2208.02814: in
expectation, where new structures relate to the known ones as the withheld ones did to the rest).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sonde.records.arrays import FloatArray

MISSED = 0.05
"""Share of the structures beyond tolerance that may pass for reliable."""
QUANTILES = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
"""Of the largest errors: tolerances at which the threshold is found; between them it is interpolated."""


@dataclass(frozen=True, eq=False)
class Caution:
    """tolerances (n,), ascending, eV/Å; least (n,): the probability that is needed at each, at least `RELIABLE_FROM`.

    Empty where too few structures are beyond any tolerance: then even odds have to do.
    """

    tolerances: FloatArray
    least: FloatArray

    @classmethod
    def fit(cls, p_within: FloatArray, largest_errors: FloatArray, tolerances: FloatArray, floor: float) -> "Caution":
        """Take withheld structures: p_within (n_tolerances, n), largest errors (n,), tolerances (n_tolerances,)."""
        found = []
        for tolerance, p in zip(tolerances.tolist(), p_within, strict=True):
            least = _threshold(p[largest_errors > tolerance])
            if least is not None:
                found.append((tolerance, max(least, floor)))
        kept = np.array(found).reshape(-1, 2)
        return cls(kept[:, 0], kept[:, 1])

    def at(self, tolerance: float, floor: float) -> float:
        """The probability needed at this tolerance, eV/Å; that of the nearest known tolerance beyond their range."""
        if not len(self.tolerances):
            return floor
        return float(np.interp(np.log(tolerance), np.log(self.tolerances), self.least))

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"tolerances": self.tolerances, "least": self.least}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Caution":
        """Rebuild what gave this state."""
        return cls(state["tolerances"], state["least"])


def tolerances_for(largest_errors: FloatArray) -> FloatArray:
    """Distinct tolerances above zero at which a threshold is found."""
    found: FloatArray = np.unique(np.quantile(largest_errors, QUANTILES))
    return found[found > 0]


def _threshold(p_beyond: FloatArray) -> float | None:
    """Just above the probability that all but the share MISSED of the structures beyond tolerance stay below."""
    may_pass = int(np.floor(MISSED * (len(p_beyond) + 1) - 1))
    if may_pass < 0:
        return None
    return float(np.nextafter(np.sort(p_beyond)[::-1][may_pass], 2.0))
