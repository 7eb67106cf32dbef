"""A machine without the asked-for device is told of in words, before any model is read."""

from importlib.resources import as_file, files
from pathlib import Path

import pytest
import torch

from sonde.errors import WrongUse
from sonde.potentials.devices import require_device
from sonde.potentials.registry import load_potential

ABSENT = "xpu" if torch.cuda.is_available() else "cuda"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    with as_file(files("sonde.sample_lab") / "data" / "sample_potential.pt") as packaged:
        (tmp_path / "potential.pt").write_bytes(packaged.read_bytes())
    return tmp_path / "potential.pt"


def test_potentials_refuse_a_device_that_is_not_there(checkpoint: Path) -> None:
    for adapter, file in (("mace", checkpoint), ("chgnet", None)):
        with pytest.raises(WrongUse, match=f"device '{ABSENT}' cannot be used here .*: use the device cpu"):
            load_potential(adapter, file, device=ABSENT)
    require_device("cpu")


def test_a_word_that_is_no_device_is_refused() -> None:
    with pytest.raises(WrongUse, match="device 'gpu' cannot be used"):
        require_device("gpu")
