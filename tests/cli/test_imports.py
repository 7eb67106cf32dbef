"""`sonde --help` and questions must be fast on a cluster's network disk: they import none of the heavy packages."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sonde.operations.add_source import add_source
from sonde.operations.initialise import initialise

HEAVY = (
    "numpy",
    "torch",
    "ase",
    "scipy",
    "pyarrow",
    "pandas",
    "pint",
    "sklearn",
    "matscipy",
    "mace",
    "chgnet",
    "plotly",
)
PROBE = """
import sys
{planted}
sys.argv = ["sonde", *{arguments!r}]
try:
    from sonde.cli.main import main
    main()
except SystemExit:
    pass
print("HEAVY:" + ",".join(name for name in {heavy!r} if name in sys.modules))
"""
COMMANDS = [
    ["--help"],
    ["--version"],
    ["add", "--help"],
    ["add", "dataset", "--help"],
    ["add", "git", "--help"],
    ["diagnose", "--help"],
    ["why", "--help"],
    ["trust", "--help"],
]


def imported(arguments: list[str], planted: str = "") -> list[str]:
    code = textwrap.dedent(PROBE).format(arguments=arguments, heavy=HEAVY, planted=planted)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = run.stdout.strip().splitlines()[-1]
    assert last.startswith("HEAVY:"), run.stdout + run.stderr
    return [name for name in last.removeprefix("HEAVY:").split(",") if name]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported(arguments) == []


def test_a_planted_import_is_noticed() -> None:
    assert "pyarrow" in imported(["--help"], planted="import pyarrow")


@pytest.fixture
def laboratory(tmp_path: Path) -> Path:
    """A project with a repository of one setting that was changed once, with its reason."""
    repository, project = tmp_path / "repository", initialise(tmp_path / "project")
    git = ["git", "-C", str(repository), "-c", "user.name=Ann", "-c", "user.email=ann@lab.example"]
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    for value, message in (("300", "start"), ("500", "ecut_eV 500 eV because stresses were wrong at 300 eV")):
        (repository / "run.yaml").write_text(f"ecut_eV: {value}\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", message], check=True)
    add_source(project, "git", repository)
    project.close()
    return tmp_path / "project"


@pytest.mark.parametrize("question", [["--key", "ecut_eV"], ["--at", "run.yaml:1"], ["why is ecut_eV 500 eV"]])
def test_a_question_about_a_setting_imports_nothing_heavy(laboratory: Path, question: list[str]) -> None:
    assert imported(["why", *question, "--project", str(laboratory)]) == []
