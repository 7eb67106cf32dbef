"""CHGNet: every law in double precision, the published accuracy on real frames, the border."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import BadInput, WrongUse
from sonde.potentials.chgnet import ChgnetPotential, load
from sonde.potentials.residuals import force_errors
from sonde.records.frames import Frame
from sonde.testing.potentials import LAWS, PotentialLaws, check_potential

pytestmark = pytest.mark.skipif(find_spec("chgnet") is None, reason="needs the extra sonde-mlip[chgnet]")


@pytest.fixture(scope="module")
def rattled(shared_data: Path) -> list[Frame]:
    return [f for f in al_li_mg_frames(shared_data) if f.tags["config_type"] == "rattled"]


@pytest.fixture(scope="module")
def frames(rattled: list[Frame]) -> list[Frame]:
    three = next(f for f in rattled if len(set(f.numbers.tolist())) == 3)
    two = next(f for f in rattled if len(set(f.numbers.tolist())) == 2)
    return [three, two, Frame(three.numbers, three.positions, np.zeros((3, 3)), np.zeros(3, bool))]


@pytest.fixture(scope="module")
def chgnet() -> ChgnetPotential:
    return load(None)


@pytest.mark.parametrize("law", LAWS)
def test_chgnet_keeps_the_law(law: str, chgnet: ChgnetPotential, frames: list[Frame]) -> None:
    LAWS[law](chgnet, frames, PotentialLaws())


def test_single_precision_keeps_the_laws(frames: list[Frame]) -> None:
    """1e-7 of the energy is 1e-6 eV: differences need a larger step and allow more."""
    laws = PotentialLaws(
        energy=2e-6, force=2e-5, stress=1e-6, embedding=1e-4, step_A=0.01, difference_force=5e-3, difference_stress=1e-3
    )
    check_potential(load(None, dtype="float32"), frames[:1], laws)


def test_errors_are_those_measured_elsewhere(chgnet: ChgnetPotential, rattled: list[Frame]) -> None:
    """The data's README states a mean force error of 0.16 eV/Å on all rattled frames."""
    sample = rattled[::6]
    errors = [force_errors(f, e) for f, e in zip(sample, chgnet.evaluate(sample), strict=True)]
    assert np.mean(np.concatenate([e for e in errors if e is not None])) == pytest.approx(0.16, abs=0.03)


def test_elements_it_was_not_trained_on_have_no_reference(chgnet: ChgnetPotential) -> None:
    assert chgnet.reference_energy_eV(84) is None
    assert chgnet.reference_energy_eV(8) is not None


def test_the_border_refuses_what_it_cannot_take(chgnet: ChgnetPotential, tmp_path: Path) -> None:
    import torch

    other = tmp_path / "other.pth.tar"
    torch.save({"weights": torch.zeros(2)}, other)
    with pytest.raises(BadInput, match="no state_dict with model_args"):
        load(other)
    torch.save({"state_dict": {}, "model_args": {}}, other)
    with pytest.raises(BadInput, match="is not a CHGNet checkpoint"):
        load(other)
    with pytest.raises(WrongUse, match="no heads"):
        load(None, head="pbe")
    alone = Frame(np.array([13]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool))
    with pytest.raises(BadInput, match="no atom has a neighbour"):
        chgnet.evaluate([alone])
