"""The documents cannot drift: commands parse, links lead somewhere, code runs, constants are those of the code."""

import functools
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from sonde.cli.main import app

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
WRITTEN = [path for path in (*DOCS, ROOT / "README.md") if path.name != "cli.md"]
"""cli.md is made from the commands and compared with them elsewhere."""


GROUPS = {"add", "trust", "scaling", "hook", "link"}
"""Commands that have commands of their own."""


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language; the empty one finds fences without a name."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the sonde command lines of console blocks and of blocks without a language, without the word sonde."""
    for language, prompt in (("console", "$ "), ("", "")):
        for line in "".join(blocks(text, language)).splitlines():
            if line.startswith(f"{prompt}sonde "):
                yield shlex.split(line.removeprefix(prompt), comments=True)[1:]


def parse(words: list[str]) -> None:
    """Let the command line parse the words as it would, without running anything."""
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="sonde")
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.context_class(command, info_name=name, parent=context)
    command.parse_args(context, words)


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_commands_parse(path: Path) -> None:
    for words in commands(path.read_text(encoding="utf-8")):
        parse(list(words))


def test_every_command_is_in_the_tutorial() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    shown = {" ".join(words[:2] if words[0] in GROUPS else words[:1]) for words in commands(text)}
    existing = set(
        re.findall(r"^#+ `sonde ([a-z0-9 ]+)`", (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), re.M)
    )
    assert shown == existing - GROUPS


@pytest.mark.parametrize("line", ["diagnoze x.xyz", "diagnose x.xyz --potentail alloy", "add potential"])
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises(Exception, match=r"(?i)no such|missing|required"):
        parse(shlex.split(line))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        place = path.parent / file if file else path
        assert place.exists(), f"{path.name}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in headings}


def test_library_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "library.md"
    namespace: dict[str, object] = {"__name__": "library"}
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8"), "python"), start=1):
        exec(compile(block, f"library.md, block {number}", "exec"), namespace)


def constants() -> list[tuple[str, str]]:
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([\w.]+:[\w.]+)` \| (\S+) \|$", text, re.MULTILINE)


def test_method_lists_constants() -> None:
    assert len(constants()) > 15


@pytest.mark.parametrize(("name", "value"), constants())
def test_constant_is_that_of_the_code(name: str, value: str) -> None:
    module, _, path = name.partition(":")
    found = functools.reduce(getattr, path.split("."), importlib.import_module(f"sonde.{module}"))
    assert f"{found:.4g}" == value
