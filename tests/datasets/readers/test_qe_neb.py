"""Reaction paths of neb.x: what counts as converged is the residual, not how the run ended."""

from pathlib import Path

import pytest

from sonde.datasets.readers import read_frames, reader_for
from sonde.datasets.readers.qe_neb import read_path
from sonde.errors import BadInput

NEB = "cr_sb2te3/neb"
TABLE = {
    "2D_neb/neb_1/neb.out": (54, 0.356, (6,), True),
    "2D_neb/neb_2/neb.out": (55, 0.636, (10,), True),
    "2D_neb/neb_3/neb.out": (53, 0.232, (3,), True),
    "2D_neb/neb_4/neb.out": (54, 0.527, (10,), True),
    "2D_neb/neb_5/neb.out": (61, 0.319, (5,), True),
    "221_vdw_corr_DFT_D3/1-8/neb.out.gz": (1000, 0.328, (), True),
    "221_vdw_corr_DFT_D3/1-2/neb.out.gz": (121, 3.213, (), False),
    "221_vdw_corr_DFT_D3/1-3/neb.out": (25, 5.364, (), False),
}
"""Iterations, largest residual in eV/Å, image without self-consistency and "JOB DONE", from the README of the data."""


@pytest.mark.parametrize("name", TABLE)
def test_paths_as_their_readme_counts_them(name: str, shared_data: Path) -> None:
    path = read_path(shared_data / NEB / name)
    n_iterations, residual, failed, complete = TABLE[name]
    assert (path.n_iterations, path.failed_images, path.complete) == (n_iterations, failed, complete)
    assert max(path.residuals_eV_per_A) == pytest.approx(residual, abs=5e-4)
    assert path.threshold_eV_per_A == 0.001
    assert not path.converged
    assert not path.climbing


def test_images_with_their_geometries(shared_data: Path) -> None:
    file = shared_data / NEB / "2D_neb/neb_1/neb.out"
    assert reader_for(file).name == "qe_neb"
    frames = list(read_frames(file))
    assert [frame.tags["image"] for frame in frames] == list(range(1, 11))
    energies = [frame.energy_eV or 0.0 for frame in frames]
    assert max(energies) - energies[0] == pytest.approx(1.034728, abs=1e-6)  # the barrier that neb.x prints
    assert {frame.n_atoms for frame in frames} == {81}
    assert all(frame.tags["relaxation_converged"] is False for frame in frames)


def test_a_path_without_geometries_says_what_is_wrong_with_it(shared_data: Path) -> None:
    with pytest.raises(BadInput, match=r"largest residual 0\.636.*image 10.*no geometries"):
        list(read_frames(shared_data / NEB / "2D_neb/neb_2/neb.out"))


HEAD = "     Program NEB v.7.3.1 starts on 19Jun2025\n     CI_scheme  =  auto\n     path_thr   =    0.0500 eV / A\n"
BLOCK = """
     activation energy (->) =   0.300000 eV
     image        energy (eV)        error (eV/A)        frozen
         1        -10.0000000            0.010000            F
         2         -9.7000000            0.040000            F
         3        -10.0000000            0.010000            F
"""


def test_a_converged_path_is_called_so(tmp_path: Path) -> None:
    file = tmp_path / "neb.out"
    file.write_text(HEAD + BLOCK + "\n     neb: convergence achieved in   7 iterations\n   JOB DONE.\n")
    path = read_path(file)
    assert path.converged
    assert path.climbing
    assert path.defects() == []
    assert path.n_iterations == 1


@pytest.mark.parametrize("end", ["", "\n     neb: reached the maximum number of steps\n   JOB DONE.\n"])
def test_without_its_words_it_is_not(end: str, tmp_path: Path) -> None:
    file = tmp_path / "neb.out"
    file.write_text(HEAD + BLOCK + end)
    assert not read_path(file).converged


def test_cut_off_in_the_first_iteration(tmp_path: Path) -> None:
    file = tmp_path / "neb.out"
    file.write_text(HEAD)
    with pytest.raises(BadInput, match="before its first iteration"):
        read_path(file)
