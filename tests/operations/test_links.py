"""What people say of links is kept through imports, and decides what `why` quotes."""

from pathlib import Path

import pytest
from tests.cli.terminal import done, sonde
from tests.decisions import build
from tests.decisions.build import said
from tests.operations.group import chat, history, project_in

from sonde.errors import NotFound, WrongUse
from sonde.operations.add_source import add_source
from sonde.operations.links import judge_link
from sonde.operations.why import Asked, why
from sonde.records.decisions import Change
from sonde.store import Project

REASON = "I lowered force_cutoff from 50 to 20 eV/Å because unconverged SCF frames sit above 25"
PLAIN = "ok do that then, see my figure"
TALK = [said("U1", REASON, 1), said("U2", PLAIN, 400)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = project_in(tmp_path)
    add_source(project, "git", history(tmp_path))
    add_source(project, "slack", chat(tmp_path, TALK))
    return project


def change(project: Project) -> Change:
    return next(one for one in project.changes.all() if one.new == "20.0")


def anchor(project: Project, text: str) -> str:
    return next(passage.anchor for passage in project.passages.all() if passage.text == text)


def reasons(project: Project) -> list[str]:
    return [quote.text for quote in why(project, Asked(key="force_cutoff")).quotes if quote.role == "reason"]


def test_a_rejected_passage_is_not_quoted_any_more(project: Project) -> None:
    assert reasons(project) == [REASON]
    judge_link(project, anchor(project, REASON), change(project).commit, "rejected")
    answer = why(project, Asked(key="force_cutoff"))
    assert not answer.answered
    assert REASON not in [quote.text for quote in (*answer.quotes, *answer.nearest)]


def test_the_beginning_of_several_ids_is_none(project: Project, tmp_path: Path) -> None:
    """One letter may begin two commits: neither is judged, and neither is answered for."""
    numbered = [f"value_{place}.yaml" for place in range(17)]
    for name in numbered:
        build.commit(tmp_path / "lab", {name: f"{Path(name).stem}: 1\n"}, name)
    add_source(project, "git", tmp_path / "lab")
    letters = [one.commit[0] for one in {one.commit: one for one in project.changes.all()}.values()]
    shared = next(letter for letter in letters if letters.count(letter) > 1)
    with pytest.raises(WrongUse, match=f"'{shared}' begins the ids of {letters.count(shared)} commits .* more digits"):
        judge_link(project, anchor(project, REASON), shared, "confirmed")
    with pytest.raises(WrongUse, match="more digits"):
        why(project, Asked(commit=shared))
    assert reasons(project) == [REASON]


def test_a_confirmed_passage_is_the_reason_whatever_it_sounds_like(project: Project) -> None:
    judged = judge_link(project, anchor(project, PLAIN), change(project).commit[:8], "confirmed", key="force_cutoff")
    assert [one.new for one in judged.changes] == ["20.0"]
    assert reasons(project)[0] == PLAIN
    assert REASON in reasons(project)


def test_new_imports_leave_it_as_it_is(project: Project, tmp_path: Path) -> None:
    judge_link(project, anchor(project, REASON), change(project).commit, "rejected")
    judge_link(project, anchor(project, PLAIN), change(project).commit, "confirmed")
    add_source(project, "slack", chat(tmp_path, [*TALK, said("U1", "force_cutoff is 20 now", 500)]))
    assert reasons(project) == [PLAIN]


def test_a_person_may_think_again(project: Project) -> None:
    for status in ("rejected", "confirmed"):
        judge_link(project, anchor(project, REASON), change(project).commit, status)
    assert reasons(project) == [REASON]


def test_unknown_things_are_named(project: Project) -> None:
    known = anchor(project, PLAIN)
    with pytest.raises(NotFound, match="No passage is called 'slack:x/1'"):
        judge_link(project, "slack:x/1", change(project).commit, "confirmed")
    with pytest.raises(NotFound, match="any key in commit 0000"):
        judge_link(project, known, "0000", "confirmed")
    with pytest.raises(NotFound, match="ENCUT in commit"):
        judge_link(project, known, change(project).commit, "confirmed", key="ENCUT")


def test_the_commands(project: Project) -> None:
    where = ("--commit", change(project).commit, "--project", project.root)
    record = done("link", "confirm", anchor(project, PLAIN), *where, "--json").record
    assert (record["schema"], record["status"]) == ("sonde.link/1", "confirmed")
    assert "is not about" in done("link", "reject", anchor(project, PLAIN), *where).stdout
    assert sonde("link", "reject", "slack:x/1", *where).code == 1


@pytest.mark.parametrize(
    ("as_of", "new"), [("2024-10-08", "20.0"), ("2024-10-07", None), ("2024-10-08T09:30:00", None)]
)
def test_a_day_counts_whole(as_of: str, new: str | None, project: Project) -> None:
    made = change(project)
    assert f"{made.time:%Y-%m-%dT%H}" == "2024-10-08T11"
    record = sonde("why", "--key", "force_cutoff", "--as-of", as_of, "--json", "--project", project.root).record
    assert (record["changes"][0]["new"] if record["changes"] else None) in (new, "50.0" if new is None else new)
