"""The mesh behind irreducible k-points: found where the weights prove it, else unknown."""

from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import read_frames
from sonde.datasets.readers.vasp_mesh import mesh_behind
from sonde.records.arrays import FloatArray

VASP = Path("dft_outputs/nomad/vasp")


def irreducible(divisions: tuple[int, int, int], shifted: bool) -> tuple[FloatArray, FloatArray]:
    """Points of a mesh that k = −k leaves, as printed: six decimals, and how many each stands for."""
    half = 0.5 if shifted else 0.0
    counts: Counter[tuple[float, ...]] = Counter()
    for steps in product(*(range(n) for n in divisions)):
        point = np.array([(step + half) / n for step, n in zip(steps, divisions, strict=True)])
        pair = [tuple(np.round(np.mod(p + 0.4999999, 1) - 0.4999999, 6).tolist()) for p in (point, -point)]
        counts[max(pair)] += 1
    return np.array(list(counts)), np.array(list(counts.values()), float)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("divisions", [(1, 1, 1), (4, 4, 4), (2, 3, 5), (7, 1, 2), (12, 12, 1)])
def test_a_mesh_is_found_again(divisions: tuple[int, int, int], shifted: bool) -> None:
    points, weights = irreducible(divisions, shifted)
    found = mesh_behind(points, weights)
    assert found is not None
    assert found.divisions == divisions
    assert found.has_gamma is not shifted


def test_a_line_is_no_mesh() -> None:
    points = np.array([[0.0, 0.0, x] for x in (0, 0.1, 0.2, 0.3, 0.4, 0.5)])
    assert mesh_behind(points, np.ones(6)) is None


def test_a_mesh_with_a_point_left_out_is_none() -> None:
    points, weights = irreducible((4, 4, 4), shifted=False)
    assert mesh_behind(points[:-1], weights[:-1]) is None


def test_points_at_odd_places_are_no_mesh() -> None:
    assert mesh_behind(np.array([[0.1234567, 0.7654321, 0.0]]), np.ones(1)) is None


@pytest.mark.parametrize(
    ("path", "mesh"),
    [
        ("dftu/multi_parameter_no_incar/OUTCAR", "mesh 4x4x4 Gamma"),  # as KPOINTS beside its twin says
        ("AgAc_relax/OUTCAR", "mesh 16x16x16 Gamma"),  # as the vasprun.xml beside it says
        ("booleans/dotted/OUTCAR", "mesh 5x5x5 Gamma"),
        ("dftu/single_parameter/OUTCAR.gz", "mesh 33x33x17 Gamma"),
    ],
)
def test_real_outputs(path: str, mesh: str, shared_data: Path) -> None:
    assert next(iter(read_frames(shared_data / VASP / path))).tags["kpoints"] == mesh
