"""Documents as word processors, LaTeX and Jupyter write them: small builders for tests, with fixed authors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.decisions.build import BEGIN


def word_file(path: Path, paragraphs: Sequence[tuple[str, str]], remarks: Mapping[int, str] | None = None) -> Path:
    """Write a Word file of (style, text); remarks by Jonas by the ordinal of the paragraph they are on."""
    import docx

    document = docx.Document()
    for number, (style, text) in enumerate(paragraphs, start=1):
        run = document.add_paragraph(style=style or None).add_run(text)
        if remarks and number in remarks:
            document.add_comment(run, remarks[number], author="Jonas", initials="J")
    document.core_properties.author = "Mira Halvorsen"
    document.core_properties.created = document.core_properties.modified = BEGIN.replace(tzinfo=None)
    document.save(str(path))
    return path


def pdf_bytes(pages: Sequence[str], info: Mapping[str, str] | None = None) -> bytes:
    """A PDF with a line of text for each line of a page, in a font that every viewer has (PDF 1.4, Latin-1)."""
    told = info or {"Author": "Mira Halvorsen", "ModDate": "D:20241008110000+02'00'"}
    facts = "".join(f"/{key} ({value})" for key, value in told.items())
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        f"<<{facts}>>".encode("latin-1"),
    ]
    for number, page in enumerate(pages):
        shown = page.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)").split("\n")
        stream = "".join(f"({line}) Tj 0 -14 Td " for line in shown).encode("latin-1", "replace")
        stream = b"BT /F1 12 Tf 72 720 Td " + stream + b"ET"
        resources = "/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{resources}/Contents {6 + 2 * number} 0 R>>".encode()
        )
        objects.append(b"<</Length %d>>stream\n%b\nendstream" % (len(stream), stream))
    return _numbered(objects)


def _numbered(objects: Sequence[bytes]) -> bytes:
    """Put objects after one another, with the table of where each begins."""
    written, begins = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        begins.append(len(written))
        written += b"%d 0 obj%b endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % begin for begin in begins)
    trailer = b"trailer<</Size %d/Root 1 0 R/Info 4 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(written))
    return written + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def cell(kind: str, source: str | Sequence[str], *outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A cell of a notebook."""
    made = {"cell_type": kind, "metadata": {}, "source": source}
    return made | {"outputs": list(outputs), "execution_count": 1} if kind == "code" else made


def printed(text: str) -> dict[str, Any]:
    """What a cell printed."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def notebook(path: Path, cells: Sequence[Mapping[str, Any]], **metadata: Any) -> Path:
    """Write a notebook of version 4.4: cells have no id."""
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))
    return path
