"""Small material with a known answer: real Al-Li-Mg cells and a linear potential fitted on some of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from sonde.datasets.lineage import lineage
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.operations.evidence.material import Labelled, Material
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.records.potentials import RegisteredPotential
from sonde.sample_lab.frames import sample_frames

SETTINGS = LinearSettings(n_radial=5, n_product=2)
FORCE_CUT = 2.0
ALIEN_SCALE = 0.75


def frames() -> list[Frame]:
    return [frame.numbered(k) for k, frame in enumerate(sample_frames()[::2])]


def largest_force(frame: Frame) -> float:
    assert frame.forces_eV_per_A is not None
    return float(np.linalg.norm(frame.forces_eV_per_A, axis=1).max())


def calm() -> list[Frame]:
    return [frame for frame in frames() if largest_force(frame) <= FORCE_CUT]


@lru_cache(maxsize=1)
def potential() -> LinearPotential:
    return fit_linear(calm(), settings=SETTINGS)


def labelled(some: Sequence[Frame], name: str = "set") -> Labelled:
    descriptor = DensityDescriptor((3, 12, 13))
    return Labelled(name, list(some), potential().evaluate(some), descriptor.compute(some))


def squeezed(frame: Frame, scale: float = ALIEN_SCALE) -> Frame:
    """A cell far denser than any of the set, without labels."""
    return unlabelled(replace(frame, cell=frame.cell * scale, positions=frame.positions * scale))


def unlabelled(frame: Frame) -> Frame:
    return replace(frame, energy_eV=None, forces_eV_per_A=None, stress_eV_per_A3=None)


def material(inputs: Sequence[Frame], training: Sequence[Frame], pool: Sequence[Frame] | None = None) -> Material:
    """Material in which every atom of the input counts as failing."""
    registered = RegisteredPotential("alloy", potential().identity, "", "training", None, None, {}, False)
    renumbered = [frame.numbered(k) for k, frame in enumerate(training)]
    return Material(
        potential=potential(),
        registered=registered,
        tolerance_eV_per_A=0.3,
        inputs=labelled(inputs, "input"),
        failing=[np.ones(frame.n_atoms, dtype=bool) for frame in inputs],
        training=labelled(renumbered, "training"),
        pool=None if pool is None else labelled(pool, "raw"),
        lineage=None if pool is None else lineage(pool, renumbered),
    )
