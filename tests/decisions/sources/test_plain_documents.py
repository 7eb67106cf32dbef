"""Kinds of plain text: which files are documents, and their paragraphs under their headings."""

import pytest

from sonde.decisions.sources.plain_documents import document_paragraphs, is_document

TEXINFO = r"""\input texinfo
@node Cells, Output, Invoking, Top
@chapter Cells
@cindex cell

Cells are made right-handed, since the oracle refuses others.

@subsection Limits
@code{--most} is 50 because larger cells swap.
@menu
* Output:: What comes out
@end menu
"""
ORG = """* Decisions
** Cutoff
520 eV, since stresses were off at 400.
"""
ADOC = """= Handbook
== Why two runs ==

The second run checks the first.
"""
LATEX = r"""\documentclass{article}
\section{Functional}
We took PBEsol, % PBE is off by 1.5 percent
because lattice constants matter most.
"""


def told(text: str, name: str) -> list[tuple[int, str | None, str]]:
    return [(part.line, part.heading, part.text) for part in document_paragraphs(text, name)]


def test_texinfo_without_what_only_holds_it_together() -> None:
    found = told(TEXINFO, "cells.texi")
    assert found[1:3] == [
        (6, "Cells", "Cells are made right-handed, since the oracle refuses others."),
        (9, "Limits", "@code{--most} is 50 because larger cells swap.\n@menu\n* Output:: What comes out\n@end menu"),
    ]
    assert len(found) == 3
    assert found[0][2].startswith("\\input texinfo")  # stands beside a node
    assert told("@node A, B, C, D\n@cindex a\n\nWords.\n", "a.texi") == [(4, None, "Words.")]
    assert told("* Output:: What comes out\n", "a.texi") == []
    assert told("* Output:: What comes out\n", "a.md") != []


def test_org_and_asciidoc() -> None:
    assert told(ORG, "notes.org") == [(3, "Cutoff", "520 eV, since stresses were off at 400.")]
    assert told(ADOC, "book.adoc") == [(4, "Why two runs", "The second run checks the first.")]


def test_a_star_opens_no_heading_elsewhere() -> None:
    assert told("* a point of a list\n", "notes.md") == [(1, None, "* a point of a list")]


def test_latex_with_its_comments() -> None:
    (line, heading, text), *_ = told(LATEX, "paper.tex")
    assert (line, heading) == (2, "Functional")
    assert "% PBE is off by 1.5 percent" in text


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("README", True),
        ("doc/HACKING", True),
        ("README-hacking", True),
        ("NEWS", True),
        ("a/b.TEXI", True),
        ("plan.org", True),
        ("NEWSLETTER", False),
        ("README.png", False),
        ("COPYING", False),
        ("requirements-dev.txt", False),
        ("CMakeLists.txt", False),
    ],
)
def test_which_files_are_documents(path: str, read: bool) -> None:
    assert is_document(path) is read
