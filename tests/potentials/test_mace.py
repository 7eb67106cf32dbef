"""MACE: every law, portable checkpoints, and what must not be loaded."""

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import BadInput, Untrusted, WrongUse
from sonde.potentials.mace import MacePotential, load, scalar_columns
from sonde.potentials.mace_checkpoint import build_model, from_portable, save_portable
from sonde.potentials.registry import load_potential
from sonde.potentials.residuals import force_residuals
from sonde.records.frames import Frame
from sonde.testing.potentials import LAWS, PotentialLaws, check_potential

# looked up, not imported: importing mace by itself would change how torch loads files
pytestmark = pytest.mark.skipif(find_spec("mace") is None, reason="needs the extra sonde-mlip[mace]")

CHECKPOINT = Path(__file__).parent / "data" / "al_li_mg_mace.pt"


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    alloy = [f for f in al_li_mg_frames(shared_data, 4.0) if f.tags["config_type"] == "rattled"]
    three = next(f for f in alloy if len(set(f.numbers.tolist())) == 3)
    two = next(f for f in alloy if len(set(f.numbers.tolist())) == 2)
    open_frame = Frame(three.numbers, three.positions, np.zeros((3, 3)), np.zeros(3, bool))
    return [three, two, open_frame]


@pytest.fixture(scope="module")
def mace() -> MacePotential:
    return load(CHECKPOINT)


@pytest.fixture(scope="module")
def payload() -> dict[str, Any]:
    import torch

    return dict(torch.load(CHECKPOINT, weights_only=True))


@pytest.mark.parametrize("law", LAWS)
def test_mace_keeps_the_law(law: str, mace: MacePotential, frames: list[Frame]) -> None:
    LAWS[law](mace, frames, PotentialLaws())


def test_single_precision_keeps_the_laws(frames: list[Frame]) -> None:
    """1e-7 of the interaction energy is 1e-6 eV: differences need a larger step and allow more."""
    laws = PotentialLaws(
        energy=2e-6, force=2e-5, stress=1e-6, embedding=1e-5, step_A=0.01, difference_force=5e-3, difference_stress=1e-3
    )
    check_potential(load(CHECKPOINT, dtype="float32"), frames, laws)


def test_it_has_learnt_the_alloy(mace: MacePotential, shared_data: Path) -> None:
    rattled = [f for f in al_li_mg_frames(shared_data, 4.0) if f.tags["config_type"] == "rattled"]
    residuals = force_residuals(mace, rattled[::6])
    # measured 0.05 on training and held-out frames; the forces spread over 0.65 eV/Å
    assert residuals.force_rmse_eV_per_A is not None
    assert residuals.force_rmse_eV_per_A < 0.1


def test_an_atom_alone_can_be_evaluated(mace: MacePotential) -> None:
    """No edges at all; E0 is the tabulated part of its energy."""
    alone = Frame(np.array([13]), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool))
    result = mace.evaluate([alone])[0]
    assert np.all(result.forces_eV_per_A == 0)
    reference = mace.reference_energy_eV(13)
    assert reference is not None
    assert abs(result.energy_eV - reference) < 5
    assert mace.reference_energy_eV(79) is None


def test_importing_mace_leaves_torch_load_safe(mace: MacePotential) -> None:
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in os.environ


def test_a_pickle_loads_only_when_trusted(
    mace: MacePotential, payload: dict[str, Any], frames: list[Frame], tmp_path: Path
) -> None:
    import torch

    pickled = tmp_path / "foreign.model"
    torch.save(from_portable(payload), pickled)
    with pytest.raises(Untrusted, match="--trust-pickle"):
        load_potential("mace", pickled)
    trusted = load_potential("mace", pickled, trust_pickle=True)
    ours, theirs = mace.evaluate(frames[:1])[0], trusted.evaluate(frames[:1])[0]
    assert theirs.energy_eV == pytest.approx(ours.energy_eV, abs=1e-9)
    assert trusted.identity.checkpoint_sha256 != mace.identity.checkpoint_sha256


