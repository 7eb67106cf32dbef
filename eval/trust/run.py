"""`make reports`: the fair table of every set and potential, as JSON beside this file and as pages.

Embeddings are kept in a project beside this file, so that a second run only fits and judges.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from eval.trust import summary
from eval.trust.committees import SEEDS, SIZES, committee, kept_predictions, member, spread
from eval.trust.material import DATA, HERE, project_with, with_potential
from eval.trust.sets import SETS
from sonde.operations.trust_evaluation import EvaluationPlan, Judged, judge, trust_evaluate
from sonde.potentials.registry import load_potential
from sonde.progress import SILENT
from sonde.records.jsonable import to_json
from sonde.records.trust_evaluation import TrustEvaluation
from sonde.views.trust_page import trust_page


@dataclass(frozen=True)
class Case:
    """A set, a potential or the size of a committee of small ones, and the shifts that the set has."""

    dataset: str
    potential: str
    shifts: tuple[str, ...]
    most_frames: int | None = None
    committee: bool = False
    part: str = ""
    """Tells two cases of one set and potential apart."""

    @property
    def name(self) -> str:
        return f"{self.dataset}_{'mace_' if self.committee else ''}{self.potential}{self.part}"


CASES = (
    Case("al_li_mg", "linear", ("random", "composition", "element", "config_type")),
    Case("al_li_mg", "chgnet", ("random", "composition", "element", "config_type")),
    Case("nbmotaw", "chgnet", ("random", "composition", "element", "temperature", "size", "surface"), 450),
    Case("nbmotaw", "chgnet", ("temperature", "surface"), part="_whole"),  # rare kinds take the whole set
    Case("cr_sb2te3", "chgnet", ("random", "formula", "size"), 150),
)
SHIFTS_OF_COMMITTEES = {
    "al_li_mg": ("random", "composition"),
    "molecules": ("random",),
    "nbmotaw": ("random", "composition"),
}
"""Molecules are groups by themselves: a random division leaves whole molecules out."""
COMMITTEES = tuple(
    Case(dataset, size, shifts, 450 if dataset == "nbmotaw" else None, committee=True)
    for dataset, shifts in SHIFTS_OF_COMMITTEES.items()
    for size in SIZES
)
EVERY = (*CASES, *COMMITTEES)


def named(name: str) -> Case:
    """Find a case by its name."""
    return next(case for case in EVERY if case.name == name)


def evaluation(case: Case, plan: EvaluationPlan, data: Path = DATA, folder: Path = HERE) -> TrustEvaluation:
    """Judge one case; `folder` holds the project and the committees."""
    if case.committee:
        return judge(of_committee(case, data, folder / ".sonde" / "committees"), plan)
    project = with_potential(project_with(case.dataset, data, folder), case.potential, folder)
    try:
        return trust_evaluate(project, case.potential, case.dataset, plan=plan, progress=SILENT)
    finally:
        project.close()


def of_committee(case: Case, data: Path, committees: Path) -> Judged:
    """Frames that no member was trained on, as the first member sees them, and how far the members differ."""
    frames = SETS[case.dataset](data)
    path = committee(case.dataset, case.potential, committees, data)
    members = [kept_predictions(path, seed) for seed in SEEDS]
    places = sorted(place for place in members[0] if frames[place].forces_eV_per_A is not None)
    return Judged(
        potential=f"MACE, {case.potential}",
        dataset=case.dataset,
        identity=load_potential("mace", member(case.dataset, case.potential, SEEDS[0], frames, committees)).identity,
        frames=[frames[place] for place in places],
        evaluations=[members[0][place] for place in places],
        groups=[str(frames[place].tags["trajectory"]) for place in places],
        spreads=[spread([own[place].forces_eV_per_A for own in members]) for place in places],
    )


def at_hand(case: Case) -> bool:
    """Whether a case is judged when none is named: committees, which take hours to train, once they are there."""
    return not case.committee or (HERE / ".sonde" / "committees" / f"{case.dataset}_{case.potential}.npz").exists()


def main() -> None:
    """Run the cases named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(case.name for case in EVERY)}")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"No {DATA}: there is nothing to judge probes on.")
    for case in EVERY:
        if case.name in (asked.cases or [one.name for one in EVERY if at_hand(one)]):
            sys.stderr.write(f"{case.name}\n")
            seeds = tuple(range(asked.seeds))
            curve = "random" in case.shifts
            plan = EvaluationPlan(shifts=case.shifts, seeds=seeds, most_frames=case.most_frames, label_curve=curve)
            record = evaluation(case, plan)
            (HERE / f"{case.name}.json").write_text(to_json(record) + "\n", encoding="utf-8")
            (HERE / f"{case.name}.html").write_text(trust_page(record), encoding="utf-8")
    summary.write()


if __name__ == "__main__":
    main()
