"""A service over half a million passages: questions in free words, now and as of a time, dossiers, cold starts.

Processor milliseconds at two sizes; those at the larger one are the message, the exponent says what becomes of them.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from speed.archives import generated_repository, seconds_of_command
from speed.importing import generated
from speed.measuring import Row, growth, in_a_process_of_its_own, seconds
from speed.searching import QUESTIONS, passages

from sonde.operations.add_source import add_source
from sonde.operations.dossier import dossier
from sonde.operations.gaps import gaps, timeline
from sonde.operations.initialise import initialise
from sonde.operations.why import Asked, why
from sonde.progress import SILENT
from sonde.records.potentials import PotentialIdentity, RegisteredPotential
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
N_COMMITS, N_FRAMES = 1_000, 500


@dataclass(frozen=True)
class Answering:
    """Processor seconds of one project's answers; lists are of questions, in the order they were asked."""

    new: Sequence[float]
    """Asked for the first time: their words were not looked up before."""
    again: Sequence[float]
    as_of: Sequence[float]
    """Each as of a date of its own, spread over the archive."""
    timeline: float
    gaps: float
    dossier: float
    """The first, for which frames are looked at."""
    cold: Mapping[str, float]
    """Commands as processes of their own."""


def measure(sizes: Iterable[int] = (50_000, 500_000)) -> Iterator[Row]:
    """Growth of answers with the number of passages."""
    found: dict[int, Answering] = {size: in_a_process_of_its_own(answering, size) for size in sizes}
    for name, share in (("median", 50), ("95th percentile", 95)):
        new = {size: 1e3 * float(np.percentile(one.new, share)) for size, one in found.items()}
        again = {size: 1e3 * float(np.percentile(one.again, share)) for size, one in found.items()}
        yield growth(f"why in free words, a new question to a service: {name}", new, "ms")
        yield growth("  asked again", again, "ms")
        as_of = {size: 1e3 * float(np.percentile(one.as_of, share)) for size, one in found.items()}
        yield growth("  each as of a date of its own", as_of, "ms")
    yield growth("sonde timeline", {size: one.timeline for size, one in found.items()}, "s")
    yield growth("sonde gaps", {size: one.gaps for size, one in found.items()}, "s")
    yield growth("sonde dossier, the first", {size: one.dossier for size, one in found.items()}, "s")
    for command in next(iter(found.values())).cold:
        cold = {size: one.cold[command] for size, one in found.items()}
        yield growth(f"sonde {command}, as a process of its own", cold, "s")


def answering(size: int) -> Answering:
    """Make a project of talk and of a repository, and ask it."""
    with tempfile.TemporaryDirectory() as folder:
        project = made(Path(folder), size)
        why(project, Asked("why at all"))  # what a service loads at its first question
        asked = [Asked(question) for question in (*QUESTIONS, *MORE_QUESTIONS)]
        ask = [partial(why, project, question) for question in asked]
        dates = spread(project, len(asked))
        then = [Asked(one.question, as_of=date) for one, date in zip(asked, dates, strict=True)]
        return Answering(
            new=[seconds(question) for question in ask],
            again=[seconds(question, repeats=2) for question in ask],
            as_of=[seconds(partial(why, project, question)) for question in then],
            timeline=seconds(lambda: timeline(project)),
            gaps=seconds(lambda: gaps(project)),
            dossier=seconds(lambda: dossier(project, "alloy", "reproduce")),
            cold=cold(project),
        )


def cold(project: Project) -> dict[str, float]:
    """Processor seconds of commands from the start of the interpreter to its end."""
    change = project.changes.all()[-1]
    commands = {
        "why QUESTION": ("why", QUESTIONS[0]),
        "why --key": ("why", "--key", change.key),
        "why --commit": ("why", "--commit", change.commit),
        "why --as-of": ("why", QUESTIONS[0], "--as-of", spread(project, 1)[0].date().isoformat()),
        "dossier": ("dossier", "alloy", "--for", "reproduce"),
    }
    return {name: seconds_of_command(project.root, *arguments) for name, arguments in commands.items()}


def spread(project: Project, n: int) -> list[datetime]:
    """Dates spread evenly over what was said."""
    times = [passage.time for passage in project.passages.all("talk") if passage.time is not None]
    first, last = min(times), max(times)
    return [first + (last - first) * (place + 1) / (n + 1) for place in range(n)]


def made(folder: Path, size: int, n_commits: int = N_COMMITS) -> Project:
    """Talk of a group about everything, the changes of a repository, linked, and a potential with its dataset."""
    project = initialise(folder / "project")
    project.text_vectors.use(None)  # as huge archives are ranked, whatever is installed: by words alone
    with project.writing():
        project.passages.add("talk", passages(size))
    add_source(project, "git", generated_repository(folder / "repository", n_commits))
    register(project)
    return project


def register(project: Project) -> None:
    """Add a raw pool, what a rule left of it, and a potential trained on that."""
    kept = (frame for frame in generated(N_FRAMES) if abs(frame.forces_eV_per_A).max() < 2.5)  # type: ignore[arg-type]
    identity = PotentialIdentity("linear", "0" * 64, None, "float64", (13, 28), 5.0, 5.0, "none, 1")
    with project.writing():
        project.datasets.add("raw", generated(N_FRAMES), progress=SILENT)
        project.datasets.add("training", kept, child_of="raw", progress=SILENT)
        project.potentials.add(RegisteredPotential("alloy", identity, "a.npz", "training", None, None, {}, False))
