"""The calculator and the monitor in real ASE runs: nothing of the base changes, no second forward pass, runs end."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms, units
from ase.filters import FrechetCellFilter
from ase.md.langevin import Langevin
from ase.mep import NEB
from ase.optimize import FIRE
from tests.reliability.synthetic import OTHER_IDENTITY

from sonde.errors import WrongUse
from sonde.potentials.calculator import SondeCalculator, atoms_of, frame_of
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.records.reliability import Reliability
from sonde.reliability.calculator import OWN, ReliableCalculator
from sonde.reliability.monitor import Limits, ReliabilityMonitor, ReliabilityStop, Untrustworthy, Verdict, run_watched
from sonde.reliability.probes.local import LocalProbe
from sonde.reliability.trust import fit_probe
from sonde.sample_lab.frames import sample_frames

STANDARD = ("energy", "free_energy", "forces", "stress", "energies")


class Counting:
    """A potential that counts its forward passes."""

    def __init__(self, potential: LinearPotential) -> None:
        self._potential, self.identity, self.n_passes = potential, potential.identity, 0

    def evaluate(self, frames: Sequence[Frame], **options: Any) -> Any:
        self.n_passes += len(frames)
        return self._potential.evaluate(frames, **options)

    def reference_energy_eV(self, number: int) -> float | None:  # noqa: N802 - the unit
        return self._potential.reference_energy_eV(number)


@pytest.fixture(scope="module")
def fitted() -> tuple[LinearPotential, LocalProbe]:
    """A potential of the calm cells, and its probe on other calm cells."""
    frames = [frame for frame in sample_frames() if np.abs(np.asarray(frame.forces_eV_per_A)).max() < 2]
    potential = fit_linear(frames[::2], settings=LinearSettings(n_radial=5, n_product=1, l_max=0))
    unseen = frames[1::2]
    return potential, fit_probe(potential.identity, unseen, potential.evaluate(unseen), list(range(len(unseen))))


@pytest.fixture
def counted(fitted: tuple[LinearPotential, LocalProbe]) -> tuple[Atoms, Counting]:
    potential, probe = fitted
    counting = Counting(potential)
    atoms = atoms_of(sample_frames()[1]).repeat((2, 2, 1))
    atoms.calc = ReliableCalculator(SondeCalculator(counting), probe, tolerance=0.3)
    return atoms, counting


def test_the_base_is_untouched_and_one_pass_gives_everything(counted: tuple[Atoms, Counting]) -> None:
    atoms, counting = counted
    plain = atoms.copy()
    plain.calc = SondeCalculator(counting)
    expected = {name: plain.calc.get_property(name, plain) for name in STANDARD}
    counting.n_passes = 0
    for name, value in expected.items():
        np.testing.assert_array_equal(atoms.calc.get_property(name, atoms), value)
    found = {name: atoms.calc.get_property(name, atoms) for name in OWN}
    assert counting.n_passes == 1
    assert 0 <= found["reliability"] <= 1
    assert found["atomic_reliability"].shape == (len(atoms),)
    assert found["scope_distance"] > 0


def test_asking_for_reliability_first_costs_one_pass_as_well(counted: tuple[Atoms, Counting]) -> None:
    atoms, counting = counted
    first = atoms.calc.get_property("reliability", atoms)
    atoms.get_forces()
    assert counting.n_passes == 1
    atoms.positions[0] += 0.3
    assert atoms.calc.get_property("reliability", atoms, allow_calculation=False) is None
    second = atoms.calc.get_property("reliability", atoms)
    assert counting.n_passes == 2
    assert first != second


def test_steps_that_nobody_asks_about_are_not_scored(
    counted: tuple[Atoms, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms, _ = counted

    def score(*arguments: object, **named: object) -> None:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(LocalProbe, "score", score)
    dynamics = hot(atoms)
    dynamics.run(3)
    with pytest.raises(AssertionError, match="nobody asked"):
        atoms.calc.get_property("reliability", atoms)


def test_results_are_copies(counted: tuple[Atoms, Counting]) -> None:
    atoms, _ = counted
    atoms.get_forces()
    atoms.calc.results["forces"][:] = 0
    assert np.abs(atoms.calc.base.results["forces"]).max() > 0
    atoms.calc.get_property("atomic_reliability", atoms)[:] = -1
    assert (atoms.calc.get_property("atomic_reliability", atoms) >= 0).all()


def test_it_says_what_the_probe_says(
    counted: tuple[Atoms, Counting], fitted: tuple[LinearPotential, LocalProbe]
) -> None:
    potential, probe = fitted
    atoms, _ = counted
    frame = Frame(atoms.numbers.astype(np.int64), atoms.positions, atoms.cell.array, atoms.pbc)
    expected = probe.score_frames(potential.identity, [frame], potential.evaluate([frame]), 0.3)[0]
    assert atoms.calc.get_property("reliability", atoms) == pytest.approx(expected.p_within)
    assert atoms.calc.reliability().worst_atoms == expected.worst_atoms


def test_steps_scored_one_by_one_are_as_frames_scored_together(
    counted: tuple[Atoms, Counting], fitted: tuple[LinearPotential, LocalProbe]
) -> None:
    """What is kept from step to step (neighbours, memory) changes no verdict."""
    atoms, _ = counted
    potential, probe = fitted
    frames: list[Frame] = []
    alone: list[Reliability] = []

    def look() -> None:
        frames.append(frame_of(atoms))
        alone.append(atoms.calc.reliability())

    dynamics = hot(atoms)
    dynamics.attach(look, interval=5)
    dynamics.run(60)
    together = probe.score_frames(potential.identity, frames, potential.evaluate(frames), 0.3)
    assert len({found.p_within for found in alone}) > 5
    for one, other in zip(alone, together, strict=True):
        assert (one.state, one.worst_atoms) == (other.state, other.worst_atoms)
        for name in ("p_within", "out_of_scope_score", "atomic_p_within", "distance_ratio", "q_ratio", "t2_ratio"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9, atol=1e-12)


def test_relaxations_filters_and_bands_run_as_with_the_base(counted: tuple[Atoms, Counting]) -> None:
    atoms, counting = counted
    plain = atoms.copy()
    plain.calc = SondeCalculator(counting)
    for one in (atoms, plain):
        FIRE(FrechetCellFilter(one), logfile=None).run(fmax=0.05, steps=5)
    np.testing.assert_allclose(atoms.positions, plain.positions, atol=1e-12)
    images = [atoms.copy() for _ in range(3)]
    images[2].positions[0] += 0.4
    for image in images:
        image.calc = ReliableCalculator(SondeCalculator(counting), atoms.calc.probe)
    band = NEB(images, method="improvedtangent")
    band.interpolate()
    FIRE(band, logfile=None).run(steps=2)
    assert len({image.calc.get_property("scope_distance", image) for image in images}) > 1


def test_one_calculator_serves_structures_of_any_size(
    counted: tuple[Atoms, Counting], fitted: tuple[LinearPotential, LocalProbe]
) -> None:
    """Nothing of the structure before is left over, also back and forth."""
    atoms, counting = counted
    small = atoms[: len(atoms) // 2]
    expected = {}
    for one in (atoms, small):
        frame = Frame(one.numbers.astype(np.int64), one.positions, one.cell.array, one.pbc)
        found = fitted[1].score_frames(counting.identity, [frame], fitted[0].evaluate([frame]), 0.3)[0]
        expected[len(one)] = (found.p_within, found.atomic_p_within)
    for one in (atoms, small, atoms):
        p, atomic = (atoms.calc.get_property(name, one) for name in OWN[:2])
        assert p == pytest.approx(expected[len(one)][0])
        np.testing.assert_allclose(atomic, expected[len(one)][1])
    assert counting.n_passes == 3


def test_an_attention_probe_brings_its_own_tolerance(fitted: tuple[LinearPotential, LocalProbe]) -> None:
    from sonde.reliability.probes.attention import AttentionProbe, AttentionSettings
    from sonde.reliability.probes.attention_data import StructureData
    from sonde.reliability.probes.attention_training import TrainingSettings
    from sonde.reliability.trust import scope_of

    potential, frames = fitted[0], sample_frames()[:80]
    evaluations, groups = potential.evaluate(frames), list(range(80))
    data = StructureData.from_evaluations(frames, evaluations, groups, identity=potential.identity, target="force")
    scope, descriptor = scope_of(frames, evaluations, groups, groups, None)
    settings = AttentionSettings("force", training=TrainingSettings(most_epochs=2))
    probe = AttentionProbe.fit(data, settings=settings, seed=0, scope=scope, descriptor=descriptor)
    atoms = atoms_of(frames[0])
    atoms.calc = ReliableCalculator(SondeCalculator(potential), probe)
    assert atoms.calc.tolerance == probe.model.tolerance
    assert 0 <= atoms.calc.get_property("reliability", atoms) <= 1
    assert atoms.calc.reliability().atomic_importance is not None


def test_a_probe_of_another_potential_is_refused(
    fitted: tuple[LinearPotential, LocalProbe], counted: tuple[Atoms, Counting]
) -> None:
    from dataclasses import replace

    other = replace(fitted[1], identity=OTHER_IDENTITY)
    with pytest.raises(WrongUse, match="fitted on another potential"):
        ReliableCalculator(SondeCalculator(fitted[0]), other)
    with pytest.raises(WrongUse, match="must be above zero"):
        ReliableCalculator(SondeCalculator(fitted[0]), fitted[1], tolerance=0.0)
    with pytest.raises(Exception, match="Nothing has been calculated yet"):
        counted[0].calc.reliability()


# ---- monitor ---------------------------------------------------------------------------------------------------------


def hot(atoms: Atoms) -> Langevin:
    """Dynamics that leave everything known within a few dozen steps."""
    rng = np.random.default_rng(0)
    return Langevin(atoms, 2 * units.fs, temperature_K=20_000, friction=0.05, fixcm=False, rng=rng)


def test_a_calm_structure_raises_no_alarm(counted: tuple[Atoms, Counting], tmp_path: Path) -> None:
    atoms, counting = counted
    monitor = ReliabilityMonitor(atoms, log=tmp_path / "log.jsonl")
    monitor()
    monitor()
    assert counting.n_passes == 1
    assert (monitor.n_alarms, monitor.selected, monitor.state) == (0, [], "calm")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["call"] for line in lines] == [0, 1]


def test_a_run_that_leaves_scope_is_stopped_and_leaves_structures(counted: tuple[Atoms, Counting]) -> None:
    atoms, counting = counted
    alarms: list[float] = []
    monitor = ReliabilityMonitor(
        atoms, policy="stop", budget=3, apart_A=0.05, on_alarm=lambda found: alarms.append(found.p_within)
    )
    dynamics = hot(atoms)
    dynamics.attach(monitor, interval=2)
    assert run_watched(dynamics, 400) is False
    assert dynamics.nsteps < 400
    assert counting.n_passes <= dynamics.nsteps + 2
    assert 1 <= len(monitor.selected) <= 3
    assert len(alarms) == monitor.n_alarms >= 1
    assert monitor.structures()[0].info["reliability"] == min(one.reliability.p_within for one in monitor.selected)


def test_every_policy_does_what_it_says(counted: tuple[Atoms, Counting]) -> None:
    atoms, counting = counted
    atoms.positions[1] = atoms.positions[0] + 0.6  # two atoms on top of each other: far out of scope
    off = ReliabilityMonitor(atoms, policy="off")
    off()
    assert (off.n_calls, counting.n_passes) == (0, 0)
    warn = ReliabilityMonitor(atoms, policy="warn")
    with pytest.warns(UserWarning, match="P\\(largest force error"):
        warn()
    assert not warn.selected
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn()  # still the same alarm
    with pytest.raises(Untrustworthy, match="worst atoms"):
        ReliabilityMonitor(atoms, policy="raise")()
    with pytest.raises(ReliabilityStop):
        ReliabilityMonitor(atoms, policy="stop")()
    assert counting.n_passes == 1


def test_like_structures_are_selected_once(counted: tuple[Atoms, Counting]) -> None:
    atoms, _ = counted
    atoms.positions[1] = atoms.positions[0] + 0.6
    monitor = ReliabilityMonitor(atoms, apart_A=0.2)
    monitor()
    atoms.positions += atoms.cell[0]  # the same by periodicity
    monitor()
    assert len(monitor.selected) == 1
    atoms.rattle(0.5, seed=3)
    monitor()
    assert len(monitor.selected) == 2
    assert monitor.selected[0].atoms.calc is None


def verdicts(values: list[float], limits: Limits, counted: tuple[Atoms, Counting]) -> list[Verdict]:
    from dataclasses import replace

    atoms, _ = counted
    atoms.get_potential_energy()
    found = atoms.calc.reliability()
    state: Verdict = "calm"
    seen = []
    for value in values:
        state = limits.verdict(replace(found, p_within=value, out_of_scope_score=0.1), state)
        seen.append(state)
    return seen


def test_an_alarm_ends_only_when_it_is_clearly_over(counted: tuple[Atoms, Counting]) -> None:
    limits = Limits(select_below=0.5, stop_below=0.1, calm=1.2)
    assert verdicts([0.6, 0.49, 0.55, 0.59, 0.61, 0.55], limits, counted) == [
        "calm", "select", "select", "select", "calm", "calm",
    ]  # fmt: skip
    assert verdicts([0.09, 0.11, 0.3, 0.55, 0.7], limits, counted) == ["stop", "stop", "select", "select", "calm"]


def test_an_alarm_begins_only_where_a_verdict_becomes_worse(counted: tuple[Atoms, Counting]) -> None:
    from dataclasses import replace

    from sonde.reliability.watch import Watch

    atoms, _ = counted
    atoms.get_potential_energy()
    found = atoms.calc.reliability()
    watch = Watch(Limits(select_below=0.5, stop_below=0.1, stop_after=2), keeps=False)
    looks = [
        watch.look(atoms, replace(found, p_within=p, out_of_scope_score=0.1)) for p in (0.9, 0.3, 0.01, 0.3, 0.01, 0.01)
    ]
    assert [one.begins for one in looks] == [False, True, True, False, True, False]
    assert [one.ends for one in looks] == [False] * 5 + [True]
    assert watch.n_alarms == 3


def test_limits_and_options_that_cannot_be(counted: tuple[Atoms, Counting]) -> None:
    with pytest.raises(WrongUse, match="must not be reached before"):
        Limits(select_below=0.1, stop_below=0.5)
    with pytest.raises(WrongUse, match="factor of at least 1"):
        Limits(calm=0.5)
    with pytest.raises(WrongUse, match="need a ReliableCalculator"):
        ReliabilityMonitor(Atoms("H"))
    with pytest.raises(WrongUse, match="policy is one of"):
        ReliabilityMonitor(counted[0], policy="panic")  # type: ignore[arg-type]
