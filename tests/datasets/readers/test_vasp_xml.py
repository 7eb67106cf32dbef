"""vasprun.xml: every number against pymatgen and ase on real files; old names, cut files, hostile ones."""

import gzip
import re
import warnings
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.stress import voigt_6_to_full_3x3_stress
from pymatgen.io.vasp import Vasprun
from tests.datasets.readers.samples import peak_growth_in_mib

from sonde.datasets.readers import read_frames, reader_for, readers
from sonde.datasets.readers.vasp_outcar import outcar_started
from sonde.datasets.readers.vasp_xml import vasprun_provenance, vasprun_started
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

NOMAD = Path("dft_outputs/nomad/vasp")
SILICON = Path("dft_outputs/emmet_raw_vasp/vasprun.xml.gz")
AGAC = NOMAD / "AgAc_relax/vasprun.xml.relax.gz"
ALN = NOMAD / "alternative_pseudopotentials/AlN/vasprun.xml"
HYBRID, HLE17 = NOMAD / "hybrid_vasprun.xml.gz", NOMAD / "hle17_vasprun.xml.gz"
BROKEN = NOMAD / "vasprun.xml.broken.gz"
WHOLE = (SILICON, AGAC, ALN)
SHIFTED = "the calculation block shifts the names"


def frames_of(path: Path) -> list[Frame]:
    """Read a file; the content decides which reader does it."""
    assert reader_for(path).name == "vasp_xml"
    return list(read_frames(path))


def unpacked(path: Path) -> str:
    """Return the text of a gzipped file."""
    return gzip.decompress(path.read_bytes()).decode("latin-1")


@pytest.mark.parametrize("path", WHOLE, ids=str)
def test_every_step_agrees_with_ase(path: Path, shared_data: Path) -> None:
    theirs = ase.io.read(shared_data / path, ":", format="vasp-xml")
    ours = frames_of(shared_data / path)
    assert len(ours) == len(theirs)
    for frame, atoms in zip(ours, theirs, strict=True):
        results = atoms.calc.results
        assert frame.numbers.tolist() == atoms.numbers.tolist()
        np.testing.assert_allclose(frame.cell, atoms.cell.array, atol=1e-8)
        np.testing.assert_allclose(frame.positions, atoms.positions, atol=1e-8)
        assert frame.energy_eV == pytest.approx(results["energy"], abs=1e-7)
        assert frame.tags["free_energy_eV"] == pytest.approx(results["free_energy"], abs=1e-7)
        assert frame.forces_eV_per_A is not None
        assert frame.stress_eV_per_A3 is not None
        np.testing.assert_allclose(frame.forces_eV_per_A, results["forces"], atol=1e-8)
        np.testing.assert_allclose(frame.stress_eV_per_A3, voigt_6_to_full_3x3_stress(results["stress"]), atol=1e-8)


