"""Anomalies planted one by one into a sound run are found at their frame, and a sound run has none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.potentials.al_li_mg import al_li_mg_frames

from sonde.errors import WrongUse
from sonde.potentials.linear import LinearPotential, fit_linear
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.simulation.dynamics import run_dynamics
from sonde.simulation.trajectories import first_anomaly, frames_before

Trajectory = tuple[list[Frame], list[FrameEvaluation]]


@pytest.fixture(scope="module")
def linear(shared_data: Path) -> LinearPotential:
    return fit_linear(al_li_mg_frames(shared_data, 20.0))


@pytest.fixture(scope="module")
def sound(linear: LinearPotential, shared_data: Path) -> Trajectory:
    start = [f for f in al_li_mg_frames(shared_data) if f.tags["config_type"] == "rattled"][20]
    frames = run_dynamics(linear, start, timestep_fs=2, temperature_K=500, n_steps=40, seed=0, thermostat="langevin")
    return frames, linear.evaluate(frames)


def planted(sound: Trajectory, at: int, frame: Frame, evaluation: FrameEvaluation) -> Trajectory:
    frames, evaluations = list(sound[0]), list(sound[1])
    frames[at], evaluations[at] = frame, evaluation
    return frames, evaluations


def test_a_sound_run_has_no_anomaly(sound: Trajectory) -> None:
    assert first_anomaly(*sound) is None


@pytest.mark.parametrize("kind", ["force", "energy", "temperature", "contact", "not finite"])
def test_each_kind_is_found_where_it_was_planted(sound: Trajectory, kind: str) -> None:
    frame, evaluation = sound[0][15], sound[1][15]
    if kind == "force":
        evaluation = replace(evaluation, forces_eV_per_A=evaluation.forces_eV_per_A + 30)
    if kind == "energy":
        evaluation = replace(evaluation, energy_eV=evaluation.energy_eV - 8)
    if kind == "temperature":
        frame = replace(frame, tags={**frame.tags, "temperature_K": 9000.0})
    if kind == "contact":
        close = frame.positions.copy()
        close[0] = close[1] + [0.9, 0, 0]
        frame = replace(frame, positions=close)
    if kind == "not finite":
        evaluation = replace(evaluation, energy_eV=float("nan"))
    found = first_anomaly(*planted(sound, 15, frame, evaluation))
    assert found is not None
    assert (found.index, found.kind) == (15, kind)
    assert found.reason.startswith("frame 15: ")


def test_contacts_are_held_against_known_minima(sound: Trajectory) -> None:
    from sonde.local_environments.contacts import contact_minima

    minima = contact_minima(sound[0])
    assert first_anomaly(*sound, minima) is None
    pair = next(iter(minima))
    found = first_anomaly(*sound, {**minima, pair: minima[pair] + 0.001})
    assert found is not None
    assert "closer than the closest known contact" in found.reason


def test_an_atom_that_leaves_is_noticed(linear: LinearPotential) -> None:
    cluster = np.array([[0, 0, 0], [2.8, 0, 0], [0, 2.8, 0], [0, 0, 2.8]], float)
    frames = []
    for step in range(6):
        positions = cluster.copy()
        positions[3, 2] += step * 2.0
        frames.append(Frame(np.full(4, 13), positions, np.zeros((3, 3)), np.zeros(3, bool)))
    found = first_anomaly(frames, linear.evaluate(frames))
    assert found is not None
    assert found.kind == "evaporation"
    assert found.index == 2
    assert "Al (atom 3)" in found.reason


def test_a_run_with_too_long_a_step_is_caught_before_its_end(linear: LinearPotential, sound: Trajectory) -> None:
    start = sound[0][0]
    run = run_dynamics(linear, start, timestep_fs=30, temperature_K=1000, n_steps=80, seed=0, thermostat="nve")
    found = first_anomaly(run, linear.evaluate(run))
    assert found is not None
    kept = frames_before(found, len(run))
    assert kept == list(range(found.index))
    assert frames_before(found, len(run), last=2) == kept[-2:]
    assert found.index not in kept


def test_evaluations_must_be_those_of_the_trajectory(sound: Trajectory) -> None:
    with pytest.raises(WrongUse, match="evaluate the same trajectory"):
        first_anomaly(sound[0], sound[1][:-1])
