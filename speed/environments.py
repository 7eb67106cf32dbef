"""Local environments and reliability: growth with the number of atoms and of frames."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
from ase.build import bulk
from ase.neighborlist import neighbor_list
from speed.measuring import Row, growth, ratio, seconds, side_by_side

from sonde.local_environments.descriptors import DensityDescriptor
from sonde.potentials.linear import fit_linear
from sonde.records.frames import Frame
from sonde.reliability.trust import fit_probe

CUTOFF_A = 6.0


def measure(
    small: Sequence[Frame],
    large: Sequence[Frame],
    edges: Iterable[int] = (6, 9, 13),
    probed: Iterable[int] = (300, 600, 1200),
) -> Iterator[Row]:
    """Growth of the descriptor over atoms of one cell, its cost over that of a neighbour list, growth of a probe."""
    yield growth("DensityDescriptor, over atoms of one cell", descriptor_by_atoms(edges), "s")
    described = small[:60]
    descriptor = DensityDescriptor(tuple(elements_of(described)), CUTOFF_A)
    atoms = [_atoms(frame) for frame in described]
    ours, theirs = side_by_side(
        lambda: descriptor.compute(described), lambda: [neighbor_list("ijDd", a, CUTOFF_A) for a in atoms]
    )
    yield ratio(
        "60 cells of 4 atoms: neighbour list of ase alone over DensityDescriptor", ours, theirs, ("descriptor", "list")
    )
    yield growth("LocalProbe fit with its gate, over frames", probe_by_frames(large, probed), "s")


def descriptor_by_atoms(edges: Iterable[int]) -> dict[int, float]:
    """Seconds for a distorted binary crystal of edge³ × 2 atoms."""
    costs = {}
    for edge in edges:
        frame = crystal(edge)
        descriptor = DensityDescriptor((13, 28), CUTOFF_A)
        costs[frame.n_atoms] = seconds(partial(descriptor.compute, [frame]), repeats=2)
    return costs


def crystal(edge: int) -> Frame:
    """AlNi in the CsCl structure, distorted."""
    atoms = bulk("AlNi", "cesiumchloride", a=2.88) * (edge, edge, edge)
    atoms.rattle(0.1, seed=0)
    return Frame(atoms.numbers, atoms.positions, np.array(atoms.cell), atoms.pbc)


def probe_by_frames(frames: Sequence[Frame], sizes: Iterable[int]) -> dict[int, float]:
    """Seconds to fit a probe to a linear potential on so many frames."""
    potential, costs = fit_linear(frames[:: max(1, len(frames) // 50)]), {}
    for size in sizes:
        own = list(frames[:: max(1, len(frames) // size)][:size])
        found = potential.evaluate(own)
        costs[size] = seconds(partial(fit_probe, potential.identity, own, found, list(range(len(own)))))
    return costs


def elements_of(frames: Iterable[Frame]) -> list[int]:
    """Atomic numbers that occur, ascending."""
    return sorted({int(z) for frame in frames for z in frame.numbers})


def _atoms(frame: Frame) -> object:
    from ase import Atoms

    return Atoms(frame.numbers, frame.positions, cell=frame.cell, pbc=frame.pbc)
