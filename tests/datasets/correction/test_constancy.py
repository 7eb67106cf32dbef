"""Whether one number per element is enough, and what no number removes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.correction.planted import (
    BINARIES,
    both_surfaces,
    cells,
    noise_by_composition,
    placed,
    read_places,
    stated,
)

from sonde.datasets.correction.constancy import constancy
from sonde.datasets.correction.environments import (
    Environments,
    covered_ranges,
    environments,
    is_covered,
    labels,
    oxidation_states,
)
from sonde.datasets.correction.label_differences import label_differences
from sonde.datasets.correction.pairs import Choices, SurfacePair, composition_of, surface_pairs
from sonde.datasets.correction.shifts import fit_shifts, pair_table
from sonde.datasets.correction.surface_choice import surface_choice
from sonde.records.correction import Constancy
from sonde.records.frames import Frame

TO_PBE = Choices(surface_choice("PBE"))
NI = 28


def rocksalt(a_A: float = 4.17) -> Frame:
    cell = a_A / 2 * (np.ones((3, 3)) - np.eye(3))
    return Frame(np.array([NI, 8]), np.array([[0, 0, 0], [a_A / 2] * 3]), cell, np.ones(3, bool))


def fcc(a_A: float = 3.52) -> Frame:
    return Frame(np.array([NI]), np.zeros((1, 3)), a_A / 2 * (np.ones((3, 3)) - np.eye(3)), np.ones(3, bool))


def judged(frames: list[Frame]) -> Constancy:
    pairs = surface_pairs(placed(frames), TO_PBE).pairs
    return constancy(fit_shifts(pair_table(pairs)), [p.kinds for p in pairs])


def test_environments_on_paper() -> None:
    oxide, metal = environments(rocksalt(), [NI]), environments(fcc(), [NI])
    assert labels(oxide, "anion neighbours") == ["5–6"]
    assert labels(oxide, "oxidation state") == ["+2"]
    assert oxide.nearest_A == pytest.approx(4.17 / 2)
    assert labels(metal, "anion neighbours") == ["0"]
    assert labels(metal, "coordination") == ["11–12"]
    assert labels(metal, "config_type") == ["not stated"]
    assert oxidation_states(np.array([3, 26, 8, 8])).tolist() == [1, 3, -2, -2]


def test_pairs_of_the_metal_do_not_cover_the_oxide() -> None:
    of_metal = covered_ranges([environments(fcc(a_A), [NI]) for a_A in (3.4, 3.52, 3.6)])
    assert is_covered(environments(fcc(3.45), [NI]), of_metal)
    assert not is_covered(environments(rocksalt(), [NI]), of_metal)


def test_a_planted_constant_is_enough(shared_data: Path) -> None:
    found = judged(both_surfaces(cells(shared_data, BINARIES)))
    assert found.constant_sufficient is True
    assert found.spread_eV < 1e-6
    assert "config_type" in found.why


def test_a_planted_dependence_is_found(shared_data: Path) -> None:
    """Molybdenum's shift is 0.5 eV larger in cells of one kind."""
    frames = both_surfaces(cells(shared_data, ["MoTa", "NbMo"]))
    half = len(frames) // 2
    moved = [
        replace(f, energy_eV=(f.energy_eV or 0) + 0.5 * np.count_nonzero(f.numbers == 42))
        if f.tags["config_type"] == "test_relax"
        else f
        for f in frames[half:]
    ]
    found = judged([*frames[:half], *moved])
    assert found.constant_sufficient is False
    (test,) = [test for test in found.tests if test.description == "config_type"]
    assert test.verdict == "depends"
    assert test.largest_difference_eV == pytest.approx(0.5, abs=1e-3)
    assert test.between == "Mo in test_relax and in test_unrelax"


