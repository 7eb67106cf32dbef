"""A dossier as Markdown, as a page, and as a research object crate (w3id.org/ro/crate/1.1)."""

import json
import os
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sonde import __version__
from sonde.records.decisions import Dossier
from sonde.views.page import render, render_text
from sonde.views.terminal import harmless

TITLES = (
    ("data", "What decides which frames there are"),
    ("labels", "What decides what a label means"),
    ("training", "What decides how it learns"),
    ("other", "Other settings"),
)
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|])")


def dossier_markdown(record: Dossier) -> str:
    """Write a dossier as Markdown; names and words of others cannot act as markup."""
    text = render_text("dossier.md", record=record, titles=TITLES)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def dossier_page(record: Dossier) -> str:
    """Render a dossier as a self-contained page."""
    return render("dossier.html", record=record, titles=TITLES, notes=())


def escaped(text: object) -> str:
    """Take the markup out of words that go into Markdown, and keep them on one line."""
    return SPECIAL.sub(r"\\\1", " ".join(harmless(str(text)).split()))


def coded(text: object) -> str:
    """Set names of files, keys and places as code on one line; their own backticks cannot end it."""
    words = " ".join(harmless(str(text)).split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", words)), default=0) + 1)
    blank = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{blank}{words}{blank}{fence}"


def quoted(text: object) -> str:
    """Quote words line by line, as they are, with their markup taken out."""
    return "\n> ".join(SPECIAL.sub(r"\\\1", line) for line in harmless(str(text)).splitlines())


def write_crate(record: Dossier, folder: Path, record_json: str) -> Path:
    """Write a crate: dossier as page, Markdown and JSON, and its metadata. It appears whole or not at all.

    Raises FileExistsError where something is there already.
    """
    if folder.exists():
        raise FileExistsError(17, "a crate is written into a new folder", str(folder))
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    fresh.mkdir(parents=False)
    try:
        (fresh / "dossier.html").write_text(dossier_page(record), encoding="utf-8")
        (fresh / "dossier.md").write_text(dossier_markdown(record), encoding="utf-8")
        (fresh / "dossier.json").write_text(record_json, encoding="utf-8")
        metadata = json.dumps(crate_metadata(record, datetime.now(UTC).date()), indent=2, ensure_ascii=False)
        (fresh / "ro-crate-metadata.json").write_text(metadata, encoding="utf-8")
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


LICENCE = {
    "@id": "#licence",
    "@type": "CreativeWork",
    "name": "No licence is stated",
    "description": "It quotes what people of a group wrote to each other: ask them before passing it on.",
}
"""A crate must name one (RO-Crate 1.1, root data entity)."""


def crate_metadata(record: Dossier, written: date) -> dict[str, Any]:
    """Describe the crate in JSON-LD: its files, the potential, its datasets, and a decision per setting.

    written: the day of the crate, which RO-Crate 1.1 calls published.
    """
    files = (("dossier.html", "text/html"), ("dossier.md", "text/markdown"), ("dossier.json", "application/json"))
    datasets = [_dataset(record, place) for place in range(len(record.datasets))]
    decisions = [_decision(record, place) for place in range(len(record.settings))]
    parts = [{"@id": name} for name, _ in files]
    about: dict[str, Any] = {
        "@id": "#potential",
        "@type": "SoftwareApplication",
        "name": record.potential,
        "identifier": f"sha256:{record.checkpoint_sha256}",
        "keywords": ", ".join(record.elements),
        "isBasedOn": [{"@id": one["@id"]} for one in datasets],
    }
    root: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Dossier of {record.potential}",
        "description": f"Decisions behind the potential {record.potential}, to {record.purpose} it",
        "hasPart": parts,
        "about": {"@id": "#potential"},
        "mentions": [{"@id": one["@id"]} for one in decisions],
        "creator": {"@id": "#sonde"},
        "datePublished": written.isoformat(),
        "license": {"@id": LICENCE["@id"]},
    }
    descriptor: dict[str, Any] = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    maker = {"@id": "#sonde", "@type": "SoftwareApplication", "name": "sonde", "softwareVersion": __version__}
    described = [{"@id": name, "@type": "File", "encodingFormat": kind, "name": name} for name, kind in files]
    graph = [descriptor, root, about, maker, LICENCE, *described, *datasets, *decisions]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def _dataset(record: Dossier, place: int) -> dict[str, Any]:
    dataset = record.datasets[place]
    found: dict[str, Any] = {
        "@id": f"#dataset-{place}",
        "@type": "Dataset",
        "name": dataset.name,
        "size": f"{dataset.n_frames} frames",
    }
    if dataset.made_from is not None and place + 1 < len(record.datasets):
        found["isBasedOn"] = {"@id": f"#dataset-{place + 1}"}
    return found


def _decision(record: Dossier, place: int) -> dict[str, Any]:
    setting = record.settings[place]
    change = setting.change
    return {
        "@id": f"#decision-{place}",
        "@type": "ChooseAction",
        "name": f"{setting.name} = {change.new}{f' {change.unit}' if change.unit else ''}",
        "identifier": f"commit:{change.commit}",
        "startTime": change.time.isoformat(),
        "agent": change.author or "unknown",
        "description": " ".join(f"“{one.text}” ({one.anchor})" for one in setting.quotes) or "no reason recorded",
    }
