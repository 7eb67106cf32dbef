"""Word with remarks, PDF by page, LaTeX with comments, notebooks by cell; documents that would do harm."""

import json
import logging
import random
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build, papers
from tests.decisions.papers import cell, pdf_bytes, printed

from sonde.decisions.sources import documents, latex, pieces
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.testing.sources import check_source

OCTOBER = datetime(2024, 10, 8, tzinfo=UTC)
MINUTES = [("Title", "Group meeting"), ("Heading 1", "Cutoff"), ("", "We keep 520 eV."), ("", " "), ("", "Bye.")]


def by_place(path: Path) -> dict[str, Passage]:
    return {passage.anchor.rpartition("#")[2]: passage for passage in documents.read(path)}


def test_a_word_file_gives_paragraphs_and_the_remarks_on_them(tmp_path: Path) -> None:
    path = papers.word_file(tmp_path / "minutes.docx", MINUTES, {3: "Because of Li.\nSee the test of May."})
    found = by_place(path)
    assert {place: passage.text for place, passage in found.items()} == {
        "line=1": "Group meeting",
        "line=2": "Cutoff",
        "line=3": "We keep 520 eV.",
        "line=3-comment-0": "Because of Li.\nSee the test of May.",
        "line=5": "Bye.",
    }
    said, remark = found["line=3"], found["line=3-comment-0"]
    assert (said.author, said.time, said.title, said.kind) == ("Mira Halvorsen", build.BEGIN, "Cutoff", "documents")
    assert remark.author == "Jonas"
    assert remark.time is not None
    assert abs((remark.time - datetime.now(UTC)).total_seconds()) < 3600
    assert remark.thread == said.thread == "file:minutes.docx#line=2"


def body_with(path: Path, xml: str) -> Path:
    """Put raw WordprocessingML at the beginning of a document's body."""
    papers.word_file(path, [("", "the end")])
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    marked = content["word/document.xml"].replace(b"<w:body>", b"<w:body>" + xml.encode(), 1)
    with zipfile.ZipFile(path, "w") as archive:
        for name, payload in content.items():
            archive.writestr(name, marked if name == "word/document.xml" else payload)
    return path


def test_tables_tracked_changes_and_controls_are_read(tmp_path: Path) -> None:
    tracked = (
        "<w:p><w:r><w:t>We keep </w:t></w:r><w:del><w:r><w:delText>400</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>520</w:t></w:r></w:ins><w:r><w:tab/><w:t>eV</w:t></w:r></w:p>"
    )
    inner = "<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    cells = "".join(f"<w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>" for text in ("ENCUT", "520 eV"))
    table = f"<w:tbl><w:tr>{cells}</w:tr><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    found = by_place(body_with(tmp_path / "a.docx", tracked + inner + table))
    assert [found[f"line={n}"].text for n in (1, 2, 3, 4)] == [
        "We keep 520\teV",
        "in a control",
        "ENCUT | 520 eV",
        "the end",
    ]


