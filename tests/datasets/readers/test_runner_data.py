"""RuNNer's and n2p2's `input.data`: written by ase, by dpdata and by hand."""

from collections.abc import Sequence
from pathlib import Path

import ase.io
import dpdata
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Bohr, Hartree
from tests.datasets.readers.samples import assert_same, case_of, forces_of, peak_growth_in_mib

from sonde.datasets.readers import read_frames, reader_for
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law

KNOWN = """begin
comment a molecule of known numbers
atom 0.0 0.0 0.0  O   0.0 0.0   0.1 0.2 0.3
atom 0.0 0.0 4.0  Ni  0.0 0.0  -0.1 -0.2 -0.3
energy -2.0
charge 1.0
end
"""


def rocksalt(n_frames: int, repeat: int = 1, seed: int = 0) -> list[Atoms]:
    """Rattled cells of NiO with energy and forces, bonds as long as they are."""
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(n_frames):
        atoms = bulk("NiO", "rocksalt", a=4.18, cubic=True).repeat((repeat, repeat, 1))
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        energy, forces = -5.3 * len(atoms) + rng.normal(), rng.normal(0, 0.5, atoms.positions.shape)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        images.append(atoms)
    return images


def classic(images: Sequence[Atoms], length: float = Bohr, energy: float = Hartree) -> str:
    """Write the layout of RuNNer 1 and n2p2, in any units."""
    lines = []
    for atoms in images:
        lines += ["begin", *(f"lattice {x!r} {y!r} {z!r}" for x, y, z in (atoms.cell.array / length).tolist())]
        table = zip(atoms.positions / length, atoms.symbols, atoms.get_forces() * length / energy, strict=True)
        for position, symbol, force in table:
            words = [*position.tolist(), symbol, 0.0, 0.0, *force.tolist()]
            lines.append("atom " + " ".join(map(str, words)))
        lines += [f"energy {float(atoms.get_potential_energy()) / energy!r}", "charge 0.0", "end"]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str, units: str | None = None) -> Path:
    path.write_text(text)
    if units is not None:
        path.with_name(path.name + ".units").write_text(units)
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    (tmp_path / "written").mkdir()
    return write(tmp_path / "written" / "input.data", classic(rocksalt(6)))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("runner_data", sample, 6), tmp_path)


def test_numbers_known_on_paper(tmp_path: Path) -> None:
    """4 Bohr are 2.1167 Å, −2 Hartree are −54.4228 eV, a Hartree per Bohr is 51.4221 eV/Å (CODATA)."""
    (frame,) = read_frames(write(tmp_path / "input.data", KNOWN))
    np.testing.assert_allclose(frame.positions[1], [0, 0, 2.1167088], atol=1e-6)
    assert frame.energy_eV == pytest.approx(-54.42277, abs=1e-4)
    np.testing.assert_allclose(forces_of(frame)[0], np.array([0.1, 0.2, 0.3]) * 51.42207, atol=1e-3)
    assert frame.numbers.tolist() == [8, 28]
    assert not frame.pbc.any()
    assert not frame.cell.any()
    assert frame.stress_eV_per_A3 is None
    assert dict(frame.tags) == {
        "units_convention": "documented: Bohr, Hartree",
        "comment": "a molecule of known numbers",
        "total_charge": 1.0,
        "energy_convention": "documented: total",
    }


def test_the_classic_layout(sample: Path) -> None:
    assert_same(list(read_frames(sample)), rocksalt(6))


def test_ase_writes_and_reads_the_same(tmp_path: Path) -> None:
    """RuNNer 2 names the columns behind `begin`."""
    images = rocksalt(4)
    path = tmp_path / "input.data"
    ase.io.write(path, images, format="runnerdata", comment="by ase")
    frames = list(read_frames(path))
    assert path.read_text().startswith("begin position(3) element forces(3)\n")
    assert_same(frames, images, tolerance=1e-8)
    assert_same(frames, ase.io.read(path, ":", format="runnerdata"))
    assert {frame.tags["comment"] for frame in frames} == {"by ase"}


def test_more_columns(tmp_path: Path) -> None:
    """Other properties between positions and forces are passed over."""
    images = rocksalt(2)
    for atoms in images:
        atoms.set_initial_charges(np.arange(8) / 10)
        atoms.set_array("dipoles", np.ones((8, 3)))
    path = tmp_path / "input.data"
    ase.io.write(path, images, format="runnerdata")
    assert "dipoles(3)" in path.read_text().splitlines()[0]
    assert_same(list(read_frames(path)), images, tolerance=1e-8)


def test_dpdata_writes_and_reads_the_same(tmp_path: Path) -> None:
    """n2p2's layout; dpdata keeps six decimals."""
    images = rocksalt(3)
    system = dpdata.LabeledSystem(images[0], fmt="ase/structure")
    for atoms in images[1:]:
        system.append(dpdata.LabeledSystem(atoms, fmt="ase/structure"))
    path = tmp_path / "input.data"
    system.to("n2p2", str(path))
    frames = list(read_frames(path))
    theirs = dpdata.LabeledSystem(str(path), fmt="n2p2")
    for index, frame in enumerate(frames):
        np.testing.assert_allclose(frame.positions, theirs["coords"][index], atol=1e-6)
        np.testing.assert_allclose(frame.cell, theirs["cells"][index], atol=1e-6)
        np.testing.assert_allclose(forces_of(frame), theirs["forces"][index], atol=1e-6)
        assert frame.energy_eV == pytest.approx(theirs["energies"][index], rel=1e-8)
        assert frame.energy_eV == pytest.approx(images[index].get_potential_energy(), abs=1e-4)


