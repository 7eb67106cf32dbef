"""XML of pw.x against the output of the same runs, which is another file with other units."""

from pathlib import Path

import numpy as np
import pytest
from ase.units import Hartree

from sonde.datasets.readers import read_frames, readers
from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.testing.readers import LAWS, Law, ReaderCase

RUNS = "dft_outputs/nomad/quantumespresso"
CASES = "dft_outputs/aiida_qe_pw"
TIO2 = f"{RUNS}/TiO2_opt/TiO2.save/data-file-schema.xml"
PAIRS = {
    "TiO2": (TIO2, f"{RUNS}/TiO2_opt/pw.out"),
    "Pt": (f"{RUNS}/Pt_noncol/Pt.save/data-file-schema.xml", f"{RUNS}/Pt_noncol/pw.out"),
    **{
        name: (f"{CASES}/{name}/data-file-schema.xml", f"{CASES}/{name}/aiida.out")
        for name in (
            "default",
            "default_xml_190304",
            "default_xml_191206",
            "default_xml_200420",
            "default_xml_210716",
            "default_xml_211101",
            "default_xml_230310",
            "default_xml_241104",
            "default_xml_260128",
            "relax_success",
            "scf_success_rVV10",
            "tot_magnetization",
            "vcrelax_success",
            "vcrelax_failed_not_converged_final_scf",
        )
    },
}
LEVEL_OF_THEORY = ("code", "xc", "hubbard_u", "dispersion", "spin_polarized", "spin_orbit", "noncollinear", "cutoff_eV")
SAMPLING = ("density_cutoff_eV", "smearing", "smearing_eV", "charge", "pseudopotential", "energy_kind", "code_version")


@pytest.fixture
def case(shared_data: Path) -> ReaderCase:
    return ReaderCase(readers()["qe_xml"], shared_data / TIO2, 6, frozenset({8, 22}), truncates=False)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, case: ReaderCase, tmp_path: Path) -> None:
    law(case, tmp_path)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_xml_and_output_of_one_run_agree(pair: tuple[str, str], shared_data: Path) -> None:
    from_xml, from_output = (list(read_frames(shared_data / path)) for path in pair)
    assert len(from_xml) == len(from_output)
    for xml, output in zip(from_xml, from_output, strict=True):
        assert xml.numbers.tolist() == output.numbers.tolist()
        np.testing.assert_allclose(xml.cell, output.cell, atol=2e-4)
        np.testing.assert_allclose(xml.positions, output.positions, atol=2e-4)
        assert xml.energy_eV == pytest.approx(output.energy_eV, abs=1e-4)  # outputs differ by a run of another day
        _same_where_both_know(xml, output)
        for key in (*LEVEL_OF_THEORY, *SAMPLING):
            assert key not in output.tags or xml.tags[key] == output.tags[key], key


def _same_where_both_know(xml: Frame, output: Frame) -> None:
    if xml.forces_eV_per_A is not None and output.forces_eV_per_A is not None:
        np.testing.assert_allclose(xml.forces_eV_per_A, output.forces_eV_per_A, atol=2e-5)
    if xml.stress_eV_per_A3 is not None and output.stress_eV_per_A3 is not None:
        np.testing.assert_allclose(xml.stress_eV_per_A3, output.stress_eV_per_A3, atol=5e-6)


def test_u_is_in_hartree_in_the_xml_and_in_electronvolts_in_the_output(shared_data: Path) -> None:
    folder = shared_data / CASES / "default_xml_230310"
    assert "1.837466108782747E-01</Hubbard_U>" in (folder / "data-file-schema.xml").read_text()
    assert "U(Co-3d) =  5.0000" in (folder / "aiida.out").read_text()
    tags = [next(read_frames(folder / name)).tags for name in ("data-file-schema.xml", "aiida.out")]
    assert [tag["hubbard_u"] for tag in tags] == ["Co:5", "Co:5"]
    assert [tag["hubbard_l"] for tag in tags] == ["Co:2", "Co:2"]
    assert "defects" not in tags[0]


def test_a_u_whose_unit_is_not_stated_is_told_by_its_size(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / CASES / "default_xml_230310/data-file-schema.xml").read_text()
    older = tmp_path / "data-file-schema.xml"
    for written, said in (("3.32", "taken as eV"), (f"{3.32 / Hartree:.8f}", "taken as Hartree")):
        older.write_text(text.replace(' new_format="true"', "").replace("1.837466108782747E-01", written))
        tags = next(read_frames(older)).tags
        assert tags["hubbard_u"] == "Co:3.32"
        assert said in str(tags["defects"])


@pytest.mark.parametrize("name", ["failed_scf_not_converged", "failed_scf_not_converged_intentional"])
def test_not_converged_where_the_output_says_job_done(name: str, shared_data: Path) -> None:
    frame = next(read_frames(shared_data / CASES / name / "data-file-schema.xml"))
    assert frame.tags["scf_converged"] is False
    assert frame.tags["run_complete"] is True


