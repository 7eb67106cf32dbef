"""`python -m eval.trust.committees`: committees of small MACE potentials, for trust in growing potentials.

Members differ in their seed alone; sizes differ in channels, layers and tensor order. A set's potentials are trained on
one part of it, the same for all sizes and seeds (`TRAINING`); probes learn and are judged on the rest. Members are
trained once and kept; what all members of a committee say of the other frames is kept beside them.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: small matrices

import numpy as np

from eval.trust import molecules
from eval.trust.sets import SETS
from sonde.datasets.identity import geometry_id
from sonde.potentials.registry import load_potential
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame
from sonde.records.potentials import FrameEvaluation
from sonde.training.scratch import ScratchSettings, train_scratch

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared" / "data"
SIZES: Mapping[str, ScratchSettings] = {
    "small": ScratchSettings(channels=8, n_layers=1, max_L=0, max_ell=2, correlation=2),
    "medium": ScratchSettings(channels=16, n_layers=2, max_L=0, max_ell=2, correlation=2),
    "large": ScratchSettings(channels=32, n_layers=2, max_L=1, max_ell=3, correlation=2),
}
SEEDS = (0, 1, 2)
CUTOFF_A = 4.5
WATCHED_SHARE = 6
"""Every sixth of the training frames is watched, not trained on."""
TRAINING_FRAMES = 90
"""Of Nb-Mo-Ta-W, drawn by whole trajectories."""
MOST_ATOMS = 54
"""Of a training cell of Nb-Mo-Ta-W."""


def every_third(frames: Sequence[Frame]) -> list[Frame]:
    """What the small potentials of al_li_mg are trained on; the other frames are new to them."""
    return list(frames[::3])


def some_trajectories(frames: Sequence[Frame]) -> list[Frame]:
    """Whole trajectories, drawn at random until there are enough frames; cells of the largest size stay out."""
    names = sorted({str(frame.tags["trajectory"]) for frame in frames})
    drawn: list[Frame] = []
    for name in np.random.default_rng(0).permutation(names).tolist():
        own = [frame for frame in frames if frame.tags["trajectory"] == name and frame.n_atoms <= MOST_ATOMS]
        drawn += own
        if len(drawn) >= TRAINING_FRAMES:
            break
    return drawn


def chosen_molecules(frames: Sequence[Frame]) -> list[Frame]:
    """Of the molecules, those set apart for potentials."""
    return [frame for frame in frames if frame.tags["trajectory"] in molecules.TRAINING]


TRAINING: Mapping[str, Callable[[Sequence[Frame]], list[Frame]]] = {
    "al_li_mg": every_third,
    "nbmotaw": some_trajectories,
    "molecules": chosen_molecules,
}
EPOCHS = {"small": 100, "medium": 40, "large": 20}
"""On al_li_mg, with about 90 cells of 4 atoms: larger potentials need fewer of them."""
SHARE_OF_EPOCHS = {"al_li_mg": 1.0, "nbmotaw": 0.3, "molecules": 0.3}
"""The other sets have more atoms, so that an epoch teaches more and takes longer."""


def member(dataset: str, size: str, seed: int, frames: Sequence[Frame], folder: Path) -> Path:
    """Return the checkpoint of a member, trained where there is none yet."""
    out = folder / f"{dataset}_{size}_{seed}"
    if not (out / "potential.pt").exists():
        training = TRAINING[dataset](frames)
        trained = [frame for k, frame in enumerate(training) if k % WATCHED_SHARE]
        n_epochs = round(EPOCHS[size] * SHARE_OF_EPOCHS[dataset])
        settings = replace(SIZES[size], cutoff_A=CUTOFF_A, n_epochs=n_epochs, seed=seed)
        run = train_scratch(trained, training[::WATCHED_SHARE], out, settings=settings)
        best = min(epoch.force_rmse_eV_per_A for epoch in run.epochs)
        say(f"{out.name}: {best:.3f} eV/Å on frames that were watched, {run.wall_s:.0f} s")
    return out / "potential.pt"


def unseen(dataset: str, frames: Sequence[Frame]) -> list[int]:
    """Places of the frames that no member was trained on or watched."""
    known = {geometry_id(frame) for frame in TRAINING[dataset](frames)}
    return [place for place, frame in enumerate(frames) if geometry_id(frame) not in known]


def keep_predictions(path: Path, places: Sequence[int], evaluations: Mapping[int, Sequence[FrameEvaluation]]) -> None:
    """Write what every member (by seed) says of the frames at these places of the set, in one file without pickles."""
    first = next(iter(evaluations.values()))
    arrays: dict[str, Any] = {"places": np.array(places), "n_atoms": np.array([len(one.embeddings) for one in first])}
    for seed, own in evaluations.items():
        arrays[f"energy_eV_{seed}"] = np.array([one.energy_eV for one in own])
        arrays[f"forces_eV_per_A_{seed}"] = np.concatenate([one.forces_eV_per_A for one in own])
        arrays[f"embeddings_{seed}"] = np.concatenate([one.embeddings for one in own])
    np.savez_compressed(path, allow_pickle=False, **arrays)


def kept_predictions(path: Path, seed: int) -> dict[int, FrameEvaluation]:
    """What a member says, by the place of the frame in its set."""
    with np.load(path, allow_pickle=False) as kept:
        ends = np.cumsum(kept["n_atoms"])[:-1]
        forces = np.split(kept[f"forces_eV_per_A_{seed}"], ends)
        embeddings = np.split(kept[f"embeddings_{seed}"], ends)
        energies = kept[f"energy_eV_{seed}"].tolist()
        found = zip(kept["places"].tolist(), energies, forces, embeddings, strict=True)
        return {place: FrameEvaluation(e, f, None, None, x) for place, e, f, x in found}


def spread(forces: Iterable[FloatArray]) -> FloatArray:
    """Standard deviation (n_atoms,) of the members' force vectors (n_atoms, 3), eV/Å: √ of the summed variance."""
    return np.asarray(np.sqrt(np.var(np.array(list(forces)), axis=0, ddof=1).sum(axis=1)))


