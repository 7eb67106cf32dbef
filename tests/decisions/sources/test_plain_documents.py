"""Kinds of plain text: which files are documents, and their paragraphs under their headings."""

from datetime import UTC, datetime
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


NEWS = """GNU sieve NEWS                                    -*- outline -*-

* Noteworthy changes in release 2.1 (2023-04-07) [stable]

** Changes in behavior

  Frames above 15 eV/Å are dropped, since they
  did not converge.

  The old flag is gone.
** Bug fixes
*** reading no longer stops at the first
broken frame; it is counted.
*** one line says all

* Changes in 2.0
** New option --keep.
It keeps what was dropped.

It is off by default.
"""
CHANGELOG = """2023-04-07  Mira Halvorsen  <mira@lab.example>

\tDrop spikes.

\t* sieve.c (drop): Return early, because
\tthe list may be empty.
\t* main.c: Likewise.

Tue Oct  8 09:00:00 2024 Jonas Weber  <jw@lab.example>

\t* README: New.
"""
BETWEEN = """= Sieve =

== Release 2 (2024-10-08) ==
* drops above 15 eV/Å,
  as agreed
* keeps the rest

== Release 1 ==
First.
"""


def test_an_outline_is_read_item_by_item() -> None:
    found = [(part.line, part.heading, part.section_line, part.text) for part in document_paragraphs(NEWS, "NEWS")]
    assert found == [
        (1, None, 1, "GNU sieve NEWS                                    -*- outline -*-"),
        (7, "Changes in behavior", 5, "Frames above 15 eV/Å are dropped, since they\ndid not converge."),
        (10, "Changes in behavior", 5, "The old flag is gone."),
        (12, "Bug fixes", 11, "*** reading no longer stops at the first\nbroken frame; it is counted."),
        (14, "Bug fixes", 11, "*** one line says all"),
        (17, "Changes in 2.0", 16, "** New option --keep.\nIt keeps what was dropped."),
        (20, "New option --keep.", 17, "It is off by default."),
    ]
    times = [part.time for part in document_paragraphs(NEWS, "NEWS")]
    assert times == [None, *[datetime(2023, 4, 7, tzinfo=UTC)] * 4, None, None]
    assert told(NEWS, "NEWS") == told(NEWS, "notes.txt") == told(NEWS.replace("\n", "\r\n"), "NEWS-2.1")
    assert told(NEWS, "NEWS") != told(NEWS, "NEWS.md")


def test_marks_of_the_foremost_sections_may_be_the_longest() -> None:
    assert told("*** Changes in release 3\n\n* a is\n  new\n\n* b\n\n  more of b\n", "NEWS") == [
        (3, "Changes in release 3", "* a is\n  new"),
        (8, "b", "more of b"),
    ]


def test_entries_of_a_changelog_have_day_and_author() -> None:
    mira, jonas = "2023-04-07 Mira Halvorsen", "Tue Oct  8 09:00:00 2024 Jonas Weber"
    assert told(CHANGELOG, "ChangeLog") == [
        (3, mira, "Drop spikes."),
        (5, mira, "* sieve.c (drop): Return early, because\nthe list may be empty."),
        (7, mira, "* main.c: Likewise."),
        (11, jonas, "* README: New."),
    ]
    found = [(part.author, part.time) for part in document_paragraphs(CHANGELOG, "ChangeLog-2023")]
    assert found[0] == ("Mira Halvorsen", datetime(2023, 4, 7, tzinfo=UTC))
    assert found[3] == ("Jonas Weber", datetime(2024, 10, 8, tzinfo=UTC))
    assert told("2023-04-07  Mira  <mira@lab.example>\n\nsaid so.\n", "a.txt")[0][0] == 1, "a signature is no entry"


def test_headings_between_signs_of_equality() -> None:
    assert told(BETWEEN, "CHANGES") == told(BETWEEN, "log.txt") == [
        (4, "Release 2 (2024-10-08)", "* drops above 15 eV/Å,\n  as agreed"),
        (6, "Release 2 (2024-10-08)", "* keeps the rest"),
        (9, "Release 1", "First."),
    ]  # fmt: skip
    assert told("==== ====\n a    b\n==== ====\n", "table.txt") == [(1, None, "==== ====\n a    b\n==== ====")]


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("v2.9.14: May 02 2022:", "v2.9.14: May 02 2022"),
        ("Changes in sieve from 1.2 to 1.3:", "Changes in sieve from 1.2 to 1.3"),
        ("Version 0.21.1 - July 1, 2019", "Version 0.21.1 - July 1, 2019"),
        ("sieve-4.0.2", "sieve-4.0.2"),
        ("Version 2.0 (released on a Friday)", "Version 2.0 (released on a Friday)"),
        ("Python 3.8 is needed", None),
        ("15.5", "15.5"),
    ],
)
def test_a_line_that_names_a_release_is_a_heading(line: str, heading: str | None) -> None:
    text = f"{line}\n  - one\n    item\n  - two\n"
    assert told(text, "NEWS")[-2:] == [(2, heading, "- one\n  item"), (4, heading, "- two")]
    assert told(text, "notes.txt") == [(1, None, text.strip())]


@given(st.text(alphabet="* =-\n\tab1<>@2023.é#", max_size=200), st.sampled_from(["NEWS", "ChangeLog", "a.txt", "b.md"]))
@settings(max_examples=300, deadline=None)
def test_every_word_of_an_item_stands_where_its_line_says(text: str, name: str) -> None:
    lines = text.split("\n")
    for part in document_paragraphs(text, name):
        first = part.text.split("\n")[0].strip()
        assert first in lines[part.line - 1]
        assert 1 <= part.section_line <= part.line


def test_a_line_as_long_as_a_file_is_read_at_once() -> None:
    started = process_time()
    for line in ("= a" + " " * 10**5 + "x", "* release " * 20_000, "2023-04-07 a" + " " * 10**5, "** a" + " " * 10**5,
                 "1.1 " + "(" * 10**5, "a " * 10**5):  # fmt: skip
        assert list(document_paragraphs(line + "\n** b\n", "NEWS"))
    assert process_time() - started < 2.0, "it takes longer than the length tells"
