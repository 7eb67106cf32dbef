"""Other data entering where a curve bends."""

from sonde.scaling_laws.kinks import Composition, entries, kink_readings

SAME = [Composition(n, {"PBE": 0.9 * n, "PBE+U": 0.1 * n}) for n in (100, 200, 400, 800, 1600)]
MIXED = [*SAME[:3], Composition(800, {"PBE": 400, "PBE+U": 400}), Composition(1600, {"PBE": 800, "PBE+U": 800})]


def test_more_of_the_same_is_silent() -> None:
    assert entries(SAME) == ()


def test_the_step_at_which_another_surface_enters_is_named() -> None:
    first = entries(MIXED)[0]
    assert (first.before, first.after) == (400, 800)
    # 360 PBE of 400 before; 40 PBE and 360 PBE+U enter.
    assert first.share_before == 0.9 or first.kind == "PBE+U"
    assert abs(first.distance - 0.8) < 1e-12


def test_a_break_at_that_place_is_said_to_be_the_mixtures() -> None:
    at_break = kink_readings(MIXED, "composition", (300.0, 900.0))[0]
    elsewhere = kink_readings(MIXED, "composition", (50.0, 150.0))[0]
    assert at_break.serious
    assert "may be the mixture's" in at_break.message
    assert not elsewhere.serious
    assert at_break.kind == "composition_changes"


def test_a_change_of_surface_is_serious_without_a_break() -> None:
    assert kink_readings(MIXED, "surface")[0].serious


def test_chance_in_small_subsets_is_no_change() -> None:
    few = [Composition(5, {"a": 3, "b": 2}), Composition(10, {"a": 5, "b": 5}), Composition(20, {"a": 11, "b": 9})]
    assert entries(few) == ()


def test_nothing_entered_is_no_change() -> None:
    assert entries([Composition(10, {"a": 10.0}), Composition(20, {"a": 10.0})]) == ()
