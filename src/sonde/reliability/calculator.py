"""An ASE calculator that says how far its forces can be trusted, from the same forward pass.

potential = load_potential(…); probe, summary = fit_trust(…)
atoms.calc = ReliableCalculator(SondeCalculator(potential), probe, tolerance=0.3)
atoms.get_forces(); atoms.calc.get_property("reliability", atoms)
"""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from sonde.errors import WrongUse
from sonde.potentials.calculator import SondeCalculator, frame_of
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import Reliability, Tolerance
from sonde.reliability.probes.local import environments_of, require_same_potential
from sonde.reliability.probes.protocol import Probe, tolerance_for

OWN = ("reliability", "atomic_reliability", "scope_distance")


class ReliableCalculator(Calculator):
    """The results of a base calculator, untouched, and beside them what a probe makes of the same evaluation.

    Properties beside the base's: `reliability`, P(largest per-atom force error ≤ tolerance); `atomic_reliability`
    (n_atoms,), the same per atom; `scope_distance`, largest ratio of an atom's distance to the known environments over
    its limit (above 1 is out of scope, where the probability means nothing). They are worked out when asked for,
    without another forward pass; steps that nobody asks about cost nothing more than the base.

    Raises
    ------
    WrongUse : the probe was fitted on another potential, or the tolerance is not above zero. It is in eV/Å, 0.3 where
    none is given; a `Tolerance` also grows with the force, or asks of the energy, too; an attention probe has its own.
    """

    def __init__(
        self, base: SondeCalculator, probe: Probe, *, tolerance: float | Tolerance | None = None, **options: Any
    ) -> None:
        tolerance = tolerance_for(probe, tolerance)
        if not isinstance(tolerance, Tolerance) and not (np.isfinite(tolerance) and tolerance > 0):
            raise WrongUse(f"A tolerance must be above zero; {tolerance} was given.")
        require_same_potential(probe.identity, base.potential.identity)
        super().__init__(**options)
        self.base, self.probe, self.tolerance = base, probe, tolerance
        self.implemented_properties = [*base.implemented_properties, *OWN]
        self._scored: Reliability | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: list[str] = all_changes
    ) -> None:
        """Let the base calculate, once, and copy what it found: nothing is shared with it."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        self._scored = None
        self.base.calculate(self.atoms, properties, system_changes)
        self.results = {name: _copied(value) for name, value in self.base.results.items()}

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        """Return a property; those of the probe come from the last forward pass while the structure is the same."""
        if name not in OWN:
            return super().get_property(name, atoms, allow_calculation)
        if super().get_property("energy", atoms, allow_calculation) is None:
            return None
        found = self.reliability()
        values = (found.p_within, found.atomic_p_within, found.out_of_scope_score)
        return _copied(dict(zip(OWN, values, strict=True))[name])

    def reliability(self) -> Reliability:
        """Return the whole verdict on the structure that was calculated last.

        Raises PropertyNotImplementedError before anything was calculated.
        """
        if self.atoms is None or "embeddings" not in self.results:
            raise PropertyNotImplementedError("Nothing has been calculated yet: ask for an energy first.")
        if self._scored is None:
            frame, results = frame_of(self.atoms), dict[str, Any](self.results)
            evaluation = FrameEvaluation(results["energy"], results["forces"], None, None, results["embeddings"])
            self._scored = self.probe.score(
                evaluation,
                frame.numbers,
                self.tolerance,
                identity=self.base.potential.identity,
                environments=environments_of(self.probe.descriptor, [frame])[0],
            )
        return self._scored


def _copied(value: Any) -> Any:
    return np.array(value) if np.ndim(value) else value
