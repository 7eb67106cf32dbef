"""The plan of a correction: what becomes of every frame, and when nothing must be written."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.correction.planted import (
    PBE_U,
    Stream,
    both_surfaces,
    cells,
    placed,
    planted_shift,
    read_places,
    stated,
)

from sonde.datasets.correction import candidates
from sonde.datasets.correction.correct import Plan, Wish, plan_correction
from sonde.datasets.correction.places import Place
from sonde.datasets.surfaces import surface_of
from sonde.errors import WrongUse
from sonde.records.frames import Frame

METAL = Wish("PBE", where="config_type=metal_strain|metal_shear", uncorrectable="leave-out")


@pytest.fixture(scope="module")
def ni_o(shared_data: Path) -> list[Place]:
    return read_places(shared_data / "ni_o/ni_o.xyz", "ni_o")


@pytest.fixture(scope="module")
def alloy(shared_data: Path) -> list[Frame]:
    """On both surfaces 40 cells; with U only 8 more."""
    frames = cells(shared_data, ["NbTa"])
    more = [stated(f, PBE_U, (f.energy_eV or 0) + planted_shift(f)) for f in frames[32:]]
    return [*both_surfaces(frames[:32]), *more]


def planned(frames: list[Frame], wish: Wish) -> Plan:
    return plan_correction(placed(frames), (), "planted", wish)


def kinds_of_refusal(plan: Plan) -> list[str]:
    return [refusal.kind for refusal in plan.record.refusals]


def test_corrected_frames_meet_the_target(alloy: list[Frame], shared_data: Path) -> None:
    """Frames that are on PBE+U only come out at the PBE energy that was taken away from them; nothing else changes."""
    plan = planned(alloy, Wish("PBE"))
    assert not plan.record.refused
    truth = [frame.energy_eV for frame in cells(shared_data, ["NbTa"])[32:]]
    before = [place.frame for place in placed(alloy)]
    after = [plan.successor(frame) for frame in before]
    assert [f.energy_eV for f in after[64:] if f] == pytest.approx(truth, abs=1e-5)
    assert after[:32] == before[:32]
    for old, new in zip(before[64:], after[64:], strict=True):
        assert new is not None
        assert new.forces_eV_per_A is old.forces_eV_per_A
        assert new.stress_eV_per_A3 is old.stress_eV_per_A3
        assert surface_of(new)["functional"] == "shifted PBE+U"
        assert new.tags["correction_id"] == plan.record.correction_id
        shift = new.tags["energy_shift_eV"]
        assert isinstance(shift, float)
        assert (new.energy_eV or 0) - (old.energy_eV or 0) == pytest.approx(shift, abs=1e-9)
        assert old.tags["xc"] == "PBE"


def test_frames_are_gone_through_and_not_held(alloy: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 56 frames 16 are pairs: these are alive at once, and those that wait for others of their size."""
    more = [replace(f, positions=f.positions + np.eye(8, 3) * 0.3) for f in alloy[32:64]]
    stream = Stream([*alloy[:8], *alloy[32:40], *more, *alloy[64:]])
    monkeypatch.setattr(candidates, "AT_ONCE", 4)
    plan = plan_correction(stream, (), "stream", replace(Wish("PBE"), uncorrectable="keep"))
    assert plan.record.n_pairs == 8
    assert plan.record.frames == planned(stream.frames, replace(Wish("PBE"), uncorrectable="keep")).record.frames
    assert len(stream.frames) == 56
    assert stream.most <= 4 + 16 + 2


def test_counts_add_up(alloy: list[Frame]) -> None:
    unlabelled = replace(alloy[0], energy_eV=None)
    silent = stated(alloy[0], {"xc": None, "hubbard_u": None})
    frames = planned([*alloy, unlabelled, silent], Wish("PBE", uncorrectable="keep")).record.frames
    assert (frames.n_frames, frames.n_on_target, frames.n_corrected, frames.n_without_energy) == (74, 32, 40, 1)
    assert frames.uncorrectable == {"not stating their surface": 1}
    assert frames.uncorrectable_are == "left as they are"
    assert frames.n_twins == 32


