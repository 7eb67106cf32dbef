"""Maps of trust: cells on paper (springs, simplex, crossing), then a real potential whose trust ends with heat."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import units
from ase.build import bulk
from tests.cli.terminal import done
from tests.potentials.al_li_mg import al_li_mg_frames
from tests.simulation.springs import STIFFNESS_EV_PER_A2, Spring, dimer

from sonde.errors import BadInput, WrongUse
from sonde.operations.trust_map import MapPlan, crossing, trust_map
from sonde.potentials.calculator import frame_of
from sonde.potentials.linear import LinearPotential, LinearSettings, fit_linear
from sonde.records.frames import Frame
from sonde.simulation.warm_cells import (
    composition_name,
    decorated,
    enlarged,
    resting_scale,
    scaled,
    shaken,
    simplex,
    stiffnesses,
)
from sonde.store import Project


def fcc(symbol: str = "Al", a: float = 4.05) -> Frame:
    return frame_of(bulk(symbol, "fcc", a=a, cubic=True))


# ---- cells -----------------------------------------------------------------------------------------------------------


def test_compositions_and_their_names() -> None:
    assert simplex([13, 12], 2) == [{13: 1.0, 12: 0.0}, {13: 0.5, 12: 0.5}, {13: 0.0, 12: 1.0}]
    assert len(simplex([3, 12, 13], 4)) == 15
    assert [composition_name(one) for one in simplex([13, 12], 4)][:2] == ["Al", "Al75 Mg25"]
    with pytest.raises(WrongUse, match="distinct elements"):
        simplex([13, 13], 2)


def test_decorations_hold_the_wished_numbers_and_forget_labels() -> None:
    big = enlarged(fcc(), 30)
    assert big.n_atoms == 32
    np.testing.assert_allclose(np.linalg.det(big.cell), 8 * 4.05**3)
    mixed = decorated(big, {13: 0.6, 12: 0.4}, np.random.default_rng(0))
    assert np.sum(mixed.numbers == 12) == 13  # 12.8 of 32
    assert big.energy_eV is None
    with pytest.raises(BadInput, match="is not periodic"):
        enlarged(Frame(np.array([13]), np.zeros((1, 3)), np.eye(3), np.zeros(3, bool)), 2)


def test_displacements_obey_equipartition() -> None:
    """An oscillator of 2 eV/Å² at 600 K has ⟨x²⟩ = kT/κ."""
    frame = enlarged(fcc(), 4000)
    warm = shaken(frame, {13: 2.0}, 600.0, np.random.default_rng(0).standard_normal((frame.n_atoms, 3)))
    mean_square = float(np.mean((warm.positions - frame.positions) ** 2))
    assert mean_square == pytest.approx(units.kB * 600 / 2.0, rel=0.03)


def test_stiffness_of_a_known_spring() -> None:
    """An atom of a dimer is held by its spring along the bond, and not across it: the mean of three directions."""
    (stiffness,) = stiffnesses(Spring(), dimer(), np.random.default_rng(0)).values()
    # at ±δ along the bond the force is exactly k δ; across it, k (√(r² + δ²) − r) δ / √(…), beyond the harmonic
    assert stiffness == pytest.approx(STIFFNESS_EV_PER_A2 / 3, rel=1e-3)


def test_where_trust_is_lost() -> None:
    temperatures = np.array([100.0, 300.0, 500.0])
    assert crossing(temperatures, np.array([0.9, 0.6, 0.2])) == pytest.approx(350.0)
    assert crossing(temperatures, np.array([0.4, 0.9, 0.9])) == 100.0
    assert crossing(temperatures, np.array([0.9, 0.8, 0.7])) == np.inf


# ---- a real potential ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def potential(shared_data: Path) -> LinearPotential:
    calm = al_li_mg_frames(shared_data, largest_force=4.0)
    return fit_linear(calm[::2], settings=LinearSettings(n_radial=5, n_product=1, l_max=0))


def test_a_crystal_rests_where_its_pressure_vanishes(potential: LinearPotential) -> None:
    frame = fcc("Al", 4.3)
    scale = resting_scale(potential, frame)
    assert scale is not None
    assert 3.7 < 4.3 * scale < 4.4
    stress = potential.evaluate([scaled(frame, scale)])[0].stress_eV_per_A3
    assert stress is not None
    assert abs(np.trace(stress)) / 3 < 2e-3


@pytest.fixture(scope="module")
def project(shared_data: Path, potential: LinearPotential, tmp_path_factory: pytest.TempPathFactory) -> Project:
    from tests.operations.test_trust_monitor import write

    from sonde.operations.add_dataset import add_dataset
    from sonde.operations.add_potential import PotentialOptions, add_potential
    from sonde.operations.trust import trust_fit

    folder = tmp_path_factory.mktemp("map")
    write(folder / "unseen.xyz", al_li_mg_frames(shared_data, largest_force=4.0)[1::2])
    ase.io.write(folder / "fcc.xyz", bulk("Mg", "fcc", a=4.5, cubic=True), format="extxyz")
    potential.save(folder / "linear.npz")
    made = Project.create(folder)
    add_dataset(made, "unseen", [folder / "unseen.xyz"])
    add_potential(made, "linear", folder / "linear.npz", adapter="linear", options=PotentialOptions())
    trust_fit(made, "linear", "unseen")
    return made


PLAN = MapPlan(("Mg", "Al"), 2, (0.04, 0.0), (100.0, 4000.0), 8, 3)


def test_trust_ends_with_heat(project: Project) -> None:
    from sonde.records.jsonable import jsonable
    from sonde.views.trust_map import map_page

    found = trust_map(project, "linear", project.root / "fcc.xyz", plan=PLAN, tolerance=0.6)
    assert found.compositions == ("Mg", "Mg50 Al50", "Al")
    assert found.strains == (0.0, 0.04)
    assert len(found.cells) == 12
    for name in found.compositions:
        cold, hot = (found.cell(name, 0.0, T) for T in PLAN.temperatures_K)
        assert cold.trusted is not None
        assert hot.trusted is not None
        assert hot.trusted < 0.5
        assert cold.trusted > hot.trusted
        assert cold.trusted_low is not None
        assert cold.trusted_high is not None
        assert cold.trusted_low <= cold.trusted <= cold.trusted_high
    mg = next(one for one in found.boundaries if one.composition == "Mg" and one.strain == 0.0)
    assert mg.at_all
    assert mg.lost_at_K is not None
    assert 100 < mg.lost_at_K < 4000
    assert jsonable(found)["schema"] == "sonde.trust-map/1"
    page = map_page(found)
    assert "Mg50 Al50" in page
    assert "<script src=" not in page
    again = trust_map(project, "linear", project.root / "fcc.xyz", plan=PLAN, tolerance=0.6)
    assert jsonable(again) == jsonable(found)


def test_a_tolerance_may_grow_with_the_force(project: Project) -> None:
    asked = ["trust", "map", "linear", project.root / "fcc.xyz", "--project", project.root, "--elements", "Mg"]
    asked += ["--strain", 0, "--temperature", 300, "--structures", 2, "--atoms", 8, "--tolerance", 0.6]
    plain, wider = (done(*asked, *more, "--json").record for more in ((), ("--relative", 0.5)))
    assert plain["claim"] == "largest force error ≤ 0.6 eV/Å"
    assert wider["claim"] == "largest force error ≤ 0.6 eV/Å + 0.5 |F|"
    assert wider["cells"][0]["p_within"] > plain["cells"][0]["p_within"]


def test_dynamics_make_cells_warm_as_well(project: Project) -> None:
    plan = MapPlan(("Mg",), 1, (0.0,), (100.0, 6000.0), 4, 2, "dynamics")
    found = trust_map(project, "linear", project.root / "fcc.xyz", plan=plan, tolerance=0.6)
    cold, hot = found.cells
    assert cold.trusted is not None
    assert hot.trusted is not None
    assert cold.trusted > hot.trusted
    assert found.notes == ()


def test_guards(project: Project) -> None:
    reference = project.root / "fcc.xyz"
    with pytest.raises(BadInput, match="'W' is no element that the potential knows"):
        trust_map(project, "linear", reference, plan=MapPlan(("Mg", "W")))
    with pytest.raises(WrongUse, match="Strains lie between"):
        MapPlan(strains=(-0.7,))
    with pytest.raises(WrongUse, match="at least two structures"):
        MapPlan(n_structures=1)
