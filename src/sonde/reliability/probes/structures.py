"""From atoms to their structure: the probability that the largest error stays within a tolerance.

Of two readings of the atoms' log errors, with a scale of its own for each atom or one scale for all, the one is kept
that predicted structures better whose groups the model of the atoms did not know: a scale is hard to learn, and in the
largest of many errors its mistakes add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.reliability.calibration import SizeAwareMaximum, SmoothedDistribution

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Of the largest errors: tolerances at which the readings are compared."""


@dataclass(frozen=True, eq=False)
class Located:
    """Log errors as a model places them: location and scale (n_atoms,) per structure, and those that occurred."""

    location: Sequence[FloatArray]
    scale: Sequence[FloatArray]
    log_errors: Sequence[FloatArray]


@dataclass(frozen=True, eq=False)
class LargestErrors:
    """A reading of the atoms and the calibrated maximum on top of it."""

    one_scale: bool
    atoms: SmoothedDistribution
    maximum: SizeAwareMaximum

    @classmethod
    def fit(cls, data: Located) -> "LargestErrors":
        """Calibrate both readings, keep the one with the smaller mean Brier score."""
        readings = [cls._reading(data, one_scale=one) for one in (False, True)]
        return min(readings, key=lambda reading: reading._brier(data))

    @classmethod
    def _reading(cls, data: Located, *, one_scale: bool) -> "LargestErrors":
        scales = [np.ones_like(own) for own in data.scale] if one_scale else data.scale
        z = [(e - own) / s for e, own, s in zip(data.log_errors, data.location, scales, strict=True)]
        atoms = SmoothedDistribution.fit(np.concatenate(z))
        tops = zip(data.log_errors, data.location, scales, strict=True)
        odds = [atoms.log_odds((e.max() - own) / s) for e, own, s in tops]
        maximum = SizeAwareMaximum.fit(odds, [_character(own) for own in data.location])
        return cls(one_scale, atoms, maximum)

    def p_within(self, location: FloatArray, scale: FloatArray, log_tolerance: float | FloatArray) -> float:
        """Probability that all of a structure's log errors, placed at location and scale (n_atoms,), stay below.

        log_tolerance : one for all atoms, or (n_atoms,). The worst atom is the one that is nearest to its tolerance.
        """
        spread, above = 1.0 if self.one_scale else scale, location - log_tolerance
        return self.maximum.p_within(self.atoms.log_odds(-above / spread), _character(above))

    def _brier(self, data: Located) -> float:
        largest = np.array([e.max() for e in data.log_errors])
        misses = [
            (self.p_within(own, s, tolerance) - (top <= tolerance)) ** 2
            for tolerance in np.quantile(largest, QUANTILES).tolist()
            for own, s, top in zip(data.location, data.scale, largest.tolist(), strict=True)
        ]
        return float(np.mean(misses))

    def state(self) -> dict[str, Any]:
        """Its arrays; `from_state` takes them back."""
        return {"one_scale": self.one_scale, "atoms": self.atoms.state(), "maximum": self.maximum.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "LargestErrors":
        """Rebuild what gave this state."""
        atoms, maximum = SmoothedDistribution.from_state(state["atoms"]), SizeAwareMaximum.from_state(state["maximum"])
        return cls(bool(state["one_scale"]), atoms, maximum)


def _character(location: FloatArray) -> float:
    """What the maximum may depend on beside its atoms' odds: how far the worst atom stands out."""
    return float(location.max() - np.log(np.mean(np.exp(location))))