@pytest.mark.parametrize("path", [*WHOLE, HYBRID], ids=str)
def test_settings_agree_with_pymatgen(path: Path, shared_data: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no POTCAR lies beside
        theirs = Vasprun(str(shared_data / path), parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    frames = frames_of(shared_data / path)
    tags = frames[-1].tags
    assert len(frames) == theirs.nionic_steps
    assert tags["cutoff_eV"] == theirs.parameters["ENMAX"]
    assert tags["spin_polarized"] is (theirs.parameters["ISPIN"] == 2)
    assert tags["code_version"] == theirs.vasp_version.replace("apr", "Apr")
    assert tags["run_complete"] is True
    assert tags["scf_converged"] is theirs.converged_electronic
    assert tags["free_energy_eV"] == pytest.approx(theirs.ionic_steps[-1]["e_fr_energy"], abs=1e-8)
    titles = {symbol.split()[1].split("_")[0]: "_".join(symbol.split()) for symbol in theirs.potcar_symbols}
    assert tags["pseudopotential"] == ", ".join(f"{element}:{titles[element]}" for element in sorted(titles))


def test_old_files_shift_the_names_of_energies(shared_data: Path) -> None:
    last = frames_of(shared_data / AGAC)[-1]
    assert last.energy_eV == pytest.approx(-7.13844222, abs=1e-8)
    assert last.tags["free_energy_eV"] == pytest.approx(-7.14173545, abs=1e-8)
    assert last.tags["energy_without_entropy_eV"] == pytest.approx(-7.14173545 + 0.00987971, abs=1e-8)
    assert SHIFTED in str(last.tags["energy_note"])
    assert "energy_note" not in frames_of(shared_data / SILICON)[-1].tags


def test_one_geometry_on_two_surfaces(shared_data: Path) -> None:
    (hybrid,), (hle17,) = frames_of(shared_data / HYBRID), frames_of(shared_data / HLE17)
    assert np.array_equal(hybrid.positions, hle17.positions)
    assert (hybrid.tags["xc"], hle17.tags["xc"]) == ("HSE06", "HLE17")
    assert hle17.energy_eV == pytest.approx(-7624.25250892)
    assert hybrid.stress_eV_per_A3 is None
    assert hle17.stress_eV_per_A3 is not None


def test_energy_that_no_setting_explains_is_told(shared_data: Path) -> None:
    (hybrid,) = frames_of(shared_data / HYBRID)
    assert hybrid.energy_eV == pytest.approx(-860.866, abs=1e-3)
    assert hybrid.tags["energy_added_after_scf_eV"] == pytest.approx(-4.405, abs=1e-3)
    assert "energy was added after the last electronic step" in str(hybrid.tags["defects"])
    assert "dispersion" not in hybrid.tags


def test_a_file_that_was_cut_is_read_as_far_as_it_is_true(shared_data: Path) -> None:
    (frame,) = frames_of(shared_data / BROKEN)
    assert frame.tags["run_complete"] is False
    assert frame.tags["code_version"] == "5.2.2"
    assert frame.energy_eV == pytest.approx(-40.14867659)
    assert frame.forces_eV_per_A is not None


def test_a_file_cut_anywhere_never_gives_a_wrong_number(shared_data: Path, tmp_path: Path) -> None:
    text = unpacked(shared_data / SILICON)
    path = tmp_path / "vasprun.xml"
    whole = frames_of(shared_data / SILICON)
    begin = text.rindex("<structure>")
    for length in range(begin - 500, text.index("<time", begin), 37):
        path.write_text(text[:length])
        for frame in frames_of(path):
            same = whole[frame.ordinal]
            assert frame.tags["run_complete"] is False
            assert frame.energy_eV in (None, same.energy_eV)
            for name in ("forces_eV_per_A", "stress_eV_per_A3"):
                mine = getattr(frame, name)
                assert mine is None or np.array_equal(mine, getattr(same, name))
            assert np.allclose(frame.positions, same.positions, atol=1e-7)


def test_both_outputs_of_one_run_say_the_same(shared_data: Path) -> None:
    folder = shared_data / "dft_outputs/emmet_raw_vasp"
    of_xml, of_outcar = frames_of(folder / "vasprun.xml.gz"), list(read_frames(folder / "OUTCAR.gz"))
    assert surface_of(of_xml[0]) == surface_of(of_outcar[0])
    assert of_xml[0].tags["kpoint_spacing_per_A"] == pytest.approx(of_outcar[0].tags["kpoint_spacing_per_A"], abs=2e-4)
    assert [frame.energy_eV for frame in of_xml] == [frame.energy_eV for frame in of_outcar]
    assert vasprun_started(folder / "vasprun.xml.gz") == outcar_started(folder / "OUTCAR.gz") == "2024-10-09 13:05:18"


def test_two_runs_in_one_folder_have_different_starts(shared_data: Path) -> None:
    folder = shared_data / NOMAD / "AgAc_relax"
    assert vasprun_started(folder / "vasprun.xml.relax.gz") != outcar_started(folder / "OUTCAR")


def test_provenance_alone_is_that_of_the_frames(shared_data: Path) -> None:
    for path in (*WHOLE, HYBRID, BROKEN):
        provenance, _ = vasprun_provenance(shared_data / path)
        tags = frames_of(shared_data / path)[0].tags
        assert {key: tags.get(key) for key in provenance.tags()} == provenance.tags()


def test_u_of_xml_has_all_its_digits(shared_data: Path, tmp_path: Path) -> None:
    text = unpacked(shared_data / SILICON)
    plus_u = '<i type="logical" name="LDAU"> T  </i><v name="LDAUU">      3.25 </v><v type="int" name="LDAUL"> 1 </v>'
    (tmp_path / "vasprun.xml").write_text(
        text.replace("<incar>", f"<incar>{plus_u}", 1).replace(
            '<i type="logical" name="LDAU"> F  </i>', '<i type="logical" name="LDAU"> T  </i>'
        )
    )
    tags = frames_of(tmp_path / "vasprun.xml")[0].tags
    assert (tags["hubbard_u"], tags["hubbard_u_rounded"], tags["hubbard_l"]) == ("Si:3.25", False, "Si:1")


def test_pressure_times_volume_is_no_part_of_the_energy(shared_data: Path, tmp_path: Path) -> None:
    text = unpacked(shared_data / SILICON)
    before = frames_of(shared_data / SILICON)
    text = re.sub(r'(<i name="PSTRESS">)\s*0\.0+', r"\g<1>   50.00000000", text)
    (tmp_path / "vasprun.xml").write_text(text)
    for frame, same in zip(frames_of(tmp_path / "vasprun.xml"), before, strict=True):
        assert frame.energy_eV is not None
        assert same.energy_eV is not None
        volume = abs(np.linalg.det(frame.cell))
        assert same.energy_eV - frame.energy_eV == pytest.approx(5 * volume / 160.21766208, rel=1e-6)  # 50 kbar = 5 GPa


def test_predictions_of_a_force_field_are_no_labels(shared_data: Path, tmp_path: Path) -> None:
    text = unpacked(shared_data / SILICON)
    begin = text.index("<structure>", text.index("<calculation>"))
    structure = text[begin : text.index("</structure>", begin) + len("</structure>")]
    moved = structure.replace("0.25000000", "0.26000000")
    forces = '<varray name="forces" ><v> 1 1 1 </v><v> -1 -1 -1 </v></varray>'
    at = text.index("</calculation>") + len("</calculation>")
    (tmp_path / "vasprun.xml").write_text(f"{text[:at]}{moved}{forces}{text[at:]}")
    frames = frames_of(tmp_path / "vasprun.xml")
    assert [frame.tags["ml_md"] for frame in frames] == [False, True, False, False]
    assert frames[1].energy_eV is None
    assert frames[1].forces_eV_per_A is None


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, shared_data: Path, tmp_path: Path) -> None:
    law(ReaderCase(readers()["vasp_xml"], shared_data / SILICON, 3, frozenset({14}), truncates=False), tmp_path)


# ---- hostile files ---------------------------------------------------------------------------------------------------

START = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'


@pytest.mark.parametrize("doctype", [BOMB, FILE])
def test_entities_are_refused(doctype: str, tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    path.write_text(f"{START}{doctype}<modeling>\n <generator><i name='version'>&b;</i></generator></modeling>")
    with pytest.raises(BadInput, match="a document type"):
        frames_of(path)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<generator></wrong>", "this is no XML"),
        ("<generator>&unknown;</generator>", "this is no XML"),
        ("<generator/><incar/></modeling>", "ends before it says which ions"),
        (
            "<generator/><atominfo><array name='atomtypes'><set><rc><c>-3</c></rc></set></array></atominfo>",
            "which ions",
        ),
    ],
)
def test_what_is_no_vasprun_is_refused(body: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "vasprun.xml"
    path.write_text(f"{START}<modeling>\n{body}\n")
    with pytest.raises(BadInput, match=problem):
        list(read_frames(path, "vasp_xml"))


def test_a_title_that_is_no_xml_does_no_harm(shared_data: Path, tmp_path: Path) -> None:
    text = unpacked(shared_data / SILICON)
    title = '<i type="string" name="SYSTEM"> a < b & c </i>\n'
    (tmp_path / "vasprun.xml").write_text(text.replace("<incar>\n", f"<incar>\n{title}", 1))
    assert len(frames_of(tmp_path / "vasprun.xml")) == 3


def test_memory_does_not_grow_with_the_steps(shared_data: Path, tmp_path: Path) -> None:
    text = re.sub(
        r"<eigenvalues>.*?</eigenvalues>|<dos>.*?</dos>", "", unpacked(shared_data / SILICON), flags=re.DOTALL
    )
    begin, end = text.index("<calculation>"), text.index("</calculation>") + len("</calculation>")
    (tmp_path / "vasprun.xml").write_text(text[:begin] + 120 * text[begin:end] + text[end:])
    assert peak_growth_in_mib(tmp_path / "vasprun.xml", 20, mapped=True) < 1