def test_twins_can_be_left_out(alloy: list[Frame]) -> None:
    plan = planned(alloy, Wish("PBE", without_twins=True))
    kept = plan.successor
    assert any(note.startswith("32 corrected frames whose geometry stands on the target") for note in plan.record.notes)
    assert Counter(kept(place.frame) is not None for place in placed(alloy)) == {True: 40, False: 32}


def test_the_other_labels_may_stand_in_another_dataset(alloy: list[Frame]) -> None:
    plan = plan_correction(placed(alloy[32:]), placed(alloy[:32], "reference"), "planted", Wish("PBE"))
    assert plan.record.n_pairs == 32
    assert (plan.record.frames.n_corrected, plan.record.frames.n_twins) == (40, 0)
    by_dataset = Wish("dataset=reference")
    bare = [stated(frame, {"xc": None, "hubbard_u": None}) for frame in alloy]
    plan = plan_correction(placed(bare[32:]), placed(bare[:32], "reference"), "planted", by_dataset)
    assert {one.element: one.shift_eV for one in plan.record.shifts} == pytest.approx({"Nb": 1.1, "Ta": 0.6}, abs=1e-5)


def test_frames_of_collinear_metals_are_refused_alone(shared_data: Path) -> None:
    equal = [f for f in cells(shared_data, ["MoW"]) if np.count_nonzero(f.numbers == 42) == f.n_atoms // 2]
    plan = planned(both_surfaces([*equal, *cells(shared_data, ["NbTa"])]), Wish("PBE"))
    assert kinds_of_refusal(plan) == ["uncorrectable"]
    assert plan.record.frames.n_corrected == 40
    assert plan.record.frames.uncorrectable == {
        "with Mo, whose shift is not known: the pairs cannot tell Mo and W (always 1 : 1) apart": len(equal)
    }
    alone = planned(both_surfaces(equal), Wish("PBE"))
    assert kinds_of_refusal(alone) == ["not_determined"]
    assert "cannot tell Mo and W (always 1 : 1) apart" in alone.record.refusals[0].why


def test_outliers_are_listed_and_do_not_spoil(alloy: list[Frame]) -> None:
    spoiled = [replace(f, energy_eV=(f.energy_eV or 0) + 20) if k in (33, 40) else f for k, f in enumerate(alloy)]
    record = planned(spoiled, Wish("PBE")).record
    assert {one.source for one in record.outliers} == {"planted:33", "planted:40"}
    assert {one.target for one in record.outliers} == {"planted:1", "planted:8"}
    assert record.outliers[0].residual_eV_per_corrected_atom == pytest.approx(2.5, abs=1e-3)
    assert {one.element: one.shift_eV for one in record.shifts} == pytest.approx({"Nb": 1.1, "Ta": 0.6}, abs=1e-5)


# ---- nickel and its oxide --------------------------------------------------------------------------------------------


def test_one_shift_for_metal_and_oxide_is_refused(ni_o: list[Place]) -> None:
    plan = plan_correction(ni_o, (), "ni_o", Wish("PBE"))
    assert (plan.record.n_pairs, plan.record.surface) == (36, "shifted PBE+U")
    assert kinds_of_refusal(plan) == ["not_constant"]
    assert "Ni in state 0 and in state +2 differ by 2.7" in plan.record.refusals[0].why
    assert plan.record.residuals is not None
    assert plan.record.residuals.cross_validated is not None
    assert plan.record.residuals.cross_validated.rms_eV_per_corrected_atom > 1
    insisted = plan_correction(ni_o, (), "ni_o", Wish("PBE", anyway=True)).record
    assert not insisted.refused
    assert insisted.refusals[0].overridden


def test_the_metal_alone_can_be_shifted(ni_o: list[Place]) -> None:
    """Within 6 % of strain: 3.39 eV per Ni; the two most stretched cells lie 0.28 eV off and are named."""
    record = plan_correction(ni_o, (), "ni_o", METAL).record
    assert not record.refused
    (nickel,) = record.shifts
    assert nickel.shift_eV == pytest.approx(3.39, abs=0.02)
    assert nickel.interval is not None
    assert nickel.interval.high_eV - nickel.interval.low_eV < 0.1
    assert record.n_outliers == 2
    assert record.frames.n_corrected == 11
    assert record.frames.uncorrectable == {"off the target, but outside --from and --where": 29}


def test_forces_of_the_oxide_stay_apart(ni_o: list[Place]) -> None:
    record = plan_correction(ni_o, (), "ni_o", Wish("PBE", where="config_type=oxide_rattled")).record
    assert record.label_differences is not None
    assert record.label_differences.mean_force_eV_per_A == pytest.approx(0.72, abs=0.02)
    assert record.label_differences.n_pairs_with_forces == 9


def test_the_shift_of_the_metal_is_not_taken_to_the_oxide(ni_o: list[Place]) -> None:
    """Pairs of the metal only, frames of the oxide: atoms in environments that no pair covers."""
    wanted = [
        p for p in ni_o if str(p.frame.tags["config_type"]).startswith("metal") or p.frame.tags["hubbard_u"] != "none"
    ]
    record = plan_correction(placed(p.frame for p in wanted), (), "planted", Wish("PBE")).record
    assert record.n_pairs == 11
    uncovered = record.frames.uncorrectable["with an atom in an environment that no pair covers"]
    oxides = [p for p in wanted if p.frame.energy_eV is not None and 8 in p.frame.numbers]
    assert uncovered == len(oxides)


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_without_pairs_it_says_why(shared_data: Path) -> None:
    """Every cell with Fe and O has U, no other has: the shift is collinear with the energy of formation."""
    entries = read_places(shared_data / "li_fe_o/Li-Fe-O.json.gz", "li_fe_o")
    record = plan_correction(entries, (), "li_fe_o", Wish("GGA")).record
    (refusal,) = record.refusals
    assert refusal.kind == "no_pairs"
    assert "of 311 frames to correct and 64 on the target no two have one composition" in refusal.why
    assert "chemical systems that the target lacks (Fe-Li-O, Fe-O)" in refusal.why
    assert "cannot be told from the energy of formation" in refusal.what_to_do
    assert record.shifts == ()
    assert record.surface == "shifted GGA+U"


def test_two_pairs_are_too_few(alloy: list[Frame]) -> None:
    plan = planned([*alloy[:2], *alloy[32:]], Wish("PBE"))
    assert kinds_of_refusal(plan) == ["too_few_pairs"]
    assert "2 structures carry an energy on both surfaces, 3 are the least" in plan.record.refusals[0].why


def test_same_composition_but_no_common_geometry(alloy: list[Frame]) -> None:
    relaxed = [replace(frame, positions=frame.positions * 1.01, cell=frame.cell * 1.01) for frame in alloy[:32]]
    (refusal,) = planned([*relaxed, *alloy[32:]], Wish("PBE")).record.refusals
    assert "stand on both, but in no common geometry" in refusal.why


def test_nothing_to_correct(alloy: list[Frame]) -> None:
    assert kinds_of_refusal(planned(alloy[:32], Wish("PBE"))) == ["nothing_to_correct"]


def test_several_surfaces_need_a_choice(alloy: list[Frame]) -> None:
    other = [stated(frame, {"hubbard_u": "Nb:d:2 Ta:d:4"}) for frame in alloy[32:40]]
    plan = planned([*alloy, *other], Wish("PBE"))
    assert kinds_of_refusal(plan) == ["several_sources"]
    assert "hubbard_u[Nb]: d:2, d:4" in plan.record.refusals[0].why
    chosen = planned([*alloy, *other], Wish("PBE", source="hubbard_u[Nb]=4", uncorrectable="keep"))
    assert not chosen.record.refused
    assert chosen.record.frames.n_corrected == 40


def test_a_tolerance_is_positive(alloy: list[Frame]) -> None:
    with pytest.raises(WrongUse, match="tolerance is a positive energy"):
        planned(alloy, Wish("PBE", tolerance_eV=0.0))
