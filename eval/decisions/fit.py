"""Fit the weights of `decisions.signs` and the odds of `decisions.free_answers` again, on development questions.

    python -m eval.decisions.fit [--also FOLDER]

FOLDER holds git repositories, and beside each NAME a NAME.json: pairs of a question and stretches that an answer
holds, none where nothing is recorded. Each repository counts as one collection.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from eval.decisions.questions import Question
from eval.decisions.run import collections, is_right, project_of
from sonde.decisions.changes.repository import open_repository
from sonde.decisions.free_answers import Hints, hints_of
from sonde.decisions.ranking import Found, asked_of, ranked
from sonde.decisions.retrieval import parse_question
from sonde.decisions.signs import WEIGHTS, Signs
from sonde.decisions.sources import git
from sonde.records.decisions import Passage
from sonde.store import Project

SIGNS = tuple(field.name for field in fields(Signs))
GIVEN = {"heading": WEIGHTS.heading, "commit": WEIGHTS.commit}
"""Not fitted: see `decisions.signs`."""
FITTED = tuple(name for name in SIGNS if name not in GIVEN)
HINTS = tuple(field.name for field in fields(Hints) if field.name not in ("reasoned", "talk"))
"""Not the last two: see `decisions.free_answers`. Its constant is the one printed here, less what `reasoned` adds, and
moved so that 83 % of the questions on repositories left out of the fit that nothing answers meet silence."""
MOST_READ = 60
STIFFNESS = 0.2
"""Of the ridge that holds the weights, per standard deviation, to the present ones."""
PEPS = 0.4
"""Weight of a question on proposals against one on a repository."""
ODDS_WEIGHTS = {"cut out": 0.15, "of another collection": 1.2, "own words, no answer": 0.4, "not recorded": 2.0}


@dataclass(frozen=True)
class Row:
    """One question: signs (n_found, n_signs) and rightness (n_found,) of what was found, in the present order."""

    question: Question
    signs: NDArray[np.float64]
    right: NDArray[np.bool_]
    hints: NDArray[np.float64] | None

    @property
    def found(self) -> bool:
        """Whether a right passage is among the first five."""
        return bool(self.right[:5].any())

    @property
    def weight(self) -> float:
        """Weight in the fit of the signs."""
        return PEPS if self.question.collection.startswith("peps") else 1.0


def row_of(project: Project, question: Question) -> Row:
    """Ask a question."""
    asked = asked_of(project.passages, parse_question(question.text))
    found = ranked(project.passages, asked)
    hints = hints_of(project.passages, asked, found) if found else None
    told = None if hints is None else np.array([getattr(hints, name) for name in HINTS])
    return Row(question, _signs(found), np.array([is_right(f.passage.anchor, question) for f in found], bool), told)


def _signs(found: Sequence[Found]) -> NDArray[np.float64]:
    return np.array([astuple(item.signs) for item in found], float).reshape(len(found), len(SIGNS))


def fitted_weights(rows: Sequence[Row]) -> NDArray[np.float64]:
    """Weights under which a right passage coming first is likeliest (softmax over what was found).

    A ridge holds them to the present ones, which carry what earlier questions taught.
    """
    rows = [row for row in rows if row.right.any()]
    free = [SIGNS.index(name) for name in FITTED]
    kept = [_nearest(row) for row in rows]
    scale = np.concatenate([row.signs[places] for row, places in zip(rows, kept, strict=True)])[:, free].std(0) + 1e-6
    cases = [
        (row.signs[places][:, free] / scale, _given(row.signs[places]), row.right[places], row.weight)
        for row, places in zip(rows, kept, strict=True)
    ]
    total = sum(weight for *_, weight in cases)
    present = np.array([getattr(WEIGHTS, name) for name in FITTED]) * scale

    def cost(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = STIFFNESS * float((w - present) @ (w - present)) / 2, STIFFNESS * (w - present)
        for X, offset, right, weight in cases:
            p = np.exp(X @ w + offset - (X @ w + offset).max())
            p /= p.sum()
            likely = p[right].sum() + 1e-12
            value -= weight / total * np.log(likely)
            slope = slope - weight / total * X.T @ (np.where(right, p, 0.0) / likely - p)
        return value, slope

    found = minimize(cost, present, jac=True, method="L-BFGS-B").x / scale
    return np.array([GIVEN[name] if name in GIVEN else found[FITTED.index(name)] for name in SIGNS])


def _nearest(row: Row) -> NDArray[np.int64]:
    return np.union1d(np.arange(min(len(row.right), MOST_READ)), np.flatnonzero(row.right))


def _given(signs: NDArray[np.float64]) -> NDArray[np.float64]:
    return sum((weight * signs[:, SIGNS.index(name)] for name, weight in GIVEN.items()), np.zeros(len(signs)))


def fitted_odds(rows: Sequence[Row]) -> LogisticRegression:
    """Logistic regression of "there is an answer, and it is found" on the hints, as the present weights give them."""
    usable = [row for row in rows if row.hints is not None and (row.found or row.question.kind in ODDS_WEIGHTS)]
    X = np.array([row.hints for row in usable])
    weights = [1.0 if row.question.gold else ODDS_WEIGHTS[row.question.kind] for row in usable]
    return LogisticRegression(max_iter=5000).fit(X, [bool(row.question.gold) for row in usable], weights)


def repositories(folder: Path, work: Path) -> list[tuple[Project, list[Question]]]:
    """Repositories with questions beside them."""
    made = []
    for file in sorted(folder.glob("*.json")):
        passages = list(git.read(file.with_suffix(""), open_repository(file.with_suffix("")).head))
        questions = [
            _question(passages, text, stretches, file.stem) for text, stretches in json.loads(file.read_text())
        ]
        made.append((project_of(work / file.stem, "repository", "git", passages), questions))
    return made


def _question(passages: Sequence[Passage], text: str, stretches: Sequence[str], name: str) -> Question:
    flat = [(passage.anchor, " ".join(passage.text.lower().split())) for passage in passages]
    wanted = [" ".join(stretch.lower().split()) for stretch in stretches]
    gold = tuple((anchor, 0, 0) for anchor, words in flat if any(stretch in words for stretch in wanted))
    return Question(text, gold, "own words" if stretches else "not recorded", name)


def recall_left_out(rows: Sequence[Row]) -> float:
    """Share of answerable questions with a right passage among the first five, by weights fitted without theirs.

    The present weights, to which the ridge holds them, may have been fitted with them.
    """
    found = []
    for name in {row.question.collection for row in rows}:
        weights = fitted_weights([row for row in rows if row.question.collection != name])
        asked = [row for row in rows if row.question.collection == name and row.question.gold]
        found += [bool(row.right[np.argsort(-(row.signs @ weights), kind="stable")[:5]].any()) for row in asked]
    return float(np.mean(found))


def main() -> None:
    """Print the weights, the odds, and what they reach on collections they were not fitted on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--also", type=Path, help="folder of repositories with questions")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, collections("dev") as made:
        more = repositories(chosen.also, Path(work)) if chosen.also else []
        rows = [row_of(project, question) for project, questions in [*made, *more] for question in questions]
    weights, odds = fitted_weights(rows), fitted_odds(rows)
    sys.stdout.writelines(f"{name} {value:.2f}\n" for name, value in zip(SIGNS, weights, strict=True))
    sys.stdout.write(f"constant {odds.intercept_[0]:.2f}\n")
    sys.stdout.writelines(f"{name} {value:.2f}\n" for name, value in zip(HINTS, odds.coef_[0], strict=True))
    sys.stdout.write(f"recall@5, each collection by weights fitted without it: {recall_left_out(rows):.2f}\n")


if __name__ == "__main__":
    main()
