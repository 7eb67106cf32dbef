"""Notebooks among other files: cells with the lines of the file, in every way that notebooks are written."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.decisions import build, papers
from tests.operations.group import project_in

from sonde.decisions.sources import folder, git
from sonde.decisions.sources.notebook_cells import cell_pieces, is_notebook
from sonde.operations.add_source import add_source
from sonde.operations.why import Asked, why
from sonde.testing.sources import check_source

CELLS = (
    papers.cell("markdown", ["# Cutoff 2024-09-30\n", "\n", "Above 520 eV\n", "nothing changes."]),
    papers.cell("code", ["import ase\n", "\n", "encut = 520  # Li needs it, stresses were off\n", "print(encut)\n"]),
    papers.cell("code", "# The first ten cells are left out here since they\n# did not converge at all.\nrun()"),
    papers.cell("raw", "\n\n"),
    papers.cell("markdown", "Jonas said “15 eV/Å”,\n\nso we drop the rest."),
)


def written(path: Path, cells: Any = CELLS, **how: Any) -> str:
    """Write a notebook as Jupyter does, and return its text."""
    content = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    text = json.dumps(content, **({"indent": 1, "ensure_ascii": False} | how)) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return text


def test_cells_in_a_repository_are_found_where_they_are_written(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    text = written(path / "fits/cutoff.ipynb")
    written(path / "fits/.ipynb_checkpoints/cutoff-checkpoint.ipynb")
    made = build.commit(path, {}, "Look at cutoffs", author="Mira Halvorsen")
    found = [passage for passage in git.read(path) if passage.kind == "file"]
    lines = text.split("\n")
    places = {passage.anchor: passage.text for passage in found}
    assert set(places.values()) == {
        "# Cutoff 2024-09-30\n\nAbove 520 eV\nnothing changes.",
        "encut = 520  # Li needs it, stresses were off",
        "# The first ten cells are left out here since they\n# did not converge at all.\nrun()",
        "Jonas said “15 eV/Å”,\n\nso we drop the rest.",
    }
    for anchor, words in places.items():
        place, _, commit = anchor.removeprefix("fits/cutoff.ipynb:").partition("@")
        assert words.split("\n")[0] in lines[int(place) - 1]
        assert commit == made
    assert {passage.title for passage in found} == {"Cutoff 2024-09-30"}
    assert {str(passage.time)[:10] for passage in found} == {"2024-09-30"}
    assert {passage.author for passage in found} == {"Mira Halvorsen"}
    check_source(git.read, path)


def test_a_comment_beside_a_value_is_kept_for_every_version(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    first, second = (papers.cell("code", [f"fmax = {n}  # as agreed for batch {n}"]) for n in (30, 15))
    written(path / "a.ipynb", [first])
    build.commit(path, {}, "a")
    written(path / "a.ipynb", [second])
    build.commit(path, {}, "b", hours=1)
    assert [p.text for p in git.read(path) if p.kind == "file"] == [
        "fmax = 30  # as agreed for batch 30",
        "fmax = 15  # as agreed for batch 15",
    ]


def test_cells_in_a_folder_are_named_by_number(tmp_path: Path) -> None:
    written(tmp_path / "run_final/cutoff.ipynb")
    found = {p.anchor: p for p in folder.read(tmp_path)}
    assert list(found) == [
        "file:run_final/cutoff.ipynb#cell=1",
        "file:run_final/cutoff.ipynb#cell=2-line-3",
        "file:run_final/cutoff.ipynb#cell=3-line-1",
        "file:run_final/cutoff.ipynb#cell=5",
    ]
    assert {p.thread for p in found.values()} == {"file:run_final/cutoff.ipynb#cell=1"}
    check_source(folder.read, tmp_path)


def test_a_notebook_in_one_line_is_one_passage(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    written(path / "a.ipynb", indent=None)
    build.commit(path, {}, "a")
    [found] = [p for p in git.read(path) if p.kind == "file"]
    assert found.anchor.startswith("a.ipynb:1@")
    assert "Above 520 eV" in found.text
    assert "so we drop the rest." in found.text


def test_notebooks_before_version_4_are_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 1, "source": "Old"},
        {"cell_type": "code", "input": ["n = 3  # of five"]},
    ]
    text = json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}, indent=1)
    assert [(piece.cell, piece.paragraph.text) for piece in cell_pieces(text, "a.ipynb")] == [
        (1, "Old"),
        (2, "n = 3  # of five"),
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"nbformat": "4"}', '{"nbformat": 4, "cells": 3}', '{"nbformat": 4, "cells": [3, {"source": 4}]}',
     "[" * 10**5, '{"nbformat": 4, "cells": [{"cell_type": "code", "source": {"a": "# b c d e f g h"}}]}',
     "<<<<<<< HEAD\n{}"],
)  # fmt: skip
def test_what_is_no_notebook_holds_no_words(text: str) -> None:
    assert list(cell_pieces(text, "a.ipynb")) == []


def test_other_languages_have_their_own_comments() -> None:
    cells = [papers.cell("code", 'x = 1 # the seed of all runs\nprint("# no comment, not at all, is in here")')]
    content = {"cells": cells, "metadata": {"language_info": {"name": "julia"}}, "nbformat": 4}
    assert [piece.paragraph.text.split("\n")[0] for piece in cell_pieces(json.dumps(content), "a.ipynb")]
    content["metadata"] = {"language_info": {"name": "mathematica"}}
    assert list(cell_pieces(json.dumps(content), "a.ipynb")) == []


def test_copies_that_jupyter_makes_are_no_notebooks() -> None:
    assert is_notebook("a/B.IPYNB")
    assert not is_notebook("a/.ipynb_checkpoints/b-checkpoint.ipynb")
    assert not is_notebook("a/b.py")


@given(
    st.lists(st.tuples(st.sampled_from(["markdown", "code"]), st.text(alphabet='ab #"\\\né{}[],:1=', max_size=60)),
             max_size=5),
    st.booleans(),
    st.sampled_from([None, 1, 4]),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_words_stand_in_the_lines_that_are_named(
    cells: list[tuple[str, str]], in_lines: bool, indent: int | None, as_ascii: bool
) -> None:
    listed = [papers.cell(kind, text.splitlines(keepends=True) if in_lines else text) for kind, text in cells]
    text = json.dumps({"cells": listed, "nbformat": 4}, indent=indent, ensure_ascii=as_ascii)
    lines = text.split("\n")
    for piece in cell_pieces(text, "a.ipynb"):
        source = cells[piece.cell - 1][1]
        assert piece.paragraph.text.split("\n")[0].strip() in source
        held = json.dumps(piece.paragraph.text.split("\n")[0].strip(), ensure_ascii=as_ascii)[1:-1]
        assert held in lines[piece.paragraph.line - 1]


def test_a_reason_in_a_notebook_answers(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"INCAR": "ENCUT = 400\n"}, "a")
    words = "We raised ENCUT from 400 to 520 eV because stresses in Li were off."
    written(path / "why.ipynb", [papers.cell("markdown", ["# Cutoff\n", "\n", words])])
    build.commit(path, {"INCAR": "ENCUT = 520\n"}, "b", hours=1)
    project = project_in(tmp_path)
    add_source(project, "git", path)
    answer = why(project, Asked("why is ENCUT 520 eV"))
    assert answer.answered
    assert any(words in quote.text for quote in answer.quotes)
    assert any(quote.anchor.startswith("why.ipynb:") for quote in answer.quotes)
