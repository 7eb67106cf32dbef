"""Committed fair tables agree with themselves, and three rows of one come out again, from data to figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eval.trust.run import evaluation, named

from sonde.operations.trust_evaluation import EvaluationPlan
from sonde.records.trust_evaluation import TrustEvaluation

CASE = "al_li_mg_linear"
FOLDER = Path(__file__).parents[2] / "eval" / "trust"
RESULTS = FOLDER / f"{CASE}.json"
WRITTEN = sorted(FOLDER.glob("*.json"))
BETTER = {
    "auroc": "probe_better",
    "auroc_within_force_bins": "probe_better_within",
    "auroc_within_pooled": "probe_better_pooled",
}
N_SAMPLED = 3
KIND = ("random", False)
"""Shift, and whether errors are those after the correction."""


@pytest.fixture(scope="module")
def committed() -> Any:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def sampled(committed: Any) -> list[tuple[int, str]]:
    """Places of tables of the random division, each with the name of one of its scores."""
    of_forces = [k for k, t in enumerate(committed["tables"]) if t["tolerance_eV_per_A"] is not None]
    tables = [k for k in of_forces if (committed["tables"][k]["shift"], committed["tables"][k]["softened"]) == KIND]
    first = [k for k in tables if committed["tables"][k]["seed"] == committed["seeds"][0]]
    rng = np.random.default_rng(6)
    names = rng.permutation([row["name"] for row in committed["tables"][0]["rows"]])[:N_SAMPLED]
    return [(int(rng.choice(first)), str(name)) for name in names]


def test_three_rows_are_what_is_computed_now(
    committed: Any, sampled: list[tuple[int, str]], shared_data: Path, tmp_path: Path
) -> None:
    plan = EvaluationPlan(
        shifts=("random",), softening=False, energies=False, scores=tuple(name for _, name in sampled)
    )
    again = evaluation(named(CASE), plan, shared_data, tmp_path)
    assert again.n_frames == committed["n_frames"]
    assert again.force_slope == pytest.approx(committed["force_slope"], abs=1e-4)
    for place, name in sampled:
        told, found = committed["tables"][place], again.tables[place]
        assert found.tolerance_eV_per_A == pytest.approx(told["tolerance_eV_per_A"], rel=1e-4)
        before = next(row for row in told["rows"] if row["name"] == name)
        now = next(row for row in found.rows if row.name == name)
        for figure in ("auroc", "auroc_within_force_bins", "aurc", "ece", "brier"):
            assert getattr(now, figure) == pytest.approx(before[figure], abs=0.02), (name, figure)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_records_are_of_the_form_that_is_written_now_and_agree_with_themselves(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["schema"] == TrustEvaluation.SCHEMA
    for table in record["tables"]:
        ours, *others = table["rows"]
        assert ours["name"] == "local probe"
        assert 0 <= table["prevalence_beyond"] <= 1
        assert {"largest predicted force", "LLPR", "Q residual"} < {row["name"] for row in others}
        for row in others:
            for figure, better in BETTER.items():
                if row[better] is not None:
                    assert row[better]["by"] == pytest.approx(ours[figure] - row[figure], abs=1e-9)
                    assert row[better]["low"] <= row[better]["high"]
