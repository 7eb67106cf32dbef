"""The curve of labels: more frames rank no worse, the same held-out ones judge all, and too few leave a gap."""

import pytest
from tests.reliability.synthetic import IDENTITY, KnownErrors

from sonde.local_environments.descriptors import DensityDescriptor
from sonde.records.trust_evaluation import LabelPoint
from sonde.reliability.baselines.protocol import RiskData
from sonde.reliability.label_curve import label_points
from sonde.reliability.probes.data import ProbeData
from sonde.reliability.probes.local import environments_of
from sonde.views.trust_figures import label_plot

TOLERANCE = 1.4
OURS, FORCE = "local probe", "largest predicted force"


def data_in_groups_of(n_frames: int) -> RiskData:
    known = KnownErrors(160, seed=5)
    groups = [n // n_frames for n in range(len(known.frames))]
    probe = ProbeData.from_evaluations(known.frames, known.evaluations, groups, identity=IDENTITY)
    return RiskData(probe, tuple(environments_of(DensityDescriptor((3, 13)), known.frames)))


@pytest.fixture(scope="module")
def points() -> list[LabelPoint]:
    return label_points(data_in_groups_of(2), TOLERANCE, [0])


def test_every_size_is_judged_for_every_score(points: list[LabelPoint]) -> None:
    for name in (OURS, FORCE):
        first, second = (point.n_frames for point in points if point.name == name)
        assert (first in (50, 51), second in (100, 101)) == (True, True)
    assert all(point.auroc is not None for point in points)


def test_the_force_alone_needs_no_labels_and_the_probe_passes_it_with_them(points: list[LabelPoint]) -> None:
    probe, force = ([point.auroc or 0.0 for point in points if point.name == name] for name in (OURS, FORCE))
    assert force[0] == force[1]
    assert probe[1] > force[1]
    assert probe[1] > probe[0] - 0.02


def test_too_few_groups_leave_a_gap_and_do_not_end_the_report() -> None:
    points = label_points(data_in_groups_of(20), TOLERANCE, [0])
    (first, *_) = [point for point in points if point.name == OURS]
    assert first.auroc is None
    assert all(point.auroc is not None for point in points if point.name == FORCE)
    drawn = {line.name: list(line.x) for line in label_plot(points).data}
    assert first.n_frames not in drawn[OURS]
    assert first.n_frames in drawn[FORCE]
