"""Structures on both surfaces, and which surface a user means."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.correction.planted import PBE, PBE_U, Stream, both_surfaces, cells, placed, planted_shift, stated

from sonde.datasets.correction import candidates
from sonde.datasets.correction.pairs import Choices, surface_pairs
from sonde.datasets.correction.surface_choice import (
    corrected_elements,
    holds,
    surface_choice,
    surface_title,
)
from sonde.datasets.correction.survey import survey
from sonde.datasets.same_geometry import same_geometry_groups
from sonde.errors import WrongUse
from sonde.records.frames import Frame

TO_PBE = Choices(surface_choice("PBE"))


@pytest.fixture(scope="module")
def some(shared_data: Path) -> list[Frame]:
    return cells(shared_data, ["MoTa"])[:6]


def shuffled(frame: Frame) -> Frame:
    """The same structure with its atoms in another order and in other periodic images."""
    order = np.random.default_rng(5).permutation(frame.n_atoms)
    assert frame.forces_eV_per_A is not None
    return replace(
        frame,
        numbers=frame.numbers[order],
        positions=frame.positions[order] + frame.cell[0],
        forces_eV_per_A=frame.forces_eV_per_A[order],
    )


def test_order_of_atoms_and_images_do_not_matter(some: list[Frame]) -> None:
    on_both = both_surfaces(some)
    frames = [*on_both[:6], *map(shuffled, on_both[6:])]
    pairs = surface_pairs(placed(frames), TO_PBE).pairs
    assert len(pairs) == 6
    for pair in pairs:
        assert pair.difference_eV == pytest.approx(planted_shift(pair.target.frame), abs=1e-6)
        assert pair.force_differences_eV_per_A == pytest.approx(np.zeros(8), abs=1e-9)
        assert set(pair.corrected) == {42, 73}


@pytest.mark.parametrize(("moved_A", "n_pairs"), [(4e-4, 32), (4e-3, 0)])
def test_pairs_within_the_tolerance(moved_A: float, n_pairs: int, shared_data: Path) -> None:
    """Atoms and cells moved at random, atoms in another order and image: all are found, or none."""
    frames = cells(shared_data, ["MoTa", "NbW"])
    rng = np.random.default_rng(0)

    def moved(frame: Frame) -> Frame:
        strained = frame.cell + moved_A * rng.uniform(-1, 1, (3, 3))
        displaced = frame.positions + moved_A * rng.choice([-0.5, 0.5], (frame.n_atoms, 3))
        return shuffled(replace(frame, cell=strained, positions=displaced))

    distinct = [group[0] for group in by_geometry(frames)]
    on_both = both_surfaces(distinct[:32])
    found = surface_pairs(placed([*map(moved, on_both[:32]), *on_both[32:]]), TO_PBE)
    assert len(found.pairs) == n_pairs


def by_geometry(frames: list[Frame]) -> list[list[Frame]]:
    """Frames that are told apart by more than the tolerance, with those that are not."""
    alike = [{k} for k in range(len(frames))]
    for group in same_geometry_groups(frames):
        alike[group[0]] |= set(group)
        for other in group[1:]:
            alike[other] = set()
    return [[frames[k] for k in sorted(one)] for one in alike if one]


def test_groups_of_candidates_lose_no_pair(shared_data: Path) -> None:
    """Against all with all: frames of eight compositions, on either surface or on both, some twice."""
    frames = cells(shared_data, ["MoTa", "MoW", "NbTa"])
    rng = np.random.default_rng(1)
    on_both = both_surfaces(frames)
    chosen = [on_both[k] for k in rng.permutation(len(on_both))[: len(frames)]]
    pairs = surface_pairs(placed([*chosen, *chosen[:20]]), TO_PBE).pairs
    both = [one for one in by_geometry([*chosen, *chosen[:20]]) if len({str(f.tags["hubbard_u"]) for f in one}) == 2]
    assert len(pairs) == len(both) > 10


def test_frames_without_the_other_surface_are_not_held(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 frames ten stand on both surfaces: those that wait for others of their size and these are alive."""
    frames = cells(shared_data, ["MoTa", "MoW", "NbTa", "NbW", "TaW"])
    one_surface = both_surfaces(frames[10:])[len(frames) - 10 :]
    stream = Stream([*both_surfaces(frames[:10]), *one_surface])
    monkeypatch.setattr(candidates, "AT_ONCE", 16)
    assert len(surface_pairs(stream, TO_PBE).pairs) == 10
    assert len(stream.frames) == 210
    assert stream.most <= 16 + 20 + 2


