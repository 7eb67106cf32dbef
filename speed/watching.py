"""Reliability in use: what watching adds to a step of dynamics, and costs over the number of atoms."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from speed.measuring import (
    Row,
    growth,
    in_a_process_of_its_own,
    peak_memory_MB,
    seconds,
    share,
    side_by_side,
)

from sonde.potentials.calculator import SondeCalculator, frame_of
from sonde.potentials.linear import fit_linear
from sonde.potentials.protocol import FrozenPotential
from sonde.potentials.registry import load_potential
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.reliability.calculator import ReliableCalculator
from sonde.reliability.monitor import ReliabilityMonitor
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
INTERVAL = 10
"""Steps from look to look of a monitor, as its docstring has it."""
TRAINED = Path(__file__).resolve().parents[1] / "eval" / "trust" / ".sonde" / "committees" / "al_li_mg_medium_0"
"""A potential that `python -m eval.trust.committees` trains: MACE of two layers."""


@dataclass(frozen=True, eq=False)
class Watched:
    """A potential with a probe of its own."""

    name: str
    potential: FrozenPotential
    probe: Probe


def measure(small: Sequence[Frame], sizes: Sequence[int] = (500, 1000, 2000)) -> Iterator[Row]:
    """What is added to steps that are asked about, watched at an interval or not asked about; growth of attention."""
    for case in cases(small):
        for repeated in REPEATED:
            yield from added(case, repeated)
    costs = {4 * n**3: in_a_process_of_its_own(cost_of_verdict, small, n) for n in LARGE}
    yield growth("Verdict of the default probe, over atoms", {n: cost.seconds for n, cost in costs.items()}, "s")
    yield growth("  peak memory beyond the packages", {n: cost.memory_MB for n, cost in costs.items()}, "MB")
    yield growth("Attention over one structure, over its atoms", attention_by_atoms(sizes), "s")


def added(case: Watched, repeated: int, repeats: int = 9) -> Iterator[Row]:
    """Shares of a plain step that are added where every step is asked about, one in INTERVAL by a monitor, or none.

    What asking and looking take is measured by itself, right after a step: small beside it, it would drown in a
    difference of steps.
    """
    watched, plain = cells(case, repeated)
    what = f"{len(plain)} atoms, {case.name}, added to a step"
    unasked, bare = side_by_side(step_of(watched), step_of(plain), repeats=repeats)
    asked = after_steps(watched, lambda: watched.calc.get_property("reliability", watched), repeats)
    looked = after_steps(watched, ReliabilityMonitor(watched), repeats)
    yield share(f"{what} that is asked about", asked, bare)
    yield share(f"{what} by a monitor with interval {INTERVAL}", looked / INTERVAL, bare)
    yield share(f"{what} that is not asked about", unasked - bare, bare)


def cases(small: Sequence[Frame]) -> Iterator[Watched]:
    """The linear potential with both probes, a MACE of one layer, and one of two where it was trained."""
    case = linear(small)
    yield case
    yield Watched("linear, attention", case.potential, attention(case.potential, calm_cells(small)[1::2]))
    yield sample_mace(small)
    if (TRAINED / "potential.pt").exists():
        yield trained_mace(small)
    else:
        sys.stderr.write(f"No MACE of two layers: {TRAINED} is not there (python -m eval.trust.committees).\n")


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


def trained_mace(small: Sequence[Frame]) -> Watched:
    """A MACE of two layers of 16 channels, its probe on cells that it was not trained on."""
    unseen = [frame for n, frame in enumerate(small) if n % 3]
    return watched_on("MACE of two layers", load_potential("mace", TRAINED / "potential.pt"), calm_cells(unseen))


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


def step_of(atoms: Atoms) -> Callable[[], object]:
    """Move an atom a little and ask for forces, as dynamics do."""

    def step() -> None:
        atoms.positions[0, 0] += 1e-4
        atoms.get_forces()

    return step


def after_steps(atoms: Atoms, work: Callable[[], object], repeats: int) -> float:
    """Least processor seconds of work that follows on steps, each of which has left other things in the caches."""
    step, took = step_of(atoms), []
    for _ in range(repeats):
        step()
        took.append(seconds(work))
    return min(took)


def attention_by_atoms(sizes: Sequence[int]) -> dict[int, float]:
    """Seconds for one structure."""
    parameters, rng = initial_parameters(64, 0), np.random.default_rng(0)
    batches = {n: batch_of([rng.normal(size=(n, 64))], np.zeros((1, 2))) for n in sizes}
    return {n: seconds(partial(outcome, parameters, batch)) for n, batch in batches.items()}
