"""The elements are those that ase numbers."""

from ase.data import atomic_names, chemical_symbols

from sonde.elements import NAMES, SYMBOLS


def test_symbols_stand_by_atomic_number() -> None:
    assert chemical_symbols[1:] == SYMBOLS
    assert (SYMBOLS[25], NAMES[25]) == ("Fe", "Iron")


def test_names_stand_by_atomic_number() -> None:
    misspelt = {"Darmastadtium": "Darmstadtium"}
    assert [misspelt.get(name, name) for name in atomic_names[1:]] == NAMES
