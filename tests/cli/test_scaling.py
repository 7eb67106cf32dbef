"""`sonde scaling` on the command line: exit codes, JSON, pages, and what is refused."""

from pathlib import Path

import pytest
from tests.cli.terminal import done, sonde

SIZES = (100, 200, 400, 800, 1600)


@pytest.fixture
def curve(tmp_path: Path) -> Path:
    path = tmp_path / "curve.csv"
    rows = [f"{n},{seed},{n**-0.5 * (1 + 0.01 * (seed - 1))}" for n in SIZES for seed in range(3)]
    path.write_text("\n".join(["n,seed,rmse", *rows]), encoding="utf-8")
    return path


def test_fit_keeps_its_contract(curve: Path) -> None:
    record = done("scaling", "fit", curve, "--predict", "3200,6400", "--predict", "1e5", "--draws", 40, "--json").record
    assert record["schema"] == "sonde.scaling_fit/1"
    assert record["form"] == "power"
    assert set(record) >= {"parameters", "aicc", "extrapolation_error", "established", "comparison", "predictions"}
    assert [one["x"] for one in record["predictions"]] == [3200, 6400, 1e5]
    alpha = record["parameters"]["alpha"]
    assert alpha["low"] < 0.5 < alpha["high"]


def test_a_page_is_written_beside_the_terminal(curve: Path, tmp_path: Path) -> None:
    answer = done("scaling", "fit", curve, "--draws", 0, "--report", tmp_path / "law.html")
    assert "a break is not established" in " ".join(answer.stdout.split())
    page = (tmp_path / "law.html").read_text(encoding="utf-8")
    assert "predictable" in page
    assert "<script src=" not in page


def test_a_prediction_that_must_be_refused_ends_with_3(curve: Path, tmp_path: Path) -> None:
    rising = tmp_path / "rising.csv"
    rising.write_text("n,loss\n" + "\n".join(f"{n},{n**0.4}" for n in SIZES), encoding="utf-8")
    assert sonde("scaling", "fit", rising, "--draws", 0).code == 0
    assert sonde("scaling", "fit", rising, "--draws", 0, "--predict", 3200).code == 3
    assert sonde("scaling", "plan", rising, "--draws", 0, "--budget", 3200).code == 3
    assert sonde("scaling", "plan", curve, "--draws", 0, "--budget", 3200, "--target", 0.01).code == 0


WRONG = [
    (["fit", "{curve}", "--predict", "many"], "--predict takes numbers"),
    (["fit", "{curve}", "--where", "seed"], "--where takes COLUMN=VALUE"),
    (["fit", "{curve}", "--form", "cubic"], "No form is called 'cubic'"),
    (["fit", "{curve}", "--huber", "-1"], "--huber is a positive number"),
    (["fit", "{curve}", "--x", "size"], "has no column 'size'; it has n, seed, rmse"),
    (["fit", "{curve}", "--from", "800"], "at least 3 different sizes"),
    (["fit", "{curve}", "--report", "/nowhere/x.html"], "nothing can be written here"),
    (["fit", "{curve}", "--each", "seed", "--dataset", "d"], "--dataset goes with one curve"),
    (["fit2d", "{curve}"], "is the model size"),
    (["fit2d", "{curve}", "--predict", "3"], "a pair N,D"),
    (["plan", "{curve}", "--target", "-1"], "A target must be a positive number"),
    (["plan", "{curve}", "--parent", "raw"], "--parent goes with --dataset"),
    (["measure", "d", "--out", "x.csv", "--trainer", "magic"], "--trainer is mace or linear"),
    (["measure", "d", "--out", "x.csv", "--sizes", "8,12.5"], "--sizes takes whole numbers"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG, ids=[told[:24] for _, told in WRONG])
def test_wrong_use_is_explained(arguments: list[str], told: str, curve: Path) -> None:
    answer = sonde("scaling", *(str(one).format(curve=curve) for one in arguments))
    assert answer.code in (1, 2)
    assert told in " ".join(answer.stderr.split())
    assert not answer.stdout


def test_each_fits_every_curve_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    rows = [f"{name},{n},{n**-power}" for name, power in (("fast", 0.7), ("slow", 0.2)) for n in SIZES]
    path.write_text("\n".join(["model,n,loss", *rows]), encoding="utf-8")
    record = done("scaling", "fit", path, "--each", "model", "--draws", 0, "--json").record
    assert record["schema"] == "sonde.scaling_table/1"
    slopes = {one["curve"]: one["fit"]["parameters"]["alpha"]["value"] for one in record["curves"]}
    assert slopes == pytest.approx({"fast": 0.7, "slow": 0.2}, abs=0.01)
