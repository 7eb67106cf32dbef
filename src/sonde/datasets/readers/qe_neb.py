"""Reaction paths of Quantum ESPRESSO's neb.x: energies and residuals of all images, and whether the path converged.

neb.x prints "JOB DONE." also where it ran out of iterations or where an image's self-consistency failed: what counts is
the residual of the last complete iteration against `path_thr`. The output holds no geometries; they are read from an
extended xyz file beside it that holds one frame per image, as neb.x writes. A path without one gives no frames, and the
reason says what is wrong with it all the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sonde.datasets.readers import extxyz
from sonde.datasets.readers.mapped_files import mapped
from sonde.datasets.readers.protocol import Place
from sonde.errors import BadInput
from sonde.records.frames import Frame, Tag

PROGRAM = re.compile(rb"Program NEB v\.(\S+)")
ITERATION = re.compile(rb"activation energy \(->\)")
IMAGE = re.compile(rb"^ +(\d+) +(-?[\d.]+) +([\d.]+) +([TF])\s*$", re.MULTILINE)
THRESHOLD = re.compile(rb"path_thr += +([\d.]+) eV / A")
CLIMBING = re.compile(rb"CI_scheme += +(\S+)")
NOT_ACHIEVED = re.compile(rb"scf convergence NOT achieved on image +(\d+)")
CONVERGED = re.compile(rb"neb: convergence achieved in +\d+ iterations")
OUT_OF_STEPS = b"neb: reached the maximum number of steps"
END_OF_JOB = b"JOB DONE."
BELOW_EV = 0.05
"""An image that lies so far below the first: the barrier is not that of the basin the path begins in."""


@dataclass(frozen=True)
class ReactionPath:
    """The last complete iteration of a path, and how the run ended. threshold in eV/Å, None where it is not printed."""

    version: str
    n_iterations: int
    energies_eV: tuple[float, ...]
    residuals_eV_per_A: tuple[float, ...]
    threshold_eV_per_A: float | None
    climbing: bool
    failed_images: tuple[int, ...]
    out_of_steps: bool
    complete: bool
    says_converged: bool

    @property
    def converged(self) -> bool:
        """By the residual, not by how the run ended."""
        below = self.threshold_eV_per_A is None or max(self.residuals_eV_per_A) <= self.threshold_eV_per_A
        return self.says_converged and below and not self.failed_images

    def defects(self) -> list[str]:
        """Say what is wrong with the path."""
        found = []
        if not self.converged:
            asked = "" if self.threshold_eV_per_A is None else f" ({self.threshold_eV_per_A:g} was asked for)"
            found.append(
                f"the reaction path is not converged: largest residual {max(self.residuals_eV_per_A):.3f} eV/Å{asked}"
            )
        found += [f"self-consistency was not reached on image {image} of the path" for image in self.failed_images]
        found += ["the path ran out of iterations"] if self.out_of_steps else []
        found += [] if self.complete else ["the path was cut off"]
        found += [] if self.climbing else ["no image climbs: the highest one is a lower bound of the saddle point"]
        lowest = min(self.energies_eV)
        if lowest < self.energies_eV[0] - BELOW_EV:
            image = self.energies_eV.index(lowest) + 1
            below = self.energies_eV[0] - lowest
            found.append(f"image {image} lies {below:.3f} eV below the first: highest minus first is no barrier")
        return found


class NebReader:
    """Output of neb.x with the geometries of its images beside it."""

    name = "qe_neb"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the first lines tell
        """Tell by the line "Program NEB v.7.3.1 starts on …"."""
        return PROGRAM.search(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per image of the last complete iteration."""
        found = read_path(path)
        images = _geometries(path, len(found.energies_eV))
        if images is None:
            words = ", ".join([*found.defects(), "no geometries of its images beside it"])
            raise Place(path).bad(words, "put the xyz file that neb.x wrote beside it, one frame per image.")
        for number, image in enumerate(images):
            tags: dict[str, Tag] = {**_tags(found), "image": number + 1}
            tags["path_residual_eV_per_A"] = found.residuals_eV_per_A[number]
            yield replace(image, energy_eV=found.energies_eV[number], tags=tags, source_file=str(path), ordinal=number)


READER = NebReader()


def read_path(path: Path) -> ReactionPath:
    """Read the output of neb.x; one without a complete iteration, or without a beginning, is `BadInput`."""
    with mapped(path) as text:
        program = PROGRAM.search(text)
        if program is None:
            raise Place(path).bad("no run of neb.x begins in it", "is this the output of neb.x?")
        starts = [match.start() for match in ITERATION.finditer(text)]
        rows = [(m[1], m[2], m[3]) for m in IMAGE.finditer(text, starts[-1])] if starts else []
        if not rows:
            raise Place(path).bad("the path was cut off before its first iteration was complete", "leave it out.")
        threshold, climbing = THRESHOLD.search(text), CLIMBING.search(text)
        return ReactionPath(
            version=program[1].decode(errors="replace"),
            n_iterations=len(starts),
            energies_eV=tuple(float(energy) for _, energy, _ in rows),
            residuals_eV_per_A=tuple(float(residual) for *_, residual in rows),
            threshold_eV_per_A=float(threshold[1]) if threshold else None,
            climbing=climbing is not None and climbing[1].lower() != b"no-ci",
            failed_images=tuple(int(match[1]) for match in NOT_ACHIEVED.finditer(text)),
            out_of_steps=text.find(OUT_OF_STEPS) >= 0,
            complete=text.find(END_OF_JOB) >= 0,
            says_converged=CONVERGED.search(text) is not None,
        )


def _tags(found: ReactionPath) -> dict[str, Tag]:
    return {
        "code": "Quantum ESPRESSO",
        "code_version": found.version,
        "run_complete": found.complete,
        "relaxation_converged": found.converged,
        "path_threshold_eV_per_A": found.threshold_eV_per_A,
        "path_iterations": found.n_iterations,
        "source_format": "neb.x output",
        "defects": "; ".join(found.defects()) or None,
    }


def _geometries(path: Path, n_images: int) -> list[Frame] | None:
    """Read the images from the one xyz file beside the output that holds as many."""
    for beside in sorted(path.parent.glob("*.xyz*")):
        try:
            frames = list(extxyz.READER.read(beside))
        except BadInput:
            continue
        if len(frames) == n_images:
            return frames
    return None
