"""Talk of a group at scale: full-text search, and linking of changes to what was said."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

from speed.measuring import Row, growth, in_a_process_of_its_own, ratio, seconds, side_by_side

from sonde.decisions.answers import why_question
from sonde.decisions.archive import Archive
from sonde.decisions.linking import link
from sonde.records.decisions import Change, Passage
from sonde.sample_lab.chatter import unrelated_talk
from sonde.sample_lab.plan import LabPlan, sample_plan
from sonde.store import Project

QUESTIONS = (
    "why is the smearing width 0.1 eV",
    "why a force cutoff of 5 eV/Å",
    "why were the surfaces left out",
    "why did the allocation run out",
    "why was the node rebooted on monday",
    "why PBE instead of PBEsol",
    "why was the queue changed",
    "why did the fit diverge after the update",
)
QUERIES = ("smearing width occupations", "force cutoff 5 eV/Å", "why were the surfaces left out", "allocation nodes")
CONCEPTS = (("filters.max_force", "eV/Å"), ("ecut_eV", "eV"), ("smearing_eV", "eV"), ("train.r_max", "Å"), ("lr", None))


def measure(
    searched: Iterable[int] = (12_500, 50_000), linked: Iterable[int] = (5_000, 20_000), n_changes: int = 50
) -> Iterator[Row]:
    """Search against a scan of all passages; growth of search and of linking."""
    yield from measure_search(tuple(searched))
    linked = tuple(linked)
    costs = {size: in_a_process_of_its_own(cost_of_linking, n_changes, size) for size in linked}
    yield growth(f"linking of {n_changes} changes, over passages", costs, "s")
    few, most = n_changes // 10, max(linked)
    what = f"linking, {most:,} passages: {n_changes} changes over {few}"
    cost_of_few = in_a_process_of_its_own(cost_of_linking, few, most)
    yield ratio(what, cost_of_few, costs[most], (f"{few} changes", f"{n_changes} changes"))


def cost_of_linking(n_changes: int, n_passages: int) -> float:
    """Seconds to link changes to passages, unit tables loaded before; words read once are kept, so begin afresh."""
    made, talk = changes(n_changes), passages(n_passages)
    link(made[:1], talk[:1])
    return seconds(lambda: link(made, talk))


def measure_search(sizes: Sequence[int]) -> Iterator[Row]:
    """Full-text search of a project against a scan of its passages for the same words."""
    talk, costs = passages(max(sizes)), {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            project = Project.create(Path(folder))
            with project.writing():
                project.passages.add("talk", talk[:size])
            ours, theirs = side_by_side(partial(search_all, project), partial(scan_all, project), repeats=2)
        costs[size] = ours / len(QUERIES)
    what = f"full-text search of {max(sizes):,} passages: scan of all over search"
    yield ratio(what, ours, theirs, ("search", "scan"))
    yield growth("  search, over passages", costs, "s")
    yield growth("  why in free words, median over passages", {size: cost_of_asking(size) for size in sizes}, "s")


def cost_of_asking(size: int) -> float:
    """Median processor seconds of a question in free words, asked a second time as of a running service."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder))
        with project.writing():
            project.passages.add("talk", passages(size))
        archive = Archive(project.passages, ())
        return median(seconds(partial(why_question, archive, question), repeats=2) for question in QUESTIONS)


def search_all(project: Project) -> int:
    """Search for all queries and count what is found."""
    return sum(len(project.passages.search(query, limit=20)) for query in QUERIES)


def scan_all(project: Project) -> int:
    """Look through every passage for any word of each query."""
    patterns = [re.compile("|".join(map(re.escape, query.split())), re.IGNORECASE) for query in QUERIES]
    return sum(sum(bool(pattern.search(p.text)) for p in project.passages.all()) for pattern in patterns)


def passages(size: int, plan: LabPlan | None = None) -> list[Passage]:
    """Talk of the sample laboratory's people about everything, as passages."""
    said: list[Passage] = []
    # asked for a few more: counts per medium are rounded
    for number, conversation in enumerate(unrelated_talk(plan or sample_plan(), size + 100)):
        for line in conversation.lines:
            anchor, thread = f"slack:{conversation.place}/{len(said)}.0", f"thread {number}"
            said.append(Passage(anchor, line.text, "slack", line.speaker.name, line.time, thread, conversation.place))
    return said[:size]


def changes(size: int, plan: LabPlan | None = None) -> list[Change]:
    """Changes of settings, two weeks apart."""
    first = (plan or sample_plan()).calendar.day(0)
    moments = passages(1, plan)[0].time
    assert moments is not None
    made = []
    for n in range(size):
        key, unit = CONCEPTS[n % len(CONCEPTS)]
        blank = Change(key, str(n), str(n + 1), unit, f"{n:040x}", "settings.yaml", 1, "A. Author", moments, "settings")
        made.append(replace(blank, time=moments.replace(year=first.year) + timedelta(days=14 * n)))
    return made
