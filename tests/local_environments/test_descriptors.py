"""The density descriptor: known cases on paper, invariance, smoothness, awareness of elements."""

import dataclasses
import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre
from tests.local_environments.conftest import frame_of

from sonde.errors import WrongUse
from sonde.local_environments import descriptors
from sonde.local_environments.descriptors import MOST_ELEMENTS_IN_PAIRS, DensityDescriptor
from sonde.local_environments.neighbours import neighbour_list
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

METALS = DensityDescriptor((3, 12, 13))


def described(atoms: Atoms, descriptor: DensityDescriptor = METALS) -> FloatArray:
    return descriptor.compute([frame_of(atoms)])[0]


def alloy() -> Atoms:
    atoms = bulk("Al", "fcc", a=4.1, cubic=True).repeat((2, 1, 1))
    atoms.numbers = [13, 3, 12, 13, 13, 12, 3, 3]
    atoms.rattle(0.2, seed=1)
    return atoms


def test_dimer_on_paper() -> None:
    """Li–Al at 2.7 Å: Li's shells hold one Al; its angular densities are those of a single direction, P_l(1) = 1."""
    r, cutoff, n_radial = 2.7, 6.0, 12
    x = described(Atoms([3, 13], [[0, 0, 0], [0, 0, r]]))[0]
    smooth = 0.5 * (1 + np.cos(np.pi * r / cutoff))
    centres = 1 + np.arange(n_radial) * (cutoff - 1) / n_radial
    sigma = (cutoff - 1) / n_radial
    shells = smooth * np.exp(-((r - centres) ** 2) / (2 * sigma**2))
    deviations = np.sqrt(0.05 * 4 * np.pi**1.5 * sigma * (centres**2 + sigma**2 / 2))
    np.testing.assert_allclose(x[2 * n_radial : 3 * n_radial], shells / deviations, rtol=1e-12)
    np.testing.assert_allclose(x[: 2 * n_radial], 0.0)
    s = [smooth * np.exp(-0.5 * ((r / cutoff - centre) / 0.2) ** 2) for centre in (0.4, 0.8)]
    aluminium = [s[a] * s[b] / ((1 + s[a]) * (1 + s[b])) for a, b in ((0, 0), (0, 1), (1, 1))]
    angular = x[3 * n_radial :].reshape(-1, 4)
    occupied = angular[np.abs(angular).sum(axis=1) > 0]
    np.testing.assert_allclose(occupied, np.outer(aluminium, [3, 5, 7, 9]), rtol=1e-9)


def test_angle_on_paper() -> None:
    """A bent trimer and the explicit double sum over its two neighbours, cross terms of unlike elements included."""
    theta, r = np.radians(104.5), 2.5
    arm = np.array([np.sin(theta), 0, np.cos(theta)])
    x = described(Atoms([13, 3, 12], [[0, 0, 0], [0, 0, r], r * arm]))[0]
    smooth = 0.5 * (1 + np.cos(np.pi * r / 6))
    s = np.array([smooth * np.exp(-0.5 * ((r / 6 - centre) / 0.2) ** 2) for centre in (0.4, 0.8)])
    c = np.cos(theta)
    legendre = np.array([c, (3 * c**2 - 1) / 2, (5 * c**3 - 3 * c) / 2, (35 * c**4 - 30 * c**2 + 3) / 8])
    pairs = list(itertools.combinations_with_replacement(range(6), 2))
    li_short_mg_long = x[36:].reshape(-1, 4)[pairs.index((0, 3))]
    expected = [3, 5, 7, 9] * legendre * s[0] * s[1] / ((1 + 2 * s[0]) * (1 + 2 * s[1]))
    np.testing.assert_allclose(li_short_mg_long, expected, rtol=1e-9)


@pytest.mark.parametrize("elements", [(3, 12, 13), (3, 8, 12, 13, 26)])
def test_real_cells_as_the_formulas_say(al_li_mg: list[Frame], elements: tuple[int, ...]) -> None:
    """Every shell by itself, and the double sum over pairs of neighbours; the last atom has far more neighbours."""
    descriptor = DensityDescriptor(elements)
    dense = dataclasses.replace(al_li_mg[-1], cell=0.7 * al_li_mg[-1].cell, positions=0.7 * al_li_mg[-1].positions)
    for frame in (*al_li_mg[::100], dense):
        x = descriptor.compute([frame])[0]
        np.testing.assert_allclose(x[-1], by_formula(descriptor, frame, frame.n_atoms - 1), rtol=0, atol=1e-12)


