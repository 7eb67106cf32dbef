"""Why-answers: on constructed conversations with known answers, and law by law."""

import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.decisions.case_wordings import WordingSet
from tests.decisions.cases import SITUATIONS, Case, cases

from sonde.decisions.answers import why_at, why_change, why_commit, why_key, why_question
from sonde.decisions.archive import Archive, ListedLinks
from sonde.decisions.linking import link
from sonde.decisions.rationale import cues, driver_of, sentences
from sonde.decisions.rule_changes import change_for_rule
from sonde.records.datasets import Condition, Op, Rule
from sonde.records.decisions import EVERYTHING, Change, Passage, Why, Within


@dataclass(frozen=True)
class Listed:
    """Passages in memory: the store's search is tested in test_retrieval."""

    passages: Sequence[Passage]

    def all(self, source: str | None = None) -> Iterator[Passage]:
        return (p for p in self.passages if source is None or p.source == source)

    def get(self, anchor: str) -> Passage | None:
        return next((p for p in self.passages if p.anchor == anchor), None)

    def count(self, within: Within = EVERYTHING) -> int:
        return sum(within.holds(p) for p in self.passages)

    def frequency(self, word: str, within: Within = EVERYTHING) -> int:
        return sum(within.holds(p) and word in p.text.lower() for p in self.passages)

    def beside(self, passage: Passage, n: int) -> list[Passage]:
        place = self.passages.index(passage)
        return [*self.passages[max(place - n, 0) : place], *self.passages[place + 1 : place + n + 1]]

    def search(
        self, query: str, *, limit: int, trigram: bool = False, within: Within = EVERYTHING
    ) -> list[tuple[Passage, float]]:
        words = set(query.lower().split())
        scored = [(p, float(len(words & set(p.text.lower().split())))) for p in self.passages if within.holds(p)]
        least = 1.0 if trigram else 0.0
        return sorted((item for item in scored if item[1] > least), key=lambda item: -item[1])[:limit]


def archive_of(case: Case) -> Archive:
    changes = [*case.history, case.change]
    return Archive(Listed(case.passages), changes, ListedLinks(changes, link(changes, case.passages)))


def outcome(case: Case, why: Why) -> str:
    reasons = " ".join(quote.text for quote in why.quotes if quote.role == "reason")
    if not case.answerable:
        return "false answer" if why.answered else "abstained"
    if not why.answered:
        return "missed"
    return "right" if any(r in reasons for r in case.reasons) and not any(n in reasons for n in case.never) else "wrong"


@pytest.mark.parametrize("wordings", ["first", "second", "third"])
def test_constructed_conversations(wordings: WordingSet) -> None:
    """Wrong answers are worse than none: none is allowed; nine in ten reasons must be found."""
    counts = Counter(
        outcome(case, why_change(archive_of(case), case.change)) for case in cases(wordings, seed=1, n_noise=12)
    )
    assert sum(counts.values()) >= 72
    assert counts["wrong"] == counts["false answer"] == 0
    assert counts["right"] / (counts["right"] + counts["missed"]) > 0.9


def test_every_quote_is_verbatim() -> None:
    for case in cases("second", seed=2, n_noise=3):
        why = why_change(archive_of(case), case.change)
        for quote in (*why.quotes, *why.nearest):
            assert quote.text in next(p.text for p in case.passages if p.anchor == quote.anchor)
        assert not (why.answered and why.nearest)
        assert why.answered == any(quote.role == "reason" for quote in why.quotes)


def case_named(situation: str, wordings: WordingSet = "first") -> Case:
    assert situation in SITUATIONS
    return next(case for case in cases(wordings, n_noise=5) if case.name.startswith(f"{situation}/"))


def test_unanswered_shows_the_nearest_evidence() -> None:
    case = case_named("value_only")
    why = why_change(archive_of(case), case.change)
    assert not why.answered
    assert why.nearest[0].role == "value"
    assert why.decision is not None
    assert why.decision.driver == "unknown"


def test_rejected_alternative_is_quoted_as_such() -> None:
    case = case_named("with_rejected")
    why = why_change(archive_of(case), case.change)
    assert why.decision is not None
    assert "20 eV/Å" in " ".join(why.decision.rejected)


def test_earlier_decision_is_not_the_reason() -> None:
    case = case_named("superseded")
    archive = archive_of(case)
    now, then = why_change(archive, case.change), why_change(archive, case.history[0])
    assert now.decision is not None
    assert then.decision is not None
    assert (now.decision.status, then.decision.status) == ("in_force", "superseded")
    reasons = {quote.text for quote in then.quotes if quote.role == "reason"}
    assert reasons
    assert not reasons & {quote.text for quote in now.quotes}  # what was in force before was not rejected, either


