"""What frames state of their level of theory, and what counts as the same."""

from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import read_frames
from sonde.datasets.setting_values import spacings
from sonde.datasets.surface_alarms import stated_alarms, surface_alarms
from sonde.datasets.surfaces import disagreements, may_be_one, surface_names, surface_of, surfaces
from sonde.datasets.tag_kinds import tag_kinds
from sonde.records.frames import Frame, Tag


def frame(symbols: tuple[int, ...] = (28, 8), **tags: Tag) -> Frame:
    n = len(symbols)
    return Frame(np.array(symbols), np.arange(3.0 * n).reshape(n, 3), np.eye(3) * 9, np.ones(3, bool), tags=tags)


@pytest.mark.parametrize(
    ("tags", "fields"),
    [
        ({"xc": "pbe"}, {"functional": "PBE"}),
        ({"XC": "PBE", "functional": "r2SCAN"}, {"functional": "PBE"}),
        ({"run_type": "GGA+U"}, {"functional": "GGA", "hubbard_u": "on"}),
        ({"xc": "PBE+U"}, {"functional": "PBE", "hubbard_u": "on"}),
        ({"xc": "PBE+U", "hubbard_u": "Ni:6.2"}, {"functional": "PBE", "hubbard_u[Ni]": "6.2", "hubbard_u[O]": "none"}),
        ({"xc": "shifted PBE+U"}, {"functional": "shifted PBE+U"}),
        ({"xc": "SLA PW PBX PBC"}, {"functional": "PBE"}),
        ({"GGA": "--", "run_type": "GGA"}, {"functional": "GGA", "hubbard_u": "none"}),
        ({"hubbard_u": "none"}, {"hubbard_u[Ni]": "none", "hubbard_u[O]": "none"}),
        ({"hubbard_u": "Ni:d:6.2"}, {"hubbard_u[Ni]": "d:6.2", "hubbard_u[O]": "none"}),
        ({"hubbards": "Ni:6.20 O:0.0"}, {"hubbard_u[Ni]": "6.2", "hubbard_u[O]": "none"}),
        ({"is_hubbard": False, "hubbards": None}, {"hubbard_u[Ni]": "none", "hubbard_u[O]": "none"}),
        ({"pp": "Ni:Ni_pv O:O_s W:W_pv"}, {"pseudopotential[Ni]": "Ni_pv", "pseudopotential[O]": "O_s"}),
        (
            {"pseudopotential": "PBE.54", "pp": "Ni:Ni_pv"},
            {"pseudopotential": "PBE.54", "pseudopotential[Ni]": "Ni_pv"},
        ),
        ({"smearing": "fermi-dirac"}, {"smearing": "Fermi-Dirac"}),
        ({"ISMEAR": -1}, {"smearing": "Fermi-Dirac"}),
        ({"ISMEAR": "1"}, {"smearing": "Methfessel-Paxton 1"}),
        ({"smearing": "m-v"}, {"smearing": "Marzari-Vanderbilt"}),
        ({"smearing": "home-made"}, {"smearing": "home-made"}),
        ({"kspacing": 0.22}, {"kpoints": "kspacing 0.22"}),
        ({"kpoints": "mesh 3x3x3 Gamma"}, {"kpoints": "spacing 0.1745 to 0.3491/Å"}),
        ({"kpts": "[3, 3, 3]", "kspacing": 0.2}, {"kpoints": "kspacing 0.2"}),
        ({"kpoints": "10 irreducible points"}, {}),
        ({"pseudopotential": "GPAW PAW 0.9"}, {"pseudopotential": "GPAW PAW 0.9"}),
        ({"ENCUT": 520}, {"cutoff_eV": "520"}),
        ({"ecutwfc": 100.0}, {"cutoff_eV": "1360.57"}),
        ({"ispin": 2}, {"spin_polarized": "yes"}),
        ({"spin_polarized": False}, {"spin_polarized": "no"}),
        ({"k_prod": None, "k_prod_text": "NAN"}, {}),
        ({"xc": "unknown"}, {}),
        ({"config_type": "bulk"}, {}),
    ],
)
def test_fields(tags: dict[str, Tag], fields: dict[str, str]) -> None:
    assert surface_of(frame((28, 8), **tags)) == fields


def test_unknown_equals_nothing() -> None:
    found = surfaces([frame(xc="PBE", ecut_eV=350), frame(xc="PBE"), frame(xc="PBE")])
    assert [surface.n_frames for surface in found] == [2, 1]
    assert "cutoff_eV" in found[0].unknown
    assert "cutoff_eV" not in found[1].unknown


def test_elements_that_are_not_shared_cannot_disagree() -> None:
    """Selective U: oxygen alone lies on the surface of the oxide; nickel without U does not."""
    oxide, oxygen, nickel = frame(hubbard_u="Ni:6.2"), frame((8, 8), hubbard_u="none"), frame((28,), hubbard_u="none")
    assert disagreements(surface_of(oxide), surface_of(oxygen)) == ()
    assert disagreements(surface_of(oxide), surface_of(nickel)) == ("hubbard_u[Ni]",)
    found = surfaces([oxide, oxygen, oxide, nickel])
    assert [surface.n_frames for surface in found] == [3, 1]
    assert surface_names(found) == ("hubbard_u[Ni]=6.2", "hubbard_u[Ni]=none")


def test_potentials_of_other_elements_do_not_split(shared_data: Path) -> None:
    """nbmotaw: one potential per element throughout; only Mo_Surface, without k-points, stands apart."""
    names = ("Mo_Elastic", "W_Elastic", "NbTa_Test", "Mo_Surface")
    found = surfaces(frame for name in names for frame in read_frames(shared_data / f"nbmotaw/{name}.json.gz"))
    assert [surface.n_frames for surface in found] == [121 + 121 + 40, 11]
    assert found[0].elements == ("Mo", "Nb", "Ta", "W")
    assert {"functional", "hubbard_u"} <= set(found[0].unknown)


