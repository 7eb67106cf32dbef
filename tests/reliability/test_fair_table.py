"""All scores under one protocol: what is known on paper comes out, and no group is on both sides."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tests.reliability.synthetic import IDENTITY, KnownErrors

from sonde.errors import WrongUse
from sonde.local_environments.descriptors import DensityDescriptor
from sonde.records.trust_evaluation import Better, ScoreRow, ShiftTable, TrustEvaluation
from sonde.reliability.baselines.energies import of_energies
from sonde.reliability.baselines.heads import ErrorHeads
from sonde.reliability.baselines.plain import BoostedTrees, Committee, LargestForce, MajorityClass, SizeAndComposition
from sonde.reliability.baselines.probes import Local
from sonde.reliability.baselines.protocol import RiskData, Risks, Score
from sonde.reliability.fair_table import OURS, all_scores, shift_table
from sonde.reliability.metrics import auroc
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.energies import energy_errors
from sonde.reliability.probes.local import environments_of
from sonde.reliability.shifts import divisions
from sonde.views.trust_evaluation import show_evaluation

TOLERANCE = 1.4
"""eV/Å; about half of the frames have an atom beyond it."""
FEW = (Local(), LargestForce(), SizeAndComposition(), MajorityClass())


@pytest.fixture(scope="module")
def known() -> KnownErrors:
    return KnownErrors(160, seed=5)


@pytest.fixture(scope="module")
def data(known: KnownErrors) -> RiskData:
    groups = [n // 2 for n in range(len(known.frames))]
    probe = ProbeData.from_evaluations(known.frames, known.evaluations, groups, identity=IDENTITY)
    return RiskData(probe, tuple(environments_of(DensityDescriptor((3, 13)), known.frames)))


@pytest.fixture(scope="module")
def table(known: KnownErrors, data: RiskData) -> ShiftTable:
    (found,) = shift_table("random", known.frames, data, [TOLERANCE], scores=FEW)
    return found


def row(table: ShiftTable, name: str) -> ScoreRow:
    return next(one for one in table.rows if one.name == name)


def test_every_score_has_a_row_with_numbers(table: ShiftTable) -> None:
    assert [one.name for one in table.rows] == [score.name for score in FEW]
    for one in table.rows:
        assert one.auroc is not None
        assert one.auroc_low is not None
        assert one.auroc_high is not None
        assert one.auroc_low <= one.auroc <= one.auroc_high
        assert np.isfinite([one.aurc, one.augrc, one.brier, one.ece, one.us_per_atom, one.peak_MB]).all()
        assert one.peak_MB > 0
        assert one.excess_aurc >= -1e-12


def test_the_majority_class_ranks_nothing(table: ShiftTable) -> None:
    majority = row(table, "majority class")
    assert majority.auroc == 0.5
    assert majority.auroc_within_force_bins == 0.5
    assert majority.brier == pytest.approx(table.prevalence_beyond * (1 - table.prevalence_beyond), abs=0.02)


def test_a_probe_that_may_know_the_law_beats_what_knows_a_part_of_it(table: ShiftTable) -> None:
    """Errors depend on embedding, element and force: the force alone cannot rank them as well."""
    ours, force = row(table, OURS), row(table, "largest predicted force")
    assert force.probe_better is not None
    assert force.probe_better.low > 0
    assert force.probe_better_within is not None
    assert force.probe_better_within.low > 0
    assert (ours.auroc or 0.0) > 0.7
    assert (ours.auroc_within_force_bins or 0.0) > (force.auroc_within_force_bins or 0.0)
    composition = row(table, "size and composition").probe_better
    assert composition is not None
    assert composition.low > 0
    assert ours.aurc < force.aurc
    assert (ours.atom_auroc or 0.0) > (force.atom_auroc or 0.0)


class ForceAndLevel:
    """The largest predicted force, and a level that differs with the frames that it was fitted on."""

    name, labels = "force and level", True

    def __init__(self, level: float = 0.0) -> None:
        self.level = level

    def fit(self, data: RiskData, *, seed: int) -> "ForceAndLevel":  # noqa: ARG002 - nothing is random
        return ForceAndLevel(1e3 * float(np.median(data.probe.largest_errors)))

    def risks(self, data: RiskData, tolerances: Sequence[float]) -> Risks:  # noqa: ARG002 - the same for all
        return Risks(data.probe.largest_forces + self.level)


def test_a_level_of_its_own_per_part_costs_nothing_within_parts(known: KnownErrors, data: RiskData) -> None:
    """It ranks every held-out part as the force does; pooled, the levels of the parts decide."""
    scores = (LargestForce(), ForceAndLevel())
    (found,) = shift_table("random", known.frames, data, [TOLERANCE], scores=scores)
    force, level = found.rows
    assert level.auroc_within_force_bins == pytest.approx(force.auroc_within_force_bins)
    assert level.auroc_within_pooled is not None
    assert level.auroc_within_pooled != pytest.approx(force.auroc_within_pooled, abs=0.02)
    assert level.auroc_by_part == pytest.approx(force.auroc_by_part)


def test_a_committee_is_judged_where_there_is_one(known: KnownErrors, data: RiskData) -> None:
    """The spread of its forces is the risk: where it is the error itself nothing ranks better."""
    told = replace(data, spreads=data.probe.errors)
    (found,) = shift_table("random", known.frames, told, [TOLERANCE], scores=(LargestForce(), Committee()))
    assert row(found, "committee").auroc == 1.0
    assert row(found, "committee").atom_auroc == 1.0
    assert [score.name for score in all_scores(committee=True)].count("committee") == 1
    with pytest.raises(WrongUse, match="one potential alone"):
        Committee().risks(data, [TOLERANCE])


def test_errors_of_energies_are_those_that_no_constant_per_element_explains(known: KnownErrors) -> None:
    """Another level of theory, 7 eV per Li and −3 eV per Al, is no error; 1 eV per atom in one frame of many is."""
    rng = np.random.default_rng(0)
    true = rng.normal(size=len(known.frames))
    level = [float(np.sum(np.where(frame.numbers == 3, 7.0, -3.0))) for frame in known.frames]
    wrong = [float(frame.n_atoms * (n == 17)) for n, frame in enumerate(known.frames)]
    frames = [replace(frame, energy_eV=float(e)) for frame, e in zip(known.frames, true, strict=True)]
    predicted = zip(known.evaluations, true, level, wrong, strict=True)
    evaluations = [replace(one, energy_eV=float(e) + shift + off) for one, e, shift, off in predicted]
    errors = energy_errors(frames, evaluations)
    assert errors[17] == pytest.approx(1.0, abs=0.1)
    assert np.delete(errors, 17).max() < 0.1
    with pytest.raises(WrongUse, match="an energy of every frame"):
        energy_errors([replace(frames[0], energy_eV=None)], evaluations[:1])


def test_energies_are_judged_as_forces_are(known: KnownErrors, data: RiskData) -> None:
    """One item per frame, with its composition; a score that knows the error ranks it perfectly."""
    rng = np.random.default_rng(1)
    frames = [replace(frame, energy_eV=float(e)) for frame, e in zip(known.frames, rng.normal(size=160), strict=True)]
    energies = of_energies(data, frames, known.evaluations)
    told = replace(energies, spreads=energies.probe.errors)
    scores = (LargestForce(), Committee(), SizeAndComposition(), BoostedTrees(with_force=True))
    (found,) = shift_table("random", frames, told, [0.1], scores=scores)
    assert found.tolerance_eV_per_A is None
    assert found.tolerance_eV_per_atom == 0.1
    assert row(found, "committee").auroc == 1.0
    assert energies.probe.largest_errors.shape == (160,)
    assert [len(z) for z in energies.taking(np.arange(3)).numbers] == [frame.n_atoms for frame in frames[:3]]


def test_states_set_aside_more_bad_frames_than_good_ones(table: ShiftTable) -> None:
    assert table.flags is not None
    assert table.flags.caught is not None
    assert table.flags.false_alarms is not None
    assert table.flags.caught > table.flags.false_alarms


@pytest.mark.parametrize("score", all_scores(), ids=lambda score: score.name)
def test_a_score_gives_each_frame_and_atom_a_risk_and_looks_at_no_label(score: Score, data: RiskData) -> None:
    train, test = data.taking(np.arange(60)), data.taking(np.arange(60, 80))
    blind = replace(test, probe=replace(test.probe, errors=tuple(np.full_like(e, 9.0) for e in test.probe.errors)))
    fitted = score.fit(train, seed=0)
    risks, again = fitted.risks(test, [TOLERANCE]), fitted.risks(blind, [TOLERANCE])
    assert risks.frames.shape == (20,)
    assert np.isfinite(risks.frames).all()
    np.testing.assert_array_equal(risks.frames, again.frames)
    if risks.atoms is not None:
        assert [len(own) for own in risks.atoms] == [len(z) for z in test.probe.numbers]


def test_linear_heads_find_a_linear_law_and_differ_where_nothing_was_seen(data: RiskData) -> None:
    law = replace(data.probe, errors=tuple(np.exp(x[:, 0] - 0.5 * x[:, 1]) for x in data.probe.embeddings))
    lawful = replace(data, probe=law)
    train, test = lawful.taking(np.arange(100)), lawful.taking(np.arange(100, 160))
    for score in (ErrorHeads(), ErrorHeads(16)):
        risks = score.fit(train, seed=0).risks(test, [TOLERANCE])
        above = test.probe.largest_errors > np.median(test.probe.largest_errors)
        assert (auroc(above, risks.frames) or 0) > 0.99
    one, many = (score.fit(data.taking(np.arange(100)), seed=0) for score in (ErrorHeads(), ErrorHeads(16)))
    apart = replace(test, probe=replace(test.probe, embeddings=tuple(30 * x for x in test.probe.embeddings)))
    near, far = (many.risks(d, [TOLERANCE]).frames - one.risks(d, [TOLERANCE]).frames for d in (test, apart))
    assert np.median(np.abs(far)) > 5 * np.median(np.abs(near))


def test_an_element_that_was_never_seen_is_as_far_as_can_be(data: RiskData) -> None:
    train, test = data.taking(np.arange(60)), data.taking(np.arange(60, 64))
    strange = replace(test.probe, numbers=tuple(np.full_like(z, 92) for z in test.probe.numbers))
    for score in all_scores():
        if score.name in ("Mahalanobis", "Gaussian mixture", "LLPR", "Q residual", "nearest neighbour, embedding"):
            risks = score.fit(train, seed=0).risks(replace(test, probe=strange), [TOLERANCE])
            assert (risks.frames >= 1e30).all(), score.name


def test_no_group_is_on_both_sides(known: KnownErrors, data: RiskData) -> None:
    groups = data.probe.groups
    tagged = [replace(frame, tags={"config_type": "ab"[n % 3 == 0]}) for n, frame in enumerate(known.frames)]
    for shift in ("random", "config_type", "composition", "element", "size"):
        for part in divisions(shift, tagged, groups, seed=0):
            train, test = ({groups[k] for k in places.tolist()} for places in (part.train, part.test))
            assert not train & test
            assert len(part.test) > 0
    tested = np.concatenate([part.test for part in divisions("random", known.frames, groups, seed=0)])
    assert sorted(tested.tolist()) == list(range(len(groups)))


def test_kinds_are_named(known: KnownErrors) -> None:
    groups = list(range(len(known.frames)))
    tagged = [replace(frame, tags={"config_type": "ab"[n % 3 == 0]}) for n, frame in enumerate(known.frames)]
    assert [part.held_out for part in divisions("config_type", tagged, groups, seed=0)] == ["a", "b"]
    assert divisions("config_type", known.frames, groups, seed=0) == []  # one kind only: no shift
    assert divisions("surface", tagged, groups, seed=0) == []
    assert divisions("temperature", tagged, groups, seed=0) == []
    hot = [replace(f, tags={"temperature_K": 300.0 + 900 * (n % 4 > 1)}) for n, f in enumerate(known.frames)]
    (above,) = divisions("temperature", hot, groups, seed=0)
    assert above.held_out == "above 750 K"
    assert {int(n) % 4 for n in above.test} == {2, 3}
    slabs = [replace(f, tags={"config_type": "Surface" if n < 40 else "bulk"}) for n, f in enumerate(known.frames)]
    (surfaces,) = divisions("surface", slabs, groups, seed=0)
    assert surfaces.test.tolist() == list(range(40))
    with pytest.raises(WrongUse, match="A shift is one of random, composition, element, formula"):
        divisions("moon", known.frames, groups, seed=0)


def test_a_shift_without_parts_gives_no_table(known: KnownErrors, data: RiskData) -> None:
    assert shift_table("config_type", known.frames, data, [TOLERANCE], scores=FEW) == []


def test_the_view_shows_where_a_baseline_wins(table: ShiftTable) -> None:
    wins = replace(row(table, "largest predicted force"), probe_better=Better(-0.1, -0.2, -0.05))
    shown = replace(table, rows=(row(table, OURS), wins))
    record = TrustEvaluation("alloy", "raw", 160, 80, (0,), 1.0, (shown,), notes=("a note",))
    out = io.StringIO()
    show_evaluation(record, Console(file=out, width=200, force_terminal=True))
    assert "\x1b[31m-0.10 (-0.20 … -0.05)" in out.getvalue()
    assert "set aside as unreliable or out of scope" in out.getvalue()
