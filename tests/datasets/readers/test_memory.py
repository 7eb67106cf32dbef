"""Long files take no more memory than short ones: readers that have no such case beside their own tests."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from ase.io.trajectory import Trajectory
from speed.code_outputs import CODES, Code, long_output
from tests.datasets.readers.samples import nickel_oxide, peak_growth_in_mib
from tests.datasets.readers.test_vasp_h5 import write_vaspout
from tests.datasets.readers.vasp_samples import rock_salt

from sonde.datasets.readers import read_frames, reader_for, write_extxyz

RELAXATION = "dft_outputs/nomad/quantumespresso/TiO2_opt/TiO2.save/data-file-schema.xml"
FRAME_BYTES = 200
"""Places of the steps are kept, nothing else."""


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_outputs_of_codes(code: Code, shared_data: Path, tmp_path: Path) -> None:
    """From its first frame on; CP2K gives frames only where a trajectory holds their geometry."""
    n_steps = 500
    path = long_output(shared_data, code, tmp_path, n_steps)
    assert path.stat().st_size > 2.5e5
    assert peak_growth_in_mib(path, n_first=1, mapped=True) < 0.15 + n_steps * FRAME_BYTES / 2**20


def test_repeated_steps_are_read_alike(shared_data: Path, tmp_path: Path) -> None:
    aims = next(code for code in CODES if code.name == "FHI-aims")
    frames = list(read_frames(long_output(shared_data, aims, tmp_path, 40)))
    assert len(frames) == 40
    assert all(frame.forces_eV_per_A is not None and frame.tags["runs"] == 1 for frame in frames)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_extxyz(suffix: str, shared_data: Path, tmp_path: Path) -> None:
    frames = list(read_frames(shared_data / "nbmotaw/Multinary_Test.json.gz"))
    path = tmp_path / f"long.xyz{suffix}"
    write_extxyz(path, frames * 25)
    assert peak_growth_in_mib(path, n_first=len(frames)) < 1


def test_structures_json(shared_data: Path, tmp_path: Path) -> None:
    """Real records, fifteen times."""
    records = json.loads(gzip.decompress((shared_data / "nbmotaw/Multinary_Test.json.gz").read_bytes()))
    path = tmp_path / "long.json"
    path.write_text(json.dumps(records * 15))
    assert reader_for(path).name == "structures_json"
    assert path.stat().st_size > 5e6
    assert peak_growth_in_mib(path, n_first=2 * len(records)) < 4


def test_qe_xml(shared_data: Path, tmp_path: Path) -> None:
    """A real relaxation, whose second step comes 200 times."""
    text = (shared_data / RELAXATION).read_bytes()
    begin = text.index(b"<step", text.index(b"</step>"))
    end = text.index(b"</step>", begin) + len(b"</step>")
    path = tmp_path / "data-file-schema.xml"
    path.write_bytes(text[:begin] + text[begin:end] * 200 + text[end:])
    assert reader_for(path).name == "qe_xml"
    assert sum(1 for _ in read_frames(path)) > 200
    assert peak_growth_in_mib(path, n_first=20, mapped=True) < 0.5


def test_ase_trajectory(tmp_path: Path) -> None:
    path = tmp_path / "long.traj"
    with Trajectory(path, "w") as written:
        for atoms in nickel_oxide(800, n_atoms=40):
            written.write(atoms)
    assert reader_for(path).name == "ase_ulm"
    assert path.stat().st_size > 1e6
    assert peak_growth_in_mib(path, n_first=100) < 2


def test_vaspout(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    path = write_vaspout(tmp_path / "vaspout.h5", rock_salt(4000))
    assert path.stat().st_size > 2e6
    assert peak_growth_in_mib(path, n_first=1500) < 1


def test_folder_of_runs(shared_data: Path, tmp_path: Path) -> None:
    """A real run of pw.x, thirty times, four megabytes in all."""
    source = shared_data / "dft_outputs/nomad/quantumespresso/Si_md/out.out"
    for number in range(30):
        (tmp_path / f"run_{number}").mkdir()
        shutil.copy(source, tmp_path / f"run_{number}" / "pw.out")
    assert reader_for(tmp_path).name == "run_folder"
    n_frames = sum(1 for _ in read_frames(tmp_path / "run_0"))
    assert peak_growth_in_mib(tmp_path, n_first=5 * n_frames, mapped=True) < 1
