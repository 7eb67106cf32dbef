"""A project with a sentence model: exact vectors that go with their passages, and answers in other words."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from tests.decisions.sentence_models import alike_in

from sonde.decisions import free_answers
from sonde.decisions.ranking import asked_of, ranked
from sonde.decisions.retrieval import parse_question
from sonde.decisions.sentence_model import SentenceModel
from sonde.errors import BadInput, WrongUse
from sonde.operations.semantic import COMPARED, _ReadMeaning, add_vectors, meaning_of, use_model, use_no_model
from sonde.operations.why import Asked, why
from sonde.records.decisions import Passage
from sonde.store import Project

GROUPS = (("vacuum", "gap"), ("surfaces", "slabs"), ("doubled", "widened"), ("because", "since"), ("tests", "pass"))
REASON = "slabs got a wider gap since images attracted each other; the gap was widened for all slabs"


def passage(number: int, text: str) -> Passage:
    time = datetime(2024, 5, 1 + number % 28, tzinfo=UTC)
    return Passage(f"file:notes.md#line={number}", text, "notes", None, time, None, "Notes")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    alike_in(tmp_path / "model", GROUPS)
    return tmp_path / "model"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    with made.writing():
        made.sources.add("notes", kind="notes", path=str(tmp_path / "notes"), fingerprint="")
        made.passages.add("notes", [passage(n, f"tests pass again, run {n}") for n in range(40)])
        made.passages.add("notes", [passage(90, REASON)])
    return made


def test_the_nearest_are_those_of_all_vectors_compared(project: Project, model: Path) -> None:
    assert use_model(project, model).n_new == 41
    meaning = meaning_of(project)
    assert meaning is not None
    likeness = meaning.likeness("doubled vacuum for surfaces")
    texts = {one.anchor: one for one in project.passages.all()}
    encoded = SentenceModel.load(model).encode
    wanted = {
        anchor: float(encoded([f"{one.title}\n{one.text}"])[0] @ encoded(["doubled vacuum for surfaces"])[0])
        for anchor, one in texts.items()
    }
    assert next(likeness.nearest()).text == REASON
    found = likeness.of(list(texts.values()))
    assert found.keys() == wanted.keys()
    assert max(abs(found[anchor] - wanted[anchor]) for anchor in wanted) < 2e-3  # kept in half precision


def test_a_passage_in_other_words_is_read_and_is_the_most_alike(project: Project, model: Path) -> None:
    asked = asked_of(project.passages, parse_question("Why do tests of surfaces run with doubled vacuum?"))
    assert REASON not in [found.passage.text for found in ranked(project.passages, asked)]
    use_model(project, model)
    meaning = meaning_of(project)
    assert meaning is not None
    found = ranked(project.passages, asked, meaning.likeness(asked.query.text))
    assert max(found, key=lambda one: one.signs.meaning).passage.text == REASON


def test_answers_use_the_model_and_are_as_before_without(project: Project, model: Path) -> None:
    question = Asked("Why was the gap of slabs widened?")
    before = why(project, question)
    use_model(project, model)
    after = why(project, question)
    assert after.quotes[0].score > before.quotes[0].score
    use_no_model(project)
    assert why(project, question) == before


def test_with_a_model_answers_need_odds_of_their_own(
    project: Project, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Asked("Why was the gap of slabs widened?")
    monkeypatch.setattr(free_answers, "LEAST_ODDS_BY_MEANING", float("inf"))
    assert why(project, question).answered
    use_model(project, model)
    assert not why(project, question).answered


def test_a_passage_without_a_vector_yet_counts_as_usual(project: Project, model: Path) -> None:
    use_model(project, model)
    with project.writing():
        project.passages.add("notes", [passage(92, "tests of surfaces run")])
    asked = asked_of(project.passages, parse_question("Why do tests of surfaces run?"))
    meaning = meaning_of(project)
    assert meaning is not None
    found = ranked(project.passages, asked, meaning.likeness(asked.query.text))
    known = [one.signs.meaning for one in found if one.passage.anchor != "file:notes.md#line=92"]
    new = next(one for one in found if one.passage.anchor == "file:notes.md#line=92")
    assert new.signs.meaning == pytest.approx(sum(known) / len(known))


def test_vectors_come_with_new_passages_and_go_with_old_ones(project: Project, model: Path) -> None:
    use_model(project, model)
    with project.writing():
        project.passages.add("notes", [passage(91, "slabs since gap"), passage(90, "tests pass")])
    assert project.text_vectors.n_missing() == 2  # one new, one revised
    assert add_vectors(project) == 2
    before = len(project.text_vectors.all().passages)
    project.passages.remove("notes")
    assert (before, len(project.text_vectors.all().passages)) == (42, 0)


def test_the_same_model_again_reads_nothing_again_another_reads_all(project: Project, model: Path) -> None:
    use_model(project, model)
    assert use_model(project, model).n_new == 0
    alike_in(model, GROUPS[::-1])
    with pytest.raises(BadInput, match="is not the sentence model"):
        why(project, Asked("Why was the vacuum of surfaces doubled?"))
    assert use_model(project, model).n_new == 41
    assert np.allclose(np.linalg.norm(project.text_vectors.all().vectors.astype(float), axis=1), 1.0, atol=2e-3)


def test_without_a_model_nothing_is_read(project: Project) -> None:
    assert add_vectors(project) == 0
    assert meaning_of(project) is None


@pytest.fixture
def installed(model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sonde.decisions.installed_model.installed_model", lambda: model)
    monkeypatch.setattr("sonde.decisions.installed_model.require_published", lambda _: None)
    return model


def test_an_installed_model_compares_what_words_found_as_vectors_do(project: Project, installed: Path) -> None:
    question = "doubled gap for slabs"
    read, passages = meaning_of(project), list(project.passages.all())[::-1]
    use_model(project, installed)
    kept = meaning_of(project)
    assert read is not None
    assert kept is not None
    found, wanted = read.likeness(question).of(passages), kept.likeness(question).of(passages)
    assert list(found) == [one.anchor for one in passages[:COMPARED]]
    assert max(abs(found[anchor] - wanted[anchor]) for anchor in found) < 2e-3  # kept in half precision


def test_an_installed_model_is_used_unless_declined(project: Project, installed: Path) -> None:
    question = Asked("Why was the gap of slabs widened?")
    with_model = why(project, question)
    use_no_model(project)
    assert meaning_of(Project.open(project.root)) is None
    assert why(project, question).quotes[0].score < with_model.quotes[0].score
    assert project.text_vectors.n_missing() == 41  # a question keeps nothing in the project


def test_in_a_huge_archive_an_installed_model_is_used_when_it_is_asked_for(
    project: Project, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.operations.semantic.UNASKED", 40)
    assert meaning_of(project) is None
    use_model(project)
    assert meaning_of(project) is not None


def test_an_installed_model_of_others_is_refused_where_it_is_needed(
    project: Project, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.decisions.installed_model.installed_model", lambda: model)
    with pytest.raises(BadInput, match="sonde semantic --off"):
        why(project, Asked("Why was the gap of slabs widened?"))
    with pytest.raises(BadInput, match="published"):
        use_model(project)
    assert project.text_vectors.model() is None


def test_without_a_folder_the_installed_model_reads_all(project: Project, installed: Path) -> None:
    used = use_model(project)
    assert (used.folder, used.n_new) == (str(installed), 41)


def test_without_a_folder_and_a_model_it_says_how_to_install_one(project: Project) -> None:
    with pytest.raises(WrongUse, match=r"pip install 'sonde-mlip\[semantic\]'"):
        use_model(project)


def test_what_was_read_for_questions_does_not_grow_without_end(
    project: Project, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.operations.semantic.MOST_KEPT", 40)
    meaning = meaning_of(project)
    assert isinstance(meaning, _ReadMeaning)
    passages = list(project.passages.all())
    first = meaning.likeness("gap").of(passages)
    for number in range(20):
        meaning.likeness(f"gap {number}").of(passages)
        assert len(meaning.kept) <= 40 + COMPARED + 1
    assert meaning.likeness("gap").of(passages) == first
