"""Reliability in use: what a watched step costs over a plain one, and attention over the number of atoms."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from ase import Atoms
from speed.measuring import Row, growth, ratio, seconds, side_by_side

from sonde.potentials.calculator import SondeCalculator, atoms_of
from sonde.potentials.linear import fit_linear
from sonde.records.frames import Frame
from sonde.reliability.calculator import ReliableCalculator
from sonde.reliability.probes.attention_network import batch_of, initial_parameters, outcome
from sonde.reliability.trust import fit_probe


def measure(small: Sequence[Frame], sizes: Sequence[int] = (500, 1000, 2000)) -> Iterator[Row]:
    """A step on 108 atoms with a linear potential, itself of milliseconds, watched and not; growth of attention."""
    watched, plain = cells(small)
    asked, bare = side_by_side(step_of(watched, ask=True), step_of(plain), repeats=9)
    yield ratio("108 atoms: a step whose reliability is asked for over a plain one", bare, asked, ("plain", "asked"))
    unasked, bare = side_by_side(step_of(watched), step_of(plain), repeats=9)
    yield ratio("108 atoms: a step that is not asked over a plain one", bare, unasked, ("plain", "wrapped"))
    yield growth("Attention over one structure, over its atoms", attention_by_atoms(sizes), "s")


def cells(small: Sequence[Frame]) -> tuple[Atoms, Atoms]:
    """A cell of 108 atoms with a watched calculator, and with the bare one."""
    calm = [f for f in small if f.forces_eV_per_A is not None and np.abs(f.forces_eV_per_A).max() < 1.0]
    potential, unseen = fit_linear(calm[::2]), calm[1::2]
    probe = fit_probe(potential.identity, unseen, potential.evaluate(unseen), list(range(len(unseen))))
    watched = atoms_of(next(frame for frame in unseen if frame.n_atoms == 4)).repeat((3, 3, 3))
    plain = watched.copy()
    watched.calc = ReliableCalculator(SondeCalculator(potential), probe)
    plain.calc = SondeCalculator(potential)
    return watched, plain


def step_of(atoms: Atoms, *, ask: bool = False) -> Callable[[], object]:
    """Move an atom a little and ask for forces, as dynamics do; and for reliability."""

    def step() -> None:
        atoms.positions[0, 0] += 1e-4
        atoms.get_forces()
        if ask:
            atoms.calc.get_property("reliability", atoms)

    return step


def attention_by_atoms(sizes: Sequence[int]) -> dict[int, float]:
    """Seconds for one structure."""
    parameters, rng = initial_parameters(64, 0), np.random.default_rng(0)
    batches = {n: batch_of([rng.normal(size=(n, 64))], np.zeros((1, 2))) for n in sizes}
    return {n: seconds(partial(outcome, parameters, batch)) for n, batch in batches.items()}