def test_rejected_links_are_left_out() -> None:
    case = case_named("same_message")
    archive = archive_of(case)
    links = [replace(found, status="rejected") for found in link(archive.changes, case.passages)]
    rejected = Archive(archive.passages, archive.changes, ListedLinks(archive.changes, links))
    assert why_change(archive, case.change).answered
    assert not why_change(rejected, case.change).answered


def test_links_are_made_where_none_are_stored() -> None:
    case = case_named("same_message")
    assert why_change(Archive(Listed(case.passages), [case.change]), case.change).answered


def test_forms_of_the_question() -> None:
    case = case_named("same_message")
    archive, change = archive_of(case), case.change
    for why in (
        why_key(archive, "max_force_eV_A"),
        why_key(archive, "fmax"),
        why_commit(archive, change.commit[:9]),
        why_at(archive, f"{change.path}:{change.line}"),
        why_at(archive, change.path, 99, line_text="  max_force_eV_A: 15"),
        why_question(archive, "Why is the force threshold 15 eV/Å?"),
        why_question(archive, "why is fmax 0.583 Ry/bohr"),
        why_question(archive, f"what was {change.commit[:8]} for?"),
    ):
        assert why.answered
        assert why.changes[0] == change


def test_questions_about_another_value_abstain() -> None:
    archive = archive_of(case_named("same_message"))
    assert not why_question(archive, "Why is the force threshold 22 eV/Å?").answered
    assert not why_key(archive, "batch_size").answered
    assert not why_commit(archive, "deadbeef12").answered
    assert not why_at(archive, "configs/other.yaml:3").answered


def test_archive_as_of_a_time() -> None:
    case = case_named("superseded")
    archive, question = archive_of(case), "Why is the force cutoff what it is?"
    assert why_question(archive, question).changes[0].new == "15"
    before = why_question(archive, question, as_of=case.change.time - timedelta(days=30))
    assert [change.new for change in before.changes] == ["10"]
    assert before.answered


NO_REASONS: tuple[tuple[str, ...], ...] = (
    ("I set fmax to 15 eV/Å, we need to rerun the training.",),
    ("fmax is 15 eV/Å now so please pull.",),
    ("With the force cutoff at 15 eV/Å we keep 4120 of 4300 frames.",),
    ("set fmax to 15, training restarted on node 3 because node 2 crashed",),
    ("fmax 15 eV/Å is in. The queue is slow today.",),
    ("force cutoff now 15 eV/Å. RMSE is 23 meV/Å.",),
    ("max_force: 15 as discussed in the meeting",),
    ("I raised fmax from 10 to 15 as agreed yesterday.",),
    ("fmax=15 since Monday",),
    ("fmax 15 eV/Å since the last meeting",),
    ("What about fmax 15 eV/Å? Would that help with the slabs?",),
    ("The new default for fmax is 15 eV/Å.",),
    ("fmax 15 eV/Å: loss went from 0.8 to 0.7",),
    (
        "fmax is 15?",
        "yes",
    ),
    ("fmax is 15 eV/Å, see the slides for the reason",),
    ("we should talk about why fmax is 15",),
    ("fmax 15 eV/Å pushed, the old job failed btw",),
    (
        "Training crashed again.",
        "Which fmax?",
        "15 eV/Å",
        "ok restarting",
    ),
    ("for fmax = 15 eV/Å the plots are in the folder, for 10 as well",),
    ("I will document the reason for fmax 15 eV/Å later.",),
    ("fmax to 15 eV/Å. Also the lr is 0.01 because it diverged.",),
)
REASONS: tuple[tuple[str, ...], ...] = (
    ("15 eV/Å for the forces: below that it's all legitimate strained cells.",),
    ("fmax 15: anything beyond is a dimer that collapsed",),
    ("Let's do fmax 15 eV/Å, 10 kills the dislocation cores",),
    ("fmax 15, same as in the MP recipe, for comparability",),
    ("15 eV/Å for fmax. The reviewers asked for it.",),
    ("I bumped fmax to 15 so as not to lose the high-T liquids.",),
    ("fmax to 15 eV/Å, allocation ran out and we cannot recompute the rest",),
    (
        "Why 15 for fmax?",
        "Half of what lies between 10 and 15 are stacking faults we care about.",
    ),
    ("force cutoff 15 eV/Å – larger ones are SCF failures.",),
    ("after looking at the histogram we took 15 eV/Å as max |F|: there is a clear gap there",),
)


def answered(talk: Sequence[str]) -> bool:
    case = case_named("nothing")
    said = [
        Passage(f"slack:fit/9.{step}", text, "slack", ("Lena Vogt", "Mei Lin")[step % 2],
                case.change.time - timedelta(days=1, minutes=-step), "fit/9", "fit", source="chat")
        for step, text in enumerate(talk)
    ]  # fmt: skip
    passages = [*case.passages, *said]
    links = ListedLinks([case.change], link([case.change], passages))
    return why_change(Archive(Listed(passages), [case.change], links), case.change).answered