def test_nickel_in_metal_and_oxide_differ(shared_data: Path) -> None:
    """3.4 eV per Ni in the metal, 0.8 in rocksalt, 2.4 in zincblende: its README, computed for the purpose."""
    found = judged([place.frame for place in read_places(shared_data / "ni_o/ni_o.xyz", "ni_o")])
    assert found.constant_sufficient is False
    assert {test.verdict for test in found.tests} == {"depends"}
    by_state = {one.label: one.shift_eV for one in found.tests[1].classes}
    assert found.tests[1].description == "oxidation state"
    assert by_state["0"] == pytest.approx(3.42, abs=0.05)
    assert by_state["+2"] == pytest.approx(0.77, abs=0.05)
    by_type = {one.label: one.shift_eV for one in found.tests[3].classes}
    assert by_type["oxide_zincblende"] == pytest.approx(2.39, abs=0.02)


def test_rare_kinds_are_pooled_and_not_compared(shared_data: Path) -> None:
    """A name for every frame says nothing of environments; two frames of a kind do not speak for it."""
    some = cells(shared_data, ["NbTa"])
    each = judged(both_surfaces([stated(frame, {"config_type": f"job-{k}"}) for k, frame in enumerate(some)]))
    by_type = each.tests[-1]
    assert (by_type.description, by_type.verdict) == ("config_type", "not testable")
    assert by_type.classes == ()
    kinds = ["odd" if k < 2 else "even" if k % 2 else "other" for k in range(len(some))]
    found = judged(both_surfaces([stated(f, {"config_type": kind}) for f, kind in zip(some, kinds, strict=True)]))
    assert found.tests[-1].verdict == "constant"
    assert {one.label for one in found.tests[-1].classes} == {"even", "other"}


def test_too_many_kinds_are_not_fitted(shared_data: Path) -> None:
    many = cells(shared_data, ["NbTa", "MoW", "NbW", "MoTa", "TaW", "NbMo"])
    named = [stated(frame, {"config_type": f"batch-{k // 4}"}) for k, frame in enumerate(many)]
    by_type = judged(both_surfaces(named)).tests[-1]
    assert by_type.verdict == "not testable"
    assert "classes are too many for 240 pairs" in by_type.why


def test_errors_of_whole_compositions_are_no_dependence(shared_data: Path) -> None:
    """Kinds that stand for other compositions differ by their errors: certainly so, were pairs independent."""
    some = cells(shared_data, BINARIES)
    kinds = {composition: "ab"[k % 2] for k, composition in enumerate(sorted({composition_of(f) for f in some}))}
    named = [stated(frame, {"config_type": kinds[composition_of(frame)]}) for frame in some]
    by_type = judged(both_surfaces(named, noise_by_composition(named, 5, 0.1, 0.005))).tests[-1]
    shifts = {(one.element, one.label): one.interval for one in by_type.classes}
    apart = [shifts[el, "a"].high_eV < shifts[el, "b"].low_eV or shifts[el, "b"].high_eV < shifts[el, "a"].low_eV
             for el in ("Mo", "Nb", "Ta", "W")]  # fmt: skip
    assert any(apart)
    assert by_type.verdict != "depends"


def test_too_few_pairs_to_compare_is_not_an_answer(shared_data: Path) -> None:
    one_kind = [stated(frame, {"config_type": "same"}) for frame in cells(shared_data, ["W"])[:5]]
    found = judged(both_surfaces(one_kind))
    assert found.constant_sufficient is None
    assert "no two classes of environment have enough pairs" in found.why


# ---- what a shift leaves as it is ------------------------------------------------------------------------------------


def pair(source: Frame, target: Frame) -> SurfacePair:
    ours = [
        stated(source, {"xc": "PBE", "hubbard_u": "Ni:6"}, 1.0),
        stated(target, {"xc": "PBE", "hubbard_u": "none"}, 0.0),
    ]
    (found,) = surface_pairs(placed(ours), TO_PBE).pairs
    return found


