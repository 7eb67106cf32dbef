"""Laboratories that several tests look at: the demo's, and drawn ones that cover formats and quantities."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sonde.records.frames import Frame
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import Laboratory, Truth
from sonde.sample_lab.plan import LabPlan, random_plan, sample_plan

Built = tuple[LabPlan, Laboratory, Truth]
SEEDS = (0, 1, 3, 7)
"""JSON, Python, TOML, and YAML with a script that moved; forces, contacts and pressure."""


@pytest.fixture(scope="session")
def frames() -> tuple[Frame, ...]:
    return sample_frames()


@pytest.fixture(scope="session")
def sample(frames: tuple[Frame, ...], tmp_path_factory: pytest.TempPathFactory) -> Built:
    plan = sample_plan()
    return plan, *build_laboratory(plan, tmp_path_factory.mktemp("demo") / "lab", frames)


@pytest.fixture(scope="session")
def drawn(frames: tuple[Frame, ...], tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, Built]:
    folder: Path = tmp_path_factory.mktemp("drawn")
    plans = {seed: random_plan(seed) for seed in SEEDS}
    return {seed: (plan, *build_laboratory(plan, folder / str(seed), frames)) for seed, plan in plans.items()}