def by_formula(descriptor: DensityDescriptor, frame: Frame, atom: int) -> FloatArray:
    """One atom's description, (width,), term by term as the module's docstring has it."""
    near, cutoff = neighbour_list(frame, descriptor.cutoff_A), descriptor.cutoff_A
    own = near.i == atom
    r, unit, Z = near.distances[own], near.vectors[own] / near.distances[own, None], frame.numbers[near.j[own]]
    smooth = 0.5 * (1 + np.cos(np.pi * r / cutoff))
    sigma = (cutoff - 1) / descriptor.n_radial
    centres = 1 + sigma * np.arange(descriptor.n_radial)
    deviations = np.sqrt(0.05 * 4 * np.pi**1.5 * sigma * (centres**2 + sigma**2 / 2))
    shells = smooth * np.exp(-((r - centres[:, None]) ** 2) / (2 * sigma**2)) / deviations[:, None]
    radial = np.concatenate([shells[:, element == Z].sum(axis=1) for element in descriptor.elements])
    broad = [smooth * np.exp(-0.5 * ((r / cutoff - centre) / 0.2) ** 2) for centre in (0.4, 0.8)]
    channels = [b * (element == Z) for element in descriptor.elements for b in broad] + broad
    n_own = 2 * len(descriptor.elements)
    if len(descriptor.elements) <= MOST_ELEMENTS_IN_PAIRS:
        pairs = list(itertools.combinations_with_replacement(range(n_own), 2))
    else:
        pairs = list(itertools.product(range(n_own), (n_own, n_own + 1)))
    cosines = unit @ unit.T
    legendre = [(2 * degree + 1) * eval_legendre(degree, cosines) for degree in (1, 2, 3, 4)]
    angular = [
        channels[a] @ P @ channels[b] / ((1 + broad[a % 2].sum()) * (1 + broad[b % 2].sum()))
        for a, b in pairs
        for P in legendre
    ]
    return np.concatenate([radial, angular])


def test_many_shells_are_found_as_few_are() -> None:
    """Shells are found one from the next; far from the first that must not run out of numbers."""
    descriptor = DensityDescriptor((13,), cutoff_A=9.0, n_radial=90)
    x = described(Atoms("Al2", [[0, 0, 0], [0, 0, 8.0]]), descriptor)[0, :90]
    centres = 1 + np.arange(90) * 8 / 90
    shells = np.exp(-0.5 * ((8.0 - centres) / (8 / 90)) ** 2) * 0.5 * (1 + np.cos(np.pi * 8 / 9))
    variance = 0.05 * 4 * np.pi**1.5 * (8 / 90) * (centres**2 + (8 / 90) ** 2 / 2)
    np.testing.assert_allclose(x, shells / np.sqrt(variance), rtol=1e-11, atol=1e-100)


def test_results_are_not_written_over_by_the_next(al_li_mg: list[Frame]) -> None:
    first = METALS.compute([al_li_mg[0]])[0]
    kept = first.copy()
    METALS.compute(al_li_mg[1:9])
    np.testing.assert_array_equal(first, kept)


