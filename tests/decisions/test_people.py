"""Who is who across sources: certain identities are joined, ambiguous ones are not."""

import json
import zipfile
from pathlib import Path

import pytest
from tests.decisions.build import commit, repository

from sonde.decisions.people import People, people_of, words_of_name
from sonde.decisions.sources import git, mail, mattermost, slack
from sonde.operations.add_source import add_source
from sonde.operations.initialise import initialise
from sonde.records.decisions import Identity

MIRA = "Mira Halvorsen"
GROUP = [
    Identity(MIRA, "mira@lab.example", "mhalv", "chat"),
    Identity("Tomás Ferreira", "tomas@lab.example", "tfer", "chat"),
    Identity("mh", "MIRA@lab.example", None, "repository"),
]


def test_names_without_case_marks_and_address() -> None:
    people = people_of(GROUP)
    assert words_of_name("Tomás  FERREIRA <tomas@lab.example>") == ("tomas", "ferreira")
    assert people.same(MIRA, "mira halvorsen <mira@lab.example>")
    assert people.same("tomas ferreira", "Tomás Ferreira")
    assert not people.same(MIRA, "Tomás Ferreira")
    assert not people.same(None, MIRA)


@pytest.mark.parametrize(
    "other", ["mh", "mhalv", "@mhalv", "mira", "Halvorsen", "M. Halvorsen", "Halvorsen, Mira", "mira@lab.example"]
)
def test_address_account_and_short_names_are_one_person(other: str) -> None:
    assert people_of(GROUP).same(MIRA, other)


def test_a_name_that_two_bear_is_nobodys() -> None:
    two = [*GROUP, Identity(MIRA, "mira.halvorsen@lab.example", "mira2", "chat")]
    people = people_of(two)
    assert people.who(MIRA) is None
    assert not people.same("mhalv", "mira2")
    assert people.same("mhalv", "mira@lab.example")


def test_a_first_name_that_two_bear_is_nobodys() -> None:
    people = people_of(GROUP, ["Mira Lind", "mira"])
    assert people.who("mira") is None
    assert not people.same("mira", MIRA)
    assert people.who("Mira Lind") is not None


def test_two_addresses_of_one_full_name_are_one_person() -> None:
    people = people_of([Identity(MIRA, "mira@lab.example"), Identity(MIRA, "mira@home.example")])
    assert people.same("mira@lab.example", "mira@home.example")


def test_authors_that_no_source_describes() -> None:
    people: People = people_of((), ["mira", "Jonas Weber", "jonas"])
    assert people.same("mira", "Mira")
    assert people.same("jonas", "Jonas Weber")
    assert not people.same("mira", "jonas")


def slack_export(path: Path) -> Path:
    users = [{"id": "U1", "name": "mhalv", "profile": {"real_name": MIRA, "email": "mira@lab.example"}}]
    said = [{"user": "U1", "text": "max_force of 5 eV/Å, above that the SCF diverged", "ts": "1688760000.000100"}]
    with zipfile.ZipFile(path, "w") as export:
        export.writestr("channels.json", json.dumps([{"id": "C1", "name": "curation"}]))
        export.writestr("users.json", json.dumps(users))
        export.writestr("curation/2023-07-07.json", json.dumps(said))
    return path


def test_readers_tell_who_is_who(tmp_path: Path) -> None:
    assert Identity(MIRA, "mira@lab.example", "mhalv") in slack.people(slack_export(tmp_path / "export.zip"))
    lines = [{"type": "version", "version": 1}]
    user = {"username": "mhalv", "email": "mira@lab.example", "first_name": "Mira", "last_name": "Halvorsen"}
    lines += [{"type": "user", "user": user}, {"type": "post", "post": {}}, {"type": "broken"}]
    export = tmp_path / "export.jsonl"
    export.write_text("\n".join(map(json.dumps, lines)))
    assert list(mattermost.people(export)) == [Identity(MIRA, "mira@lab.example", "mhalv")]
    mbox = tmp_path / "one.eml"
    mbox.write_text(f"From: {MIRA} <mira@lab.example>\nSubject: a\n\nhello\n")
    assert list(mail.people(mbox)) == [Identity(MIRA, "mira@lab.example")]


def test_mailmap_and_account_join_chat_and_git(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    mapped = f"{MIRA} <mira@lab.example> halv <halv@lab.example>\n"
    commit(folder, {".mailmap": mapped, "filters.yaml": "max_force: 50.0\n"}, "cap", hours=-11500, author="halv")
    commit(folder, {"filters.yaml": "max_force: 5.0\n"}, "lower", hours=-11000, author="halv")
    found = set(git.people(folder))
    assert {Identity("halv", "halv@lab.example"), Identity(MIRA, "mira@lab.example")} <= found
    project = initialise(tmp_path / "project")
    add_source(project, "slack", slack_export(tmp_path / "export.zip"))
    add_source(project, "git", folder)
    evidence = [words for link in project.links.all() if link.passage.startswith("slack:") for words in link.evidence]
    assert any(f"by the same person ({MIRA} is halv)" in words for words in evidence)
    project.sources.remove("repository")
    assert {one.source for one in project.identities.all()} == {"export"}
