"""What a diagnosis makes of a stored probe whose labels do not resolve the tolerance that is asked for."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.reliability.synthetic import IDENTITY, KnownErrors

from sonde.local_environments.descriptors import DensityDescriptor
from sonde.operations.evidence.material import Labelled
from sonde.operations.evidence.trust import Known, trust_in
from sonde.progress import SILENT
from sonde.records.potentials import RegisteredPotential
from sonde.reliability.gate import ScopeData
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.local import LocalProbe, environments_of
from sonde.store import Project

REGISTERED = RegisteredPotential("alloy", IDENTITY, "alloy.pt", None, None, None, {}, False)
DESCRIPTOR = DensityDescriptor((3, 13), cutoff_A=4.0)


@pytest.fixture(scope="module")
def probe() -> LocalProbe:
    known = KnownErrors(40, 2)
    data = ProbeData.from_evaluations(known.frames, known.evaluations, range(40), identity=IDENTITY)
    scope = ScopeData(data.embeddings, tuple(environments_of(DESCRIPTOR, known.frames)), data.numbers, data.groups)
    return LocalProbe.fit(data, seed=0, scope=scope, descriptor=DESCRIPTOR)


@pytest.mark.parametrize(("tolerance", "answered"), [(0.1, False), (0.2, True)])
def test_a_tolerance_below_the_noise_of_labels_leaves_reliability_open(
    probe: LocalProbe, tmp_path: Path, tolerance: float, answered: bool
) -> None:
    noisy = replace(probe, label_noise_eV_per_A=0.1)
    project = Project.create(tmp_path)
    with project.writing():
        project.artifacts.put("probe", "alloy", noisy.to_bytes(), {})
    asked = KnownErrors(2, 5)
    inputs = Labelled("input", asked.frames, asked.evaluations, ())
    found = trust_in(project, REGISTERED, inputs, Known(IDENTITY, None, None), tolerance, SILENT)
    assert [one is not None for one in found.reliabilities] == [answered] * 2
    said = "uncertain by 0.17 eV/Å, more than the tolerance of 0.1 eV/Å"
    assert any(said in note for note in found.notes) is not answered