def test_the_moved_geometry_of_a_relaxation_does_not_get_the_old_energy(shared_data: Path) -> None:
    """Out of steps, `output` holds positions that were never calculated, beside the energy of those before."""
    folder = shared_data / CASES / "relax_failed_not_converged_nstep"
    (frame,) = read_frames(folder / "data-file-schema.xml")
    (output,) = read_frames(folder / "aiida.out")
    np.testing.assert_allclose(frame.positions, output.positions, atol=1e-4)
    assert frame.tags["relaxation_converged"] is False


def test_forces_on_held_coordinates_are_no_labels(shared_data: Path) -> None:
    """For a held coordinate the XML holds zero, and the output the force of 0.9 eV/Å that acts on it."""
    folder = shared_data / CASES / "fixed_coords_relax"
    xml, output = (next(read_frames(folder / name)) for name in ("data-file.xml", "aiida.out"))
    assert output.forces_eV_per_A is not None
    assert output.forces_eV_per_A[0, 0] == pytest.approx(-0.9158, abs=1e-3)
    assert xml.forces_eV_per_A is None
    assert "5 coordinates were held" in str(xml.tags["defects"])


def test_a_stress_that_was_not_calculated_is_none(shared_data: Path) -> None:
    """The XML holds nine zeros; the output says "stress with USPP and electric fields (Berry) not implemented"."""
    folder = shared_data / CASES / "scf_electric_field"
    assert "electric fields (Berry) not implemented" in (folder / "aiida.out").read_text()
    xml, output = (next(read_frames(folder / name)) for name in ("data-file-schema.xml", "aiida.out"))
    assert (xml.stress_eV_per_A3, output.stress_eV_per_A3) == (None, None)


def test_mesh_comes_from_the_xml(shared_data: Path) -> None:
    tags = next(read_frames(shared_data / TIO2)).tags
    assert tags["kpoints"] == "mesh 7x7x12 Gamma"
    assert tags["kpoint_spacing_per_A"] == pytest.approx(0.1954)


def test_hash_of_a_potential_beside_is_that_of_the_output(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "data-file-schema.xml").write_bytes((shared_data / TIO2).read_bytes())
    (tmp_path / "ti_pbe_v1.4.uspp.F.UPF").write_text("<UPF/>")
    tags = next(read_frames(tmp_path / "data-file-schema.xml")).tags
    assert tags["pseudopotential_hashes"] == "Ti:md5-dac62c53ba39bfb1aa90bcf3ed08fcd3"  # md5sum of those six characters


def test_settings_that_are_no_numbers_are_unknown(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / CASES / "tot_magnetization/data-file-schema.xml").read_text()
    spoilt = tmp_path / "spoilt.xml"
    spoilt.write_text(text.replace('nk1="2"', 'nk1="two"').replace('degauss="1.000000000000e-1"', 'degauss="wide"'))
    assert "two" in spoilt.read_text()
    assert "wide" in spoilt.read_text()
    tags = next(read_frames(spoilt)).tags
    assert "smearing_eV" not in tags
    assert "kpoints" not in tags
    assert tags["smearing"] == "Gaussian"


def test_a_truncated_file_gives_its_whole_steps(shared_data: Path, tmp_path: Path) -> None:
    whole = (shared_data / TIO2).read_bytes()
    cut = tmp_path / "cut.xml"
    cut.write_bytes(whole[: whole.rindex(b"<step>") + 200])
    frames = list(read_frames(cut))
    assert len(frames) == 4
    assert {frame.tags["run_complete"] for frame in frames} == {False}
    assert all("the XML is truncated" in str(frame.tags["defects"]) for frame in frames)


def test_what_ends_before_its_input_is_refused(shared_data: Path) -> None:
    with pytest.raises(BadInput, match="ends before it says what was calculated"):
        list(read_frames(shared_data / CASES / "failed_interrupted_xml/data-file-schema.xml"))


def test_entities_are_not_followed(shared_data: Path, tmp_path: Path) -> None:
    text = (shared_data / TIO2).read_text()
    secret = tmp_path / "secret.txt"
    secret.write_text("PBE")
    hostile = tmp_path / "hostile.xml"
    head, _, rest = text.partition("<qes:espresso")
    declared = f'{head}<!DOCTYPE x [<!ENTITY secret SYSTEM "{secret}"><!ENTITY name "PBE">]>\n<qes:espresso{rest}'
    for entity in ("&secret;", "&name;"):
        hostile.write_text(declared.replace("<functional>PBE<", f"<functional>{entity}<"))
        with pytest.raises(BadInput, match="cannot be parsed"):
            list(read_frames(hostile))
