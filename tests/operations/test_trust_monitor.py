"""Trajectories of a real potential that runs away, watched from files: extended xyz, LAMMPS dumps, files that grow."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from tests.cli.terminal import done
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import BadInput, SondeError, WrongUse
from sonde.operations.add_dataset import add_dataset
from sonde.operations.add_potential import PotentialOptions, add_potential
from sonde.operations.trajectories import follow
from sonde.operations.trust import LammpsRun, trust_fit, trust_score
from sonde.operations.trust_monitor import MonitorPlan, trust_monitor
from sonde.potentials.calculator import atoms_of
from sonde.potentials.linear import LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.reliability.monitor import Untrustworthy
from sonde.reliability.watch import Limits
from sonde.simulation.dynamics import run_dynamics
from sonde.store import Project


@pytest.fixture(scope="module")
def watched(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Path]:
    """A project with a potential of calm cells and its probe, and a run that heats one of them until it explodes."""
    folder = tmp_path_factory.mktemp("watched")
    calm = al_li_mg_frames(shared_data, largest_force=1.5)
    potential = fit_linear(calm[::2], settings=LinearSettings(n_radial=5, n_product=1, l_max=0))
    potential.save(folder / "linear.npz")
    write(folder / "unseen.xyz", calm[1::2])
    project = Project.create(folder)
    add_dataset(project, "unseen", [folder / "unseen.xyz"])
    add_potential(project, "linear", folder / "linear.npz", adapter="linear", options=PotentialOptions())
    trust_fit(project, "linear", "unseen")
    start = next(frame for frame in calm[1::2] if frame.n_atoms == 4 and len(set(frame.numbers.tolist())) > 1)
    run = run_dynamics(potential, start, timestep_fs=2, temperature_K=9000, n_steps=60, seed=1, thermostat="langevin")
    ase.io.write(folder / "hot.xyz", [atoms_of(frame) for frame in [start, *run[1:]]], format="extxyz")
    return project, folder / "hot.xyz"


def write(path: Path, frames: list[Frame]) -> None:
    written = []
    for frame in frames:
        atoms = atoms_of(frame)
        atoms.info |= {"REF_energy": frame.energy_eV, "config_type": "calm"}
        atoms.arrays["REF_forces"] = np.asarray(frame.forces_eV_per_A)
        written.append(atoms)
    ase.io.write(path, written, format="extxyz")


def test_a_run_away_is_stopped_and_leaves_structures(watched: tuple[Project, Path], tmp_path: Path) -> None:
    project, hot = watched
    plan = MonitorPlan("stop", log=tmp_path / "log.jsonl", out=tmp_path / "kept.xyz")
    found = trust_monitor(project, "linear", hot, plan=plan)
    assert found.stopped_at is not None
    assert 0 < found.stopped_at < len(ase.io.read(hot, ":")) - 1
    assert found.frames[0].state == "calm"
    assert found.frames[-1].state == "stop"
    assert found.first_alarm is not None
    assert found.first_alarm <= found.stopped_at
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["state"] for line in lines] == [frame.state for frame in found.frames]
    kept = ase.io.read(tmp_path / "kept.xyz", ":")
    assert len(kept) == len(found.selected) >= 1
    assert kept[0].info["reliability"] == min(atoms.info["reliability"] for atoms in kept)


def test_policies_and_intervals(watched: tuple[Project, Path]) -> None:
    project, hot = watched
    n = len(ase.io.read(hot, ":"))
    said: list[str] = []
    plan = MonitorPlan("warn", interval=3, on_alarm=lambda looked: said.append(looked.words))
    warned = trust_monitor(project, "linear", hot, plan=plan)
    assert warned.n_looks == -(-n // 3)
    assert len(said) == warned.n_alarms >= 1
    assert warned.selected == ()
    assert all(frame.frame % 3 == 0 for frame in warned.frames)
    off = trust_monitor(project, "linear", hot, plan=MonitorPlan("off"))
    assert (off.n_looks, off.first_alarm) == (0, None)
    assert off.anomaly == trust_monitor(project, "linear", hot, plan=MonitorPlan("select")).anomaly
    with pytest.raises(Untrustworthy, match=r"hot\.xyz: call \d+: P\(largest force error"):
        trust_monitor(project, "linear", hot, plan=MonitorPlan("raise"))


def test_a_tolerance_may_grow_with_the_force(watched: tuple[Project, Path]) -> None:
    """A share of the force beside the tolerance never makes a frame less likely to be within it."""
    project, hot = watched
    asked = ("trust", "monitor", "linear", hot, "--project", project.root, "--policy", "warn")
    plain, wider = (done(*asked, *more, "--json").record for more in ((), ("--relative", 0.5)))
    assert plain["claim"] == "largest force error ≤ 0.3 eV/Å"
    assert wider["claim"] == "largest force error ≤ 0.3 eV/Å + 0.5 |F|"
    pairs = [(more["p_within"], less["p_within"]) for more, less in zip(wider["frames"], plain["frames"], strict=True)]
    assert all(more >= less for more, less in pairs)
    assert any(more > less for more, less in pairs)


def test_a_stop_needs_as_many_frames_in_a_row_as_asked(watched: tuple[Project, Path]) -> None:
    project, hot = watched
    at = [
        trust_monitor(project, "linear", hot, plan=MonitorPlan("stop", Limits(stop_after=n))).stopped_at for n in (1, 4)
    ]
    assert at[0] is not None
    assert at[1] is not None
    assert at[1] >= at[0] + 3


def to_dump(path: Path, frames: list[Atoms]) -> Path:
    """As LAMMPS writes it: a cell turned into its own orientation, atoms in any order, types instead of elements."""
    types = {number: place for place, number in enumerate((13, 3, 12), start=1)}
    text = ""
    for step, atoms in enumerate(frames):
        cell, _ = atoms.cell.standard_form()
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell.array
        low = [min(0, xy, xz, xy + xz), min(0, yz), 0]
        high = [lx + max(0, xy, xz, xy + xz), ly + max(0, yz), lz]
        text += f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS xy xz yz pp pp pp\n"
        text += "".join(f"{a} {b} {c}\n" for a, b, c in zip(low, high, (xy, xz, yz), strict=True))
        text += "ITEM: ATOMS type id xs ys zs\n"
        shares = atoms.get_scaled_positions(wrap=False)
        rows = [
            f"{types[z]} {k + 1} {x!r} {y!r} {w!r}\n"
            for k, (z, (x, y, w)) in enumerate(zip(atoms.numbers, shares.tolist(), strict=True))
        ]
        text += "".join(reversed(rows))
    path.write_text(text)
    return path


def test_a_lammps_dump_is_scored_as_the_same_structures(watched: tuple[Project, Path], tmp_path: Path) -> None:
    project, hot = watched
    frames = ase.io.read(hot, ":6")
    ase.io.write(tmp_path / "six.xyz", frames, format="extxyz")
    dump = to_dump(tmp_path / "six.lammpstrj", frames)
    run = LammpsRun(("Al", "Li", "Mg"))
    expected = trust_score(project, "linear", tmp_path / "six.xyz").structures
    found = trust_score(project, "linear", dump, lammps=run).structures
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.p_within == pytest.approx(theirs.p_within, abs=1e-4)
        np.testing.assert_allclose(mine.atomic_p_within, theirs.atomic_p_within, atol=1e-4)
    watch = trust_monitor(project, "linear", dump, plan=MonitorPlan(elements=run.elements))
    assert [frame.p_within for frame in watch.frames] == pytest.approx([one.p_within for one in expected], abs=1e-4)
    with pytest.raises(BadInput, match="is no LAMMPS dump"):
        trust_score(project, "linear", tmp_path / "six.xyz", lammps=run)


def test_energies_of_the_log_show_whether_the_types_are_right(watched: tuple[Project, Path], tmp_path: Path) -> None:
    from sonde.operations.evidence.assembly import load_registered
    from sonde.potentials.calculator import frame_of
    from sonde.progress import SILENT

    project, hot = watched
    frames = ase.io.read(hot, ":6")
    dump = to_dump(tmp_path / "six.lammpstrj", frames)
    _, potential = load_registered(project, "linear", SILENT)
    energies = [e.energy_eV for e in potential.evaluate([frame_of(atoms) for atoms in frames])]
    log = tmp_path / "log.lammps"
    rows = "".join(f"{step} 300 {energy + 7.0:.9f}\n" for step, energy in enumerate(energies))
    log.write_text(f"units metal\nStep Temp PotEng\n{rows}Loop time\n")
    same = trust_score(project, "linear", dump, lammps=LammpsRun(("Al", "Li", "Mg"), log)).parity
    assert same is not None
    assert same.n_frames == 6
    assert same.offset_meV_per_atom == pytest.approx(7000 / len(frames[0]), abs=1e-2)
    assert same.largest_meV_per_atom < 0.01 < same.spread_meV_per_atom
    wrong = trust_score(project, "linear", dump, lammps=LammpsRun(("Li", "Al", "Mg"), log)).parity
    assert wrong is not None
    assert wrong.largest_meV_per_atom > 1
    log.write_text("units metal\nStep Temp PotEng\n999 1 1\nLoop\n")
    with pytest.raises(BadInput, match="no potential energy"):
        trust_score(project, "linear", dump, lammps=LammpsRun(("Al", "Li", "Mg"), log))


def test_a_growing_file_is_followed_and_half_a_frame_waited_for(watched: tuple[Project, Path], tmp_path: Path) -> None:
    text = watched[1].read_text().splitlines(keepends=True)
    length = len(text) // len(ase.io.read(watched[1], ":"))
    growing = tmp_path / "growing.xyz"
    growing.write_text("".join(text[: length + 3]))  # one frame and a half

    def append() -> None:
        time.sleep(0.7)
        with growing.open("a") as stream:
            stream.write("".join(text[length + 3 : 3 * length]))

    writer = threading.Thread(target=append)
    writer.start()
    seen = list(follow(growing, idle_s=3.0))
    writer.join()
    assert len(seen) == 3
    expected = ase.io.read(watched[1], ":3")
    for frame, atoms in zip(seen, expected, strict=True):
        np.testing.assert_allclose(frame.positions, atoms.positions)


def test_guards(watched: tuple[Project, Path], tmp_path: Path) -> None:
    project, hot = watched
    with pytest.raises(BadInput, match="no such file"):
        trust_monitor(project, "linear", tmp_path / "none.xyz", plan=MonitorPlan(idle_s=0.1))
    with pytest.raises(WrongUse, match="policy is one of"):
        trust_monitor(project, "linear", hot, plan=replace(MonitorPlan(), policy="panic"))  # type: ignore[arg-type]
    with pytest.raises(WrongUse, match="interval counts"):
        MonitorPlan(interval=0)
    with pytest.raises(SondeError, match="No attention probe is fitted for linear"):
        trust_monitor(project, "linear", hot, kind="attention")
