"""Ranking by meaning, with a sentence model on this machine; `sonde semantic` has it read every passage once.

Where one is installed and nothing else was said, a question reads the best of what its words found, and only these.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import AnyArray
from sonde.records.decisions import Passage

if TYPE_CHECKING:
    from sonde.decisions.meaning import Meaning
    from sonde.decisions.sentence_model import SentenceModel
    from sonde.store import Project
    from sonde.store.text_vectors import TextVectors

AT_ONCE = 512
PAGE = 50
LONGEST = 2000
"""Characters of a passage that are read; its vector has room for fewer."""
COMPARED = 20
"""Passages, of those that words rank first, that a question reads where none has a vector yet: about a second.

On 238 questions on 14 collections of development, as many right ones came to be among the first five as with all."""
UNASKED = 100_000
"""Passages up to which an installed model is used although nobody said so: of larger archives a service asks much, and
wants its answers in hundredths of a second."""
MOST_KEPT = 20_000
"""Vectors of passages read for questions that a process keeps; one takes 1.5 kB."""


@dataclass(frozen=True)
class Semantic:
    """The sentence model in use, if any, and how many passages have got a vector now."""

    SCHEMA: ClassVar[str] = "sonde.semantic/1"
    folder: str | None
    n_new: int


def use_model(project: "Project", folder: Path | None = None, *, progress: Progress = SILENT) -> Semantic:
    """Keep vectors of all passages, and of those to come, by the sentence model of a folder or the installed one.

    Raises BadInput where the folder holds no such model, MissingPackage where what reads it is not installed, WrongUse
    where no folder is given and no model is installed.
    """
    from sonde.decisions.sentence_model import SentenceModel, identity_of
    from sonde.store.text_vectors import TextModel

    folder = _installed() if folder is None else folder
    model = SentenceModel.load(folder)
    with project.writing():
        project.text_vectors.use(TextModel(str(Path(folder).resolve()), identity_of(folder), model.dimension))
        return Semantic(str(folder), _fill(project, model, progress))


def use_no_model(project: "Project") -> Semantic:
    """Rank by words alone from now on; the vectors are forgotten."""
    project.text_vectors.use(None)
    return Semantic(None, 0)


def add_vectors(project: "Project", progress: Progress = SILENT) -> int:
    """Give passages that have none a vector, where the project keeps vectors; return how many."""
    if project.text_vectors.model() is None or not project.text_vectors.n_missing():
        return 0
    return _fill(project, _model(project), progress)


def meaning_of(project: "Project") -> "Meaning | None":
    """What ranks by meaning: the project's vectors, else the installed model; None: words alone do.

    The model is read when first asked.
    """
    from sonde.decisions.installed_model import installed_model

    if project.text_vectors.model() is not None:
        return _StoredMeaning(project)
    if project.text_vectors.declined() or project.passages.count() > UNASKED:
        return None
    folder = installed_model()
    return None if folder is None else _ReadMeaning(folder)


def _installed() -> Path:
    from sonde.decisions.installed_model import installed_model, require_published

    folder = installed_model()
    if folder is None:
        raise WrongUse("Give the folder of a sentence model, or install one: pip install 'sonde-mlip[semantic]'.")
    require_published(folder)
    return folder


@dataclass(frozen=True)
class _ReadMeaning:
    """Reads what it is asked to compare."""

    folder: Path
    kept: dict[str, AnyArray] = field(default_factory=dict)

    @cached_property
    def model(self) -> "Future[SentenceModel]":
        """The model as soon as it is read; meanwhile words are searched."""
        aside = ThreadPoolExecutor(1)
        reading = aside.submit(_published, self.folder)
        aside.shutdown(wait=False)
        return reading

    def likeness(self, question: str) -> "_ReadLikeness":
        _ = self.model  # begins to read it
        return _ReadLikeness(self, question)

    def vectors(self, texts: Sequence[str]) -> list[AnyArray]:
        if len(self.kept) > MOST_KEPT:
            self.kept.clear()
        if new := [text for text in dict.fromkeys(texts) if text not in self.kept]:
            self.kept.update(zip(new, self.model.result().encode(new), strict=True))
        return [self.kept[text] for text in texts]


def _published(folder: Path) -> "SentenceModel":
    from sonde.decisions.installed_model import require_published
    from sonde.decisions.sentence_model import SentenceModel

    require_published(folder)
    return SentenceModel.load(folder)


@dataclass(frozen=True)
class _ReadLikeness:
    meaning: _ReadMeaning
    question: str

    def nearest(self) -> Iterator[Passage]:
        return iter(())

    def of(self, passages: Sequence[Passage]) -> Mapping[str, float]:
        best = passages[:COMPARED]
        asked, *read = self.meaning.vectors([self.question, *map(_text, best)])
        return {passage.anchor: float(vector @ asked) for passage, vector in zip(best, read, strict=True)}


@dataclass(frozen=True)
class _StoredMeaning:
    project: "Project"

    @cached_property
    def model(self) -> "SentenceModel":
        return _model(self.project)

    @cached_property
    def vectors(self) -> "TextVectors":
        return self.project.text_vectors.all()

    def likeness(self, question: str) -> "_StoredLikeness":
        return _StoredLikeness(self.project, self.vectors, self.vectors.cosines(self.model.encode([question])[0]))


@dataclass(frozen=True)
class _StoredLikeness:
    project: "Project"
    vectors: "TextVectors"
    cosines: AnyArray

    def nearest(self) -> Iterator[Passage]:
        import numpy as np

        order = self.vectors.passages[np.argsort(-self.cosines, kind="stable")]
        for start in range(0, len(order), PAGE):
            places = order[start : start + PAGE].tolist()
            found = self.project.passages.at(places)
            yield from (found[place] for place in places if place in found)

    def of(self, passages: Sequence[Passage]) -> Mapping[str, float]:
        import numpy as np

        places = self.project.passages.places([passage.anchor for passage in passages])
        rows = np.searchsorted(self.vectors.passages, list(places.values()))
        known = zip(places.items(), rows.tolist(), strict=True)
        held = self.vectors.passages
        return {
            anchor: float(self.cosines[row]) for (anchor, place), row in known if row < len(held) and held[row] == place
        }


def _model(project: "Project") -> "SentenceModel":
    """Read the model in use. Raises BadInput where its folder holds another one by now."""
    from sonde.decisions.sentence_model import SentenceModel, identity_of

    known = project.text_vectors.model()
    assert known is not None
    folder = Path(known.folder)
    if not folder.is_dir() or identity_of(folder) != known.identity:
        problem = "is not the sentence model that this project's vectors are from"
        raise BadInput(folder, None, problem, "Say `sonde semantic FOLDER` with the model, or `sonde semantic --off`.")
    return SentenceModel.load(folder)


def _fill(project: "Project", model: "SentenceModel", progress: Progress) -> int:
    n_missing = project.text_vectors.n_missing()
    without = progress.track(_without(project), "reading what passages mean", n_missing)
    while batch := list(islice(without, AT_ONCE)):
        project.text_vectors.put([place for place, _ in batch], model.encode([_text(passage) for _, passage in batch]))
    return n_missing


def _without(project: "Project") -> Iterator[tuple[int, Passage]]:
    last = 0
    while page := project.text_vectors.without(last, limit=AT_ONCE):
        yield from page
        last = page[-1][0]


def _text(passage: Passage) -> str:
    return f"{passage.title or ''}\n{passage.text}"[:LONGEST]