def committee(dataset: str, size: str, folder: Path, data: Path = DATA) -> Path:
    """Return the file with the predictions of a committee on unseen frames, made where there is none yet."""
    path = folder / f"{dataset}_{size}.npz"
    if not path.exists():
        frames = SETS[dataset](data)
        places = unseen(dataset, frames)
        evaluations = {}
        for seed in SEEDS:
            checkpoint = member(dataset, size, seed, frames, folder)
            evaluations[seed] = load_potential("mace", checkpoint).evaluate([frames[place] for place in places])
        keep_predictions(path, places, evaluations)
        say(f"{path.name}: {_quality([frames[place] for place in places], evaluations)}")
    return path


def _quality(frames: Sequence[Frame], evaluations: Mapping[int, Sequence[FrameEvaluation]]) -> str:
    """Mean force error of each member beside the mean force, and the rank correlation of spread and error of atoms."""
    from scipy.stats import spearmanr

    true = np.concatenate([frame.forces_eV_per_A for frame in frames if frame.forces_eV_per_A is not None])
    said = [np.concatenate([one.forces_eV_per_A for one in own]) for own in evaluations.values()]
    errors = [np.linalg.norm(forces - true, axis=1) for forces in said]
    means = ", ".join(f"{own.mean():.3f}" for own in errors)
    rank = float(spearmanr(spread(said), errors[0]).statistic)
    size = float(np.linalg.norm(true, axis=1).mean())
    return f"mean |ΔF| {means} eV/Å on {len(frames)} frames of mean |F| {size:.3f}; rank of spread and error {rank:.2f}"


def say(line: str) -> None:
    """Write a line at once: training takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Train and evaluate the committees named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("committees", nargs="*", help="SET:SIZE, as al_li_mg:small")
    parser.add_argument("--folder", type=Path, default=HERE / ".sonde" / "committees")
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"No {DATA}: there is nothing to train on.")
    asked.folder.mkdir(parents=True, exist_ok=True)
    for name in asked.committees or [f"{dataset}:{size}" for dataset in TRAINING for size in SIZES]:
        dataset, _, size = name.partition(":")
        committee(dataset, size, asked.folder)


if __name__ == "__main__":
    main()