def test_portable_checkpoints_round_trip(
    mace: MacePotential, payload: dict[str, Any], frames: list[Frame], tmp_path: Path
) -> None:
    again = load(save_portable(from_portable(payload), tmp_path / "again.pt"))
    for one, two in zip(mace.evaluate(frames), again.evaluate(frames), strict=True):
        assert np.array_equal(one.forces_eV_per_A, two.forces_eV_per_A)
        assert np.array_equal(one.embeddings, two.embeddings)


def test_other_architectures_are_refused(payload: dict[str, Any], tmp_path: Path) -> None:
    import torch

    linear, weights, text, broken = (tmp_path / name for name in ("linear.model", "weights.pt", "a.txt", "broken.pt"))
    torch.save(torch.nn.Linear(2, 2), linear)
    torch.save(torch.nn.Linear(2, 2).state_dict(), weights)
    text.write_text("no checkpoint at all")
    torch.save({**payload, "state_dict": {"r_max": payload["state_dict"]["r_max"]}}, broken)
    with pytest.raises(BadInput, match=r"it holds torch\.nn\.modules\.linear\.Linear"):
        load(linear, trust_pickle=True)
    with pytest.raises(BadInput, match="without the format"):
        load(weights)
    with pytest.raises(BadInput, match="is not a MACE checkpoint"):
        load(text)
    with pytest.raises(BadInput, match="its parts do not fit"):
        load(broken)
    with pytest.raises(BadInput, match="there is no such file"):
        load_potential("mace", tmp_path / "absent.pt")


def test_heads_are_never_guessed(payload: dict[str, Any], tmp_path: Path) -> None:
    import torch

    with pytest.raises(BadInput, match="It has: Default"):
        load(CHECKPOINT, head="pbe")
    config = json.loads(payload["config"]) | {"heads": ["pbe", "scan"]}
    config["atomic_energies"] = config["atomic_energies"] * 2
    config["atomic_inter_scale"], config["atomic_inter_shift"] = [1.0, 2.0], [0.0, 0.1]
    model = random_model(config)
    assert model.heads == ["pbe", "scan"]
    path = save_portable(model, tmp_path / "two.pt")
    torch.load(path, weights_only=True)
    with pytest.raises(WrongUse, match=r"--head \(pbe, scan\)"):
        load(path)
    assert load(path, head="scan").identity.head == "scan"
    with pytest.raises(WrongUse, match="float64 or float32"):
        load(CHECKPOINT, dtype="bfloat16")


def random_model(config: dict[str, Any]) -> Any:
    import torch

    torch.manual_seed(0)
    return build_model(config, torch.float32)


def test_embeddings_leave_out_what_turns(payload: dict[str, Any], frames: list[Frame], tmp_path: Path) -> None:
    """A model of two layers with vectors inside: the raw node features turn, the embedding does not."""
    config = json.loads(payload["config"])
    config |= {"num_interactions": 2, "hidden_irreps": "4x0e+4x1o", "MLP_irreps": "4x0e", "gate": "silu"}
    config["readout_cls"] = "NonLinearReadoutBlock"
    model = random_model(config)
    path = save_portable(model, tmp_path / "vectors.pt")
    potential = load(path)
    assert potential.identity.embedding == "products, scalars, 8"
    assert potential.identity.receptive_field_A == 10
    LAWS["rotation"](potential, frames, PotentialLaws())
    LAWS["shapes_and_types"](potential, frames, PotentialLaws())
    assert scalar_columns(model) == [0, 1, 2, 3, 16, 17, 18, 19]
    potential._scalars = potential._scalars.new_tensor(range(4, 12))  # the vectors of the first layer
    with pytest.raises(AssertionError, match="rotation, embeddings"):
        LAWS["rotation"](potential, frames, PotentialLaws())
