"""Growth, not seconds: a miniature of `make speed` with bounds that hold on any machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from speed import archives, environments, importing, measuring, reading, recovering, searching, vasp_runs, watching

import sonde.datasets.matching
from sonde.datasets.lineage import lineage
from sonde.datasets.readers import read_frames
from sonde.records.frames import Frame

SIZES = (200, 800)


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[Frame]:
    files = (shared_data / "nbmotaw" / name for name in ("Mo_AIMD.json.gz", "NbTa_SS.json.gz"))
    return [frame for file in files for frame in read_frames(file)]


def counted(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[int]:
    """Let a function count its calls, and do what it does."""
    real: Callable[..., Any] = getattr(module, name)
    calls = [0]

    def counting(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, counting)
    return calls


def test_exponent_of_known_growth() -> None:
    assert measuring.exponent({n: 3.0 * n**1.7 for n in (10, 100, 1000)}) == pytest.approx(1.7)


def test_quadratic_work_is_told_from_linear_work() -> None:
    def work(n: int) -> float:
        return measuring.seconds(lambda: [i * j for i in range(n) for j in range(n)], repeats=2)

    assert measuring.exponent({n: work(n) for n in (200, 800)}) > 1.5


def test_lineage_grows_about_linearly(frames: list[Frame]) -> None:
    assert measuring.exponent(recovering.cost_by_size(frames, SIZES)) < 1.5


def test_lineage_looks_at_every_geometry_once(frames: list[Frame], monkeypatch: pytest.MonkeyPatch) -> None:
    parent = recovering.part(frames, SIZES[1])
    child = recovering.survivors(parent)
    identities = counted(monkeypatch, sonde.datasets.matching, "geometry_id")
    superpositions = counted(monkeypatch, sonde.datasets.matching, "superposition")
    found = lineage(parent, child)
    assert found.rules[0].feature == "max_force"
    assert identities[0] <= len(parent) + len(child)
    assert superpositions[0] == 0, "nothing is left over to superpose where all geometries agree to the digit"


def test_reading_grows_about_linearly(frames: list[Frame], tmp_path: Path) -> None:
    assert measuring.exponent(reading.cost_by_size(frames, (100, 400), tmp_path)) < 1.5


def test_reading_outcar_grows_about_linearly(shared_data: Path, tmp_path: Path) -> None:
    assert measuring.exponent(vasp_runs.cost_by_steps(shared_data, (20, 80), tmp_path)) < 1.5


def test_a_verdict_costs_less_than_the_step_that_it_is_about(shared_data: Path) -> None:
    """Of a linear potential, whose steps are short: 0.4 of one."""
    small = list(read_frames(shared_data / "al_li_mg" / "al_li_mg.xyz"))
    asked, looked, _ = watching.added(watching.linear(small), 3, repeats=5)
    assert 0 < asked.value < 1
    assert 0 < looked.value < 0.1
    assert asked.shown.endswith("%")


def test_a_repeated_outcar_holds_its_steps(shared_data: Path, tmp_path: Path) -> None:
    path = vasp_runs.long_outcar(shared_data / vasp_runs.LONG / "OUTCAR", tmp_path / "OUTCAR", 7)
    frames = list(read_frames(path))
    assert len(frames) == vasp_runs.read_all(path) == 7
    assert all(frame.forces_eV_per_A is not None and frame.tags["runs"] == 1 for frame in frames)


def test_descriptor_grows_about_linearly() -> None:
    assert measuring.exponent(environments.descriptor_by_atoms((5, 9))) < 1.5


def test_probe_grows_less_than_quadratically(frames: list[Frame]) -> None:
    assert measuring.exponent(environments.probe_by_frames(frames, (35, 105))) < 1.7


def test_linking_grows_about_linearly() -> None:
    searching.cost_of_linking(2, 50)
    costs = {size: searching.cost_of_linking(5, size) for size in (500, 2000)}
    assert measuring.exponent(costs) < 1.5


def test_memory_of_an_import_does_not_grow_with_the_dataset() -> None:
    costs = {n: measuring.in_a_process_of_its_own(importing.cost_of_import, n) for n in (5_000, 20_000)}
    assert measuring.exponent({n: cost.seconds for n, cost in costs.items()}) < 1.5
    # 15,000 more frames of 8 atoms with forces are at least 9 MB in the plainest arrays.
    assert costs[20_000].memory_MB - costs[5_000].memory_MB < 9


def test_time_grows_with_commits_and_memory_not_with_a_mailbox() -> None:
    commits = {n: measuring.in_a_process_of_its_own(archives.cost_of_commits, n) for n in (100, 400)}
    assert measuring.exponent(commits) < 1.5
    costs = {size: measuring.in_a_process_of_its_own(archives.cost_of_mail, size) for size in (4, 12)}
    # 8 MB more on disk: held as text they would be 8 MB at least.
    assert costs[12].memory_MB - costs[4].memory_MB < 7


def test_reasons_of_changes_take_no_longer_and_no_more_memory_in_more_talk() -> None:
    """Eight times the talk, which a scan would take eight times as long for."""
    few, many = (measuring.in_a_process_of_its_own(archives.cost_of_artifacts, size, 4) for size in (500, 4000))
    assert many.why_s < 3 * few.why_s
    assert many.memory_MB - few.memory_MB < 30


def test_peak_memory_sees_what_is_held() -> None:
    assert measuring.in_a_process_of_its_own(_peak_with_a_block) > 190


def _peak_with_a_block() -> float:
    block = bytearray(200_000_000)
    return measuring.peak_memory_MB() if block else 0.0