def test_force_and_pressure_differences_on_paper() -> None:
    """Forces 3-4-0 apart are 5 eV/Å apart; 0.01 eV/Å³ of tension less is 1.602 GPa of compression more."""
    zero = replace(rocksalt(), forces_eV_per_A=np.full((2, 3), 0.1), stress_eV_per_A3=np.zeros((3, 3)))
    moved = replace(
        zero,
        forces_eV_per_A=zero.forces_eV_per_A + np.array([[3.0, 4.0, 0.0], [0, 0, 0]]),
        stress_eV_per_A3=-0.01 * np.eye(3),
    )
    pairs = [pair(moved, zero)]
    found = label_differences(pairs, [p.kinds for p in pairs], np.zeros(1))
    assert found.max_force_eV_per_A == pytest.approx(5.0)
    assert found.mean_force_eV_per_A == pytest.approx(2.5)
    assert found.mean_pressure_GPa == pytest.approx(1.602, abs=1e-3)
    assert found.strain_slope_eV_per_A is None


def test_forces_that_symmetry_forbids_are_no_agreement() -> None:
    zero = replace(rocksalt(), forces_eV_per_A=np.zeros((2, 3)))
    pairs = [pair(zero, zero)]
    found = label_differences(pairs, [environments(zero, [NI])], np.zeros(1))
    assert (found.n_pairs_with_forces, found.n_pairs_zero_by_symmetry) == (0, 1)
    assert found.mean_force_eV_per_A is None


def test_a_shift_that_follows_the_strain_is_seen() -> None:
    """Residuals that grow by 2 eV per Å of the nearest distance, a / 2 in rocksalt."""
    distances = np.linspace(4.0, 4.4, 9)
    pairs = [pair(rocksalt(a_A), rocksalt(a_A)) for a_A in distances]
    kinds = [environments(rocksalt(a_A), [NI]) for a_A in distances]
    found = label_differences(pairs, kinds, distances - 4.2)
    assert found.strain_slope_eV_per_A == pytest.approx(2.0)
    assert found.strain_p_value is not None
    assert found.strain_p_value < 1e-4


# ---- how often it is wrong -------------------------------------------------------------------------------------------

SEEDS = range(20)


def judged_with_errors(pairs: Sequence[SurfacePair], kinds: Sequence[Environments], seed: int) -> Constancy:
    """The same pairs with other errors, common to compositions for the larger part."""
    noise = noise_by_composition([pair.source.frame for pair in pairs], seed, 0.06, 0.02)
    moved = [
        replace(pair, difference_eV=pair.difference_eV + eV * pair.n_corrected)
        for pair, eV in zip(pairs, noise, strict=True)
    ]
    return constancy(fit_shifts(pair_table(moved)), kinds)


def few_compositions(shared_data: Path) -> list[Frame]:
    """One composition in three; of these one in three in both kinds, the others in one."""
    every = cells(shared_data, BINARIES)
    chosen = sorted({composition_of(frame) for frame in every})[::3]
    kinds = dict(zip(chosen, cycle([{"test_relax", "test_unrelax"}, {"test_relax"}, {"test_unrelax"}]), strict=False))
    return [frame for frame in every if frame.tags["config_type"] in kinds.get(composition_of(frame), ())]


def test_constants_are_seldom_refused_and_dependences_seldom_missed(shared_data: Path) -> None:
    """Fourteen compositions, most of which come in one kind only: five per cent may be refused.

    Then molybdenum's shift is 0.5 eV larger in cells of one kind.
    """
    pairs = surface_pairs(placed(both_surfaces(few_compositions(shared_data))), TO_PBE).pairs
    kinds = [pair.kinds for pair in pairs]
    refused = [judged_with_errors(pairs, kinds, seed).constant_sufficient is False for seed in SEEDS]
    assert sum(refused) <= 1
    dependent = [
        replace(pair, difference_eV=pair.difference_eV + 0.5 * pair.corrected.get(42, 0))
        if pair.source.frame.tags["config_type"] == "test_relax"
        else pair
        for pair in pairs
    ]
    found = [judged_with_errors(dependent, kinds, seed).constant_sufficient is False for seed in SEEDS]
    assert sum(found) >= 18
