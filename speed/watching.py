"""Reliability in use: what a watched step costs over a plain one, and attention over the number of atoms."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files

import numpy as np
from ase import Atoms
from ase.build import bulk
from speed.measuring import (
    Row,
    growth,
    in_a_process_of_its_own,
    peak_memory_MB,
    ratio,
    seconds,
    side_by_side,
)

from sonde.potentials.calculator import SondeCalculator, frame_of
from sonde.potentials.linear import fit_linear
from sonde.potentials.protocol import FrozenPotential
from sonde.potentials.registry import load_potential
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.reliability.calculator import ReliableCalculator
from sonde.reliability.probes.attention import AttentionProbe, AttentionSettings
from sonde.reliability.probes.attention_data import StructureData
from sonde.reliability.probes.attention_network import batch_of, initial_parameters, outcome
from sonde.reliability.probes.attention_training import TrainingSettings
from sonde.reliability.probes.protocol import Probe
from sonde.reliability.trust import fit_probe, scope_of

REPEATED = (3, 5)
"""Cubes of 4 atoms along each edge: 108 and 500 atoms."""
LARGE = (15, 30)
"""13,500 and 108,000 atoms."""
ELEMENTS = (3, 12, 13)
CALM = 1.0


@dataclass(frozen=True, eq=False)
class Watched:
    """A potential with a probe of its own."""

    name: str
    potential: FrozenPotential
    probe: Probe


def measure(small: Sequence[Frame], sizes: Sequence[int] = (500, 1000, 2000)) -> Iterator[Row]:
    """Steps watched and not, with a linear potential of milliseconds and a small MACE; growth of attention."""
    for case in cases(small):
        for repeated in REPEATED:
            yield overhead(case, repeated)
    watched, plain = cells(linear(small), REPEATED[0])
    unasked, bare = side_by_side(step_of(watched), step_of(plain), repeats=9)
    yield ratio("108 atoms, linear: a step that is not asked over a plain one", bare, unasked, ("plain", "wrapped"))
    tenth, bare = side_by_side(steps_of(watched), steps_of(plain), repeats=5)
    what = "108 atoms, linear: ten steps, the last of which is asked, over ten plain ones"
    yield ratio(what, bare, tenth, ("plain", "watched"))
    costs = {4 * n**3: in_a_process_of_its_own(cost_of_verdict, small, n) for n in LARGE}
    yield growth("Verdict of the default probe, over atoms", {n: cost.seconds for n, cost in costs.items()}, "s")
    yield growth("  peak memory beyond the packages", {n: cost.memory_MB for n, cost in costs.items()}, "MB")
    yield growth("Attention over one structure, over its atoms", attention_by_atoms(sizes), "s")


def overhead(case: Watched, repeated: int, repeats: int = 9) -> Row:
    """What asking for the reliability of every step adds to a step."""
    watched, plain = cells(case, repeated)
    asked, bare = side_by_side(step_of(watched, ask=True), step_of(plain), repeats=repeats)
    behind = {"added": f"{1000 * (asked - bare):.1f} ms", "plain": f"{1000 * bare:.1f} ms"}
    what = f"{len(plain)} atoms, {case.name}: a step whose reliability is asked for over a plain one"
    return Row(what, asked / bare, "ratio", behind)


def cases(small: Sequence[Frame]) -> Iterator[Watched]:
    """The linear potential with both probes, and the small MACE of the sample laboratory with the default one."""
    case = linear(small)
    yield case
    yield Watched("linear, attention", case.potential, attention(case.potential, calm_cells(small)[1::2]))
    yield sample_mace(small)


def calm_cells(small: Sequence[Frame]) -> list[Frame]:
    """Cells without large forces."""
    return [f for f in small if f.forces_eV_per_A is not None and np.abs(f.forces_eV_per_A).max() < CALM]


def linear(small: Sequence[Frame]) -> Watched:
    """A linear potential of every second calm cell with the default probe on the others."""
    calm = calm_cells(small)
    return watched_on("linear", fit_linear(calm[::2]), calm[1::2])


def sample_mace(small: Sequence[Frame]) -> Watched:
    """The MACE potential that the sample laboratory brings, one layer of 16 channels."""
    with as_file(files("sonde.sample_lab") / "data" / "sample_potential.pt") as checkpoint:
        potential = load_potential("mace", checkpoint, dtype="float32")
    return watched_on("MACE of 16 channels", potential, calm_cells(small)[1::2])


def watched_on(name: str, potential: FrozenPotential, unseen: Sequence[Frame]) -> Watched:
    """A potential with the default probe on these frames."""
    probe = fit_probe(potential.identity, unseen, potential.evaluate(unseen), list(range(len(unseen))))
    return Watched(name, potential, probe)


def attention(potential: FrozenPotential, unseen: Sequence[Frame]) -> AttentionProbe:
    """An attention probe of full size, hardly trained: its cost does not depend on that."""
    evaluations, groups = potential.evaluate(unseen), list(range(len(unseen)))
    data = StructureData.from_evaluations(unseen, evaluations, groups, identity=potential.identity, target="force")
    scope, descriptor = scope_of(unseen, evaluations, data.positions_in_input, groups, None)
    settings = AttentionSettings("force", training=TrainingSettings(most_epochs=2))
    return AttentionProbe.fit(data, settings=settings, seed=0, scope=scope, descriptor=descriptor)


def cells(case: Watched, repeated: int) -> tuple[Atoms, Atoms]:
    """A shaken cube of fcc Al-Li-Mg with a watched calculator, and with the bare one."""
    watched = alloy(repeated)
    plain = watched.copy()
    plain.positions[0, 1] += 0.01  # not the very structure whose neighbours were found a moment ago
    watched.calc = ReliableCalculator(SondeCalculator(case.potential), case.probe)
    plain.calc = SondeCalculator(case.potential)
    return watched, plain


def alloy(repeated: int) -> Atoms:
    """A shaken cube of fcc Al-Li-Mg, decorated at random."""
    atoms = bulk("Al", cubic=True).repeat(repeated)
    atoms.numbers = np.random.default_rng(0).choice(ELEMENTS, size=len(atoms))
    atoms.rattle(0.05, seed=0)
    return atoms


@dataclass(frozen=True)
class Cost:
    """What a verdict took; memory beyond that of the packages and the probe."""

    seconds: float
    memory_MB: float


def cost_of_verdict(small: Sequence[Frame], repeated: int) -> Cost:
    """Judge a large cube; embeddings and forces are those of a small one, repeated: the probe's part alone."""
    case = linear(small)
    own = case.potential.evaluate([frame_of(alloy(3))])[0]
    atoms = alloy(repeated)
    which = np.arange(len(atoms)) % len(own.embeddings)
    said = FrameEvaluation(0.0, own.forces_eV_per_A[which], None, None, own.embeddings[which])
    before = peak_memory_MB()
    took = seconds(lambda: case.probe.score_frames(case.potential.identity, [frame_of(atoms)], [said], 0.3))
    return Cost(took, max(peak_memory_MB() - before, 0.1))


def step_of(atoms: Atoms, *, ask: bool = False) -> Callable[[], object]:
    """Move an atom a little and ask for forces, as dynamics do; and for reliability."""

    def step() -> None:
        atoms.positions[0, 0] += 1e-4
        atoms.get_forces()
        if ask:
            atoms.calc.get_property("reliability", atoms)

    return step


def steps_of(atoms: Atoms, n: int = 10) -> Callable[[], object]:
    """So many steps; a watched one is asked at the end, as by a monitor with that interval."""
    step = step_of(atoms)
    last = step_of(atoms, ask=isinstance(atoms.calc, ReliableCalculator))

    def run() -> None:
        for _ in range(n - 1):
            step()
        last()

    return run


def attention_by_atoms(sizes: Sequence[int]) -> dict[int, float]:
    """Seconds for one structure."""
    parameters, rng = initial_parameters(64, 0), np.random.default_rng(0)
    batches = {n: batch_of([rng.normal(size=(n, 64))], np.zeros((1, 2))) for n in sizes}
    return {n: seconds(partial(outcome, parameters, batch)) for n, batch in batches.items()}
