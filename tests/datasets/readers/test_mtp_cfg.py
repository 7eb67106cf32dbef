"""Configurations of moment tensor potentials, written by hand as MLIP-2 and MLIP-3 write them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from tests.datasets.readers.samples import assert_same, case_of, forces_of, nickel_oxide, peak_growth_in_mib, stress_of

from sonde.datasets.readers import read_frames
from sonde.datasets.readers.mtp_cfg import MtpCfgReader
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law

TYPES = {"Ni": 0, "O": 1}
KNOWN = """BEGIN_CFG
 Size
    2
 Supercell
         2.0      0.0      0.0
         0.0      4.0      0.0
         0.0      0.0      5.0
 AtomData:  id type       cartes_x      cartes_y      cartes_z           fx          fy          fz
             1    0       0.0           0.0           0.0       0.1   0.2   0.3
             2    1       1.0           2.0           2.5      -0.1  -0.2  -0.3
 Energy
        -12.5
 PlusStress:  xx          yy          zz          yz          xz          xy
         4.0     8.0    12.0     1.0     2.0     3.0
 Feature   EFS_by       VASP
 Feature   mindist      3.354102
END_CFG
"""


def configuration(atoms: Atoms, order: Sequence[str] = ("id", "type", "cartes", "f")) -> str:
    """Write a configuration as `mlp convert-cfg` does, its columns in the given order."""
    triples = {"cartes": atoms.positions, "direct": atoms.get_scaled_positions(wrap=False), "f": atoms.get_forces()}
    axes = {"cartes": "cartes_x cartes_y cartes_z", "direct": "direct_x direct_y direct_z", "f": "fx fy fz"}
    header = [axes.get(name, name) for name in order]
    rows: list[list[object]] = []
    for atom, symbol in enumerate(atoms.get_chemical_symbols()):
        scalars: dict[str, list[object]] = {
            "id": [atom + 1],
            "type": [TYPES[symbol]],
            "site_en": [-1.0],
            "ghost": ["false"],
        }
        rows.append([word for name in order for word in (scalars.get(name) or triples[name][atom].tolist())])
    virial = -atoms.get_volume() * atoms.get_stress()
    return "\n".join(
        [
            "BEGIN_CFG",
            f" Size\n    {len(atoms)}\n Supercell",
            *(" ".join(map(repr, vector)) for vector in atoms.cell.tolist()),
            " AtomData:  " + " ".join(header),
            *(" ".join(map(str, row)) for row in rows),
            f" Energy\n    {atoms.get_potential_energy()!r}",
            " PlusStress:  xx yy zz yz xz xy",
            " ".join(map(repr, virial.tolist())),
            " Feature   EFS_by\tVASP\nEND_CFG\n",
        ]
    )


def write(path: Path, text: str, elements: str | None = "Ni O\n") -> Path:
    path.write_text(text)
    if elements is not None:
        path.with_name(path.name + ".elements").write_text(elements)
    return path


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    (tmp_path / "written").mkdir()
    text = "\n".join(configuration(atoms) for atoms in nickel_oxide(7))
    return write(tmp_path / "written" / "sample.cfg", text)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("mtp_cfg", sample, 7, beside=(sample.with_name("sample.cfg.elements"),)), tmp_path)


def test_numbers_known_on_paper(tmp_path: Path) -> None:
    """40 Å³ with a virial of 4, 8, 12, 1, 2, 3 eV is under pressure: the stress is a fortieth, negative."""
    (frame,) = read_frames(write(tmp_path / "known.cfg", KNOWN))
    assert frame.numbers.tolist() == [28, 8]
    assert frame.energy_eV == -12.5
    np.testing.assert_allclose(stress_of(frame), -np.array([[4, 3, 2], [3, 8, 1], [2, 1, 12]]) / 40)
    np.testing.assert_allclose(forces_of(frame), [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]])
    np.testing.assert_allclose(frame.positions[1], [1, 2, 2.5])
    assert dict(frame.tags) == {
        "EFS_by": "VASP",
        "mindist": "3.354102",
        "energy_convention": "documented: total",
        "stress_convention": "documented: −PlusStress / volume; PlusStress in eV, positive under compression",
    }


@pytest.mark.parametrize(
    "order",
    [
        ("id", "type", "cartes", "f"),
        ("f", "type", "cartes"),
        ("cartes", "f", "site_en", "ghost", "type", "id"),
        ("id", "direct", "type", "f"),
    ],
)
def test_columns_in_any_order(order: tuple[str, ...], tmp_path: Path) -> None:
    images = nickel_oxide(5, seed=2)
    path = write(tmp_path / "a.cfg", "".join(configuration(atoms, order) for atoms in images))
    assert_same(list(read_frames(path)), images)


def test_components_of_the_stress_in_any_order(tmp_path: Path) -> None:
    text = KNOWN.replace("xx          yy          zz          yz          xz          xy", "xy xz yz zz yy xx")
    (frame,) = read_frames(
        write(tmp_path / "a.cfg", text.replace(" 4.0     8.0    12.0     1.0     2.0     3.0", "3 2 1 12 8 4"))
    )
    np.testing.assert_allclose(stress_of(frame), -np.array([[4, 3, 2], [3, 8, 1], [2, 1, 12]]) / 40)


def test_elements_are_stated_in_three_ways(tmp_path: Path) -> None:
    by_feature = KNOWN.replace(" Feature   EFS_by", " Feature elements Nb Mo\n Feature   EFS_by")
    (frame,) = read_frames(write(tmp_path / "feature.cfg", by_feature, elements=None))
    assert frame.numbers.tolist() == [41, 42]
    assert "elements" not in frame.tags
    (frame,) = MtpCfgReader(elements=("Ta", "W")).read(write(tmp_path / "option.cfg", KNOWN, elements=None))
    assert frame.numbers.tolist() == [73, 74]
    symbols = KNOWN.replace("1    0  ", "1   Al").replace("2    1  ", "2   Li")
    (frame,) = read_frames(write(tmp_path / "symbols.cfg", symbols, elements=None))
    assert frame.numbers.tolist() == [13, 3]


def test_elements_that_are_not_said(tmp_path: Path) -> None:
    """Atomic numbers in the order of the types would be a guess."""
    message = (
        r"known\.cfg, frame 0, line 1: which elements the types are is not said\n  write the element symbols, in the "
    )
    with pytest.raises(BadInput, match=message + r"order of the types, into known\.cfg\.elements beside it"):
        list(read_frames(write(tmp_path / "known.cfg", KNOWN, elements=None)))
    with pytest.raises(BadInput, match=r"type 1 is none of the 1 elements stated \(atom 1\)"):
        list(read_frames(write(tmp_path / "known.cfg", KNOWN, elements="Ni")))
    with pytest.raises(BadInput, match=r"known\.cfg\.elements: element symbols must stand here \('0:Ni' is no element"):
        list(read_frames(write(tmp_path / "known.cfg", KNOWN, elements="0:Ni 1:O")))


@pytest.mark.parametrize("n_vectors", [0, 1, 2])
def test_fewer_lattice_vectors(n_vectors: int, tmp_path: Path) -> None:
    """As many periodic directions as vectors; no volume, so no stress."""
    rows = KNOWN.splitlines(keepends=True)
    text = "".join(rows[:3] + ([rows[3], *rows[4 : 4 + n_vectors]] if n_vectors else []) + rows[7:])
    (frame,) = read_frames(write(tmp_path / "a.cfg", text))
    assert frame.pbc.tolist() == [axis < n_vectors for axis in range(3)]
    assert frame.stress_eV_per_A3 is None
    assert frame.tags["stress_convention"] == "not taken: no cell"


def test_absent_labels(tmp_path: Path) -> None:
    """What `mlp relax` starts from: geometry only."""
    text = KNOWN[: KNOWN.index(" Energy")].replace("fx          fy          fz", "") + "END_CFG\n"
    rows = [
        row[:59] if row.startswith("      ") and row.split()[0] in "12" and len(row) > 60 else row
        for row in text.splitlines()
    ]
    (frame,) = read_frames(write(tmp_path / "a.cfg", "\n".join(rows)))
    assert (frame.energy_eV, frame.forces_eV_per_A, frame.stress_eV_per_A3) == (None, None, None)
    assert dict(frame.tags) == {}


def test_an_early_stress_is_not_taken(tmp_path: Path) -> None:
    (frame,) = read_frames(write(tmp_path / "a.cfg", KNOWN.replace("PlusStress:", "Virial:")))
    assert frame.stress_eV_per_A3 is None
    assert frame.tags["stress_convention"] == "not taken: of an early version, sign and unit unknown"


def test_features(tmp_path: Path) -> None:
    """A value of several words, or several lines; a name that would be taken for a label is changed."""
    text = KNOWN.replace(
        " Feature   EFS_by       VASP", " Feature energy -3\n Feature note a b\n Feature note c\n Feature empty"
    )
    (frame,) = read_frames(write(tmp_path / "a.cfg", text))
    assert {key: frame.tags[key] for key in ("feature_energy", "note", "empty")} == {
        "feature_energy": "-3",
        "note": "a b c",
        "empty": "",
    }


BAD: dict[str, tuple[str, str, str]] = {
    "nan force": ("-0.1  -0.2", " nan  -0.2", r"frame 1, line 19: fx fy fz hold NaN or inf \(atom 1\)"),
    "a word": ("-0.1  -0.2", " low  -0.2", r"fx fy fz must be numbers \(could not convert"),
    "inf energy": ("-12.5", "inf", "frame 1, line 30: Energy: NaN or inf"),
    "text energy": ("-12.5", "low", "frame 1, line 30: Energy must be numbers, found 'low'"),
    "two energies": ("-12.5", "-12.5 3", "line 30: one value must stand under Energy"),
    "count": (
        "    2\n Super",
        "    3\n Super",
        r"line 29: 8 columns must stand here, found 1: 'Energy'\n  does the count",
    ),
    "huge count": ("    2\n Super", f"    {10**10}\n Super", "line 29: 8 columns must stand here, found 1"),
    "no count": (" Size\n    2\n", "", "Size must stand before AtomData"),
    "negative": ("    2\n Super", "    -2\n Super", "line 21: Size must be a whole number above zero, found '-2'"),
    "no digits": ("    2\n Super", "    ²\n Super", "Size must be a whole number above zero, found '²'"),
    "short row": ("-0.1  -0.2  -0.3", "-0.1  -0.2", "line 28: 8 columns must stand here, found 7"),
    "columns twice": ("fx          fy", "fx          fx", "the columns must have different names"),
    "no positions": ("cartes_x", "x", "cartes_y cartes_z, but cartes_x cartes_y cartes_z belong together"),
    "no atoms": ("AtomData:", "Atoms:", "no field is called 'Atoms:'"),
    "components": ("yz          xz", "yz          yz", "the stress must name and hold xx yy zz yz xz xy, once each"),
    "few components": ("1.0     2.0     3.0", "1.0     2.0", "the stress must name and hold"),
    "flat cell": ("0.0      0.0      5.0", "0.0      4.0      0.0", "the lattice vectors span no volume"),
    "half a vector": ("0.0      0.0      5.0", "0.0      5.0", "line 25: a lattice vector has three numbers, found 2"),
    "no type": ("2    1  ", "2    -1  ", r"type -1 is none of the 2 elements stated \(atom 1\)"),
    "two forces": ("fx          fy          fz", "fx fy nbh", "AtomData names fx fy, but fx fy fz belong together"),
    "between": ("BEGIN_CFG", "BEGIN", "frame 1, line 19: BEGIN_CFG must stand here, found 'BEGIN'"),
    "long line": ("VASP", "V" * (1 << 20), "the line is longer than a line can be"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_frame_and_line(name: str, tmp_path: Path) -> None:
    before, after, message = BAD[name]
    assert before in KNOWN
    path = write(tmp_path / "bad.cfg", KNOWN + "\n" + KNOWN.replace(before, after, 1))
    with pytest.raises(BadInput, match=message) as caught:
        list(read_frames(path))
    assert caught.value.path == str(path)


def test_ghost_atoms(tmp_path: Path) -> None:
    text = configuration(nickel_oxide(1)[0], ("type", "cartes", "f", "ghost")).replace("false", "true", 1)
    with pytest.raises(BadInput, match="ghost atoms"):
        list(read_frames(write(tmp_path / "a.cfg", text)))


def test_whole_frames_come_before_a_cut(tmp_path: Path) -> None:
    frames = read_frames(write(tmp_path / "cut.cfg", KNOWN * 3 + KNOWN[:-12]))
    assert [next(frames).ordinal for _ in range(3)] == [0, 1, 2]
    with pytest.raises(BadInput, match="frame 3, line 67: the file is truncated: it ends inside a configuration"):
        next(frames)


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = write(tmp_path / "large.cfg", configuration(nickel_oxide(1, n_atoms=500)[0]) * 400)
    assert path.stat().st_size > 20e6
    assert peak_growth_in_mib(path, n_first=100) < 6
