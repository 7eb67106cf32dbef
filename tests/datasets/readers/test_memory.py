"""Long files take no more memory than short ones: readers that have no such case beside their own tests."""

from pathlib import Path

import pytest
from speed.code_outputs import CODES, Code, long_output
from tests.datasets.readers.samples import peak_growth_in_mib

from sonde.datasets.readers import read_frames, write_extxyz

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
