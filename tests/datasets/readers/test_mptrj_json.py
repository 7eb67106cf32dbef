"""MPtrj: the raw energy is taken and said, frames stream out of nested dicts, defects are named by their ids."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.units import GPa
from tests.datasets.readers.samples import assert_same, case_of, nickel_oxide, peak_growth_in_mib

from sonde.datasets.readers import json_stream, read_frames, reader_for
from sonde.errors import BadInput
from sonde.testing.readers import LAWS, Law

Nested = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def content() -> Nested:
    """Two materials with three and two frames, structures written by pymatgen."""
    from pymatgen.io.ase import AseAtomsAdaptor

    nested: Nested = {"mp-1265": {}, "mp-19009": {}}
    for index, atoms in enumerate(nickel_oxide(5)):
        mp_id, step = ("mp-1265", index) if index < 3 else ("mp-19009", index - 3)
        energy, kbar = atoms.get_potential_energy(), atoms.get_stress(voigt=False) / GPa * -10
        nested[mp_id][f"{mp_id}-0-{step}"] = {
            "structure": AseAtomsAdaptor.get_structure(atoms).as_dict(),
            "uncorrected_total_energy": energy,
            "corrected_total_energy": energy - 2.541,
            "energy_per_atom": (energy - 2.541) / len(atoms),
            "ef_per_atom": -1.2,
            "force": atoms.get_forces().tolist(),
            "stress": kbar.tolist(),
            "magmom": [1.5] * len(atoms) if index else None,
            "bandgap": 0.4,
            "mp_id": mp_id,
        }
    return nested


@pytest.fixture(scope="module")
def sample(content: Nested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("mptrj") / "MPtrj_sample.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Law, sample: Path, tmp_path: Path) -> None:
    law(case_of("mptrj_json", sample, 5), tmp_path)


def test_labels_are_the_raw_ones(sample: Path) -> None:
    frames = list(read_frames(sample))
    assert_same(frames, nickel_oxide(5))
    for frame in frames:
        assert frame.energy_eV is not None
        assert frame.tags["corrected_total_energy"] == pytest.approx(frame.energy_eV - 2.541)
        assert frame.tags["energy_convention"] == "documented: total, uncorrected"


def test_pymatgen_reads_the_same_structures(sample: Path, content: Nested) -> None:
    from pymatgen.core import Structure

    records = [record for frames in content.values() for record in frames.values()]
    for frame, record in zip(read_frames(sample), records, strict=True):
        structure = Structure.from_dict(record["structure"])
        np.testing.assert_allclose(frame.positions, structure.cart_coords, atol=1e-9)
        assert frame.numbers.tolist() == list(structure.atomic_numbers)


def test_what_a_frame_says(sample: Path) -> None:
    first, second, *_, last = read_frames(sample)
    assert (last.tags["mp_id"], last.tags["task_id"], last.tags["calc_id"], last.tags["ionic_step"]) == (
        "mp-19009",
        "mp-19009",
        0,
        1,
    )
    assert (second.tags["total_magnetic_moment"], second.tags["bandgap"]) == (1.5 * second.n_atoms, 0.4)
    assert "total_magnetic_moment" not in first.tags


def test_a_corrected_energy_is_never_taken_for_the_raw_one(content: Nested, tmp_path: Path) -> None:
    frame = {**content["mp-1265"]["mp-1265-0-0"], "uncorrected_total_energy": None, "stress": None}
    path = tmp_path / "corrected.json"
    path.write_text(json.dumps({"mp-1265": {"mp-1265-0-0": frame}}))
    (read,) = read_frames(path)
    assert (read.energy_eV, read.stress_eV_per_A3) == (None, None)
    assert read.tags["energy_convention"] == "not taken: only the corrected energy stands here"
    assert "stress_convention" not in read.tags


def test_reads_frame_by_frame(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect at the end does not hinder the first frames, in windows smaller than a frame."""
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    path = tmp_path / "cut.json"
    path.write_text(sample.read_text()[:-40])
    assert [frame.ordinal for frame in islice(read_frames(path), 4)] == [0, 1, 2, 3]
    with pytest.raises(BadInput, match=r"mp-19009 mp-19009-0-1, line 1: the file is truncated"):
        list(read_frames(path))


def test_memory_stays_flat(content: Nested, tmp_path: Path) -> None:
    """One material of 20 MB: from the 100th frame to the last, memory does not grow with it."""
    frame = json.dumps(content["mp-1265"]["mp-1265-0-2"])
    path = tmp_path / "large.json"
    frames = ",".join(f'"mp-1265-0-{step}": {frame}' for step in range(20_000_000 // len(frame)))
    path.write_text(f'{{"mp-1265": {{{frames}}}}}')
    assert peak_growth_in_mib(path, n_first=1500) < 4


def edited(content: Nested, **changes: Any) -> str:
    frame = {**content["mp-1265"]["mp-1265-0-1"], **changes}
    return json.dumps({"mp-1265": {"mp-1265-0-0": content["mp-1265"]["mp-1265-0-0"], "mp-1265-0-1": frame}})


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"uncorrected_total_energy": "-3.2"}, "energy is not a finite number: '-3.2'"),
    "nan": ({"uncorrected_total_energy": float("nan")}, "energy is not a finite number: nan"),
    "forces": ({"force": [[0, 0, 0]]}, r"forces must have shape \(3, 3\), found \(1, 3\)"),
    "stress": ({"stress": [1, 2, 3, 4, 5, 6]}, "stress must be 3 × 3 finite numbers"),
    "structure": ({"structure": 7}, "the record is not built like one of this format"),
    "sites": ({"structure": {"sites": {"a": 1}}}, "sites must be a list of dicts"),
    "moments": ({"magmom": ["up", "down"]}, "magmom must be numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_defects_are_named_by_their_frame(name: str, content: Nested, tmp_path: Path) -> None:
    changes, message = BAD[name]
    path = tmp_path / "bad.json"
    path.write_text(edited(content, **changes))
    with pytest.raises(BadInput, match=rf"bad\.json, frame 1, mp-1265 mp-1265-0-1, line 1: {message}"):
        list(read_frames(path))


def test_a_frame_too_deep_to_decode(content: Nested, tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    path.write_text(edited(content).replace('"bandgap": 0.4', '"bandgap": ' + "[" * 200_000 + "]" * 200_000))
    with pytest.raises(
        BadInput, match=r"deep\.json, mp-1265 mp-1265-0-0, line 1: the record cannot be decoded: maximum rec"
    ):
        list(read_frames(path, reader="mptrj_json"))


def test_what_is_not_a_frame(tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"mp-1": {"mp-1-0-0": {"structure": {}}}, "version": "2022.9"}')
    assert reader_for(path).name == "mptrj_json"
    with pytest.raises(BadInput, match="frame 0, mp-1 mp-1-0-0, line 1: the record is not built"):
        list(read_frames(path))
    path.write_text('{"version": "2022.9"}')
    with pytest.raises(BadInput, match="frame 0, version, line 1: a frame with a structure must stand here"):
        list(read_frames(path, reader="mptrj_json"))