@pytest.mark.parametrize("talk", NO_REASONS, ids=" / ".join)
def test_talk_without_a_reason(talk: Sequence[str]) -> None:
    assert not answered(talk)


@pytest.mark.parametrize("talk", REASONS, ids=" / ".join)
def test_reasons_in_other_words(talk: Sequence[str]) -> None:
    assert answered(talk)


# ---- rules -----------------------------------------------------------------------------------------------------------


def rule(feature: str, op: Op, low: float, high: float, unit: str | None) -> Rule:
    condition = Condition(feature, op, (low + high) / 2, low, high, unit)
    return Rule("r", feature, op, (low + high) / 2, low, high, unit, 1.0, 1.0, (condition,), None, 9, 9)


@pytest.mark.parametrize(
    ("key", "new", "unit", "found"),
    [
        ("filters.max_force_eV_A", "15", "eV/Å", True),
        ("FMAX", "15", None, True),
        ("fmax", "0.583", "Ry/bohr", True),
        ("fmax", "0.583", None, True),
        ("fmax", "15000", "meV/Å", True),
        ("fmax", "10", "eV/Å", False),
        ("fmax", "15", "eV", False),
        ("batch_size", "15", None, False),
    ],
)
def test_change_for_rule(key: str, new: str, unit: str | None, found: bool) -> None:
    case = case_named("nothing")
    change = replace(case.change, key=key, new=new, unit=unit)
    archive = Archive(Listed(()), [change])
    assert bool(change_for_rule(archive, rule("max_force", ">", 14.8, 15.3, "eV/Å"))) is found


def test_note_says_how_it_fits_and_what_came_later() -> None:
    case = case_named("nothing")
    first = replace(case.change, key="fmax", new="0.583", unit="Ry/bohr")
    later = replace(first, old="0.583", new="0.7", time=first.time + timedelta(days=9))
    ((change, note),) = change_for_rule(Archive(Listed(()), [first, later]), rule("max_force", ">", 14.8, 15.3, "eV/Å"))
    assert change == first
    assert "0.583 Ry/bohr = 14.99 eV/Å" in note
    assert "changed to 0.7" in note


def test_stated_units_come_before_guessed_ones() -> None:
    case = case_named("nothing")
    bare: Change = replace(case.change, key="fmax", unit=None)
    stated = replace(case.change, key="max_force", unit="eV/Å", time=case.change.time - timedelta(days=3))
    found = change_for_rule(Archive(Listed(()), [bare, stated]), rule("max_force", ">", 14.8, 15.3, "eV/Å"))
    assert [change for change, _ in found] == [stated, bare]


# ---- wording ---------------------------------------------------------------------------------------------------------


def test_sentences_are_verbatim_and_numbers_stay_whole() -> None:
    text = "We cut at 15.5 eV/Å, e.g. for slabs. It diverged!\n- really\nmax_force: 15"
    assert [text[a:b] for a, b in sentences(text)] == [
        "We cut at 15.5 eV/Å, e.g. for slabs.",
        "It diverged!",
        "- really",
        "max_force: 15",
    ]


@pytest.mark.parametrize(
    "text",
    ["Why 15?", "No idea why, because Jonas left.", "ok, thanks", "max_force: 15", "Nobody wrote down the reason."],
)
def test_what_is_no_reason(text: str) -> None:
    assert cues(text).score == 0.0


def test_drivers() -> None:
    assert driver_of("because the allocation ran out") == "cost"
    assert driver_of("since there was no time before the deadline") == "time"
    assert driver_of("because the SCF diverged") == "science"
    assert driver_of("set to 15") == "unknown"


def test_sentences_of_pep_rationales_score_higher(shared_data: Path) -> None:
    """Real text: sections called Rationale or Motivation against specifications, headings masked.

    Chance is 0.5; most sentences of a rationale state no reason by themselves, so that far less than 1 is right.
    """
    reasons: list[float] = []
    others: list[float] = []
    with tarfile.open(shared_data / "rationale_text" / "peps" / "peps.tar.gz") as peps:
        for member in peps.getmembers()[::24]:
            content = peps.extractfile(member)
            text = content.read().decode("utf-8", "replace") if content and member.name.endswith(".rst") else ""
            for section in re.split(r"\n(?=[^\n]+\n[=\-~]{4,}\n)", text):
                heading, _, body = section.partition("\n")
                scores = [cues(body[a:b]).score for a, b in sentences(body)]
                if scores and re.search("rationale|motivation", heading.lower()):
                    reasons.append(float(np.mean(scores)))
                elif scores and re.search("specification|implementation|examples?|copyright", heading.lower()):
                    others.append(float(np.mean(scores)))
    assert min(len(reasons), len(others)) > 15
    above = np.mean([np.mean((np.array(others) < score) + 0.5 * (np.array(others) == score)) for score in reasons])
    assert above > 0.7
