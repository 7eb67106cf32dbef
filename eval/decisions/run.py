"""`make eval-decisions`: does `sonde why` find reasons in real documents and histories, and keep silent without one?

Half of the collections are for development (`--split dev`); thresholds and weights were fitted on them. The other half
is sealed: it is for the report alone.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from eval.decisions import history, laboratories, peps
from eval.decisions.measures import Result, against_goals, header, row
from eval.decisions.methods import METHODS, Method
from eval.decisions.questions import ASKED_OF_PEPS, NOT_RECORDED, Question
from sonde.decisions.changes.repository import open_repository
from sonde.decisions.sources import git, notes
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.store import Project

ROOT = Path(__file__).parents[2]
FROM_ANOTHER = 8
PEPS = ROOT.parent / "shared" / "data" / "rationale_text" / "peps" / "peps.tar.gz"


@contextmanager
def collections(split: str) -> Iterator[list[tuple[Project, list[Question]]]]:
    """Projects with the questions that are put to them."""
    with tempfile.TemporaryDirectory() as folder:
        yield [*pep_collections(split, Path(folder)), *own_history(split, Path(folder))]


def pep_collections(split: str, folder: Path) -> list[tuple[Project, list[Question]]]:
    """Every second collection of proposals, from the first for development, from the second sealed."""
    if not PEPS.exists():
        sys.stderr.write(f"No {PEPS}: the questions on proposals are left out.\n")
        return []
    made = []
    for number, group in enumerate(peps.groups(peps.documents(PEPS))):
        if number % 2 == (0 if split == "dev" else 1):
            texts, questions = peps.prepared(group, number)
            own = peps.handwritten(texts, iter(ASKED_OF_PEPS), number)
            own += peps.handwritten(texts, ((text, "", "") for text in NOT_RECORDED), number)
            made.append((_project_of_notes(texts, folder / f"peps {number}"), [*questions, *own]))
    return [(project, [*asked, *_of(made[place - 1][1])]) for place, (project, asked) in enumerate(made)]


def _of(others: Sequence[Question]) -> list[Question]:
    """Some questions that only another collection answers: same field, same words, never mentioned here."""
    asked = [question for question in others if question.kind == "heading"]
    return [replace(question, gold=(), kind="of another collection") for question in asked[:FROM_ANOTHER]]


def own_history(split: str, folder: Path) -> list[tuple[Project, list[Question]]]:
    """This repository; every second of its questions."""
    try:
        passages = list(git.read(ROOT, open_repository(ROOT, history.REVISION).head))
    except BadInput as error:
        sys.stderr.write(f"The questions on this repository are left out: {error}\n")
        return []
    project = project_of(folder / "history", "repository", "git", passages)
    with project.writing():
        project.changes.add("repository", git.changes(ROOT, history.REVISION))
    return [(project, history.questions(passages, split))]


def _project_of_notes(texts: dict[str, str], folder: Path) -> Project:
    documents = folder / "documents"
    documents.mkdir(parents=True)
    for name, text in texts.items():
        (documents / name).write_text(text, encoding="utf-8")
    return project_of(folder / "project", "proposals", "notes", list(notes.read(documents)))


def project_of(folder: Path, name: str, kind: str, passages: Sequence[Passage]) -> Project:
    """Make a project of passages of one source."""
    folder.mkdir(parents=True)
    project = Project.create(folder)
    with project.writing():
        project.sources.add(name, kind=kind, path=str(folder), fingerprint="0")
        project.passages.add(name, [replace(passage, source=name) for passage in passages])
    return project


def results(made: Sequence[tuple[Project, list[Question]]], method: Method) -> list[Result]:
    """Put every question to its project."""
    found = []
    for project, questions in made:
        everything = list(project.passages.all())
        found += [judge(project, everything, method, question) for question in questions]
    return found


def judge(project: Project, everything: Sequence[Passage], method: Method, question: Question) -> Result:
    """Compare what is given with where the answers stand; quotes of one passage count once."""
    given = method(project, everything, question.text)
    anchors = list(dict.fromkeys(anchor for anchor, _ in given.quotes))
    texts = {passage.anchor: passage.text for passage in everything}
    exact = all(words in texts[anchor] for anchor, words in given.quotes)
    n_gold = sum(is_right(passage.anchor, question) for passage in everything) if question.gold else 0
    hits = tuple(is_right(anchor, question) for anchor in anchors)
    return Result(question.kind, bool(question.gold), n_gold, hits, given.answered, exact)


def is_right(anchor: str, question: Question) -> bool:
    """Whether an anchor lies where an answer stands."""
    if (anchor, 0, 0) in question.gold:
        return True
    if not anchor.startswith("file:"):
        return False
    file, line = peps.lines_of(anchor)
    return any(file == name and first <= line <= last for name, first, last in question.gold)


def main() -> None:
    """Print one table per kind of question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["dev", "sealed"], default="sealed")
    parser.add_argument("--only", help="one method, by the beginning of its name")
    chosen = parser.parse_args()
    with collections(chosen.split) as made:
        methods = [(name, method) for name, method in METHODS if not chosen.only or name.startswith(chosen.only)]
        found = {name: results(made, method) for name, method in methods}
    kinds = {result.kind for some in found.values() for result in some}
    for kind in ["", *sorted(kinds)]:
        chosen_kind = {name: [r for r in some if r.kind.startswith(kind)] for name, some in found.items()}
        n_asked = len(next(iter(chosen_kind.values())))
        sys.stdout.write(f"\n{kind or 'all questions'} ({n_asked}), {chosen.split}\n{header()}\n")
        sys.stdout.writelines(row(name, some) + "\n" for name, some in chosen_kind.items())
        if kind == "" and "sonde why" in found:
            sys.stdout.write(against_goals(found["sonde why"]))
    laboratories.report(chosen.split, sys.stdout.write)


if __name__ == "__main__":
    main()
