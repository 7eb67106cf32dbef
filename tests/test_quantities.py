"""Numbers with units in running text."""

import subprocess
import sys
from itertools import product

import pytest

from sonde.quantities import _registry, convert, find_quantities, parse_quantity, parse_unit, same_quantity
from sonde.unit_factors import base_of, is_plain, written

FORCE = "electron_volt / angstrom"


@pytest.mark.parametrize(
    "text",
    [
        "15 eV/Å",
        "15 eV/A",
        "15eV/Å",
        "15 eV per angstrom",
        "15 eV A^-1",
        "15 eV Å⁻¹",
        "15 eV·Å⁻¹",
        "15.0 ev/ang",
        "15 (eV/Å)",
    ],
)
def test_spellings_of_one_force(text: str) -> None:
    (found,) = find_quantities(f"we cut at {text}, agreed")
    assert (found.value, found.unit) == (15.0, FORCE)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("500 K", 500.0, "kelvin"),
        ("520 eV", 520.0, "electron_volt"),
        ("40 Ry", 40.0, "rydberg"),
        ("0.1 GPa", 0.1, "gigapascal"),
        ("5 %", 5.0, "percent"),
        ("−3.2 eV/atom", -3.2, "electron_volt / atom"),
        ("20 meV/A", 20.0, "millielectron_volt / angstrom"),
        ("1,250.5 kbar", 1250.5, "kilobar"),
        ("2 x 10^-4 eV", 2e-4, "electron_volt"),
        ("20 Å^3/atom", 20.0, "angstrom**3 / atom"),
        ("0.2 1/Å", 0.2, "1 / angstrom"),
        ("50k", 50000.0, None),
        ("1e-3", 1e-3, None),
        ("every 25th", 25.0, None),
    ],
)
def test_values_and_units(text: str, value: float, unit: str | None) -> None:
    (found,) = find_quantities(text)
    assert found.value == pytest.approx(value)
    assert found.unit == unit


@pytest.mark.parametrize(
    ("text", "comparator"),
    [
        ("|F| > 30 eV/A", ">"),
        ("forces above 15 eV/Å", ">"),
        ("at least 2.1 Å", ">="),
        ("below 10 eV/Å", "<"),
        ("10 -> 15", None),
    ],
)
def test_comparators(text: str, comparator: str | None) -> None:
    assert find_quantities(text)[-1].comparator == comparator


def test_range_and_enumeration_are_told_apart() -> None:
    (spread,) = find_quantities("10–15 eV/Å")
    assert (spread.value, spread.high) == (10.0, 15.0)
    old, new = find_quantities("raised from 10 to 15 eV/Å")
    assert (old.value, old.unit, new.value) == (10.0, FORCE, 15.0)


@pytest.mark.parametrize(
    "text", ["r2SCAN and PBE0", "v1.2.3 of 2024-10-03 14:30", "commit 3f2a9bc1", "Ni3Al", "https://x.org/15"]
)
def test_no_quantity_in_names_dates_hashes(text: str) -> None:
    assert find_quantities(text) == ()


def test_counts_are_marked() -> None:
    (found,) = find_quantities("we lose 15 strained frames")
    assert found.counted == "frames"


def test_spans_are_verbatim() -> None:
    text = "set to about 0.58 Ry/bohr on Monday"
    (found,) = find_quantities(text)
    assert text[slice(*found.span)] == "0.58 Ry/bohr"
    assert found.approximate


def test_conversion_by_hand() -> None:
    """1 Ry = 13.605693 eV, 1 bohr = 0.529177 Å (CODATA 2018)."""
    (found,) = find_quantities("0.58 Ry/bohr")
    assert found.to("eV/Å").value == pytest.approx(0.58 * 13.605693 / 0.52917721, rel=1e-6)
    assert convert(1.0, "kJ_per_mol", "electron_volt") == pytest.approx(0.010364269)
    with pytest.raises(ValueError, match="cannot be expressed"):
        found.to("eV")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("about 0.58 Ry/bohr", "15 eV/Å", True),
        ("0.58 Ry/bohr", "15 eV/Å", True),
        ("0.50 Ry/bohr", "15 eV/Å", False),
        ("15000 meV/Å", "15 eV/Å", True),
        ("14.6 eV/Å", "15 eV/Å", False),
        ("about 14.6 eV/Å", "15 eV/Å", True),
        ("12 eV/Å", "15 eV/Å", False),
        ("38.2 Ry", "520 eV", True),
        ("15 eV", "15 eV/Å", False),
        ("15", "15 eV/Å", False),
        ("10-15 eV/Å", "10 eV/Å", False),
        ("27 °C", "300 K", True),
    ],
)
def test_same_quantity(first: str, second: str, same: bool) -> None:
    (a,), (b,) = find_quantities(first), find_quantities(second)
    assert same_quantity(a, b) is same
    assert same_quantity(b, a) is same


def test_units_of_files() -> None:
    assert parse_unit("eV_per_A") == parse_unit("eV_A") == parse_unit("eV/Å") == FORCE
    assert parse_unit("frobs") is None
    assert parse_unit(None) is None


def test_whole_strings_only() -> None:
    assert parse_quantity("15 or so") is None
    value = parse_quantity("15", "eV/Å")
    assert value is not None
    assert value.unit == FORCE


def test_numbers_beyond_floats_are_no_quantities() -> None:
    assert [quantity.value for quantity in find_quantities("1e400 eV, 5 x 10^999 eV, 1e999, and 2 eV")] == [2.0]


NAMES = "electron_volt millielectron_volt rydberg hartree angstrom bohr nanometer kelvin gigapascal kilobar femtosecond"
WRITTEN = (
    [f"{above} / {below}" for above, below in product(NAMES.split()[:4], ("angstrom", "bohr", "atom", "angstrom**3"))]
    + [f"1 / {name}" for name in ("angstrom", "picosecond")]
    + ["angstrom**3 / atom", "angstrom ** 3", "electron_volt / angstrom / atom", "kJ_per_mol", "kcal_per_mol", "bar"]
    + [*NAMES.split(), "megapascal", "pascal", "nanosecond", "second", "minute", "hour", "day", "week", "month", "year"]
)


@pytest.mark.parametrize("unit", WRITTEN)
def test_the_table_of_factors_agrees_with_pint(unit: str) -> None:
    quantity, found = _registry().Quantity(1.0, unit).to_base_units(), base_of(unit)
    assert found is not None
    assert found[0] == pytest.approx(quantity.magnitude, rel=1e-14)
    assert found[1] == written(dict(quantity.dimensionality))
    assert not is_plain(unit) or str(_registry().Unit(unit)) == unit


@pytest.mark.parametrize("unit", ["tesla", "electron_volt / tesla", "angstrom ** 0.5", "electron_volt /", ""])
def test_what_the_table_does_not_hold_is_left_to_pint(unit: str) -> None:
    assert base_of(unit) is None


def test_a_dimension_is_written_in_one_order_whatever_was_met_before() -> None:
    assert base_of("gigapascal") == (1e9, "[mass] / [length] / [time] ** 2")
    assert written({"[time]": -2, "[length]": -1, "[mass]": 1}) == "[mass] / [length] / [time] ** 2"
    assert written({"[current]": -1, "[time]": -2, "[mass]": 1}) == "[mass] / [time] ** 2 / [current]"


def test_units_of_the_field_are_compared_without_loading_pint() -> None:
    compared = (
        "from sonde.quantities import *; assert round(convert(15, 'electron_volt / angstrom', 'rydberg / bohr'), 2)"
    )
    done = f"import sys; {compared} == 0.58; assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", done], check=True)
