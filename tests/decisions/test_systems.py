"""Chemical systems in text: formulas with their elements checked."""

import pytest

from sonde.decisions.systems import CANTOR, systems_in


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("CoCrFeMnNi", {"Co Cr Fe Mn Ni"}),
        ("the Cantor alloy", {"Co Cr Fe Mn Ni"}),
        ("Al2O3, Al_2O_3 and Al₂O₃", {"Al O"}),
        ("NbMoTaW beside Al-Li", {"Mo Nb Ta W", "Al Li"}),
        ("Li6PS5Cl", {"Cl Li P S"}),
        ("LiFePO₄", {"Fe Li O P"}),
        ("I think As in No way, In the Os", set()),
        ("Co is cobalt; At the Be site", set()),
        ("XyZ2, mp-149, PBE and CHNO", set()),
    ],
)
def test_systems(text: str, elements: set[str]) -> None:
    assert {" ".join(sorted(system)) for system in systems_in(text)} == elements


def test_the_cantor_alloy_is_written_out_or_named() -> None:
    assert systems_in("CoCrFeMnNi") == systems_in("Cantor alloys") == {CANTOR}
