"""What a comparison in Python is about."""

import pytest

from sonde.decisions.changes.python_literals import values


@pytest.mark.parametrize(
    ("condition", "key"),
    [
        ("len(frame) <= 200", "n_atoms"),
        ("200 >= len(self.atoms)", "n_atoms"),
        ("len(calculation.get_positions()) <= 200", "n_atoms"),
        ("len(frames) <= 200", None),
        ("len(sys.argv) <= 200", None),
        ("len() <= 200", None),
    ],
)
def test_a_length_counts_atoms_where_it_is_that_of_a_structure(condition: str, key: str | None) -> None:
    found = [(value.key, value.text) for value in values(f"def keep(x):\n    return {condition}\n")]
    assert found == ([] if key is None else [(f"keep.{key}", "200")])