SPOILERS: list[tuple[Callable[[Frame], Frame], dict[str, int]]] = [
    (lambda frame: stated(frame, {"scf_converged": False}), {"scf_converged is false": 1}),
    (lambda frame: stated(frame, {"code": "other"}), {"the frames differ in another deciding field, too": 1}),
    (lambda frame: replace(frame, energy_eV=None), {}),
    (lambda frame: replace(frame, positions=frame.positions + 0.01 * np.eye(8, 3)), {}),
]


@pytest.mark.parametrize(("spoil", "aside"), SPOILERS, ids=["not converged", "other code", "no energy", "moved"])
def test_what_is_no_pair(some: list[Frame], spoil: Callable[[Frame], Frame], aside: dict[str, int]) -> None:
    on_both = [stated(frame, {"code": "one"}) for frame in both_surfaces(some)]
    found = surface_pairs(placed([spoil(on_both[0]), *on_both[1:]]), TO_PBE)
    assert len(found.pairs) == 5
    assert found.set_aside == aside


def test_of_several_solutions_the_ground_state_is_paired(some: list[Frame]) -> None:
    on_both = both_surfaces(some)
    assert on_both[6].energy_eV is not None
    excited = replace(on_both[6], energy_eV=on_both[6].energy_eV + 3.0)
    found = surface_pairs(placed([excited, *on_both]), TO_PBE)
    assert found.set_aside == {"a further frame of a geometry that has its pair": 1}
    expected = sorted(planted_shift(frame) for frame in some)
    assert sorted(pair.difference_eV for pair in found.pairs) == pytest.approx(expected, abs=1e-6)


# ---- which surface is meant ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "on_pbe", "on_pbe_u", "on_nothing"),
    [
        ("PBE", True, False, None),
        ("pbe", True, False, None),
        ("PBE+U", False, True, None),
        ("SCAN", False, False, None),
        ("hubbard_u=none", True, False, None),
        ("hubbard_u[Mo]=4", False, True, None),
        ("hubbard_u[Ni]=none", True, True, None),
        ("functional=PBE, hubbard_u=none", True, False, None),
        ("config_type=test_unrelax|test_relax", True, True, True),
        ("dataset=planted", True, True, True),
        ("mood=good", None, None, None),
    ],
)
def test_surfaces_in_words(
    some: list[Frame], text: str, on_pbe: bool | None, on_pbe_u: bool | None, on_nothing: bool | None
) -> None:
    choice = surface_choice(text)
    frames = (stated(some[0], PBE), stated(some[0], PBE_U), some[0])
    assert [holds(choice, place) for place in placed(frames)] == [on_pbe, on_pbe_u, on_nothing]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no surface"),
        ("PBE+U+U", "names no surface"),
        ("hubbard_u=", "is no condition: write field=value"),
        ("functional[Ni]=PBE", "only hubbard_u and pseudopotential are kept per element"),
        ("hubbard_u[Xx]=3", r"hubbard_u\[Xx\] cannot be"),
    ],
)
def test_what_is_no_surface(text: str, told: str) -> None:
    with pytest.raises(WrongUse, match=told):
        surface_choice(text)


def test_only_elements_with_another_u_are_corrected(some: list[Frame]) -> None:
    (on_mo, silent) = placed([stated(some[0], {"xc": "PBE", "hubbard_u": "Mo:d:4"}), some[0]])
    assert corrected_elements(surface_choice("PBE"), on_mo) == {42}
    assert corrected_elements(surface_choice("SCAN"), on_mo) == {42, 73}
    assert survey([on_mo], [], Choices(surface_choice("SCAN"))).sources.title("?") == "PBE+U"
    assert surface_title(silent) == ""


def test_two_values_of_u_are_two_surfaces(some: list[Frame]) -> None:
    places = placed(stated(some[0], {"xc": "PBE", "hubbard_u": f"Mo:{u}"}) for u in (3.0, 4.0))
    assert survey(places, [], TO_PBE).sources.several_values == {"hubbard_u[Mo]": ("3", "4")}
