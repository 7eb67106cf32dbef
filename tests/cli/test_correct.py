"""`sonde correct` on the command line: exit codes, JSON, the page, and what is refused."""

import html
import inspect
import re
from pathlib import Path

import pytest
import typer.main
from tests.cli.terminal import done, sonde

from sonde.cli.main import app
from sonde.datasets.correction.constancy import TOLERANCE_EV

METAL = ("--where", "config_type=metal_strain|metal_shear", "--uncorrectable", "leave-out")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("correct")
    done("init", folder)
    done("add", "dataset", shared_data / "ni_o/ni_o.xyz", "--name", "ni_o", "--project", folder)
    return folder


def words(text: str) -> str:
    return " ".join(text.split())


def test_one_number_for_metal_and_oxide_ends_with_3(root: Path) -> None:
    answer = sonde("correct", "ni_o", "--to", "PBE", "--project", root)
    assert answer.code == 3
    assert "one number per element is not good enough" in words(answer.stdout)
    assert "Nothing was written" in answer.stdout
    told = sonde("correct", "ni_o", "--to", "PBE", "--project", root, "--json")
    assert told.code == 3
    assert told.record["constancy"]["constant_sufficient"] is False


def test_the_metal_is_written_with_page_and_file(root: Path, tmp_path: Path) -> None:
    page, file = tmp_path / "page.html", tmp_path / "metal.xyz"
    answer = done(
        "correct", "ni_o", "--to", "PBE", *METAL, "--name", "metal", "--out", file, "--report", page, "--project", root
    )
    assert "written: dataset metal" in words(answer.stdout)
    assert "forces and stresses stay those of PBE+U" in words(answer.stdout)
    assert file.read_text(encoding="utf-8").count('"shifted PBE+U"') == 11
    text = page.read_text(encoding="utf-8")
    assert "<script src=" not in text
    assert html.escape("“shifted PBE+U”") in text
    for axis in ("eV per corrected atom", "left, eV per corrected atom"):
        assert axis in text
    audited = done("audit", "metal", "--project", root, "--json").record
    assert "shifted PBE+U" in {surface["fields"]["functional"] for surface in audited["surfaces"]}
    lineage = done("lineage", "ni_o", "metal", "--project", root)
    assert "Made by sonde correct (run 1)" in words(lineage.stdout)


def test_iron_oxides_without_pairs(root: Path, shared_data: Path) -> None:
    done("add", "dataset", shared_data / "li_fe_o/Li-Fe-O.json.gz", "--name", "iron", "--project", root)
    answer = sonde("correct", "iron", "--to", "GGA", "--project", root)
    assert answer.code == 3
    assert "no two have one composition" in words(answer.stdout)
    assert "with --pairs" in words(answer.stdout)


WRONG = [
    (["--to", "hubbard_u="], "is no condition: write field=value"),
    (["--to", "PBE", "--uncorrectable", "guess"], "--uncorrectable is leave-out or keep"),
    (["--to", "PBE", "--tolerance", "0"], "a positive energy"),
    (["--to", "PBE", "--name", "ni_o"], "called 'ni_o' is there already"),
    (["--to", "PBE", "--pairs", "ni"], "No dataset is called 'ni'"),
    (["--to", "PBE", "--report", "/nowhere/x.html"], "no report can be written here"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG, ids=[told[:24] for _, told in WRONG])
def test_wrong_use_is_explained(arguments: list[str], told: str, root: Path) -> None:
    answer = sonde("correct", "ni_o", *arguments, "--project", root)
    assert answer.code in (1, 2)
    assert told in words(answer.stderr)
    assert not answer.stdout


def test_the_tolerance_shown_is_the_one_used() -> None:
    command = typer.main.get_command(app).commands["correct"]  # type: ignore[attr-defined]  # a group, typed as a command
    shown = {parameter.name: parameter.default for parameter in command.params}
    assert shown["tolerance"] == TOLERANCE_EV
    assert re.search(r"constant per corrected atom", inspect.getdoc(command.callback) or "")
