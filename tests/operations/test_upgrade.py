"""A project of the format before mentions: upgraded it answers and links as one that is made today."""

import contextlib
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from tests.operations.test_relinking import CHANGE, FIRST, OTHER, said

from sonde.errors import WrongUse
from sonde.operations.links import link_again
from sonde.operations.upgrade import upgrade
from sonde.operations.why import Asked, why
from sonde.records.decisions import Identity, Why
from sonde.store import Project
from sonde.store.migrations import FORMAT, SCRIPTS

COPIED = ("sources", "passages", "changes", "links", "words", "identities")
TALK = (
    *FIRST,
    said("We raise fmax from 10 to 15 eV/Å because the surfaces would be lost otherwise.", -2.0, "Mira Halvorsen"),
    said("CuNiAl is another matter", -40.0),
    said("see 1c7d852 and train.yaml", 3.0, thread="t"),
    said("thanks", 3.001, thread="t"),
)


def filled(folder: Path) -> Project:
    project = Project.create(folder)
    project.sources.add("chat", kind="slack", path="export.zip", fingerprint="ab")
    project.changes.add("nbmotaw", [CHANGE, OTHER])
    project.identities.replace("chat", [Identity("Jonas Weber", handle="jw")])
    project.passages.add("chat", TALK)
    link_again(project)
    project.links.set_status(FIRST[2].anchor, 0, "rejected")
    return project


def of_format_6(today: Project, folder: Path) -> Path:
    """Write the same rows into a ledger as the sixth step left it."""
    today.close()
    shutil.copytree(today.root, folder)
    ledger = folder / ".sonde" / "ledger.db"
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()
    with contextlib.closing(sqlite3.connect(ledger)) as old:
        old.executescript("".join(SCRIPTS[:6]) + "PRAGMA user_version = 6;")
        old.execute("ATTACH ? AS today", (str(today.root / ".sonde" / "ledger.db"),))
        for table in COPIED:
            columns = ", ".join(f'"{row[1]}"' for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}")
        for index in ("passage_words", "word_pieces"):
            old.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
        old.commit()
    (ledger.parent / "format").write_text("6\n")
    return folder


def answers(project: Project) -> list[Why]:
    asked = [Asked(key="max_force_eV_A"), Asked(commit=OTHER.commit), Asked("why is the force cutoff 15 eV/Å")]
    return [why(project, one) for one in asked]


def mentioned(project: Project) -> list[tuple[object, ...]]:
    query = "SELECT passage, name, time, conversation FROM mentions JOIN entities ON entities.id = entity ORDER BY 1, 2"
    return [tuple(row) for row in project.ledger.rows(query)]


def test_a_project_of_format_6_answers_as_one_of_today(tmp_path: Path) -> None:
    today = filled(tmp_path / "today")
    expected, names, links = answers(today), mentioned(today), today.links.all()
    assert expected[0].answered
    folder = of_format_6(today, tmp_path / "old")
    with pytest.raises(WrongUse, match=r"has format 6.*run `sonde upgrade`"):
        Project.open(folder)
    assert upgrade(folder) == folder / ".sonde" / "ledger.format-6.db"
    upgraded = Project.open(folder)
    assert upgraded.ledger.format == FORMAT
    assert upgraded.mentions.begun(), "the first question would have to read everything"
    assert mentioned(upgraded) == names
    assert sorted(upgraded.links.all(), key=repr) == sorted(links, key=repr)
    assert answers(upgraded) == expected
    upgraded.passages.add("chat", [replace(said("max_force is 15 eV/Å", -0.5), source="chat")])
    n = link_again(upgraded)
    found = {(link.passage, link.change, link.score, link.status) for link in upgraded.links.all()}
    assert link_again(upgraded, whole=True) == n > len(links)
    assert {(link.passage, link.change, link.score, link.status) for link in upgraded.links.all()} == found
    assert upgrade(folder) is None
    upgraded.close()


def test_passages_of_format_10_are_read_again_for_settings_that_were_not_known_then(tmp_path: Path) -> None:
    today = filled(tmp_path / "lab")
    expected, names = answers(today), mentioned(today)
    with today.ledger.transaction("test") as connection:
        known = "SELECT id FROM entities WHERE name = 'concept max_force'"
        assert connection.execute(f"DELETE FROM mentions WHERE entity IN ({known})").rowcount > 0
    link_again(today, whole=True)
    assert answers(today) != expected, "what is not known to be mentioned is not found"
    today.close()
    with contextlib.closing(sqlite3.connect(today.root / ".sonde" / "ledger.db")) as ledger:
        ledger.execute("PRAGMA user_version = 10")
    (today.root / ".sonde" / "format").write_text("10\n")
    upgrade(today.root)
    upgraded = Project.open(today.root)
    assert mentioned(upgraded) == names
    assert answers(upgraded) == expected
    upgraded.close()
