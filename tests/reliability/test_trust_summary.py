"""The page of all fair tables: means over seeds as on paper, and what is committed is what the tables say."""

from typing import Any

from eval.trust.summary import HERE, records, summary


def better(by: float, low: float, high: float) -> dict[str, float]:
    return {"by": by, "low": low, "high": high}


def row(name: str, within: float | None, difference: dict[str, float] | None) -> dict[str, Any]:
    return {
        "name": name,
        "auroc_within_force_bins": within,
        "auroc_within_pooled": within,
        "probe_better_within": difference,
        "ece": 0.05,
    }


def table(seed: int, rows: list[dict[str, Any]], **other: Any) -> dict[str, Any]:
    told = {"shift": "random", "tolerance_eV_per_A": 0.3, "tolerance_eV_per_atom": None, "softened": False}
    bins = [{"stated": 0.5, "found": 0.5, "n": 2}, {"stated": 1.0, "found": 1.0, "n": 6}]
    flags = {"caught": 0.5 + 0.2 * seed, "false_alarms": 0.1, "gate_auroc": None}
    return {
        **told,
        "seed": seed,
        "n_test": 40,
        "prevalence_beyond": 0.5,
        "rows": rows,
        "flags": flags,
        "bins": bins,
        **other,
    }


def record(*tables: dict[str, Any]) -> dict[str, Any]:
    told = {"dataset": "alloys", "potential": "toy", "seeds": [0, 1], "force_slope": 1.0, "notes": []}
    return {**told, "n_frames": 40, "n_groups": 8, "tables": list(tables)}


def line_of(text: str, start: str) -> list[str]:
    return [cell.strip() for cell in next(one for one in text.splitlines() if one.startswith(start)).split("|")[1:-1]]


def test_seeds_are_taken_together_and_winners_are_counted_by_their_intervals() -> None:
    first = [
        row("local probe", 0.8, None),
        row("largest predicted force", 0.7, better(0.1, 0.0, 0.2)),
        row("committee", 0.9, better(-0.1, -0.2, 0.1)),
    ]
    second = [
        row("local probe", 0.9, None),
        row("largest predicted force", 0.6, better(0.3, 0.2, 0.4)),
        row("committee", 1.0, better(-0.1, -0.2, -0.3)),
    ]
    text = summary([record(table(0, first), table(1, second))])
    cells = line_of(text, "| random (40)")
    assert cells[3:5] == ["0.85 (0.85)", "**+0.20 (+0.10 … +0.30)**"]
    assert cells[5] == "1, 1 of 2: committee"
    assert cells[6] == "committee 0.95"
    assert (
        cells[7] == "0.050 (0.062)"
    )  # of two frames at one half the share is off by a quarter, of a quarter of them all
    assert cells[8:] == ["60%", "10%", "—"]
    assert line_of(text, "| alloys")[3:5] == ["+0.20", "-0.10"]


def test_what_is_not_known_is_a_dash() -> None:
    rows = [row("local probe", None, None), row("largest predicted force", None, None)]
    energies = table(0, rows, tolerance_eV_per_A=None, tolerance_eV_per_atom=0.02, flags=None, bins=[])
    cells = line_of(summary([record(energies)]), "| random (40)")
    assert cells[1] == "0.02 eV/atom"
    assert cells[3:7] == ["— (—)", "—", "0, 0 of 0", "—"]
    assert cells[8:] == ["—", "—", "—"]


def test_the_committed_page_is_of_the_committed_tables() -> None:
    assert (HERE / "README.md").read_text(encoding="utf-8") == summary(records())
