"""`sonde --help` must be fast on a cluster's network disk: it imports none of the heavy packages."""

import subprocess
import sys
import textwrap

import pytest

HEAVY = ("torch", "ase", "scipy", "pyarrow", "pandas", "pint", "sklearn", "matscipy", "mace", "chgnet", "plotly")
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
    assert imported(["--help"], planted="import pyarrow") == ["pyarrow"]
