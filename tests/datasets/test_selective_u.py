"""Hubbard U that part of the cells carry: the rule, the surroundings, and what cannot be known without a statement."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.build import bulk

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames
from sonde.datasets.selective_u import selective_u
from sonde.records.datasets import surface_alarms_of
from sonde.records.frames import Frame, Tag


def iron(oxygen_at_A: float | None, u: str, repeat: int = 8) -> Frame:
    """Bulk iron, long in one direction, with one oxygen in the middle of its first cell where asked for."""
    atoms = bulk("Fe", "bcc", a=2.87, cubic=True).repeat((2, 2, repeat))
    positions, numbers = atoms.positions, atoms.numbers
    if oxygen_at_A is not None:
        positions = np.vstack([positions, [0.0, 1.435, oxygen_at_A]])
        numbers = np.append(numbers, 8)
    tags: dict[str, Tag] = {"hubbard_u": u}
    return Frame(np.asarray(numbers), positions, np.asarray(atoms.cell), np.ones(3, bool), energy_eV=-8.0, tags=tags)


def test_atoms_that_cannot_know_their_surface() -> None:
    """22.96 Å long, O at one height: iron beyond 6 Å of it (and of its image) is bulk iron, with another energy."""
    (found,) = selective_u([iron(1.435, "Fe:5.3"), iron(None, "none"), iron(None, "none")])
    assert (found.metal, found.u, found.triggers, found.status) == ("Fe", ("5.3",), ("O",), "found")
    assert (found.n_frames_with_u, found.n_frames_without_u, found.n_exceptions) == (1, 2, 0)
    assert found.n_atoms_looked_at == 64
    layers = 1.435 * np.arange(16)
    away = np.minimum(np.abs(layers - 1.435), 22.96 - np.abs(layers - 1.435))
    assert found.n_atoms_beyond >= 4 * int((away > 6).sum()) > 0
    assert 0 < found.n_identical_environments <= found.n_atoms_beyond


def test_no_rule_no_selective_u() -> None:
    """The same structures with and without U are two surfaces, but nothing triggers U."""
    assert selective_u([iron(None, "none"), iron(None, "Fe:5.3"), iron(1.435, "Fe:5.3"), iron(1.435, "none")]) == ()


def test_li_fe_o(shared_data: Path) -> None:
    """Its README: U on Fe in all 311 cells with O, in none of the 12 without."""
    (found,) = selective_u(list(read_frames(shared_data / "li_fe_o/Li-Fe-O.json.gz")))
    assert (found.metal, found.triggers, found.u) == ("Fe", ("O",), ("5.3",))
    assert (found.n_frames_with_u, found.n_frames_without_u, found.n_exceptions) == (311, 12, 0)
    assert found.median_nearest_A is not None
    assert 1.8 < found.median_nearest_A < 2.2


def test_without_a_statement_it_is_never_found(shared_data: Path) -> None:
    """WBM: 19 records hold a customary metal with O or F, and no field says U."""
    path = shared_data / "matcalc_reference/wbm-random-pbe52-equilibrium-2025.1.json.gz"
    frames = [f for f in read_frames(path) if np.isin(f.numbers, [23, 24, 25, 26, 27, 28, 42, 74]).any()]
    report = audit(frames, "wbm")
    assert {one.status for one in report.selective_u} == {"consistent with"}
    (possible,) = [one for one in report.alarms if one.kind.startswith("selective_u")]
    assert (possible.kind, possible.severity, possible.n) == ("selective_u_possible", "low", 19)
    assert "not found" in possible.message
    assert surface_alarms_of(report) == ()


def test_labels_of_ni_o_side_by_side(shared_data: Path) -> None:
    report = audit(read_frames(shared_data / "ni_o/ni_o.xyz"), "ni_o")
    assert report.selective_u == ()
    (pair,) = report.paired
    assert (pair.group_a, pair.group_b, pair.n_shared) == ("hubbard_u[Ni]=d:6.2", "hubbard_u[Ni]=none", 36)
    assert pair.force_correlation is not None
    assert pair.force_correlation > 0.9
    assert {"mixed_surfaces", "contradictory_labels"} <= {one.kind for one in surface_alarms_of(report)}


def test_two_codes_against_each_other(shared_data: Path) -> None:
    """A second set with energies 10 meV/atom higher and forces 2 % larger: the table says so."""
    frames = list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz"))[::6]
    other = [
        replace(
            f,
            energy_eV=(f.energy_eV or 0.0) + 0.01 * f.n_atoms,
            forces_eV_per_A=None if f.forces_eV_per_A is None else 1.02 * f.forces_eV_per_A,
        )
        for f in frames
    ]
    report = audit(frames, "one code", other, "another")
    (pair,) = report.paired
    assert (pair.group_a, pair.group_b, pair.n_shared, report.leakage) == (
        "another",
        "one code",
        len(frames),
        len(frames),
    )
    assert np.isclose(pair.energy_mean_meV_per_atom or 0, 10.0)
    assert np.isclose(pair.force_correlation or 0, 1.0)


def test_label_noise_of_near_copies(shared_data: Path) -> None:
    """Its README: energy against minus force times displacement has slope 1.009; turned forces are named."""
    frames = list(read_frames(shared_data / "cr_sb2te3/data_600K/valid.xyz.gz"))
    noise = audit(frames, "600 K").noise
    assert noise is not None
    assert noise.force_energy_slope is not None
    assert 0.95 < noise.force_energy_slope < 1.05
    assert noise.energy_near_meV_per_atom is not None
    assert noise.energy_near_meV_per_atom < 1.0
    turned = [replace(f, forces_eV_per_A=None if f.forces_eV_per_A is None else -f.forces_eV_per_A) for f in frames]
    assert "force_energy_mismatch" in {one.kind for one in audit(turned, "turned").alarms}
