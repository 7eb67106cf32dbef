"""Frames that probes are judged on, from the shared data: chosen, free of duplicates, each with its trajectory."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

from eval.trust import molecules
from sonde.datasets.identity import geometry_id
from sonde.datasets.readers import read_frames
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame, Tag

LINKED_A = 0.2
"""Frames of one composition whose atoms moved less than this (root mean square, Å) belong to one cluster."""
MOST_OF_A_CLUSTER = 25
PAIRS_OF_A_BINARY, SNAPSHOTS_OF_AN_ELEMENT = 50, 60
CHROMIUM = 24


def nbmotaw(data: Path) -> list[Frame]:
    """Nb-Mo-Ta-W: alloys, dynamics, surfaces and all test sets; strained bulk has no forces by symmetry: left out.

    Trajectory: element and temperature of dynamics, with its volume; number of a decoration, relaxed or not.
    """
    rng, folder = np.random.default_rng(0), data / "nbmotaw"
    chosen: list[Frame] = []
    for path in sorted(folder.glob("*.json.gz")):
        name = path.name.removesuffix(".json.gz")
        frames = [_of_alloy(frame, name) for frame in read_frames(path)]
        if name.endswith("_SS"):
            trajectories = sorted({str(frame.tags["trajectory"]) for frame in frames})
            kept = set(rng.permutation(trajectories)[:PAIRS_OF_A_BINARY].tolist())
            frames = [frame for frame in frames if frame.tags["trajectory"] in kept]
        elif name.endswith("_AIMD"):
            frames = [frames[k] for k in sorted(rng.permutation(len(frames))[:SNAPSHOTS_OF_AN_ELEMENT])]
        chosen += [] if name.endswith("_Elastic") else frames
    return chosen


def _of_alloy(frame: Frame, file: str) -> Frame:
    """The frame with what its notes say: trajectory, temperature, kind."""
    notes = {key: str(value) for key, value in frame.tags.items() if key.startswith("notes") and value is not None}
    note = next(iter(notes.values()), str(frame.ordinal))
    run = re.fullmatch(r"(?:md(?:90|110)?-)?(\d+)-\d+", note)
    kind = str(frame.tags["config_type"])
    tags: dict[str, Tag] = {"config_type": kind, "set": file}
    if run is None:
        return replace(frame, tags={**tags, "trajectory": f"{file} {note}"})
    volume = next((percent for percent in ("90", "110") if percent in f"{kind} {note}".replace(run[1], "")), "100")
    element = file.split("_")[0]
    trajectory = f"{element} {run[1]} K {volume} %"
    return replace(frame, tags={**tags, "trajectory": trajectory, "temperature_K": float(run[1])})


def cr_sb2te3(data: Path) -> list[Frame]:
    """Cr in Sb2Te3, each geometry once; trajectory: number of Cr and the cluster linked by small displacements."""
    found: dict[str, Frame] = {}
    for part in ("data_600K", "data_Multi_T"):
        for name in ("valid", "test"):
            for frame in read_frames(data / "cr_sb2te3" / part / f"{name}.xyz.gz"):
                found.setdefault(geometry_id(frame), frame)
    return [frame for own in _by_chromium(list(found.values())).values() for frame in _clustered(own)]


def _by_chromium(frames: Sequence[Frame]) -> dict[int, list[Frame]]:
    by_number: dict[int, list[Frame]] = {}
    for frame in frames:
        by_number.setdefault(int(np.sum(frame.numbers == CHROMIUM)), []).append(frame)
    return dict(sorted(by_number.items()))


def _clustered(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Frames of one composition with the name of their cluster, evenly thinned where a cluster is large."""
    _, cluster = connected_components(_displacements(frames) < LINKED_A)
    n_chromium = int(np.sum(frames[0].numbers == CHROMIUM))
    for number in range(int(cluster.max()) + 1):
        members: IntArray = np.flatnonzero(cluster == number)
        some = members[np.unique(np.linspace(0, len(members) - 1, MOST_OF_A_CLUSTER).round().astype(int))]
        for k in some.tolist():
            tags: dict[str, Tag] = {"config_type": f"{n_chromium} Cr", "trajectory": f"{n_chromium} Cr, {number}"}
            yield replace(frames[k], tags=tags)


def _displacements(frames: Sequence[Frame]) -> FloatArray:
    """Root mean square displacement per atom between frames of one cell (n_frames, n_frames), Å, without drift."""
    cell = frames[0].cell
    scaled = np.array([frame.positions[np.argsort(frame.numbers, kind="stable")] for frame in frames])
    scaled = scaled @ np.linalg.inv(cell)
    found = np.zeros((len(frames), len(frames)))
    for k in range(len(frames)):
        apart = scaled - scaled[k]
        moved = (apart - np.round(apart)) @ cell
        moved -= moved.mean(axis=1, keepdims=True)
        found[k] = np.sqrt((moved**2).sum(axis=2).mean(axis=1))
    return found


def al_li_mg(data: Path) -> list[Frame]:
    """Al-Li-Mg cells, grouped by formula."""
    frames = read_frames(data / "al_li_mg" / "al_li_mg.xyz")
    return [replace(f, tags={"config_type": f.tags["config_type"], "trajectory": _formula(f)}) for f in frames]


def _formula(frame: Frame) -> str:
    return "-".join(str(z) for z in np.sort(frame.numbers).tolist())


def gfn2_molecules(_data: Path) -> list[Frame]:
    """Organic molecules by GFN2-xTB, computed here, grouped by molecule; every third frame of those for potentials."""
    frames = enumerate(molecules.molecules())
    return [frame for k, frame in frames if frame.tags["trajectory"] in molecules.OTHERS or k % 3 == 0]


SETS: Mapping[str, Callable[[Path], list[Frame]]] = {
    "nbmotaw": nbmotaw,
    "cr_sb2te3": cr_sb2te3,
    "al_li_mg": al_li_mg,
    "molecules": gfn2_molecules,
}