def test_selective_u_and_mixed_potentials_of_li_fe_o(shared_data: Path) -> None:
    """Its README: U on every cell with Fe and O and on no other; Li with two potentials; 16 cells without LASPH."""
    found = surfaces(read_frames(shared_data / "li_fe_o/Li-Fe-O.json.gz"))
    by_u = {surface.fields["hubbard_u[Fe]"] for surface in found}
    assert by_u == {"5.3", "none"}
    assert sum(surface.n_frames for surface in found if surface.fields["aspherical"] == "no") == 16
    assert sum(s.n_frames for s in found if s.fields["pseudopotential[Li]"].endswith("10Sep2004")) == 19


def test_ni_o_has_four(shared_data: Path) -> None:
    found = surfaces(read_frames(shared_data / "ni_o/ni_o.xyz"))
    seen = {(surface.fields["hubbard_u[Ni]"], surface.fields["kpoints"]) for surface in found}
    densities = ("kpoint_density 2.2", "kpoint_density 1.6")
    assert seen == {(u, density) for u in ("none", "d:6.2") for density in densities}


def test_a_rounded_u_may_be_an_exact_one(shared_data: Path) -> None:
    """The OUTCAR alone prints 3.2 where INCAR beside it says 3.25: one run, read twice."""
    folder = shared_data / "dft_outputs/nomad/vasp/dftu"
    names = ("multi_parameter", "multi_parameter_no_incar")
    exact, rounded = (next(read_frames(folder / name / "OUTCAR")) for name in names)
    assert (surface_of(exact)["hubbard_u[V]"], surface_of(rounded)["hubbard_u[V]"]) == ("3.25", "3.2±0.05")
    assert disagreements(surface_of(exact), surface_of(rounded)) == ()
    assert "mixed_surfaces" not in [one.kind for one in surface_alarms([exact, rounded], (), (), ())]


def test_one_surface_keeps_the_exact_u() -> None:
    rounded, exact = frame(hubbard_u="Ni:3.2", hubbard_u_rounded=True), frame(hubbard_u="Ni:3.25")
    (found,) = surfaces([rounded, rounded, exact])
    assert (found.n_frames, found.fields["hubbard_u[Ni]"]) == (3, "3.25")


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("3.25", "3.2±0.05", True),
        ("3.3", "3.2±0.05", False),
        ("none", "3.2±0.05", False),
        ("3.2±0.05", "3.3±0.05", False),
    ],
)
def test_rounding_excuses_half_a_digit(a: str, b: str, same: bool) -> None:
    assert may_be_one(a, b) is may_be_one(b, a) is same


def cell_of(length_A: float, divisions: int) -> Frame:
    tags: dict[str, Tag] = {"kpoints": f"{divisions} {divisions} {divisions}"}
    return Frame(np.array([14]), np.zeros((1, 3)), np.eye(3) * length_A, np.ones(3, bool), tags=tags)


def test_meshes_of_one_spacing_are_one_setting() -> None:
    """VASP divides 2π/a by KSPACING and rounds up; cells of all sizes then belong together, and a coarser run apart."""

    def made(spacing: float, lengths: list[float]) -> list[Frame]:
        return [cell_of(a, int(np.ceil(2 * np.pi / a / spacing))) for a in lengths]

    lengths = [2.6, 3.1, 4.05, 5.43, 8.1, 12.3, 20.0]
    fine, coarse = made(0.22, lengths), made(0.5, lengths[:4])
    assert len(surfaces(fine)) == 1
    assert kinds_of(fine) == {"surface_unknown"}
    assert "mixed_settings" in kinds_of([*fine, *coarse])
    low, high = spacings(surfaces(fine)[0].fields["kpoints"]) or (0, 0)
    assert low <= 0.22 <= high


def kinds_of(frames: list[Frame]) -> set[str]:
    return {one.kind for one in stated_alarms(tag_kinds(frames))}


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("kspacing 0.2", "kpoint_density 5", True),
        ("kspacing 0.25", "reciprocal_density 64", True),
        ("kspacing 0.2", "kspacing 0.25", False),
        ("kspacing 0.2", "spacing 0.15 to 0.21/Å", True),
        ("kspacing 0.2", "spacing 0.25 to inf/Å", False),
        ("kpoint_density 1000", "kpoint_density 2.2", False),
        ("k_prod 40", "kspacing 0.157", False),
    ],
)
def test_measures_of_k_points_are_compared(a: str, b: str, same: bool) -> None:
    assert may_be_one(a, b) is may_be_one(b, a) is same


def test_run_types_differ_by_u() -> None:
    """A set that states nothing but the run types of the Materials Project mixes two surfaces."""
    assert "mixed_surfaces" in kinds_of([frame(run_type="GGA"), frame(run_type="GGA+U")])
    assert "mixed_surfaces" in kinds_of([frame(run_type="GGA+U"), frame(hubbard_u="none", xc="GGA")])
    assert kinds_of([frame(run_type="GGA+U"), frame(run_type="GGA+U")]) == {"surface_unknown"}


def test_an_element_of_another_potential_beside_a_whole_set() -> None:
    found = stated_alarms(tag_kinds([frame(pseudopotential="PBE.54"), frame(pseudopotential="PBE.54", pp="Ni:Ni_pv")]))
    partly = next(one for one in found if one.kind == "surface_partly_stated")
    assert (partly.severity, partly.ordinals) == ("medium", (0,))
    assert "pseudopotential[Ni] in 1 of 2 frames" in partly.message
