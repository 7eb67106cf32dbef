"""docs/cli.md says what the commands say of themselves."""

from pathlib import Path

import typer

from sonde.cli.main import app
from sonde.cli.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
MEND = "run: python -m sonde.cli.reference > docs/cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), MEND


def test_every_command_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group, typed as a command
    names = [name for name, command in groups.items() if not hasattr(command, "commands")]
    names += [f"{group} {name}" for group, one in groups.items() for name in getattr(one, "commands", ())]
    assert {"init", "diagnose", "add git", "trust fit"} <= set(names)
    for name in names:
        assert f"`sonde {name}`" in page


def test_every_option_says_what_it_does() -> None:
    lines = [line for line in reference().splitlines() if line.startswith("* `")]
    assert [line for line in lines if ": " not in line] == []