def test_more_than_the_memory_that_is_kept(al_li_mg: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = METALS.compute(al_li_mg[:3])
    monkeypatch.setattr(descriptors, "MOST_HELD", 10)
    for x, y in zip(kept, METALS.compute(al_li_mg[:3]), strict=True):
        np.testing.assert_array_equal(x, y)


def test_atoms_that_coincide_have_no_direction_to_each_other() -> None:
    x = described(Atoms("AlLi2", [[0, 0, 0], [0, 0, 0], [0, 0, 2.5]]))[0]
    assert np.isfinite(x).all()
    np.testing.assert_allclose(x, described(Atoms("AlLi2", [[0, 0, 0], [0, 0, 0], [0, 2.5, 0]]))[0], atol=1e-12)


def test_invariance() -> None:
    atoms = alloy()
    reference = described(atoms)
    rotation = Rotation.random(rng=5).as_matrix()
    for matrix in (rotation, -rotation):
        turned = atoms.copy()
        turned.set_cell(atoms.cell.array @ matrix.T)
        turned.positions = atoms.positions @ matrix.T
        np.testing.assert_allclose(described(turned), reference, atol=1e-9)
    moved = atoms.copy()
    moved.positions += [0.7, -31.0, 2.2]
    np.testing.assert_allclose(described(moved), reference, atol=1e-9)
    np.testing.assert_allclose(described(atoms.repeat((1, 2, 3))), np.tile(reference, (6, 1)), atol=1e-9)
    order = np.random.default_rng(0).permutation(len(atoms))
    np.testing.assert_allclose(described(atoms[order]), reference[order], atol=1e-9)


def test_batch_equals_single(al_li_mg: list[Frame]) -> None:
    some = al_li_mg[::20]
    together = METALS.compute(some)
    assert [x.shape for x in together] == [(f.n_atoms, METALS.width) for f in some]
    for frame, x in zip(some, together, strict=True):
        np.testing.assert_allclose(METALS.compute([frame])[0], x, atol=1e-12)
    assert METALS.compute([]) == []


def test_smooth_where_an_atom_passes_the_cutoff() -> None:
    def at(r: float) -> FloatArray:
        return described(Atoms([13, 13, 3], [[0, 0, 0], [0, 2.8, 0], [0, 0, r]]))[0]

    just_inside, outside = at(6.0 - 1e-4), at(6.1)
    np.testing.assert_allclose(just_inside, outside, atol=1e-7)
    slope = (at(6.0 - 1e-3) - at(6.0 - 2e-3)) / 1e-3
    assert np.abs(slope).max() < 1e-2
    assert np.abs(at(5.0) - outside).max() > 1e-2


def test_swapping_elements_is_seen() -> None:
    atoms = alloy()
    swapped = atoms.copy()
    swapped.numbers[[1, 2]] = swapped.numbers[[2, 1]]
    change = np.linalg.norm(described(atoms) - described(swapped), axis=1)
    assert np.all(change > 0.1)
    # The centre's own element is not part of its description.
    lone = [described(Atoms([Z, 13], [[0, 0, 0], [0, 0, 2.7]]))[0] for Z in (3, 12)]
    np.testing.assert_allclose(lone[0], lone[1])


def test_tells_crystals_apart_that_share_their_shells() -> None:
    """Ideal fcc and hcp have equal first and second shells; angles tell them apart."""
    fcc = bulk("Al", "fcc", a=4.05)
    hcp = bulk("Al", "hcp", a=4.05 / np.sqrt(2), c=4.05 / np.sqrt(2) * np.sqrt(8 / 3))
    short = DensityDescriptor((13,), cutoff_A=4.4)
    a, b = described(fcc, short)[0], described(hcp, short)[0]
    np.testing.assert_allclose(a[: short.n_radial], b[: short.n_radial], atol=1e-9)
    assert np.linalg.norm(a - b) > 1e-3


def test_width_stays_modest() -> None:
    assert METALS.width == 120
    assert DensityDescriptor((41, 42, 73, 74)).width == 192
    assert DensityDescriptor((1, 6, 7, 8, 9)).width < 200


def test_many_elements_are_still_invariant_and_told_apart() -> None:
    many = DensityDescriptor((1, 6, 7, 8, 9))
    assert len(many.elements) > MOST_ELEMENTS_IN_PAIRS
    ethanol = molecule("CH3CH2OH")
    turned = ethanol.copy()
    turned.rotate(33, (1, 2, 3))
    x = described(ethanol, many)
    assert x.shape == (9, many.width)
    np.testing.assert_allclose(described(turned, many), x, atol=1e-9)
    other = ethanol.copy()
    other.numbers[ethanol.numbers == 8] = 7
    assert np.linalg.norm(described(other, many) - x) > 0.1


def test_frames_are_left_as_they_were(al_li_mg: list[Frame]) -> None:
    frame = al_li_mg[200]
    before = dataclasses.replace(frame, positions=frame.positions.copy())
    METALS.compute([frame])
    np.testing.assert_array_equal(frame.positions, before.positions)


def test_guards(al_li_mg: list[Frame]) -> None:
    with pytest.raises(WrongUse, match="lacks"):
        DensityDescriptor((13,)).compute(al_li_mg)
    with pytest.raises(WrongUse, match="distinct elements"):
        DensityDescriptor(())
    with pytest.raises(WrongUse, match="distinct elements"):
        DensityDescriptor((13, 13))
    with pytest.raises(WrongUse, match="cutoff"):
        DensityDescriptor((13,), cutoff_A=1.5)