def test_word_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"\xd0\xcf\x11\xe0 a locked file")
    with pytest.raises(BadInput, match=r"a\.docx: is not a zip.*\n.*without a password"):
        list(documents.read(tmp_path))
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(BadInput, match="is no Word file"):
        list(documents.read(tmp_path))
    deep = "<w:ins>" * 5000 + "</w:ins>" * 5000
    with pytest.raises(BadInput, match="is no Word file"):
        list(documents.read(body_with(tmp_path / "a.docx", f"<w:p>{deep}</w:p>")))
    with zipfile.ZipFile(papers.word_file(tmp_path / "a.docx", MINUTES), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb.png", b"\0" * 30_000_000)
    with pytest.raises(BadInput, match=r"bomb\.png': swells \d+-fold"):
        list(documents.read(tmp_path))


def test_entities_of_a_word_file_are_not_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("stolen")
    path = papers.word_file(tmp_path / "a.docx", [("", "the end")])
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    body = content["word/document.xml"].replace(b"the end", b"the end &x;")
    body = body.replace(b"<w:document", f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><w:document'.encode(), 1)
    with zipfile.ZipFile(path, "w") as archive:
        for name, payload in content.items():
            archive.writestr(name, body if name == "word/document.xml" else payload)
    try:
        texts = [passage.text for passage in documents.read(path)]
    except BadInput:
        return
    assert not any("stolen" in text for text in texts)


def test_a_pdf_gives_its_pages(tmp_path: Path) -> None:
    (tmp_path / "talk.pdf").write_bytes(pdf_bytes(["We drop |F| > 15 eV/Å\n(unconverged).", "", "PBEsol."]))
    found = by_place(tmp_path / "talk.pdf")
    assert {place: passage.text for place, passage in found.items()} == {
        "page=1": "We drop |F| > 15 eV/Å\n(unconverged).",
        "page=3": "PBEsol.",
    }
    first = found["page=1"]
    assert (first.author, first.time, first.title, first.thread) == (
        "Mira Halvorsen",
        build.BEGIN,
        "talk.pdf",
        "file:talk.pdf",
    )


def test_a_pdf_with_odd_facts_is_read_and_a_scan_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    odd = {"Author": " ", "ModDate": "yesterday", "CreationDate": "D:99999999999999", "Title": "Minutes"}
    (tmp_path / "2024-10-08.pdf").write_bytes(pdf_bytes(["PBEsol."], odd))
    [found] = documents.read(tmp_path)
    assert (found.author, found.time, found.title) == (None, OCTOBER, "Minutes")
    (tmp_path / "2024-10-08.pdf").write_bytes(pdf_bytes(["", ""]))
    with caplog.at_level(logging.WARNING):
        assert list(documents.read(tmp_path)) == []
    assert "none of its 2 pages holds words" in caplog.text


@pytest.mark.parametrize("owner_only", [True, False])
def test_a_pdf_behind_a_password(owner_only: bool, tmp_path: Path) -> None:
    """One that may be read but not printed has an empty password."""
    import pypdf

    writer = pypdf.PdfWriter()
    (tmp_path / "open.pdf").write_bytes(pdf_bytes(["PBEsol."]))
    writer.append(str(tmp_path / "open.pdf"))
    writer.encrypt("" if owner_only else "geheim", "owner", algorithm="RC4-128")
    (tmp_path / "open.pdf").unlink()
    writer.write(str(tmp_path / "a.pdf"))
    if owner_only:
        assert [p.text for p in documents.read(tmp_path)] == ["PBEsol."]
    else:
        with pytest.raises(BadInput, match=r"a\.pdf: is locked by a password"):
            list(documents.read(tmp_path))


def test_pdfs_that_are_broken_are_refused_or_read(tmp_path: Path) -> None:
    """Whatever happens to its bytes, a file gives passages that keep the laws, or is refused with its name."""
    whole, rng, refusals = pdf_bytes(["We keep 520 eV.", "PBEsol."]), random.Random(0), list[str]()
    for _ in range(80):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 12)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        end = rng.choice([None, None, rng.randrange(len(broken))])
        (tmp_path / "a.pdf").write_bytes(broken[:end])
        try:
            anchors = [p.anchor for p in documents.read(tmp_path)]
            assert set(anchors) <= {"file:a.pdf#page=1", "file:a.pdf#page=2"}
        except BadInput as refusal:
            refusals.append(str(refusal))
    assert 0 < len(refusals) < 80
    assert all("a.pdf" in refusal for refusal in refusals)


LATEX = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\title{An alloy \emph{potential}}
\author{Mira Halvorsen}
\date{8 October 2024}
\begin{document}
\maketitle
% We tried 400 eV first: the stress of Li was off by 2 kbar.
The cutoff is \SI{520}{eV}. % 600 would be safer

\section[Data]{Filtered {data}}
\label{sec:data}
Frames above 15~eV/\AA{} were dropped.

\begin{figure}
\end{figure}

%\subsection{2019-05-02 Old words}
%
\subsection{2019-05-02 New}
Yes, this.
\end{document}
"""


def test_latex_keeps_its_comments_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "paper.tex").write_text(LATEX)
    found = by_place(tmp_path / "paper.tex")
    assert found["line=1"].text.endswith("The cutoff is \\SI{520}{eV}. % 600 would be safer")
    assert "% We tried 400 eV first: the stress of Li was off by 2 kbar." in found["line=1"].text
    assert [(place, p.title, p.time) for place, p in found.items()] == [
        ("line=1", "An alloy \\emph{potential}", OCTOBER),
        ("line=11", "Filtered {data}", OCTOBER),
        ("line=18", "Filtered {data}", OCTOBER),
        ("line=20", "2019-05-02 New", datetime(2019, 5, 2, tzinfo=UTC)),
    ]
    assert {p.author for p in found.values()} == {"Mira Halvorsen"}
    assert found["line=18"].thread == found["line=11"].thread != found["line=20"].thread


def test_latex_of_old_encodings(tmp_path: Path) -> None:
    text = "\\usepackage[latin1]{inputenc}\n\nHöchstens 15 eV/Å.\n"
    (tmp_path / "a.tex").write_bytes(text.encode("latin-1"))
    assert by_place(tmp_path / "a.tex")["line=3"].text == "Höchstens 15 eV/Å."
    (tmp_path / "a.tex").write_bytes(text.replace("latin1", "utf8").encode("latin-1"))
    with pytest.raises(BadInput, match=r"a\.tex, line 3: is not UTF-8"):
        list(documents.read(tmp_path))


def test_a_notebook_gives_its_cells(tmp_path: Path) -> None:
    cells = [
        cell("markdown", ["# Cutoff 2024-10-08\n", "We keep 520 eV."]),
        cell("code", "ENCUT = 520  # Li needs it", printed("0.4 meV/atom\n"), {"output_type": "error", "ename": "E"}),
        cell("code", "", {"output_type": "execute_result", "data": {"text/plain": ["15", " eV"], "text/html": "x"}}),
        cell("raw", "  "),
        cell("code", "log()", printed("step " * 1000)),
    ]
    found = by_place(papers.notebook(tmp_path / "test.ipynb", cells, authors=[{"name": "Mira"}, {"name": "Jonas"}]))
    assert list(found) == ["cell=1", "cell=2", "cell=3", "cell=5"]
    assert found["cell=2"].text == "ENCUT = 520  # Li needs it\n\n0.4 meV/atom"
    assert found["cell=3"].text == "15 eV"
    assert len(found["cell=5"].text) < 1100
    assert {(p.title, p.time, p.author) for p in found.values()} == {("Cutoff 2024-10-08", OCTOBER, "Mira, Jonas")}


def test_notebooks_of_version_3_are_read(tmp_path: Path) -> None:
    old = {"cell_type": "code", "input": "ENCUT = 520", "language": "python", "outputs": [], "collapsed": False}
    sheet = {"cells": [{"cell_type": "markdown", "source": "Why 520", "metadata": {}}, old], "metadata": {}}
    text = {"worksheets": [sheet], "metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    (tmp_path / "a.ipynb").write_text(json.dumps(text))
    assert [p.text for p in documents.read(tmp_path)] == ["Why 520", "ENCUT = 520"]


BROKEN = {
    "is no notebook that can be read": "{broken",
    "is no notebook: it does not state its nbformat": "[1]",
    "is no notebook: it holds no list of cells": '{"nbformat": 4, "cells": [1]}',
    r"is no notebook that can be read \(.*recursion": "[" * 200_000,
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_notebooks_that_cannot_be_read_are_refused(complaint: str, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(BROKEN[complaint])
    with pytest.raises(BadInput, match=rf"a\.ipynb: {complaint}"):
        list(documents.read(tmp_path))


def test_a_folder_of_documents_keeps_every_law(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    build.notes(folder, {"a.rst": "Why\n===\n\nBecause.\n", "b.md": "# Why\n\nBecause.\n", "sub/paper.tex": LATEX})
    papers.word_file(folder / "minutes.docx", MINUTES, {3: "Because of Li."})
    papers.notebook(folder / "c#1.ipynb", [cell("markdown", "We keep 520 eV.")])
    (folder / "talk.pdf").write_bytes(pdf_bytes(["PBEsol."]))
    (folder / "~$minutes.docx").write_bytes(b"a lock file")
    check_source(documents.read, folder)
    found = list(documents.read(folder))
    assert {p.anchor.rpartition("#")[0] for p in found} == {
        *("file:a.rst", "file:b.md", "file:c_1.ipynb"),
        *("file:minutes.docx", "file:sub/paper.tex", "file:talk.pdf"),
    }


def test_what_is_no_document_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.doc").write_bytes(b"old")
    with pytest.raises(BadInput, match="is no file of documents"):
        list(documents.read(tmp_path / "a.doc"))
    with pytest.raises(BadInput, match="holds no documents"):
        list(documents.read(tmp_path))
    monkeypatch.setattr(pieces, "LARGEST", 100)
    (tmp_path / "a.pdf").write_bytes(pdf_bytes(["PBEsol."]))
    with pytest.raises(BadInput, match=r"a\.pdf: holds 0 MiB, more than 0"):
        list(documents.read(tmp_path))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**45) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
CELLS = st.dictionaries(
    st.sampled_from(["cell_type", "source", "outputs", "metadata", "text", "data"]), JUNK, max_size=5
)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(st.lists(CELLS, max_size=4), JUNK)
@MANY
def test_whatever_stands_in_a_notebook_keeps_the_laws(tmp_path: Path, cells: list[dict[str, Any]], facts: Any) -> None:
    path = papers.notebook(tmp_path / "a.ipynb", [*cells, cell("markdown", "always there")], authors=facts)
    check_source(documents.read, path)


@given(st.lists(st.sampled_from([*LATEX.split("\n"), "}", "{", "\\section{", "%", "\\author{\\x{", "\0"])))
@MANY
def test_whatever_stands_in_latex_keeps_the_laws(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "a.tex").write_text("\n".join([*lines, "", "always there"]))
    check_source(documents.read, tmp_path / "a.tex")


XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)


@given(st.lists(st.tuples(st.sampled_from(["", "Heading 1", "List Bullet"]), XML_TEXT), max_size=5), XML_TEXT)
@settings(MANY, max_examples=10)
def test_what_was_typed_into_word_is_what_is_read(tmp_path: Path, typed: list[tuple[str, str]], remark: str) -> None:
    path = papers.word_file(tmp_path / "a.docx", [*typed, ("", "always there")], {len(typed) + 1: remark})
    check_source(documents.read, path)
    found = by_place(path)
    for number, (_, text) in enumerate(typed, start=1):
        if any(character.isalnum() for character in text):
            assert found[f"line={number}"].text == text.strip()


def test_a_heading_of_a_word_file_may_tell_the_day(tmp_path: Path) -> None:
    parts = [
        ("", "Before."),
        ("Heading 1", "Minutes of 1 Oct 2024"),
        ("", "We keep 520 eV."),
        ("Heading 1", "Next"),
        ("", "End."),
    ]
    found = by_place(papers.word_file(tmp_path / "a.docx", parts))
    times = [str(passage.time)[:10] for passage in found.values()]
    assert times == ["2024-10-08", "2024-10-01", "2024-10-01", "2024-10-01", "2024-10-01"]


def test_latex_names_its_authors_wherever_they_stand() -> None:
    head = r"""\title{On Li} % \author{Nobody}
\date{8 October 2024} \author{Mira\thanks{who paid} \and Jonas \\ Lab}
"""
    facts = latex.facts_of(head, "a.tex")
    assert (facts.title, facts.author, str(facts.time)[:10]) == ("On Li", "Mira, Jonas", "2024-10-08")
    assert latex.facts_of(r"50\% \author{Mira}", "a.tex").author == "Mira"
