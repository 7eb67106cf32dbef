"""A built laboratory: same plan, same bytes; its own script gives its training dataset; its truth is apart."""

import hashlib
import json
import runpy
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sample_lab.conftest import SEEDS, Built

from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.sample_lab.build import build_laboratory, write_truth
from sonde.sample_lab.laboratory import Laboratory
from sonde.sample_lab.plan import sample_plan


def _digests(laboratory: Laboratory) -> dict[str, str]:
    files = (path for path in laboratory.folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(p.relative_to(laboratory.folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(files)}


def _log(laboratory: Laboratory) -> str:
    command = ["git", "log", "--all", "--format=%H %an %ae %aI %s"]
    return subprocess.run(command, cwd=laboratory.repository, capture_output=True, text=True, check=True).stdout


def test_same_plan_same_bytes_and_commits(sample: Built, frames: tuple[Frame, ...], tmp_path: Path) -> None:
    plan, first, truth = sample
    second, again = build_laboratory(plan, tmp_path / "again", frames)
    assert _digests(first) == _digests(second)
    assert _log(first) == _log(second)
    assert truth == again


def test_another_seed_is_another_laboratory(sample: Built, frames: tuple[Frame, ...], tmp_path: Path) -> None:
    plan, first, _ = sample
    quieter = replace(plan, seed=plan.seed + 1, talk_per_relevant_line=1)
    second, _ = build_laboratory(quieter, tmp_path / "other", frames)
    assert _digests(first)["archive/slack_export.zip"] != _digests(second)["archive/slack_export.zip"]


def _checkout(laboratory: Laboratory, commit: str, folder: Path) -> Path:
    """Return the script as it stands at a commit, in a clone."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", laboratory.repository, clone], check=True, capture_output=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=clone, check=True, capture_output=True)
    return clone / laboratory.script


def _selected(laboratory: Laboratory, commit: str, folder: Path) -> str:
    out = folder / "out.xyz"
    script = runpy.run_path(str(_checkout(laboratory, commit, folder)))
    script["select"](laboratory.raw_pool, out)
    return out.read_text(encoding="utf-8")


def test_script_at_training_commit_gives_training_dataset(sample: Built, tmp_path: Path) -> None:
    _, laboratory, _ = sample
    script, out = _checkout(laboratory, laboratory.training_commit, tmp_path), tmp_path / "out.xyz"
    subprocess.run([sys.executable, script, laboratory.raw_pool, out], check=True, capture_output=True)
    assert out.read_bytes() == laboratory.training.read_bytes()


@pytest.mark.parametrize("seed", SEEDS)
def test_scripts_of_drawn_laboratories_run(seed: int, drawn: Mapping[int, Built], tmp_path: Path) -> None:
    _, laboratory, _ = drawn[seed]
    written = _selected(laboratory, laboratory.training_commit, tmp_path)
    assert written == laboratory.training.read_text(encoding="utf-8")


def test_before_the_threshold_the_script_keeps_everything(sample: Built, tmp_path: Path) -> None:
    """The guard of the test above: it fails for the commit before."""
    _, laboratory, truth = sample
    assert truth.change is not None
    written = _selected(laboratory, f"{truth.change.commit}~1", tmp_path)
    assert written == laboratory.raw_pool.read_text(encoding="utf-8")
    assert written != laboratory.training.read_text(encoding="utf-8")


def test_threshold_commit_is_six_lines_without_a_reason(sample: Built) -> None:
    _, laboratory, truth = sample
    assert truth.change is not None
    shown = subprocess.run(
        ["git", "show", "--format=%B", truth.change.commit],
        cwd=laboratory.repository,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    changed = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---") and line]
    assert len(changed) == 6
    assert shown.splitlines()[0] == "removed problematic structures"
    assert "because" not in shown
    assert truth.n_commits >= 25


def test_failing_structures_are_held_out_and_labelled(sample: Built) -> None:
    _, laboratory, truth = sample
    assert len(truth.failing_ids) == 3
    failing = laboratory.failing.read_text(encoding="utf-8")
    for structure in truth.failing_ids:
        assert structure in failing
        assert structure not in laboratory.raw_pool.read_text(encoding="utf-8")
    assert "REF_forces" in failing


def test_truth_stays_outside(sample: Built, tmp_path: Path) -> None:
    _, laboratory, truth = sample
    with pytest.raises(BadInput, match="must not stand in the laboratory"):
        write_truth(truth, laboratory.folder / "truth.json", laboratory)
    write_truth(truth, tmp_path / "truth.json", laboratory)
    assert json.loads((tmp_path / "truth.json").read_text())["schema"] == "sonde.sample_lab.truth/1"


def test_a_folder_with_something_in_it_is_refused(frames: tuple[Frame, ...], tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(BadInput, match="not empty"):
        build_laboratory(sample_plan(), tmp_path, frames)


def test_git_settings_of_the_user_do_not_matter(
    sample: Built, frames: tuple[Frame, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, laboratory, _ = sample
    settings = tmp_path / "gitconfig"
    settings.write_text("[user]\n\tname = Somebody Else\n[core]\n\tautocrlf = true\n[commit]\n\tgpgsign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01T00:00:00Z")
    again, _ = build_laboratory(replace(plan, talk_per_relevant_line=1), tmp_path / "lab", frames)
    assert _log(again) == _log(laboratory)
