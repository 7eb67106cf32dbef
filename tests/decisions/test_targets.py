"""Which of a change's values a sentence gives."""

from datetime import UTC, datetime

import pytest

from sonde.decisions.targets import target_of, value_stance
from sonde.records.decisions import Change


def change(key: str = "filters.max_force", old: str = "50.0", new: str = "6.0", unit: str | None = "eV/Å") -> Change:
    return Change(key, old, new, unit, "0" * 40, "filters.yaml", 3, "Ada", datetime(2024, 1, 1, tzinfo=UTC), "clean up")


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        ("max_force is 6 eV/Å now", "new"),
        ("it was 50 eV/Å before", "old"),
        ("10 eV/Å would do, too", "other"),
        ("the forces changed by 3 eV/Å because the SCF had stopped early", None),
        ("the forces are off by about 3 eV/Å", None),
    ],
)
def test_the_size_of_a_difference_is_no_value_of_the_setting(text: str, stance: str | None) -> None:
    assert value_stance(target_of(change()), text, about=True) == stance


def test_a_ratio_is_a_pure_number() -> None:
    ratio = target_of(change("filters.contact_ratio_min", "0.4", "0.72", None))
    assert ratio.new is not None
    assert ratio.new.unit is None
    assert value_stance(ratio, "below 0.72 the spheres overlap", about=True) == "new"
