"""The attention probe: the published network, exact in portions, blind to order and padding; finds what is planted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.reliability.synthetic import IDENTITY, OTHER_IDENTITY, KnownErrors

from sonde.errors import BadInput, WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.optional_imports import require
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.records.reliability import Target
from sonde.reliability.gate import ScopeData
from sonde.reliability.metrics import auroc
from sonde.reliability.probes.attention import AttentionModel, AttentionProbe, AttentionSettings
from sonde.reliability.probes.attention_data import ElementEnergies, StructureData
from sonde.reliability.probes.attention_network import WIDTH, batch_of, initial_parameters, outcome
from sonde.reliability.probes.attention_training import Calibration, TrainingSettings
from sonde.reliability.probes.local import environments_of
from sonde.reliability.probes.protocol import probe_from_bytes

QUICK = TrainingSettings(learning_rate=1e-3, most_epochs=8, patience=8)
DESCRIPTOR = DensityDescriptor((3, 13), cutoff_A=4.0)


# ---- the network -----------------------------------------------------------------------------------------------------


def test_it_has_the_published_number_of_parameters() -> None:
    assert sum(tensor.numel() for tensor in initial_parameters(256, 0).values()) == 566_434


@pytest.fixture(scope="module")
def network() -> dict[str, Any]:
    return initial_parameters(12, 3)


def some_atoms(n_atoms: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n_atoms, 12))


WHOLE = np.array([[0.3, -0.2]])


def test_one_layer_of_attention_is_what_torch_makes_of_it(network: dict[str, Any]) -> None:
    """The same weights in torch's own layers give the same logits and the same weights of attention."""
    torch = require("torch")
    functional = torch.nn.functional
    batch = batch_of([some_atoms(7)], WHOLE)
    attention = torch.nn.MultiheadAttention(WIDTH, 32, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(network["query_key_value.weight"])
        attention.in_proj_bias.copy_(network["query_key_value.bias"])
        attention.out_proj.weight.copy_(network["mix.weight"])
        attention.out_proj.bias.copy_(network["mix.bias"])

        def step(name: str, x: Any) -> Any:
            x = functional.linear(x, network[f"{name}.weight"], network[f"{name}.bias"])
            return functional.layer_norm(x, x.shape[-1:], network[f"{name}.scale"], network[f"{name}.shift"])

        x = step("encode_3", functional.gelu(step("encode_2", functional.gelu(step("encode_1", batch.atoms)))))
        mixed, weights = attention(x, x, x, average_attn_weights=True)
        x = functional.layer_norm(x + mixed, (WIDTH,))
        x = torch.cat([x.mean(1), x.amax(1), batch.whole], dim=1)
        for name in ("structure", "classify_1", "classify_2"):
            x = functional.gelu(step(name, x))
        logits = functional.linear(x, network["classes.weight"], network["classes.bias"])
        found = outcome(network, batch)
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    np.testing.assert_allclose(found.importance[0], weights[0].sum(0) / 7, atol=1e-6)


def test_equal_atoms_share_their_importance_equally(network: dict[str, Any]) -> None:
    atoms = np.repeat(some_atoms(1), 5, axis=0)
    np.testing.assert_allclose(outcome(network, batch_of([atoms], WHOLE)).importance[0], 0.2, atol=1e-6)


def test_order_of_atoms_changes_nothing(network: dict[str, Any]) -> None:
    atoms, order = some_atoms(9), np.random.default_rng(1).permutation(9)
    found = outcome(network, batch_of([atoms], WHOLE))
    turned = outcome(network, batch_of([atoms[order]], WHOLE))
    np.testing.assert_allclose(turned.logits, found.logits, atol=1e-5)
    np.testing.assert_allclose(turned.importance[0], found.importance[0][order], atol=1e-6)


def test_padding_changes_nothing(network: dict[str, Any]) -> None:
    short, long = some_atoms(3), some_atoms(40, 1)
    alone = outcome(network, batch_of([short], WHOLE))
    beside = outcome(network, batch_of([short, long], np.repeat(WHOLE, 2, axis=0)))
    np.testing.assert_allclose(beside.logits[0], alone.logits[0], atol=1e-5)
    np.testing.assert_allclose(beside.importance[0][:3], alone.importance[0], atol=1e-6)
    assert float(beside.importance[0][3:].max()) == 0.0


@pytest.mark.parametrize("most_weights", [1, 32 * 50 * 7, 32 * 50 * 49])
def test_attention_in_portions_is_exact(network: dict[str, Any], most_weights: int) -> None:
    batch = batch_of([some_atoms(50)], WHOLE)
    found, whole = outcome(network, batch, most_weights=most_weights), outcome(network, batch)
    np.testing.assert_allclose(found.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(found.importance, whole.importance, atol=1e-6)


# ---- labels ----------------------------------------------------------------------------------------------------------


def structures(known: KnownErrors, target: Target = "force") -> StructureData:
    n = len(known.frames)
    return StructureData.from_evaluations(known.frames, known.evaluations, range(n), identity=IDENTITY, target=target)


def with_energies(n_frames: int, offset: float) -> tuple[list[Frame], list[FrameEvaluation], FloatArray]:
    """Labels 20,000 eV down, on another reference per element than the prediction, and with errors known per frame."""
    known, rng = KnownErrors(n_frames, 5), np.random.default_rng(0)
    counts = np.array([[np.sum(f.numbers == z) for z in (3, 13)] for f in known.frames], float)
    errors = rng.normal(size=n_frames) * 1e-3
    errors -= counts @ np.linalg.lstsq(counts, errors, rcond=None)[0]  # what no reference can take up
    predicted = counts @ np.array([-2000.0, -3000.0]) + rng.normal(size=n_frames)
    true = predicted + errors + offset * counts @ np.array([1.0, -2.0])
    frames = [replace(f, energy_eV=float(e)) for f, e in zip(known.frames, true, strict=True)]
    found = [replace(e, energy_eV=float(p)) for e, p in zip(known.evaluations, predicted, strict=True)]
    return frames, found, np.abs(errors)


@pytest.mark.parametrize("offset", [0.0, 700.0])
def test_energy_errors_are_free_of_reference_energies(offset: float) -> None:
    frames, evaluations, errors = with_energies(60, offset)

    def data(target: Target) -> StructureData:
        return StructureData.from_evaluations(frames, evaluations, range(60), identity=IDENTITY, target=target)

    np.testing.assert_allclose(data("total_energy").errors, errors, atol=1e-8)
    np.testing.assert_allclose(data("energy_per_atom").errors, errors / 8, atol=1e-9)


def test_frames_without_the_label_are_left_out_and_never_filled() -> None:
    frames, evaluations, _ = with_energies(40, 0.0)
    frames[3] = replace(frames[3], energy_eV=None)
    data = StructureData.from_evaluations(frames, evaluations, range(40), identity=IDENTITY, target="energy_per_atom")
    assert data.n_frames == 39
    assert 3 not in data.positions_in_input
    unlabelled = [replace(frame, energy_eV=None) for frame in frames]
    with pytest.raises(BadInput, match="no frame carries energies"):
        StructureData.from_evaluations(unlabelled, evaluations, range(40), identity=IDENTITY, target="total_energy")


def test_energies_of_elements_are_found() -> None:
    numbers = [np.array([3, 3, 13]), np.array([3, 13, 13]), np.array([13])]
    found = ElementEnergies.fit(numbers, np.array([-21.0, -33.0, -15.0]))
    np.testing.assert_allclose(found.values, [-3.0, -15.0])
    np.testing.assert_allclose(found.of([np.array([3, 3])]), [-6.0])


# ---- learning --------------------------------------------------------------------------------------------------------


def test_calibration_flattens_what_is_too_sure() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=4000)
    within = rng.random(4000) < 1 / (1 + np.exp(-z))
    found = Calibration.fit(5 * z, within)
    assert found.slope == pytest.approx(0.2, abs=0.03)
    assert found.shift == pytest.approx(0.0, abs=0.1)


def planted(n_frames: int, seed: int) -> StructureData:
    """A structure is bad where one of its atoms has a first coordinate beyond 2."""
    rng = np.random.default_rng(seed)
    embeddings = tuple(rng.normal(size=(int(rng.integers(4, 9)), 3)) for _ in range(n_frames))
    bad = rng.random(n_frames) < 0.5
    for own, is_bad in zip(embeddings, bad, strict=True):
        own[:, 0] = np.clip(own[:, 0], -1.5, 1.5)
        own[0, 0] = 2.5 if is_bad else own[0, 0]
    numbers = tuple(np.full(len(own), 13) for own in embeddings)
    none = np.zeros(n_frames)
    errors = np.where(bad, 1.0, 0.1)
    return StructureData(
        IDENTITY, "force", embeddings, numbers, none, errors, tuple(range(n_frames)), tuple(range(n_frames))
    )


def test_it_finds_one_bad_atom_among_many() -> None:
    settings = AttentionSettings("force", 0.5, training=TrainingSettings(learning_rate=1e-3, most_epochs=12))
    model, fresh = AttentionModel.fit(planted(160, 0), settings=settings, seed=0), planted(100, 1)
    p = np.array([model.judge(x, z, 0.0).p_within for x, z in zip(fresh.embeddings, fresh.numbers, strict=True)])
    found = auroc(fresh.errors < 0.5, p)
    assert found is not None
    assert found > 0.95


@pytest.fixture(scope="module")
def probe() -> AttentionProbe:
    known = KnownErrors(60, 0)
    data = structures(known)
    scope = ScopeData(data.embeddings, tuple(environments_of(DESCRIPTOR, known.frames)), data.numbers, data.groups)
    settings = AttentionSettings("force", training=QUICK)
    return AttentionProbe.fit(data, settings=settings, seed=0, scope=scope, descriptor=DESCRIPTOR)


def test_the_same_seed_gives_the_same_model_and_the_published_boundary(probe: AttentionProbe) -> None:
    data = structures(KnownErrors(60, 0))
    require("torch").manual_seed(99)  # nothing that others draw may matter
    again = AttentionModel.fit(data, settings=AttentionSettings("force", training=QUICK), seed=0)
    for name, tensor in probe.model.trained.parameters.items():
        np.testing.assert_array_equal(again.trained.parameters[name], tensor)
    assert again.tolerance == pytest.approx(float(np.median(data.errors)))


def test_a_verdict_and_its_importance_come_from_one_input(probe: AttentionProbe) -> None:
    """Importance follows the predicted energy as well: it is that of the pass that gave the probability."""
    known = KnownErrors(3, 9)
    for found in probe.score_frames(IDENTITY, known.frames, known.evaluations, probe.model.tolerance):
        assert found.atomic_importance is not None
        assert found.atomic_importance.sum() == pytest.approx(1.0, abs=1e-6)
        assert np.isnan(found.atomic_p_within).all()
        assert found.claim == f"largest force error ≤ {probe.model.tolerance:g} eV/Å"
    moved = replace(known.evaluations[0], energy_eV=30.0)
    one, other = (
        probe.score_frames(IDENTITY, known.frames[:1], [e], probe.model.tolerance)[0]
        for e in (known.evaluations[0], moved)
    )
    assert one.p_within != other.p_within


def test_bytes_give_back_the_same_probe(probe: AttentionProbe) -> None:
    known, again = KnownErrors(4, 6), probe_from_bytes(probe.to_bytes())
    assert isinstance(again, AttentionProbe)
    assert again.identity == probe.identity
    first, second = (
        one.score_frames(IDENTITY, known.frames, known.evaluations, probe.model.tolerance) for one in (probe, again)
    )
    for a, b in zip(first, second, strict=True):
        assert (a.p_within, a.state, a.worst_atoms) == (b.p_within, b.state, b.worst_atoms)
        assert a.atomic_importance is not None
        np.testing.assert_array_equal(a.atomic_importance, b.atomic_importance)


# ---- refusals --------------------------------------------------------------------------------------------------------


def test_other_potentials_and_tolerances_are_refused(probe: AttentionProbe) -> None:
    known = KnownErrors(1, 7)
    with pytest.raises(WrongUse, match="another potential: checkpoint_sha256"):
        probe.score_frames(OTHER_IDENTITY, known.frames, known.evaluations, probe.model.tolerance)
    own = probe.model.tolerance
    for other in (replace(IDENTITY, head="dft"), replace(IDENTITY, embedding="x"), replace(IDENTITY, dtype="float32")):
        with pytest.raises(WrongUse, match=r"another potential: (head|embedding|dtype)"):
            probe.score_frames(other, known.frames, known.evaluations, own)
    with pytest.raises(WrongUse, match=r"answers for .* eV/Å only"):
        probe.score_frames(IDENTITY, known.frames, known.evaluations, 123.0)


def test_numbers_that_are_not_finite_are_refused(probe: AttentionProbe) -> None:
    known = KnownErrors(1, 7)
    broken = replace(known.evaluations[0], embeddings=known.evaluations[0].embeddings * np.nan)
    with pytest.raises(BadInput, match="not finite"):
        probe.score_frames(IDENTITY, known.frames, [broken], probe.model.tolerance)


def test_one_class_and_few_frames_are_refused() -> None:
    data = structures(KnownErrors(40, 3))
    with pytest.raises(BadInput, match="all 40 frames lie within 1000 eV/Å"):
        AttentionModel.fit(data, settings=AttentionSettings("force", 1000.0), seed=0)
    with pytest.raises(BadInput, match="at least 32"):
        AttentionModel.fit(data.taking(np.arange(20)), settings=AttentionSettings("force"), seed=0)
    with pytest.raises(WrongUse, match="above zero, in eV/atom"):
        AttentionSettings("energy_per_atom", -1.0)
    with pytest.raises(WrongUse, match="between 0 and 1"):
        AttentionSettings(quantile=1.0)


def test_a_hundred_thousand_atoms_are_refused_in_words(probe: AttentionProbe) -> None:
    with pytest.raises(WrongUse, match="100000 atoms: attention grows"):
        probe.model.judge(np.zeros((100_000, 6)), np.full(100_000, 13), 0.0)
