"""The measures of `make eval-decisions` on results counted by hand, and how questions are made from documents."""

import pytest
from eval.decisions import measures, peps
from eval.decisions.measures import Result
from eval.decisions.questions import Question
from eval.decisions.run import is_right

RESULTS = (
    Result("own", True, 1, (False, True, False), True, True),
    Result("own", True, 2, (False,) * 5 + (True,), True, True),
    Result("own", True, 1, (True,), False, True),
    Result("none", False, 0, (False,), False, True),
    Result("none", False, 0, (False,), True, True),
)
DOCUMENT = """PEP: 1
Title: Frozen lists

Abstract
========

Lists that cannot change.

Rejected Ideas
==============

Use a keyword for frozen lists
------------------------------

A keyword would break programs that use it as a name, and the gain over a function is small enough that nobody
asked for it.

Prior Art
=========

Other languages.
"""


def test_measures_counted_by_hand() -> None:
    assert measures.recall_at_5(RESULTS) == pytest.approx(2 / 3)
    assert measures.reciprocal_rank(RESULTS) == pytest.approx((1 / 2 + 1 / 6 + 1) / 3)
    assert measures.right_answers(RESULTS) == pytest.approx(1 / 3)
    assert measures.silence_kept(RESULTS) == pytest.approx(1 / 2)
    assert measures.silence_right(RESULTS) == pytest.approx(1 / 2)


def test_interval_holds_the_value() -> None:
    low, high = measures.interval(RESULTS, measures.recall_at_5)
    assert low <= 2 / 3 <= high
    assert low < high


def test_a_heading_becomes_a_question_and_is_masked() -> None:
    masked, questions = peps.prepared({"pep-0001.rst": DOCUMENT}, 0)
    (question,) = questions
    assert question.text == "Why was the idea to use a keyword for frozen lists rejected?"
    assert "Use a keyword" not in masked["pep-0001.rst"]
    assert masked["pep-0001.rst"].count("\n") == DOCUMENT.count("\n")
    line = DOCUMENT[: DOCUMENT.index("A keyword would")].count("\n") + 1
    assert is_right(f"file:pep-0001.rst#line={line}", question)
    assert not is_right(f"file:pep-0001.rst#line={line + 4}", question)
    assert not is_right("commit:" + "a" * 40, question)


def test_anchors_of_a_history_are_compared_whole() -> None:
    asked = Question("why?", (("docs/a.md:3@" + "a" * 40, 0, 0),), "own words", "history")
    assert is_right("docs/a.md:3@" + "a" * 40, asked)
    assert not is_right("docs/a.md:3@" + "b" * 40, asked)


def test_goals_say_what_is_reached() -> None:
    told = measures.against_goals(RESULTS).splitlines()
    assert told[0].startswith("right passage among the first five quotes: 0.67 [")
    assert told[0].endswith("wanted 0.75: not reached")
    assert told[1].startswith("silence where nothing answers: 0.50 [")
    right = [Result("own", True, 1, (True,), True, True)]
    told = measures.against_goals(right).splitlines()
    assert told[0].endswith(": reached")
    assert told[1].endswith("no such question")