def test_angstrom_is_not_taken_for_bohr(tmp_path: Path) -> None:
    """n2p2's sets may be in any unit; bonds of half their length give it away."""
    path = write(tmp_path / "input.data", classic(rocksalt(25), length=1.0, energy=1.0))
    message = r"input\.data: read in Bohr, atoms stand at less than 0\.7 of a bond length in 20 of the first 20 frames"
    with pytest.raises(BadInput, match=message) as caught:
        next(read_frames(path))
    assert "into input.data.units beside it" in caught.value.mend
    write(path, path.read_text(), units="angstrom eV\n")
    frames = list(read_frames(path))
    assert_same(frames, rocksalt(25))
    assert frames[0].tags["units_convention"] == "stated: angstrom, ev"


def test_stated_units_are_not_questioned(tmp_path: Path) -> None:
    """Strongly compressed cells in Bohr."""
    images = rocksalt(3)
    for atoms in images:
        atoms.set_cell(0.55 * atoms.cell, scale_atoms=True)
        atoms.calc.atoms = atoms.copy()
    path = write(tmp_path / "input.data", classic(images), units="Bohr Hartree")
    assert_same(list(read_frames(path)), images)
    write(path, classic(images), units="kcal")
    with pytest.raises(
        BadInput, match=r"input\.data\.units: two units must stand here, found 'kcal'\n  write bohr or ang"
    ):
        next(read_frames(path))


def test_a_few_close_atoms_are_no_reason_to_refuse(tmp_path: Path) -> None:
    images = rocksalt(10)
    for atoms in images[:4]:
        atoms.positions[1] = atoms.positions[0] + 0.5
        atoms.calc.atoms = atoms.copy()
    assert_same(list(read_frames(write(tmp_path / "input.data", classic(images)))), images)


def test_absent_labels(tmp_path: Path) -> None:
    text = "# a remark\nbegin position(3) element\natom 0 0 0 O\natom 0 0 2.4 O\nend\n"
    path = write(tmp_path / "input.data", text)
    assert reader_for(path).name == "runner_data"
    (frame,) = read_frames(path)
    assert (frame.energy_eV, frame.forces_eV_per_A) == (None, None)
    assert dict(frame.tags) == {"units_convention": "documented: Bohr, Hartree"}


BAD: dict[str, tuple[str, str, str]] = {
    "nan": ("-0.1 -0.2", "nan -0.2", "frame 1, line 11: the forces: NaN or inf"),
    "inf": ("energy -2.0", "energy inf", "frame 1, line 12: energy: NaN or inf"),
    "word": ("0.0 0.0 4.0", "0.0 x 4.0", "frame 1, line 11: the position must be numbers, found '0.0 x 4.0'"),
    "no element": ("Ni ", "Xx ", r"frame 1, line 8: 'Xx' is no element \(atom 1\)"),
    "short": (
        "-0.2 -0.3",
        "-0.2",
        r"line 11: 9 columns must stand here, found 8: .*\n  forces and charges that are not",
    ),
    "long": ("-0.2 -0.3", "-0.2 -0.3 1", "line 11: 9 columns must stand here, found 10"),
    "energies": ("energy -2.0", "energy -2.0\nenergy -3.0", "line 13: one energy with one value"),
    "no value": ("charge 1.0", "charge", "line 13: one charge with one value"),
    "keyword": ("charge 1.0", "stress 1 2 3", "line 13: no keyword is called 'stress'"),
    "one vector": (
        "comment",
        "lattice 1 0 0\ncomment",
        "line 8: a structure has three lattice vectors or none, found 1",
    ),
    "half a vector": ("comment", "lattice 1 0\ncomment", "line 9: a lattice vector has three numbers, found 2"),
    "flat": ("comment", "lattice 1 0 0\n" * 3 + "comment", "line 8: the lattice vectors span no volume"),
    "no end": ("end\n", "", "frame 1, line 13: the file is truncated: it ends inside a structure"),
    "begin inside": ("energy", "begin\nenergy", "line 12: no keyword is called 'begin'"),
    "between": ("begin\n", "atom 0 0 0 O\nbegin\n", "frame 1, line 8: begin must stand here, found 'atom 0 0 0 O'"),
    "columns": ("begin\n", "begin position(3) element forces(3\n", r"line 8: columns must be named like forces\(3\)"),
    "no position": ("begin\n", "begin element forces(3)\n", r"line 8: the columns must name position\(3\) and element"),
    "one force": ("begin\n", "begin position(3) element force\n", r"position\(3\) and forces\(3\) take three columns"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_frame_and_line(name: str, tmp_path: Path) -> None:
    before, after, message = BAD[name]
    assert before in KNOWN
    path = write(tmp_path / "input.data", KNOWN + KNOWN.replace(before, after, 1))
    frames = read_frames(path)
    assert next(frames).ordinal == 0
    with pytest.raises(BadInput, match=message) as caught:
        next(frames)
    assert caught.value.path == str(path)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = write(tmp_path / "input.data", classic(rocksalt(1, repeat=6)) * 500)
    assert path.stat().st_size > 15e6
    assert peak_growth_in_mib(path, n_first=100) < 6
