"""A service over half a million passages: questions in free words, all changes with their reasons, a cold start.

Processor milliseconds at two sizes; those at the larger one are the message, the exponent says what becomes of them.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from speed.archives import N_LINKED, generated_repository, seconds_of_why
from speed.measuring import Row, growth, in_a_process_of_its_own, seconds
from speed.searching import QUESTIONS, passages

from sonde.decisions.watched import settings
from sonde.operations.add_source import add_source
from sonde.operations.gaps import gaps, timeline
from sonde.operations.initialise import initialise
from sonde.operations.links import link_again
from sonde.operations.why import Asked, open_archive, why
from sonde.store import Project

MORE_QUESTIONS = (
    "why was the learning rate lowered",
    "why do we exclude frames with large stress",
    "why was the k-point spacing reduced for the hcp cells",
    "who decided to drop the 2D structures",
    "why was mace 1.14 not installed",
    "why do the elastic constants differ from the paper",
    "why does phonopy fail on juno",
    "why was U chosen for Fe",
    "why were boarding passes sent back",
    "why is the convergence threshold 1e-6",
    "why r2SCAN",
    "why was Cantor alloy data removed because of forces above 30 eV/Å",
)


@dataclass(frozen=True)
class Answering:
    """Processor seconds of one project's answers; lists are of questions, in the order they were asked."""

    new: Sequence[float]
    """Asked for the first time: their words were not looked up before."""
    again: Sequence[float]
    timeline: float
    gaps: float
    dossier: float
    """Settings with their reasons, as a dossier lists them."""
    cold: float
    """`sonde why` as a process of its own."""


def measure(sizes: Iterable[int] = (50_000, 500_000)) -> Iterator[Row]:
    """Growth of answers with the number of passages."""
    found: dict[int, Answering] = {size: in_a_process_of_its_own(answering, size) for size in sizes}
    for name, share in (("median", 50), ("95th percentile", 95)):
        new = {size: 1e3 * float(np.percentile(one.new, share)) for size, one in found.items()}
        again = {size: 1e3 * float(np.percentile(one.again, share)) for size, one in found.items()}
        yield growth(f"why in free words, a new question to a service: {name}", new, "ms")
        yield growth("  asked again", again, "ms")
    yield growth("sonde timeline", {size: one.timeline for size, one in found.items()}, "s")
    yield growth("sonde gaps", {size: one.gaps for size, one in found.items()}, "s")
    yield growth("settings of a dossier", {size: one.dossier for size, one in found.items()}, "s")
    yield growth("sonde why as a process of its own", {size: one.cold for size, one in found.items()}, "s")


def answering(size: int) -> Answering:
    """Make a project of talk and of a repository, and ask it."""
    with tempfile.TemporaryDirectory() as folder:
        project = made(Path(folder), size)
        why(project, Asked("why at all"))  # what a service loads at its first question
        ask = [partial(why, project, Asked(question)) for question in (*QUESTIONS, *MORE_QUESTIONS)]
        return Answering(
            new=[seconds(question) for question in ask],
            again=[seconds(question, repeats=2) for question in ask],
            timeline=seconds(lambda: timeline(project)),
            gaps=seconds(lambda: gaps(project)),
            dossier=seconds(lambda: settings(open_archive(project), {})),
            cold=seconds_of_why(project.root, QUESTIONS[0]),
        )


def made(folder: Path, size: int) -> Project:
    """Talk of a group about everything, and the changes of a repository, linked."""
    project = initialise(folder / "project")
    with project.writing():
        project.passages.add("talk", passages(size))
    add_source(project, "git", generated_repository(folder / "repository", N_LINKED))
    link_again(project)
    return project
