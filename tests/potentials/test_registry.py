"""Adapters by name."""

from pathlib import Path

import pytest

from sonde.errors import BadInput, NotFound, WrongUse
from sonde.potentials.registry import adapter_names, load_potential


def test_our_adapters_are_listed() -> None:
    assert {"chgnet", "linear", "mace"} <= set(adapter_names())


def test_an_unknown_adapter_is_answered_with_the_nearest() -> None:
    with pytest.raises(NotFound, match="did you mean 'mace'"):
        load_potential("mase", None)


def test_checkpoints_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_potential("linear", tmp_path / "none.npz")
    for adapter in ("linear", "mace"):
        with pytest.raises(WrongUse, match="--checkpoint"):
            load_potential(adapter, None)
